# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which patients stand behind a drawn curve: the guesses that a curve leaves open, settled in a stated order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.compare.reconstruct_clicks import Clicks
from rwe.kernels._jit import F8, I8, Flags
from rwe.kernels.rebuild import ENOUGH, HALF, censorings, rebuild

READING = 0.01  # how far from its click a curve may run and still be the one that was drawn
LEANS = np.array([1.0, 0.7, 0.5, 1.4, 2.0, 0.25, 4.0])  # evenly, late, early
ROUNDINGS = (0.5, 0.3, 0.7)
_TILTS = 8.0  # how far censorings may lean to one end of an interval: (j / (c + 1)) to the power of 1/8 to 8
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curve as published: clicks, the table at risk, marks of censoring, and where the curve ends."""

    clicks: Clicks
    tick: F8
    at_risk: I8
    marks: F8
    end: float


@dataclass(frozen=True, slots=True)
class Solution:
    """Patients that make the curve; `tilted` where censorings are not spread evenly over each interval."""

    time: F8
    died: Flags
    events: int
    last_censored: int
    tilted: bool
    last_parts: float
    last_error: float

    @property
    def patients(self) -> pl.DataFrame:
        """One row a patient, ``time`` and ``event``, by time; of many solutions that are tried, one is asked for it."""
        rows = pl.DataFrame({"time": self.time, "event": self.died})
        return rows.sort("time", "event", descending=[False, True])


def solve(drawn: Drawn, events: int | None) -> Solution:
    """Return the patients; with the number of events known, so many events where any spread of censoring allows it.

    The order: censored after the last tick; then the lean of censorings within intervals, which moves the number at
    risk under each drop; then which part of a death is rounded up.
    """
    if events is None:
        return _after_the_last_tick(drawn)
    found = [_once(drawn, events=events)]
    for form in (_tilted, _rounded):
        if found[-1].events != events:
            found += _halving(form, drawn, events)
    best = min(found, key=lambda one: abs(one.events - events))
    if best.last_error <= READING**2 or best.events != events:
        return best
    ways = [_once(drawn, events=events, leans=LEANS[i : i + 1], half=h) for i in range(LEANS.size) for h in ROUNDINGS]
    return min([best, *(one for one in ways if one.events == events)], key=lambda one: one.last_error)


def assumed(drawn: Drawn, censored: int) -> Solution:
    """Return the patients if so many were censored evenly before the end of the curve."""
    return _once(drawn, last_censored=censored)


def heaviest(drawn: Drawn) -> int:
    """Return the largest number censored before the end with which the curve can still be drawn (see `READING`)."""
    n = int(drawn.at_risk[0])
    plain = _error(drawn, 0)
    allowed = max(READING, plain + READING / 2)
    tried = np.unique(np.linspace(0, n, 101).astype(np.int64))
    return max((int(c) for c in tried if _error(drawn, int(c)) <= allowed), default=0)


def survival_of(patients: pl.DataFrame, at: F8) -> F8:
    """Return the Kaplan-Meier estimate of rows ``time`` and ``event`` at given times."""
    return _survival(patients["time"].to_numpy(), patients["event"].to_numpy(), at)


def _survival(time: F8, event: Flags, at: F8) -> F8:
    days, deaths = np.unique(time[event], return_counts=True)
    at_risk = time.size - np.searchsorted(np.sort(time), days, side="left")
    curve = np.append(1.0, np.cumprod(1.0 - deaths / at_risk))
    return np.asarray(curve[np.searchsorted(days, at, side="right")])


def _error(drawn: Drawn, censored: int) -> float:
    found = assumed(drawn, censored)
    return float(np.abs(_survival(found.time, found.died, drawn.clicks.time) - drawn.clicks.survival).max())


def _once(drawn: Drawn, *, events: int = -1, last_censored: int = 0, leans: F8 = LEANS, half: float = 0.5) -> Solution:
    c, m = drawn.clicks, drawn.tick.size
    deaths, censored, tilt = np.zeros(c.time.size, np.int64), np.zeros(m, np.int64), np.ones(m)
    parts, error = rebuild(
        c.time, c.survival, drawn.tick, drawn.at_risk, drawn.marks, drawn.end, events, last_censored, leans, half,
        deaths, censored, tilt,
    )  # fmt: skip
    lost = np.empty(int(censored.sum()))
    censorings(drawn.tick, drawn.marks, censored, drawn.end, tilt, lost)
    stayed = int(drawn.at_risk[0] - deaths.sum() - lost.size)
    time = np.concatenate([np.repeat(c.time, deaths), lost, np.full(stayed, drawn.end)])
    died = np.arange(time.size) < deaths.sum()
    return Solution(time, died, int(deaths.sum()), int(censored[-1]), bool((tilt != 1.0).any()), parts, error)


def _after_the_last_tick(drawn: Drawn) -> Solution:
    """Return the guess of Guyot: marks where they are drawn, else the mean number censored in the time before.

    No more than let the deaths happen that the curve shows; another number if drops are whole deaths with it alone.
    """
    last = float(drawn.tick[-1])
    if drawn.marks.size:
        return _once(drawn, last_censored=int((drawn.marks >= last).sum()))
    none, n = _once(drawn), int(drawn.at_risk[-1])
    if last == 0 or n == 0:
        return none
    before = int((~none.died & (none.time < last)).sum())
    guess = min(round(before / last * (drawn.end - last)), n)
    allowed = max(1.5 * none.last_error, READING**2)
    tried = [_once(drawn, last_censored=int(c)) for c in np.unique(np.append(np.linspace(0, n, 41).round(), guess))]
    able = [found for found in tried if found.last_error <= allowed]
    plain = max((found for found in able if found.last_censored <= guess), key=lambda one: one.last_censored)
    best = min(able, key=lambda one: one.last_parts)
    whole = best.last_parts < HALF * plain.last_parts and plain.last_parts - best.last_parts > ENOUGH
    return best if whole else plain


def _tilted(drawn: Drawn, events: int, part: float) -> Solution:
    return _once(drawn, events=events, leans=np.array([_TILTS ** (1.0 - 2.0 * part)]))


def _rounded(drawn: Drawn, events: int, part: float) -> Solution:
    return _once(drawn, events=events, half=part * (1.0 - 1e-9))


def _halving(form: Callable[[Drawn, int, float], Solution], drawn: Drawn, events: int) -> Iterator[Solution]:
    """Yield solutions whose number of events rises with a part from 0 to 1, nearing the number asked for."""
    low, high = 0.0, 1.0
    for part in (low, high):
        yield form(drawn, events, part)
    for _ in range(_HALVINGS):
        found = form(drawn, events, (low + high) / 2)
        yield found
        if found.events == events:
            return
        low, high = ((low + high) / 2, high) if found.events < events else (low, (low + high) / 2)
