# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A cohort of known truth: its parts as numbers, and the truth that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import exp, inf, isfinite, log

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.kernels.simulate import hazard_up_to, time_of
from rwe.kernels.study import make


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the cohorts of a simulation come about; times in days.

    Parameters
    ----------
    n
        Rows of a cohort.
    hazard_ratio
        Of arm 1 to arm 0.
    delay
        Day from which the hazard ratio acts (a late effect); before it the arms are alike.
    rates, cuts, shape
        Baseline hazards a day and the days on which they change; the cumulative hazard is taken to the power of
        `shape` (one rate: Weibull).
    effects
        Log hazard ratios of standard normal covariates x1, x2, ...
    share
        Share of arm 1 (1: a single arm); rows alternate.
    censoring
        Share that an exponential loss to follow-up takes of those who would fail, over both arms and without an end of
        the study.
    follow_up
        Day on which the study ends for everyone.
    grid
        Days that times are rounded up to: 1 (days), 30 (months: heavy ties).
    latest_entry
        Rows enter uniformly on the days from 0 to this one, if they have not failed by then (left truncation).
    confounder
        Log hazard ratio of an unmeasured binary cause of both arm and failure; rows then carry one over the probability
        of their arm as weight.
    other
        Rate of a competing cause a day.

    Raises
    ------
    DefinitionError
        If a number is out of its range.
    """

    n: int
    hazard_ratio: float = 1.0
    delay: float = 0.0
    rates: tuple[float, ...] = (1 / 1000,)
    cuts: tuple[float, ...] = ()
    shape: float = 1.0
    effects: tuple[float, ...] = ()
    share: float = 0.5
    censoring: float = 0.0
    follow_up: float = inf
    grid: int = 1
    latest_entry: int = 0
    confounder: float = 0.0
    other: float = 0.0

    def __post_init__(self) -> None:
        rules = {
            "n is a whole number from 2": self.n >= 2,
            "rates are above 0, one more than cuts": len(self.rates) == len(self.cuts) + 1 and min(self.rates) > 0,
            "cuts ascend": list(self.cuts) == sorted(self.cuts),
            "hazard_ratio and shape are above 0": self.hazard_ratio > 0 and self.shape > 0,
            "share and censoring are shares, censoring below 1": 0 <= self.share <= 1 and 0 <= self.censoring < 1,
            "grid is a whole number from 1, and the study ends on it": self.grid >= 1
            and (not isfinite(self.follow_up) or self.follow_up % self.grid == 0),
            "entry is before the end of the study": 0 <= self.latest_entry < self.follow_up,
            "delay and other are not negative": self.delay >= 0 and self.other >= 0,
        }
        if broken := [rule for rule, holds in rules.items() if not holds]:
            raise DefinitionError(f"a scenario where {'; '.join(broken)} is wanted")

    @property
    def numbers(self) -> tuple[F8, F8, F8, F8]:
        """Rates, cuts, effects and the other numbers, as the kernels take them."""
        p = (self.shape, log(self.hazard_ratio), self.delay, _loss(self), self.follow_up, self.grid, self.latest_entry)
        tail = (self.confounder, self.other, self.share)
        parts = (self.rates, self.cuts, self.effects, (*p, *tail))
        rates, cuts, effects, rest = (np.array(part, np.float64) for part in parts)
        return rates, cuts, effects, rest

    def cohort(self, replicate: int = 0, *, seed: int = 1) -> pl.DataFrame:
        """Return one cohort as the study sees it: time, entry, event, cause, arm, weight and the covariates."""
        leave, enter, cause, weight, x = make(replicate, self.n, *self.numbers, seed)
        columns = {
            "time": leave,
            "event": (cause == 1).astype(np.int64),
            "cause": cause,
            "arm": x[:, 0].astype(np.int64),
        }
        columns |= {"entry": enter} if self.latest_entry else {}
        columns |= {"weight": weight} if self.confounder else {}
        return pl.DataFrame(columns | {f"x{j}": x[:, j] for j in range(1, x.shape[1])})

    def survival(self, times: F8, arm: int) -> F8:
        """Return the true probability of not having failed by these times in one arm, over the confounder.

        Raises
        ------
        DefinitionError
            If there are covariates: the truth over them has no closed form.
        """
        if self.effects:
            raise DefinitionError("survival over covariates has no closed form: leave out effects")
        rates, cuts = np.array(self.rates), np.array(self.cuts)
        base = np.array([hazard_up_to(float(t), rates, cuts, self.shape) for t in times])
        before = hazard_up_to(self.delay, rates, cuts, self.shape)
        if arm:
            base = np.where(base <= before, base, before + self.hazard_ratio * (base - before))
        return np.asarray((np.exp(-base) + np.exp(-base * exp(self.confounder))) / 2, np.float64)

    def mean(self, tau: int, arm: int) -> float:
        """Return the true mean of whole grid days lived up to day `tau`."""
        days = np.arange(tau) // self.grid * self.grid
        return float(self.survival(days.astype(np.float64), arm).sum())


@cache
def _loss(scenario: Scenario) -> float:
    """Return the rate of loss to follow-up that takes the share asked for."""
    if not scenario.censoring:
        return 0.0
    from scipy.optimize import brentq

    rates, cuts, share = np.array(scenario.rates), np.array(scenario.cuts), scenario.share
    spread = -np.log((np.arange(400) + 0.5) / 400)
    before = hazard_up_to(scenario.delay, rates, cuts, scenario.shape)
    late = np.where(spread <= before, spread, before + (spread - before) / scenario.hazard_ratio)
    zero, one = (np.array([time_of(float(h), rates, cuts, scenario.shape) for h in arm]) for arm in (spread, late))

    def excess(log_rate: float) -> float:
        stay = [float(np.exp(-exp(log_rate) * t).mean()) for t in (zero, one)]
        return (1 - share) * stay[0] + share * stay[1] - (1 - scenario.censoring)

    return exp(brentq(excess, log(1e-12), log(1e3)))
