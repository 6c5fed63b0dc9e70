# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From published figures to columns: each is a column of the rows whose weighted mean must meet a goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.margins import Floats, joined, proportions, refuse_unanswerable
from rwe.compare.people import require
from rwe.errors import DataError, DefinitionError

STATISTICS = frozenset({"mean", "sd", "median"})


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One figure of the target.

    Parameters
    ----------
    variable, statistic, level
        What it is of; the statistic is mean, sd, median or proportion (of a level).
    published
        The figure as published.
    values, goal
        Column of the rows, and the mean that the weights must give it: the numbers themselves; for an SD the squared
        distance from the published mean and the variance; for a median whether a number reaches it at most, and 1/2.
    """

    variable: str
    statistic: str
    level: str
    published: float
    values: Floats
    goal: float

    @property
    def name(self) -> str:
        """How a message calls it."""
        of = f"{self.statistic} of '{self.variable}'"
        return f"{of} = {self.level}" if self.level else of


def moments_of(rows: pl.DataFrame, targets: Mapping[Any, Any], start: Floats) -> list[Moment]:
    """Return the moments that targets ask of the rows.

    Parameters
    ----------
    targets
        For each variable a number (its mean), a mapping with any of ``mean``, ``sd``, ``median``, or a mapping of its
        levels to counts or proportions (or of several variables together, see `rwe.compare.rake`). Of the levels the
        last that the rows hold is left out, because the others imply it.

    Raises
    ------
    DefinitionError
        If a target says nothing that can be met.
    DataError
        If a variable is missing, is no number where one is needed, or has missing values.
    NoValidAnswer
        If a level has nobody here, or people and 0 in the margin.
    """
    if not targets:
        raise DefinitionError("no target to weight to; name at least one variable")
    margins = {key: target for key, target in targets.items() if _is_margin(target)}
    named = _of_levels(rows, margins, start) if margins else {}
    found: list[Moment] = []
    for key, target in targets.items():
        found += named.pop(key) if key in named else _of_number(rows, str(key), target)
    return found


def _is_margin(target: Any) -> bool:
    return isinstance(target, Mapping) and not (target and set(target) <= STATISTICS)


def _of_levels(rows: pl.DataFrame, margins: Mapping[Any, Any], start: Floats) -> dict[Any, list[Moment]]:
    levels, named = joined(rows, margins)
    refuse_unanswerable(levels, start, named)
    return {
        key: _shares(levels[name], proportions(name, margin))
        for key, (name, margin) in zip(margins, named.items(), strict=True)
    }


def _shares(column: pl.Series, margin: Mapping[str, float]) -> list[Moment]:
    wanted = [level for level, share in margin.items() if share > 0][:-1]
    return [
        Moment(column.name, "proportion", level, margin[level], _floats(column == level), margin[level])
        for level in wanted
    ]


def _floats(column: pl.Series) -> Floats:
    return np.ascontiguousarray(column.cast(pl.Float64).to_numpy())


def _of_number(rows: pl.DataFrame, name: str, target: Any) -> list[Moment]:
    given = dict(target) if isinstance(target, Mapping) else {"mean": target}
    if any(isinstance(figure, bool) or not isinstance(figure, int | float) for figure in given.values()):
        raise DefinitionError(f"the target of '{name}' must be a number, mean/sd/median, or levels with their shares")
    _refuse_figures(name, given)
    x, mean = numbers(rows, name), given.get("mean")
    found = []
    if mean is not None:
        found.append(Moment(name, "mean", "", mean, x, mean))
    if "sd" in given and mean is not None:
        found.append(Moment(name, "sd", "", given["sd"], (x - mean) ** 2, given["sd"] ** 2))
    if "median" in given:
        found.append(Moment(name, "median", "", given["median"], (x <= given["median"]).astype(np.float64), 0.5))
    return found


def _refuse_figures(name: str, given: Mapping[str, float]) -> None:
    if not all(np.isfinite(list(given.values()))):
        raise DefinitionError(f"the target of '{name}' holds a figure that is not finite")
    if "sd" in given and ("mean" not in given or given["sd"] <= 0):
        raise DefinitionError(f"the SD of '{name}' must be positive and needs its mean beside it")


def numbers(rows: pl.DataFrame, name: str) -> Floats:
    """Return a column as numbers; truth values are 0 and 1.

    Raises
    ------
    DataError
        If it is missing, holds text, or has missing or infinite values.
    """
    require(rows, [name])
    column = rows[name]
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise DataError(f"'{name}' holds no numbers: give its levels with their shares")
    values = _floats(column.cast(pl.Float64).fill_null(np.nan))
    if odd := int((~np.isfinite(values)).sum()):
        raise DataError(f"'{name}' is missing or infinite in {odd} of {rows.height} rows; decide on them first")
    return values


def matrix(moments: Sequence[Moment]) -> Floats:
    """Return the columns side by side, each minus its goal."""
    return np.ascontiguousarray(np.stack([m.values - m.goal for m in moments], axis=1))
