# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Raking: weights that give a population the margins of another, by fitting each margin in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl

from rwe.compare.balance import Balance, balance
from rwe.compare.margins import Floats, Targets, joined, proportions, refuse_unanswerable
from rwe.compare.people import people, row_weights
from rwe.compare.weights import effective_sample_size, marks, quantiles, weights_result
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import I8
from rwe.kernels.raking import fit_margins
from rwe.result import Result, bind

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language


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
    again
        From how often each person is drawn to the weight of each, found anew: what a bootstrap asks.
    """

    weights: pl.Series
    effective_sample_size: float
    balance: Balance
    iterations: int
    gap: float
    margins: Shares
    notes: tuple[str, ...] = ()
    again: Callable[[I8], Floats] | None = field(default=None, repr=False, compare=False)

    @property
    def quantiles(self) -> pl.DataFrame:
        """Quantiles of the weights."""
        return quantiles(self.weights)

    def to_result(self, population: str = "") -> Result:
        """Return the tidy table of weights and balance."""
        settings = {"iterations": self.iterations, "gap": self.gap}
        weighed = weights_result(self.weights, "raked", population, self.notes, settings)
        return bind([weighed, self.balance.to_result(population)])

    def plot(self, *, language: Language = "en") -> Chart:
        """Return a chart of the weights (``.save("x.png")``), in en or bg."""
        from rwe.compare.plots import weights_chart  # the chart library is slow to import

        return weights_chart(self.weights, language)


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

    fitting = _fitting(levels, start, targets, tol, max_iter)
    factors, iterations, gap = fitting.factors(start)
    raked = start * factors
    raked = raked * (raked.size / raked.sum())
    return Raked(
        weights=pl.Series("weight", raked),
        effective_sample_size=effective_sample_size(raked),
        balance=balance(levels, named, raked, start),
        iterations=iterations,
        gap=gap,
        margins=targets,
        notes=marks(raked),
        again=fitting,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """The people as cells of the margins: from how often each is drawn to the weight of each, all copies together.

    Parameters
    ----------
    start
        Starting weights of the people.
    cell
        Cell of each person.
    codes, target, first
        As `fit_margins` takes them.
    names
        Of the margins.
    """

    start: Floats
    cell: I8
    codes: I8
    target: Floats
    first: I8
    names: tuple[str, ...]
    tol: float
    max_iter: int

    def __call__(self, times: I8) -> Floats:
        """Rake to the same margins again, each person counted so many times.

        Raises
        ------
        NoValidAnswer
            If a level of a margin has nobody left, or the margins cannot all be met.
        """
        weight = self.start * times
        return np.asarray(weight * self.factors(weight)[0], np.float64)

    def factors(self, weight: Floats) -> tuple[Floats, int, float]:
        """Return the factor of each person, the passes made and the largest gap left."""
        total = np.asarray(np.bincount(self.cell, weight, self.codes.shape[1]), np.float64)
        now, passes, gap, widest = fit_margins(total, self.codes, self.target, self.first, self.tol, self.max_iter)
        if not gap < self.tol:
            raise NoValidAnswer(
                f"raking did not converge in {passes} passes: '{self.names[widest]}' is still {gap:.2g} from its "
                "margin; a combination of levels that the margins need has nobody here: leave out or merge a variable"
            )
        share = total / total.sum()
        return np.divide(now, share, out=np.zeros_like(now), where=share > 0)[self.cell], passes, gap


def cell_totals(levels: pl.DataFrame, weights: Floats) -> pl.DataFrame:
    """Return the additive statistics of raking: total weight of each combination of levels.

    Totals of partitions are merged by stacking them and summing over equal combinations.
    """
    totals = levels.with_columns(_weight=weights).group_by(levels.columns).agg(pl.col("_weight").sum())
    return totals.sort(levels.columns)


def _fitting(levels: pl.DataFrame, start: Floats, targets: Shares, tol: float, max_iter: int) -> Fitting:
    """Return the cells of the people and their margins; levels that nobody has and the margin does not need go."""
    cells = cell_totals(levels, start).drop("_weight").with_row_index("_cell")
    cell = levels.join(cells, on=levels.columns, how="left", maintain_order="left")["_cell"]
    present = {name: [level for level in margin if level in set(cells[name])] for name, margin in targets.items()}
    codes = [
        cells[name].replace_strict(here, list(range(len(here))), return_dtype=pl.Int64).to_numpy()
        for name, here in present.items()
    ]
    target = np.array([targets[name][level] for name, here in present.items() for level in here])
    first = np.cumsum([0, *(len(here) for here in present.values())])[:-1].astype(np.int64)
    place = np.ascontiguousarray(cell.to_numpy(), np.int64)
    return Fitting(start, place, np.stack(codes), target, first, tuple(targets), tol, max_iter)
