# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Repeated looks: what each look says naively, by planned spending and at any time, and which may be acted on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.anytime import counted, gaussian, log_evidence, prior, sequence
from rwe.compare.people import people, require
from rwe.compare.spending import Spending, boundaries
from rwe.errors import BrokenRows, DefinitionError, NoValidAnswer
from rwe.figures.chart import Chart
from rwe.figures.tongue import Language
from rwe.result import Result, tidy
from rwe.survival.intervals import two_sided
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Looks(Shown):
    """What looks at growing data said.

    Parameters
    ----------
    table
        One row a look: day (of the calendar), n, n_event, z (log-rank; positive: the second group fails faster),
        naive_p, boundary (absolute z to be crossed; null without a plan or once the plan is used up), e_value,
        anytime_p, hazard_ratio with conf_low and conf_high (confidence sequence), gaussian_e.
    act_on
        ``spending`` where information was planned and no look went beyond it, else ``anytime``; never the naive p.
    crossed
        Day of the first look at which what may be acted on says that hazards differ; None if none did.
    """

    table: pl.DataFrame
    act_on: str
    crossed: int | None
    alpha: float
    notes: tuple[str, ...]

    def plot(self, *, language: Language = "en") -> Chart:
        """Draw the p-values of the looks, naive and anytime-valid, against the limit."""
        from rwe.compare.trust_charts import looks_plot

        return looks_plot(self, language)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return each look in the long tidy form; time is its day."""
        same = {"time": pl.col("day"), "n": pl.col("n"), "n_event": pl.col("n_event")}
        kinds = {
            "naive_log_rank": {"statistic": pl.col("z"), "p_value": pl.col("naive_p")},
            "spending_boundary": {"statistic": pl.col("z"), "estimate": pl.col("boundary")},
            "anytime_e_value": {"estimate": pl.col("e_value"), "p_value": pl.col("anytime_p")},
            "hazard_ratio": {
                "estimate": pl.col("hazard_ratio"), "conf_low": pl.col("conf_low"), "conf_high": pl.col("conf_high"),
            },
        }  # fmt: skip
        parts = [self.table.select(estimand=pl.lit(kind), **same, **own) for kind, own in kinds.items()]
        settings = {"alpha": self.alpha, "act_on": self.act_on, "crossed": self.crossed, "notes": [*self.notes]}
        table = tidy(pl.concat(parts, how="diagonal"), analysis="looks", population=population, outcome=outcome)
        return Result(table, settings)

    def _story(self) -> Story:
        said = "no look crosses" if self.crossed is None else f"crossed on day {self.crossed}"
        return f"{self.table.height} looks; act on {self.act_on}: {said}", self.table, self.notes


def looks(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    entered: str,
    at: Sequence[int],
    planned_events: int | None = None,
    within: str | None = None,
    strata: str | None = None,
    spending: Spending = "obrien_fleming",
    expected_ratio: float | None = None,
    alpha: float = 0.05,
) -> Looks:
    """Compare two groups at several looks, each with what was known on its day.

    Both groups are people at hand. A trial's published curve is none: a test of practice against it holds at any time
    only if the curve is known without error, and that of a trial errs the same way at each look.

    Parameters
    ----------
    frame, time, event, by
        As in `log_rank`; `time` in days since entry.
    entered
        Column of the calendar day (a number) on which a person entered.
    at
        Calendar days of the looks, rising.
    planned_events
        Events at which the comparison was planned to end, fixed beforehand. Without them there is no boundary.
    within
        People of one level are compared with each other alone in every test.
    strata
        And of one level of this in the anytime-valid test, which runs along the calendar: those who entered together.
    expected_ratio
        See `anytime_log_rank`; that test runs along the calendar here.
    alpha
        Two-sided error over all looks.

    Raises
    ------
    DefinitionError
        If looks do not rise, or `by` does not hold two groups.
    NoValidAnswer
        If at no look an event has happened while both groups were at risk.
    """
    rows = people(frame)
    require(rows, [name for name in (time, event, by, entered, within, strata) if name])
    levels = rows[by].drop_nulls().unique().sort()
    if levels.len() != 2 or rows[by].null_count():
        raise DefinitionError(f"column '{by}' holds {levels.len()} groups and {rows[by].null_count()} nulls; give two")
    if n := rows.filter(pl.col(entered).is_null() | ~(pl.col(time) > 0)).height:
        raise BrokenRows(entered, "have no day of entry, or no time above 0", "leave them out", n, rows.height)
    if not at or any(b <= a for a, b in pairwise(at)):
        raise DefinitionError("at holds the days of the looks, rising")
    columns = {"_time": pl.col(time), "_event": pl.col(event).cast(pl.Int64), "_entered": pl.col(entered)}
    apart, together = (pl.col(name).rank("dense") if name else pl.lit(0) for name in (within, strata))
    both = (apart * (rows.height + 1) + together).cast(pl.Int64)
    data = rows.select(**columns, _treated=pl.col(by) == levels[1], _within=apart.cast(pl.Int64), _stratum=both)
    found = [_look(data, int(day), prior(expected_ratio), alpha) for day in at]
    if not any(row["n_event"] for row in found):
        raise NoValidAnswer("at no look an event has happened while both groups were at risk")
    table = pl.DataFrame(found, infer_schema_length=None).with_columns(
        anytime_p=(1 / pl.col("e_value").cum_max()).clip(upper_bound=1.0),
        boundary=pl.Series(
            _boundaries([row["n_event"] for row in found], planned_events, alpha, spending), dtype=pl.Float64
        ),
    )
    return _judged(table, planned_events, alpha)


def _look(data: pl.DataFrame, day: int, mixture: tuple[Any, Any], alpha: float) -> dict[str, Any]:
    """Return what is known on a day: naively along time since entry, at any time along the calendar."""
    known = data.filter(pl.col("_entered") < day).with_columns(
        _end=pl.min_horizontal(pl.col("_entered") + pl.col("_time"), pl.lit(day)),
        _event=pl.when(pl.col("_entered") + pl.col("_time") <= day).then("_event").otherwise(0),
    )
    known = known.with_columns(_stay=pl.col("_end") - pl.col("_entered"))
    row: dict[str, Any] = {"day": day, "n": known.height, "n_event": int(known["_event"].sum()), "e_value": 1.0}
    treated = known["_treated"]
    naive = counted(known, time="_stay", event="_event", treated=treated, entry=None, strata="_within")
    if naive.time.size:
        u, v = (series[-1] for series in naive.score())
        z = float(u / math.sqrt(v)) if v > 0 else 0.0
        row |= {"z": z, "naive_p": two_sided(z), "gaussian_e": float(np.exp(gaussian(u, v)))}
    sets = counted(known, time="_end", event="_event", treated=treated, entry="_entered", strata="_stratum")
    if sets.time.size:
        log_e = float(log_evidence(sets, *mixture)[-1])
        ratio, low, high = sequence(sets, log_e, alpha)
        row |= {"e_value": math.exp(log_e), "hazard_ratio": ratio, "conf_low": low, "conf_high": high}
    return row


def _boundaries(events: Sequence[int], planned: int | None, alpha: float, spending: Spending) -> list[float | None]:
    """Return the boundary of each look; looks without new events have none, nor those after the plan is used up."""
    if planned is None:
        return [None] * len(events)
    if planned < 1:
        raise DefinitionError("planned_events is a number of events above 0")
    rates, place = list[float](), list[int | None]()
    for n in events:
        rate = min(n / planned, 1.0)
        new = rate > (rates[-1] if rates else 0.0)
        rates += [rate] if new else []
        place.append(len(rates) - 1 if new else None)
    found = boundaries(rates, alpha=alpha / 2, kind=spending) if rates else []
    return [None if i is None else found[i] for i in place]


def _judged(table: pl.DataFrame, planned: int | None, alpha: float) -> Looks:
    beyond = planned is not None and bool((table["n_event"] > planned).any())
    act_on = "anytime" if planned is None or beyond else "spending"
    rule = pl.col("anytime_p") <= alpha if act_on == "anytime" else pl.col("z").abs() >= pl.col("boundary")
    days = table.filter(rule)["day"]
    notes = ["the naive p-value is shown because people will compute it: repeated, it errs far more often than it says"]
    if beyond:
        notes.append("looks went on beyond the planned events: the boundaries no longer hold, the anytime test does")
    return Looks(table, act_on, int(days[0]) if days.len() else None, alpha, tuple(notes))
