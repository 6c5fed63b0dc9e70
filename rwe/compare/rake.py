# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Raking: weights that give a population the margins of another, by fitting each margin in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from rwe.compare.balance import Balance, balance
from rwe.compare.margins import Floats, Targets, joined, proportions, refuse_unanswerable
from rwe.compare.people import people, row_weights
from rwe.compare.weights import effective_sample_size, marks, quantiles, weights_result
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.result import Result, bind

Shares: TypeAlias = Mapping[str, Mapping[str, float]]


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
    notes
        Marks on weights that should not be relied on (see `rwe.compare.weights.marks`).
    """

    weights: pl.Series
    effective_sample_size: float
    balance: Balance
    iterations: int
    gap: float
    margins: Shares
    notes: tuple[str, ...] = ()

    @property
    def quantiles(self) -> pl.DataFrame:
        """Quantiles of the weights."""
        return quantiles(self.weights)

    def to_result(self, population: str = "") -> Result:
        """Return the tidy table of weights and balance."""
        settings = {"iterations": self.iterations, "gap": self.gap}
        weighed = weights_result(self.weights, "raked", population, self.notes, settings)
        return bind([weighed, self.balance.to_result(population)])


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
        For each variable, its levels with counts or proportions. A joint table is named by its variables
        together, ``("sex", "grade")``, and its levels likewise, ``("f", "2")``.
    weights
        Starting weights: a column name or one value a row; ones by default. Their scale does not
        matter.
    tol
        Largest gap allowed between weighted and target proportions.
    max_iter
        Passes after which fitting is given up.

    Raises
    ------
    DefinitionError
        If there is no margin, proportions do not add up to 1, or margins contradict each other.
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
    if not margins:
        raise DefinitionError("no margin to rake to; name at least one variable")
    levels, named = joined(rows, margins)
    targets = {name: proportions(name, margin) for name, margin in named.items()}
    start = row_weights(rows, weights)
    refuse_unanswerable(levels, start, named)

    cells = cell_totals(levels, start)
    factors, iterations, gap = _fit(cells, targets, tol, max_iter)
    raked = start * _of_rows(levels, cells, factors)
    raked = raked * (raked.size / raked.sum())
    return Raked(
        weights=pl.Series("weight", raked),
        effective_sample_size=effective_sample_size(raked),
        balance=balance(levels, named, raked, start),
        iterations=iterations,
        gap=gap,
        margins=targets,
        notes=marks(raked),
    )


def cell_totals(levels: pl.DataFrame, weights: Floats) -> pl.DataFrame:
    """Return the additive statistics of raking: total weight of each combination of levels.

    Totals of partitions are merged by stacking them and summing over equal combinations.
    """
    totals = levels.with_columns(_weight=weights).group_by(levels.columns).agg(pl.col("_weight").sum())
    return totals.sort(levels.columns)


def _codes(cells: pl.DataFrame, targets: Shares) -> list[tuple[str, Any, Floats]]:
    """Return, for each margin, its name, the position of each cell's level, and the targets."""
    return [
        (
            name,
            cells[name].replace_strict(list(margin), list(range(len(margin))), return_dtype=pl.Int64).to_numpy(),
            np.asarray(list(margin.values())),
        )
        for name, margin in targets.items()
    ]


def _fit(cells: pl.DataFrame, targets: Shares, tol: float, max_iter: int) -> tuple[Floats, int, float]:
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
