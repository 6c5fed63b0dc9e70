# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`reconstruct`: the patients behind a published survival curve, with the proof of how near they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from rwe.compare.reconstruct_clicks import Clicks, Scale, clicks, steps
from rwe.compare.reconstruct_quality import Published, Quality, quality
from rwe.compare.reconstruct_show import chart, result_of
from rwe.compare.reconstruct_solve import READING, Drawn, Solution, assumed, heaviest, solve
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.figures.chart import Chart
from rwe.result import Result

Interval: TypeAlias = tuple[float, float]
SCENARIOS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the heaviest censoring


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Reconstructed patients of one arm, and what is known of their truth.

    Parameters
    ----------
    scenarios
        The patients (``time``, ``event``) by how much censoring was assumed, from none (0) to the heaviest that the
        curve allows (1); one entry where numbers at risk, events or marks settle it.
    quality
        Errors against the publication: of what is used, or without an assumption of the worst scenario.
    clicks
        The curve as it was understood.
    assumptions
        What was taken for granted, in words.
    settled
        Whether there is one answer: censoring known, or assumed on purpose.
    despite
        Names of gates that the caller lets pass knowingly.
    """

    scenarios: tuple[tuple[float, pl.DataFrame], ...]
    quality: Quality
    clicks: Clicks
    assumptions: tuple[str, ...]
    settled: bool
    despite: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate is shut, each by its name; empty if it is open."""
        failed = [f"{c.name}: {c.words}" for c in self.quality.checks if not c.passed and c.name not in self.despite]
        unknown = () if self.settled else ("censoring: neither numbers at risk nor events are known",)
        return (*unknown, *failed)

    @property
    def accepted(self) -> bool:
        """Whether the rows may be used."""
        return not self.reasons

    @property
    def patients(self) -> pl.DataFrame:
        """Rows ``time`` (in the unit of the curve) and ``event``, one a patient.

        Raises
        ------
        NoValidAnswer
            If the gate is shut, with each reason and what opens it.
        """
        if not self.settled:
            raise NoValidAnswer(
                "the curve alone does not tell who was censored: give numbers at risk, total_events or "
                "censor_ticks, use over() for the range of an estimate, or say what to assume (assume='none')"
            )
        if not self.accepted:
            names = tuple(reason.partition(":")[0] for reason in self.reasons)
            raise NoValidAnswer(
                f"the reconstruction fails its gate: {'; '.join(self.reasons)}. Look at the clicks again, "
                f"or accept it knowingly with despite={names!r}"
            )
        return self.scenarios[0][1]

    def over(self, estimate: Callable[[pl.DataFrame], float | None]) -> tuple[float | None, float | None]:
        """Return the lowest and highest value of an estimate over all scenarios; None where one has none."""
        found = [estimate(patients) for _, patients in self.scenarios]
        known = [value for value in found if value is not None]
        if len(known) < len(found):
            return (None, None)
        return min(known), max(known)

    def to_result(self, population: str = "", outcome: str = "") -> Result:
        """Return the quality and the gates as the long tidy table, with the assumptions in the settings."""
        return result_of(self, population, outcome)

    def plot(self, *, title: str | None = None, time: str | None = None, language: str = "en") -> Chart:
        """Draw the curve as clicked and as reconstructed, one over the other, with the numbers at risk."""
        return chart(self, title, time, language)


def reconstruct(
    curve: Any,
    at_risk: Sequence[tuple[float, int]] = (),
    total_events: int | None = None,
    censor_ticks: Sequence[float] | None = None,
    *,
    n: int | None = None,
    end: float | None = None,
    scale: Scale | None = None,
    median: float | None = None,
    median_interval: Interval | None = None,
    assume: str | float | None = None,
    despite: Sequence[str] = (),
) -> Reconstruction:
    """Reconstruct the patients behind a drawn Kaplan-Meier curve (Guyot et al. 2012; marks: Rogula et al. 2022).

    Parameters
    ----------
    curve
        Clicks as pairs (time, survival), or a frame of two such columns: at the drops and where the curve ends.
    at_risk
        Pairs (time, patients followed to that time or longer), as printed under the curve.
    total_events
        Events of the arm, where published.
    censor_ticks
        Times of the marks of censoring, where all of them are drawn.
    n
        Patients of the arm, where `at_risk` does not begin at time 0.
    end
        Where the drawn curve ends; the last click or number at risk by default.
    scale
        ``proportion`` or ``percent``; told from the values by default.
    median, median_interval
        As published: the reconstruction is held against them.
    assume
        Where neither numbers at risk after time 0, events nor marks are known: ``none``, ``heaviest`` or a part of
        the heaviest censoring between 0 and 1. Without it the result is a set of reconstructions, not one.
    despite
        Names of gates to let pass knowingly, for example ``("median",)``.

    Returns
    -------
    Reconstruction
        Frozen; `.patients` is refused while the gate is shut.

    Raises
    ------
    DefinitionError
        If clicks, numbers at risk or counts contradict each other or are none.

    Examples
    --------
    >>> found = reconstruct([(2, 75), (5, 50), (8, 25), (9, 25)], at_risk=[(0, 4), (6, 2)], scale="percent")
    >>> found.patients["time"].to_list(), found.patients["event"].to_list()
    ([2.0, 5.0, 8.0, 9.0], [True, True, True, False])
    """
    drawn = _drawn(curve, at_risk, censor_ticks, n, end, scale)
    _possible(drawn, total_events, assume)
    open_ = drawn.tick.size == 1 and total_events is None and not drawn.marks.size
    if assume is not None and not open_:
        raise DefinitionError("assume: numbers at risk, events or marks settle the censoring; leave assume out")
    told = Published(total_events, median, median_interval)
    if open_:
        scenarios, notes = _open(drawn, assume)
    else:
        found = solve(drawn, total_events)
        scenarios, notes = (
            ((0.0, found.patients),),
            _settled(drawn, total_events, found),
        )
    graded = [quality(rows, drawn.clicks, drawn.tick, drawn.at_risk, told) for _, rows in scenarios]
    worst = max(graded, key=lambda one: one.max_error)
    return Reconstruction(
        scenarios, worst, drawn.clicks, notes + _repairs(drawn.clicks), not open_ or assume is not None, tuple(despite)
    )


