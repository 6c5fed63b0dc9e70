# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Curves made of curves for what data do not tell: population hazard added or as a floor, effects that wane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.curve import Curve
from rwe.survival.door import door
from rwe.survival.survival_curves import KaplanMeier

YEAR = 365.25
WEEK, MONTH, FINE = 7.0, 30.4375, 5 * YEAR  # steps over which a hazard counts as constant: weeks up to five years
TINY = 1e-300  # survival below which nobody is left
Rule = Callable[[F8, Sequence[F8]], F8]  # times, hazard of each part over each step -> hazard over each step


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioCurve:
    """A curve whose hazard over each week or month is a rule of the hazards of other curves.

    Parameters
    ----------
    said
        What the rule is, in words.
    paired
        Whether the parts are of one fit, and drawn with the same coefficients.
    """

    said: str
    _parts: tuple[Curve, ...] = field(repr=False)
    _rule: Rule = field(repr=False)
    paired: bool

    def survival_at(self, days: Any) -> F8:
        """Return survival on these days."""
        grid, place = _grid(days)
        alive = self._followed(grid, [part.survival_at(grid)[None, :] for part in self._parts])
        return np.asarray(alive[0, place], np.float64)

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        """Return survival in `n` draws of its parts."""
        grid, place = _grid(days)
        seeds = [seed if self.paired else seed + k for k in range(len(self._parts))]
        drawn = [part.survival_draws(grid, n, one) for part, one in zip(self._parts, seeds, strict=True)]
        return self._followed(grid, drawn)[:, place]

    def _followed(self, grid: F8, survival: Sequence[F8]) -> F8:
        hazards = [np.diff(-np.log(np.maximum(s, TINY)), axis=1) for s in survival]
        total = np.cumsum(self._rule(grid[1:], hazards), axis=1)
        return np.exp(-np.hstack([np.zeros((total.shape[0], 1)), total]))


@door
def with_population(curve: Curve, population: Curve) -> ScenarioCurve:
    """Return survival of all causes from a fit with background hazard, which tells that of the disease alone.

    Parameters
    ----------
    curve
        Curve of the excess hazard (a fit with ``background=``).
    population
        `population_curve` of the same persons.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [300, 900, 1500, 2000], "e": [1, 1, 1, 0], "age": 20_000, "sex": "f"})
    >>> frame = frame.with_columns(date=pl.date(2000, 1, 1))
    >>> cells = pl.DataFrame({"sex": ["f"], "year": 2000, "age": 0, "hazard": [1e-3]})
    >>> table = sv.life_table(cells, sex="sex", year="year", age="age", hazard="hazard", outside="nearest")
    >>> placed = {"life_table": table, "age": "age", "sex": "sex", "date": "date"}
    >>> fit = sv.parametric(frame, time="t", event="e", family="exp")  # 3 deaths in 4,700 days
    >>> curve = with_population(fit, sv.population_curve(frame, **placed, horizon=3653))
    >>> curve.survival_at([1000]).round(4).tolist()  # exp(-3000 / 4700 - 1)
    [0.1943]
    """
    return ScenarioCurve("population hazard added", (curve, population), _sum, paired=False)


@door
def floored(curve: Curve, population: Curve) -> ScenarioCurve:
    """Return a curve whose hazard never falls below that of the population.

    Parameters
    ----------
    curve
        Curve of all causes, fitted without background.
    population
        `population_curve` of the same persons.

    Raises
    ------
    DefinitionError
        If it is a Kaplan-Meier curve, whose steps have no hazard.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [300, 900, 1500, 2000], "e": [1, 1, 1, 0], "age": 20_000, "sex": "f"})
    >>> frame = frame.with_columns(date=pl.date(2000, 1, 1))
    >>> cells = pl.DataFrame({"sex": ["f"], "year": 2000, "age": 0, "hazard": [1e-3]})
    >>> table = sv.life_table(cells, sex="sex", year="year", age="age", hazard="hazard", outside="nearest")
    >>> placed = {"life_table": table, "age": "age", "sex": "sex", "date": "date"}
    >>> fit = sv.parametric(frame, time="t", event="e", family="exp")  # 3 deaths in 4,700 days
    >>> curve = floored(fit, sv.population_curve(frame, **placed, horizon=3653))
    >>> curve.survival_at([1000]).round(4).tolist()  # exp(-1): the population dies sooner
    [0.3679]
    """
    _smooth(curve)
    return ScenarioCurve("population hazard as a floor", (curve, population), _larger, paired=False)


@door
def waned(treated: Curve, untreated: Curve, *, begin: float, end: float, paired: bool = True) -> ScenarioCurve:
    """Return the curve of the treated whose effect fades: the log hazard ratio falls in a line to 0 from begin to end.

    Parameters
    ----------
    treated, untreated
        Curves with and without, for example of one fit for two values of a covariate.
    begin, end
        Days on which the effect begins to fade and is gone; the same day ends it at once.
    paired
        Whether both curves are of one fit, as ``fit.curve(new)`` for two values of a covariate: draws are then of the
        same coefficients. Not so where the arms were fitted apart.

    Raises
    ------
    DefinitionError
        If the end lies before the beginning, or the beginning before day 0, or a curve is Kaplan-Meier's.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [100, 200, 400, 800], "e": 1, "arm": [0, 0, 1, 1]})
    >>> fit = sv.parametric(frame, time="t", event="e", family="exp", covariates=["arm"])
    >>> arms = [fit.curve(pl.DataFrame({"arm": [arm]})) for arm in (1, 0)]
    >>> waned(*arms, begin=350, end=350).survival_at([350, 700]).round(4).tolist()  # rates 1/600, then 1/150
    [0.558, 0.0541]
    """
    if not 0 <= begin <= end:
        raise DefinitionError("an effect wanes from a day, 0 or later, to that day or a later one")
    _smooth(treated, untreated)
    rule = partial(_fading, begin=float(begin), end=float(end))
    said = f"effect fades from day {begin:g} to day {end:g}"
    return ScenarioCurve(said, (treated, untreated), rule, paired=paired)


def _smooth(*curves: Curve) -> None:
    """Refuse steps: the weeks between them have the hazard 0, and those they fall in a large one."""
    if any(isinstance(curve, KaplanMeier) for curve in curves):
        raise DefinitionError("a Kaplan-Meier curve falls in steps and has no hazard to compare: give a fitted curve")


def steps_to(last: float) -> F8:
    """Return weeks up to five years and months after, from 0 to before the last day."""
    return np.concatenate([np.arange(0.0, min(FINE, last), WEEK), np.arange(FINE, last, MONTH)])


def _grid(days: Any) -> tuple[F8, Any]:
    """Return steps up to the last day asked for with those days among them, and where each day is."""
    asked = np.atleast_1d(np.asarray(days, np.float64))
    grid = np.union1d(np.r_[0.0, steps_to(float(asked.max(initial=0.0)))], asked)
    return grid, np.searchsorted(grid, asked)


def _sum(_times: F8, hazards: Sequence[F8]) -> F8:
    return np.asarray(hazards[0] + hazards[1], np.float64)


def _larger(_times: F8, hazards: Sequence[F8]) -> F8:
    return np.asarray(np.maximum(*hazards), np.float64)


def _fading(times: F8, hazards: Sequence[F8], *, begin: float, end: float) -> F8:
    left = (times <= begin).astype(np.float64) if begin == end else np.clip((end - times) / (end - begin), 0.0, 1.0)
    treated, untreated = hazards
    with np.errstate(divide="ignore", invalid="ignore"):
        faded = untreated ** (1.0 - left) * treated**left
    return np.where(np.isfinite(faded), faded, treated)
