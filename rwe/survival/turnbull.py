# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Survival from failures known to lie between two visits (Turnbull's estimate)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.columns import numeric, refuse, refuse_alone, weights_of
from rwe.survival.data import names, read
from rwe.survival.door import door
from rwe.survival.levels import Levels, levels
from rwe.survival.npmle import Mass, most_likely
from rwe.survival.show import Shown, Story

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language
    from rwe.survival.axis import Unit
    from rwe.survival.plots import Labels

NOTE = (
    "no standard errors: the estimate converges at the rate of the cube root, for which neither the information "
    "nor the bootstrap is valid without further assumptions"
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Turnbull(Shown):
    """Survival of interval-censored failures, by group.

    Parameters
    ----------
    table
        One row a group and interval that holds mass: the columns of ``by``, then left, right (the failure
        lies after left and up to right; at the time itself where they are equal; null: open), probability,
        and survival after right. Within an interval survival is not determined: it falls somehow.
    loglik, gap
        By group: the log-likelihood, and by how much a unit of weight it can at most be raised (the
        certificate that this is the maximum).
    notes
        What a reader must know.
    """

    table: pl.DataFrame
    loglik: tuple[float, ...]
    gap: tuple[float, ...]
    notes: tuple[str, ...]
    _groups: Levels = field(repr=False)
    _masses: tuple[Mass, ...] = field(repr=False)
    _ends: tuple[tuple[F8, F8], ...] = field(repr=False)

    def at(self, times: float | Sequence[float]) -> pl.DataFrame:
        """Return the least and the greatest survival at these times that the data allow; equal outside intervals."""
        asked = np.atleast_1d(np.asarray(times, np.float64))
        if not (np.isfinite(asked) & (asked >= 0)).all():
            raise DefinitionError("times are finite numbers from 0")
        low, high = np.array([_bounds(mass, float(t)) for mass in self._masses for t in asked]).T
        index = np.repeat(np.arange(len(self._masses)), asked.size)
        columns = {"time": np.tile(asked, len(self._masses)), "survival_low": low, "survival_high": high}
        return self._groups.spread(index, columns)

    def plot(
        self,
        *,
        horizon: float | None = None,
        unit: Unit | None = None,
        title: str | None = None,
        subtitle: str | None = None,
        time: str | None = None,
        labels: Labels = None,
        language: Language = "en",
    ) -> Chart:
        """Draw survival as late as the data allow, a band down to as early as they allow, and what is known below.

        Arguments are those of `KaplanMeier.plot`; whole numbers are taken for days.
        """
        from rwe.survival.plots import turnbull_chart  # the chart library is slow to import

        return turnbull_chart(
            self, horizon=horizon, unit=unit, title=title, subtitle=subtitle, time=time, labels=labels,
            language=language,
        )  # fmt: skip

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return survival at the right end of each interval in the long tidy form; times must be whole days."""
        rows = self.table.select(
            "right", "survival", group=np.repeat(self._groups.labels(), [int((m.mass > 0).sum()) for m in self._masses])
        ).drop_nulls()
        if (rows["right"] != rows["right"].floor()).any():
            raise DefinitionError("a result in the long form counts in whole days: give the times in days")
        known = [(low.size, int(np.isfinite(high).sum())) for low, high in self._ends]
        counts = dict(zip(self._groups.labels(), known, strict=True))
        n, n_event = ([counts[g][k] for g in rows["group"]] for k in (0, 1))
        long = rows.select("group", time=pl.col("right").cast(pl.Int64), estimate="survival")
        long = long.with_columns(n=pl.Series(n, dtype=pl.Int64), n_event=pl.Series(n_event, dtype=pl.Int64))
        words = {"population": population, "outcome": outcome, "estimand": "survival_interval_censored"}
        return Result(tidy(long, analysis="survival", **words), {"gap": max(self.gap), "notes": list(self.notes)})

    def _story(self) -> Story:
        return "Survival of interval-censored failures (Turnbull)", self.table, self.notes


@door
def turnbull(
    frame: Any,
    *,
    left: str,
    right: str,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
) -> Turnbull:
    """Estimate survival from failures known to lie after `left` and up to `right`, as R ``Surv(type="interval2")``.

    Parameters
    ----------
    frame
        Any data frame that narwhals takes, one row a person.
    left, right
        Columns of the last time without and the first time with the failure, in any unit from 0. Equal:
        the failure was seen at that time. Right null or infinite: not failed when last seen. Left null or minus
        infinite: failed before the first visit.
    by
        Columns that split the rows into groups.
    weights
        Column of weights; rows of weight 0 are left out.

    Raises
    ------
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If there are no rows, or the maximum is not reached.

    Examples
    --------
    >>> visits = pl.DataFrame({"seen_well": [0, 2, 2, 5], "seen_ill": [2, 5, 5, None]})
    >>> turnbull(visits, left="seen_well", right="seen_ill").table["survival"].round(6).to_list()
    [0.75, 0.25, 0.0]
    """
    columns = [left, right, *names(by), *names(weights)]
    cells = read(frame, columns, why="where mass can lie follows from all intervals together")
    weight = np.ones(cells.height) if weights is None else weights_of(cells[weights])
    cells, dropped = cells.filter(weight > 0), int((weight == 0).sum())
    if not cells.height:
        raise NoValidAnswer("no rows are left to analyse" + (": all weights are 0" if dropped else ""))
    low, high = _ends(cells, left, right)
    groups = levels(cells, names(by))
    weight = np.ascontiguousarray(weight[weight > 0])
    refuse_alone(weights or "", weight.size, float(weight.sum()), float(weight @ weight))
    members = [groups.code == g for g in range(groups.n)]
    masses = tuple(most_likely(low[m], high[m], weight[m]) for m in members)
    ends = tuple((low[m], high[m]) for m in members)
    notes = (*([f"{dropped} rows of weight 0 left out"] if dropped else []), NOTE)
    whole = all(cells[c].dtype.is_integer() for c in (left, right))
    return Turnbull(
        _table(groups, masses, whole=whole), tuple(m.loglik for m in masses), tuple(m.gap for m in masses), notes,
        groups, masses, ends,
    )  # fmt: skip


def _ends(cells: pl.DataFrame, left: str, right: str) -> tuple[F8, F8]:
    """Return the ends of the rows, -inf and inf where they are open."""
    ends, of = [], cells.height
    for column, open_end in ((left, -np.inf), (right, np.inf)):
        given = cells[column] if cells[column].dtype != pl.Null else pl.Series(column, [None] * of, pl.Float64)
        if given.dtype.is_float():  # an open end may be told as infinite, as R's Surv has it
            given = given.set(given == open_end, None)
        known = numeric(given.drop_nulls())
        refuse(int((known < 0).sum()), of, column, "lie before time 0")
        filled = np.full(of, open_end)
        filled[~given.is_null().to_numpy()] = known.cast(pl.Float64).to_numpy()
        ends.append(filled)
    low, high = ends
    refuse(int((low > high).sum()), of, f"{left}' and '{right}", "end before they begin")
    if int((np.isinf(low) & np.isinf(high)).sum()):
        raise DataError(f"column '{left}' and '{right}': some rows have neither end; leave them out")
    return low, high


def _bounds(mass: Mass, t: float) -> tuple[float, float]:
    """Return survival at a time if all that may have failed by then has, and if only what must have."""
    may = (mass.left < t) | ((mass.left == t) & (mass.right == t))
    return max(0.0, 1.0 - float(mass.mass[may].sum())), max(0.0, 1.0 - float(mass.mass[mass.right <= t].sum()))


def _table(groups: Levels, masses: tuple[Mass, ...], *, whole: bool) -> pl.DataFrame:
    held = [m.mass > 0 for m in masses]
    index = np.repeat(np.arange(len(masses)), [int(h.sum()) for h in held])
    ends = {}
    for name in ("left", "right"):
        values = np.concatenate([getattr(m, name)[h] for m, h in zip(masses, held, strict=True)])
        column = pl.Series(name, values).replace([np.inf, -np.inf], [None, None])
        ends[name] = column.cast(pl.Int64) if whole else column
    mass = np.concatenate([m.mass[h] for m, h in zip(masses, held, strict=True)])
    after = np.concatenate([(1.0 - np.cumsum(m.mass))[h] for m, h in zip(masses, held, strict=True)])
    return groups.spread(index, {**ends, "probability": mass, "survival": np.clip(after, 0.0, None)})
