# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Raking: weights that give a population the margins of another, by fitting each margin in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.balance import Balance, balance
from rwe.compare.people import check_levels, people, require, row_weights
from rwe.errors import DefinitionError, NoValidAnswer

Targets = Mapping[str, Mapping[str, float]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Raked:
    """Weights of one raking.

    Parameters
    ----------
    weights
        One weight a row of the frame, in its order; their mean is 1.
    effective_sample_size
        Kish's ``(sum w)^2 / sum w^2`` persons.
    balance
        Standardised differences to the targets, before and after.
    iterations
        Passes over all margins until the largest gap fell below the tolerance.
    gap
        Largest difference left between a weighted and a target proportion.
    margins
        The targets as proportions.
    """

    weights: pl.Series
    effective_sample_size: float
    balance: Balance
    iterations: int
    gap: float
    margins: Mapping[str, Mapping[str, float]]


def rake(frame: Any, margins: Targets, weights: Any = None, *, tol: float = 1e-10, max_iter: int = 1000) -> Raked:
    """Weight the rows of `frame` so that each variable has the proportions of its margin.

    Iterative proportional fitting (Deming & Stephan 1940) on the totals of the cells that all
    margins make together: cell totals add up over partitions and hospitals, and a pass costs the
    number of cells, not of rows. Of all weights that meet the margins the result is the nearest to
    the starting weights in Kullback-Leibler divergence (Ireland & Kullback 1968).

    Parameters
    ----------
    frame
        A cohort or a frame, one row a person; the variables as levels (see `classes`).
    margins
        For each variable, its levels with counts or proportions; each is scaled to sum 1.
    weights
        Starting weights: a column name or one value a row; ones by default. Their scale does not
        matter.
    tol
        Largest gap allowed between weighted and target proportions.
    max_iter
        Passes after which fitting is given up.

    Raises
    ------
    DataError
        If a variable is missing, has missing values, or holds levels its margin does not list.
    NoValidAnswer
        If a level of the margin has nobody in `frame`, a level of `frame` has target zero, or the
        margins contradict each other on these rows.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"sex": ["f", "f", "f", "m"]})
    >>> rake(frame, {"sex": {"f": 50, "m": 50}}).weights.round(4).to_list()
    [0.6667, 0.6667, 0.6667, 2.0]
    """
    rows = people(frame)
    targets = {name: _proportions(name, margin) for name, margin in margins.items()}
    require(rows, list(targets))
    start = row_weights(rows, weights)
    levels = rows.select(pl.col(name).cast(pl.String) for name in targets)
    _refuse_what_has_no_answer(levels, start, margins)

    cells = cell_totals(levels, start)
    factors, iterations, gap = _fit(cells, targets, tol, max_iter)
    raked = start * _of_rows(levels, cells, factors)
    raked = raked * (raked.size / raked.sum())
    return Raked(
        weights=pl.Series("weight", raked),
        effective_sample_size=effective_sample_size(raked),
        balance=balance(levels, margins, raked, start),
        iterations=iterations,
        gap=gap,
        margins=targets,
    )


def effective_sample_size(weights: Any) -> float:
    """Return Kish's effective sample size ``(sum w)^2 / sum w^2`` (Kish 1965)."""
    values = np.asarray(weights, dtype=np.float64)
    return float(values.sum() ** 2 / (values**2).sum())


def cell_totals(levels: pl.DataFrame, weights: Floats) -> pl.DataFrame:
    """Return the additive statistics of raking: total weight of each combination of levels.

    Totals of partitions are merged by stacking them and summing over equal combinations.
    """
    totals = levels.with_columns(_weight=weights).group_by(levels.columns).agg(pl.col("_weight").sum())
    return totals.sort(levels.columns)


def _proportions(name: str, margin: Mapping[str, float]) -> dict[str, float]:
    numbers = np.asarray(list(margin.values()), dtype=np.float64)
    if numbers.size == 0 or not np.isfinite(numbers).all() or (numbers < 0).any() or not numbers.any():
        raise DefinitionError(f"the margin of '{name}' needs finite numbers >= 0, not all zero")
    return dict(zip(margin, (numbers / numbers.sum()).tolist(), strict=True))


def _refuse_what_has_no_answer(levels: pl.DataFrame, start: Floats, margins: Targets) -> None:
    if not margins:
        raise DefinitionError("no margin to rake to; name at least one variable")
    if levels.height == 0:
        raise NoValidAnswer("nobody to rake: the population is empty")
    for name, margin in margins.items():
        column = levels[name]
        check_levels(column, list(margin))
        here = set(column.filter(pl.Series(start > 0)).unique())
        for level, target in margin.items():
            _refuse_level(name, level, target, present=level in here)


def _refuse_level(name: str, level: str, target: float, *, present: bool) -> None:
    if target > 0 and not present:
        raise NoValidAnswer(
            f"cannot rake to '{name}': level '{level}' has {target:g} in the margin and nobody here; "
            "leave the variable out or merge the level with another"
        )
    if target == 0 and present:
        raise NoValidAnswer(
            f"cannot rake to '{name}': level '{level}' has 0 in the margin and people here; "
            "exclude them from the population, where attrition shows it"
        )


def _codes(cells: pl.DataFrame, targets: Targets) -> list[tuple[str, Any, Floats]]:
    """Return, for each margin, its name, the position of each cell's level, and the targets."""
    return [
        (
            name,
            cells[name].replace_strict(list(margin), list(range(len(margin))), return_dtype=pl.Int64).to_numpy(),
            np.asarray(list(margin.values())),
        )
        for name, margin in targets.items()
    ]


def _fit(cells: pl.DataFrame, targets: Targets, tol: float, max_iter: int) -> tuple[Floats, int, float]:
    """Return the factor of each cell, the passes made and the largest gap left."""
    start = cells["_weight"].to_numpy() / cells["_weight"].sum()
    now, margins, gap, widest = start.copy(), _codes(cells, targets), np.inf, ""
    for iteration in range(1, max_iter + 1):
        for _, code, target in margins:
            total = np.bincount(code, now, target.size)
            now *= np.divide(target, total, out=np.zeros_like(total), where=total > 0)[code]
        gaps = {name: np.abs(np.bincount(code, now, target.size) - target).max() for name, code, target in margins}
        widest = max(gaps, key=lambda name: gaps[name])
        gap = float(gaps[widest])
        if gap < tol:
            return np.divide(now, start, out=np.zeros_like(now), where=start > 0), iteration, gap
    raise NoValidAnswer(
        f"raking did not converge in {max_iter} passes: '{widest}' is still {gap:.2g} from its margin; "
        "some combination of levels that the margins need has nobody here: leave out or merge a variable"
    )


def _of_rows(levels: pl.DataFrame, cells: pl.DataFrame, factors: Floats) -> Floats:
    looked_up = levels.join(cells.with_columns(_factor=factors), on=levels.columns, how="left", maintain_order="left")
    return looked_up["_factor"].to_numpy()