def _drawn(
    curve: Any, at_risk: Sequence[tuple[float, int]], marks: Sequence[float] | None, n: int | None, end: float | None,
    scale: Scale | None,
) -> Drawn:  # fmt: skip
    read, (tick, number) = clicks(curve, scale), steps(at_risk, n)
    drawn_marks = np.sort(np.asarray(marks if marks is not None else (), dtype=np.float64))
    if not np.isfinite(drawn_marks).all() or (drawn_marks <= 0).any():
        raise DefinitionError("censor_ticks: must be times after 0")
    last = max(float(read.time[-1]), *drawn_marks[-1:].tolist(), float(tick[number > 0][-1]))
    if end is not None and end < last:
        raise DefinitionError(f"end: the curve has points or patients after {end:g}, the last at {last:g}")
    last = max(last, end or 0.0)
    empty = tick[number == 0][:1]
    if empty.size and empty[0] <= last:
        last = float(np.nextafter(empty[0], 0.0))
        before = read.survival[read.time <= last].min(initial=1.0)
        if (read.survival < before).any():
            raise DefinitionError(f"at_risk: nobody is left at {empty[0]:g}, but the curve falls after that")
    return Drawn(read, tick[number > 0], number[number > 0], drawn_marks, last)


def _possible(drawn: Drawn, events: int | None, assume: str | float | None) -> None:
    n = int(drawn.at_risk[0])
    if events is not None and not 0 <= events <= n:
        raise DefinitionError(f"total_events: {events} events among {n} patients")
    if drawn.marks.size > n:
        raise DefinitionError(f"censor_ticks: {drawn.marks.size} marks among {n} patients")
    gone = drawn.clicks.time[drawn.clicks.survival <= 0]
    if gone.size and (late := int(drawn.at_risk[drawn.tick > gone[0]].max(initial=0))):
        raise DefinitionError(f"at_risk: {late} are at risk after the curve reached 0 at {gone[0]:g}")
    if (
        assume is not None
        and assume not in ("none", "heaviest")
        and not (isinstance(assume, int | float) and 0 <= assume <= 1)
    ):
        raise DefinitionError("assume: must be 'none', 'heaviest' or a part between 0 and 1")


def _open(drawn: Drawn, assume: str | float | None) -> tuple[tuple[tuple[float, pl.DataFrame], ...], tuple[str, ...]]:
    most = heaviest(drawn)
    named = {"none": 0.0, "heaviest": 1.0}
    parts = SCENARIOS if assume is None else (named[assume] if isinstance(assume, str) else float(assume),)
    scenarios = tuple((part, assumed(drawn, round(part * most)).patients) for part in parts)
    n = int(drawn.at_risk[0])
    note = (
        f"neither numbers at risk nor events are known: between 0 and {most} of {n} patients may have been censored, "
        f"evenly, before the end (at {most} the curve still runs within {READING} of its clicks)"
    )
    chosen = () if assume is None else (f"assumed: {round(parts[0] * most)} of {n} censored before the end",)
    return scenarios, (note, *chosen)


def _settled(drawn: Drawn, events: int | None, found: Solution) -> tuple[str, ...]:
    notes = ["all still at risk where the curve ends are censored there"]
    lean = "early or late, whichever comes nearest to the curve and its events" if found.tilted else "evenly"
    how = "at the marks drawn" if drawn.marks.size else lean
    notes.append(f"censorings within an interval of the table at risk: {how}")
    if events is None and drawn.at_risk[-1] > 0 and not drawn.marks.size:
        last = f"after the last number at risk ({drawn.tick[-1]:g}) {found.last_censored} censored before the end"
        notes.append(f"{last}, at the mean rate of the time before")
    return tuple(notes)


def _repairs(read: Clicks) -> tuple[str, ...]:
    found = {
        "clicks at time 0 or before left out": read.before,
        "clicks at the time of a lower one left out": read.stacked,
        f"clicks lowered or raised (by {read.largest_repair:.4f} at most) because the curve rose": read.repaired,
    }
    return tuple(f"{count} {what}" for what, count in found.items() if count)
