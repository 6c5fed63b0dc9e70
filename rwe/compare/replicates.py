# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Practice and trial resampled together: weights are found anew in each replicate, the trial's rows are drawn too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import NoValidAnswer
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I8
from rwe.kernels.two_arms import arm_by_day, drawn, log_hazard_ratio, read_off
from rwe.survival.distribution import Distribution

# how often each person was drawn -> the weight of each person, all copies together; None where weights do not exist
Weigh = Callable[[I8], "F8 | None"]
BLOCK = 50  # replicates a task: bounds are cut by their number alone, so that threads change no bit


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """What is read off each arm: survival at `milestones`, the mean time lived up to `tau`, and the median."""

    milestones: tuple[int, ...]
    tau: int

    @property
    def width(self) -> int:
        """Numbers read off one arm."""
        return len(self.milestones) + 2


@dataclass(frozen=True, slots=True, eq=False)
class TwoArms:
    """Follow-up of practice and of the trial on one axis of days.

    Parameters
    ----------
    day
        Days on which somebody leaves, ascending.
    leave, failed
        Of practice and of the trial: place of each row's last day, and 1 where it fails on it.
    """

    day: F8
    leave: tuple[I8, I8]
    failed: tuple[I8, I8]

    @classmethod
    def of(cls, practice: pl.DataFrame, trial: pl.DataFrame) -> TwoArms:
        """Return the arms of two frames with columns days and event."""
        both = np.concatenate([practice["days"].to_numpy(), trial["days"].to_numpy()])
        day, place = np.unique(both, return_inverse=True)
        first, second = (np.ascontiguousarray(part, np.int64) for part in np.split(place, [practice.height]))
        failed = tuple(np.ascontiguousarray(rows["event"].to_numpy(), np.int64) for rows in (practice, trial))
        return cls(day.astype(np.float64), (first, second), (failed[0], failed[1]))

    def table(self, arm: int, weight: F8, times: I8) -> F8:
        """Return an arm by day (see `arm_by_day`)."""
        return arm_by_day(self.leave[arm], self.failed[arm], weight, times, self.day.size)


@dataclass(frozen=True, slots=True, eq=False)
class Contrasts:
    """Practice under several weightings against the trial: what replicates are drawn from (see `Distribution`).

    A replicate holds, of the trial and then of practice under each weighting, what `ask` names, and last the log
    hazard ratio of each weighting to the trial.
    """

    arms: TwoArms
    weigh: tuple[Weigh, ...]
    ask: Ask

    def estimate(self) -> F8:
        """Return the estimates in the rows themselves."""
        n, m = (leave.size for leave in self.arms.leave)
        return self._read(np.ones(n, np.int64), np.ones(m, np.int64), np.zeros(len(self.weigh)))

    def draw(self, n: int, seed: int) -> F8:
        """Return `n` replicates; a row of NaN where weights do not exist."""
        start = np.nan_to_num(self.estimate()[-len(self.weigh) :])
        blocks = run(lambda cut: self._block(cut, seed, start), cuts(n, BLOCK))
        return np.concatenate(blocks)

    def acceleration(self) -> F8:
        """Limits are percentiles: no acceleration."""
        raise NoValidAnswer("limits of a contrast with found weights are percentiles; BCa is not offered")

    def _block(self, cut: tuple[int, int], seed: int, start: F8) -> F8:
        rows = [np.arange(leave.size) for leave in self.arms.leave]
        draws = ([drawn(of, seed, b, stream) for stream, of in enumerate(rows)] for b in range(*cut))
        return np.stack([self._read(ours, theirs, start) for ours, theirs in draws])

    def _read(self, ours: I8, theirs: I8, start: F8) -> F8:
        milestones, tau = np.asarray(self.ask.milestones, np.float64), float(self.ask.tau)
        trial = self.arms.table(1, theirs.astype(np.float64), theirs)
        levels, ratios = [read_off(trial, self.arms.day, milestones, tau)], []
        for weigh, beta in zip(self.weigh, start, strict=True):
            weight = weigh(ours)
            if weight is None:
                return np.full((1 + len(self.weigh)) * self.ask.width + len(self.weigh), np.nan)
            practice = self.arms.table(0, weight, ours)
            levels.append(read_off(practice, self.arms.day, milestones, tau))
            ratios.append(log_hazard_ratio(practice, trial, beta))
        return np.concatenate([*levels, ratios])


def weighing(weights: Any, values: F8) -> Weigh:
    """Return how people are weighed in a replicate.

    What found the weights finds them anew (`again`: draws of each person to weights of each person); weights that
    came from elsewhere stay as they are.
    """
    again = getattr(weights, "again", None)
    if again is None:
        return lambda times: np.asarray(values * times, np.float64)
    return lambda times: _found(again, times)


def within(weigh: Weigh, chosen: Any) -> Weigh:
    """Return a weighing of the chosen persons only; the others weigh nothing."""
    inside = np.ascontiguousarray(chosen, np.int64)
    return lambda times: weigh(times * inside)


def _found(again: Callable[[I8], F8], times: I8) -> F8 | None:
    try:
        return np.ascontiguousarray(again(times), np.float64)
    except NoValidAnswer:
        return None


def resampled(
    table: pl.DataFrame, source: Contrasts, replicates: int, seed: int, conf_level: float
) -> tuple[list[pl.DataFrame], Sequence[str]]:
    """Return the differences of a contrast with the errors and limits of replicates, and what a reader must know.

    Parameters
    ----------
    table
        Differences with closed errors, of one weighting: milestones in their order, rmst, median, hazard_ratio;
        what else it holds stays.
    """
    width, draws = source.ask.width, source.draw(replicates, seed)
    values, estimate = _between(draws, width), _between(source.estimate()[None, :], width)[0]
    spread = Distribution(estimate, values, source)
    found = pl.DataFrame(spread.columns("percentile", conf_level), nan_to_null=True).drop("bias")
    found = found.with_columns(pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64)))
    names = ["milestone"] * len(source.ask.milestones) + ["rmst", "median", "hazard_ratio"]
    days = [*source.ask.milestones, source.ask.tau, None, None]
    told = found.with_columns(estimand=pl.Series(names), time=pl.Series(days, dtype=pl.Int64))
    ratio = pl.when(estimand="hazard_ratio")
    exponents = [ratio.then(pl.col(c).exp()).otherwise(c).alias(c) for c in ("estimate", "conf_low", "conf_high")]
    plain = table.drop("estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value")
    joined = plain.join(told.with_columns(exponents), on=["estimand", "time"], how="left", nulls_equal=True)
    kept = table.filter(~pl.col("estimand").is_in(names))
    answered = joined.filter(pl.col("estimand").is_in(names))
    return [answered, kept], lost_note(int(np.isnan(values[:, len(source.ask.milestones)]).sum()), replicates)


def _between(values: F8, width: int) -> F8:
    """Return practice less trial, and the log hazard ratio; NaN where neither side reaches its median."""
    with np.errstate(invalid="ignore"):
        return np.column_stack([values[:, width : 2 * width] - values[:, :width], values[:, -1]])


def lost_note(lost: int, n: int) -> Sequence[str]:
    """Return what a reader must know of replicates without an answer."""
    return [f"{lost} of {n} replicates have no answer: weights do not exist or follow-up is too short"] if lost else []
