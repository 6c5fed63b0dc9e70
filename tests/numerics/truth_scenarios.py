# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Practice and a trial of known truth: twelve named scenarios, their patients, and the ratio that is to be found."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import brentq

Floats = npt.NDArray[np.float64]
EFFECTS = {"age": 0.25, "sex": 0.5, "grade": 0.5}  # log hazard ratios of a level
HIDDEN = (0.6, 0.3, 0.7)  # share with the hidden factor in practice and in the trial, and its log hazard ratio
TOGETHER = 0.8  # log hazard ratio of sex and grade together, where the model that leaves it out is wrong
HAZARD, FIRST, LAST = 0.0006, 365, 1826  # events a day; the days between which follow-up ends
LATE = 365  # day from which treatment acts, where it acts late
PRACTICE = 3  # patients of practice to one of the trial


@dataclass(frozen=True)
class Scenario:
    """What one comparison is made hard by.

    Parameters
    ----------
    name, n
        Its name, and patients of the trial; practice has three times as many.
    ratio
        Hazard ratio of practice to trial among patients who are alike.
    shares
        Probability of a step in age, of sex and of grade in practice and in the trial: these overlap well or poorly.
    hazard
        Of patients at the lowest levels, events a day.
    late, hidden, wrong
        Whether the ratio holds from day 365 on only; whether a factor that nobody recorded differs; whether sex and
        grade hang together in the trial, and do harm together.
    """

    name: str
    n: int
    ratio: float = 1.0
    shares: tuple[float, float] = (0.55, 0.4)
    hazard: float = HAZARD
    late: bool = False
    hidden: bool = False
    wrong: bool = False

    def cohort(self, number: int, seed: int) -> pl.DataFrame:
        """Return replicate `number`: age (0 to 2), sex and grade (0, 1), os_days, os_event, trial (0, 1)."""
        rng = np.random.default_rng((seed, number))
        return pl.concat([self._arm(rng, trial) for trial in (0, 1)])

    def _arm(self, rng: np.random.Generator, trial: int) -> pl.DataFrame:
        n, share = self.n if trial else PRACTICE * self.n, self.shares[trial]
        levels = {name: rng.binomial(most, share, n) for name, most in (("age", 2), ("sex", 1), ("grade", 1))}
        if self.wrong and trial:
            levels["grade"] = np.where(rng.random(n) < 0.7, levels["sex"], levels["grade"])
        risk = sum(EFFECTS[name] * level for name, level in levels.items())
        if self.wrong:
            risk = risk + TOGETHER * levels["sex"] * levels["grade"]
        if self.hidden:
            risk = risk + HIDDEN[2] * (rng.random(n) < HIDDEN[trial])
        days = self._days(rng.exponential(size=n) / (self.hazard * np.exp(risk)), 1.0 if trial else self.ratio)
        end = np.ceil(rng.uniform(FIRST, LAST, n))
        outcome = {"os_days": np.minimum(days, end).astype(np.int64), "os_event": days <= end}
        return pl.DataFrame(levels | outcome | {"trial": np.full(n, trial)})

    def _days(self, plain: Floats, ratio: float) -> Floats:
        """Return whole days to the event from those that it would take without treatment."""
        after = LATE if self.late else 0
        return np.asarray(np.ceil(np.where(plain <= after, plain, after + (plain - after) / ratio)))

    def truth(self, practice: float) -> float:
        """Return the log hazard ratio in the trial's population: where Cox's score is 0 in ever more patients.

        Parameters
        ----------
        practice
            Patients of practice, after alignment, to one of the trial: it matters a little, because hazards that are
            proportional among patients who are alike are not so in all of them together.
        """
        if self.ratio == 1.0:
            return 0.0
        edges = np.arange(0.0, LAST + 0.25, 0.25)
        at = (edges[1:] + edges[:-1]) / 2
        here, there = (self._alive(edges, ratio) for ratio in (self.ratio, 1.0))
        seen = np.clip((LAST - at) / (LAST - FIRST), 0.0, 1.0)
        fail = [practice * -np.diff(here) * seen, -np.diff(there) * seen]
        risk = [practice * (here[1:] + here[:-1]) / 2, (there[1:] + there[:-1]) / 2]

        def score(beta: float) -> float:
            expected = math.exp(beta) * risk[0] / (math.exp(beta) * risk[0] + risk[1])
            return float((fail[0] - (fail[0] + fail[1]) * expected).sum())

        return float(brentq(score, -3.0, 3.0, xtol=1e-12))

    def _alive(self, at: Floats, ratio: float) -> Floats:
        """Return survival in the trial's population under a hazard ratio."""
        after, share, total = LATE if self.late else 0, self.shares[1], np.zeros(at.size)
        lived = self.hazard * (np.minimum(at, after) + ratio * np.maximum(at - after, 0.0))
        for age, sex, grade in itertools.product(range(3), range(2), range(2)):
            steps = age + sex + grade
            weight = math.comb(2, age) * share**steps * (1 - share) ** (4 - steps)
            risk = EFFECTS["age"] * age + EFFECTS["sex"] * sex + EFFECTS["grade"] * grade
            total += weight * np.exp(-math.exp(risk) * lived)
        return total


POOR = (0.65, 0.3)
LISTED = (
    Scenario("null-100", 100),
    Scenario("null-500", 500),
    Scenario("effect-100", 100, 0.7),
    Scenario("effect-500", 500, 0.7),
    Scenario("null-poor-100", 100, shares=POOR),
    Scenario("null-poor-500", 500, shares=POOR),
    Scenario("effect-poor-500", 500, 0.7, shares=POOR),
    Scenario("late-100", 100, 0.7, late=True),
    Scenario("late-500", 500, 0.7, late=True),
    Scenario("null-hidden-500", 500, hidden=True),
    Scenario("null-rare-500", 500, hazard=HAZARD / 20),
    Scenario("null-wrong-500", 500, wrong=True),
)
SCENARIOS = {scenario.name: scenario for scenario in LISTED}
