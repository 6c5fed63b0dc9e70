# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Margins over levels, of one variable or of several together: read as proportions, and held against the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from rwe.compare.people import check_levels, require
from rwe.errors import DefinitionError, NoValidAnswer

Floats = np.ndarray[Any, np.dtype[np.float64]]
Targets: TypeAlias = Mapping[Any, Mapping[Any, float]]
OFF = 0.01  # how far from 1 rounded proportions may add up
APART = 1e-9  # two margins of one variable that differ by more cannot both be met
BETWEEN = " & "


def proportions(name: str, margin: Mapping[str, float]) -> dict[str, float]:
    """Return a margin of counts or proportions as proportions.

    Raises
    ------
    DefinitionError
        If numbers are missing, negative or all zero, or are proportions that do not add up to 1.
    """
    numbers = np.asarray(list(margin.values()), dtype=np.float64)
    if numbers.size == 0 or not np.isfinite(numbers).all() or (numbers < 0).any() or not numbers.any():
        raise DefinitionError(f"the margin of '{name}' needs finite numbers >= 0, not all zero")
    total = float(numbers.sum())
    if (numbers <= 1).all() and (numbers % 1 != 0).any() and abs(total - 1) > OFF:
        raise DefinitionError(f"the proportions of '{name}' add up to {total:.4g}, not 1: a level is missing or wrong")
    return dict(zip(margin, (numbers / total).tolist(), strict=True))


def joined(frame: pl.DataFrame, margins: Targets) -> tuple[pl.DataFrame, dict[str, dict[str, float]]]:
    """Return the levels of the rows, one text column a margin, and the margins under the names of those columns.

    A margin of several variables is named by all of them (``("sex", "grade")``) and its levels by one of each.

    Raises
    ------
    DefinitionError
        If a level does not name one level of each variable, or two margins differ on a variable that both hold.
    """
    require(frame, list(dict.fromkeys(name for key in margins for name in _names(key))))
    named = {BETWEEN.join(_names(key)): _levels(key, margin) for key, margin in margins.items()}
    _refuse_contradictions(margins)
    columns = [_column(_names(key)) for key in margins]
    return frame.select(columns), named


def _names(key: Any) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key)


def _column(names: tuple[str, ...]) -> pl.Expr:
    parts = [pl.col(name).cast(pl.String) for name in names]
    return pl.concat_str(parts, separator=BETWEEN).alias(BETWEEN.join(names))


def _levels(key: Any, margin: Mapping[Any, float]) -> dict[str, float]:
    width = len(_names(key))
    if wrong := [level for level in margin if len(_names(level)) != width]:
        raise DefinitionError(f"the margin of {_names(key)} has {len(wrong)} levels that do not name {width} each")
    return {BETWEEN.join(_names(level)): number for level, number in margin.items()}


def _refuse_contradictions(margins: Targets) -> None:
    """Refuse margins of one variable, given alone or within joint tables, that say different things of it."""
    said: dict[str, tuple[str, dict[str, float]]] = {}
    for key, margin in margins.items():
        label, shares = BETWEEN.join(_names(key)), proportions(BETWEEN.join(_names(key)), margin)
        for place, name in enumerate(_names(key)):
            alone = _sums((_names(level)[place], share) for level, share in shares.items())
            other, before = said.setdefault(name, (label, alone))
            far = [level for level in alone | before if abs(alone.get(level, 0) - before.get(level, 0)) > APART]
            if far:
                raise DefinitionError(
                    f"the margins of '{other}' and '{label}' contradict each other on '{name}' = {far}: leave one out"
                )


def _sums(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for level, share in pairs:
        found[level] = found.get(level, 0.0) + share
    return found


def refuse_unanswerable(levels: pl.DataFrame, start: Floats, margins: Mapping[str, Mapping[str, float]]) -> None:
    """Refuse levels without people, people without a level, missing values, and a population of nobody.

    Raises
    ------
    DataError
        If a variable has missing values, or levels that its margin does not list.
    NoValidAnswer
        If a level of the margin has nobody here, or a level of the people has 0 in the margin.
    """
    if levels.height == 0:
        raise NoValidAnswer("nobody to weight: the population is empty")
    for name, margin in margins.items():
        column = levels[name]
        check_levels(column, list(margin))
        here = set(column.filter(pl.Series(start > 0)).unique())
        for level, target in margin.items():
            _refuse_level(name, level, target, present=level in here)


def _refuse_level(name: str, level: str, target: float, *, present: bool) -> None:
    if target > 0 and not present:
        raise NoValidAnswer(
            f"cannot weight to '{name}': level '{level}' has {target:g} in the margin and nobody here; "
            "leave the variable out or merge the level with another"
        )
    if target == 0 and present:
        raise NoValidAnswer(
            f"cannot weight to '{name}': level '{level}' has 0 in the margin and people here; "
            "exclude them from the population, where attrition shows it"
        )
