# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Informative censoring: how much sicker those who left must have been for the conclusion to turn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.follow_up import refuse_beyond
from rwe.compare.people import people, require, row_weights, weight_values
from rwe.compare.rubin import Combined, rubin
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags
from rwe.kernels.small_cox import cox_small
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story

DELTAS = (1.0, 1.5, 2.0, 3.0, 5.0)
MOST = 100.0  # factor up to which a turning point is looked for
STEPS = 12  # halvings of the interval that holds it: 1 part in 4,000 of its logarithm
REFERENCE = "reference"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class InformativeCensoring(Shown):
    """The hazard ratio had those who left gone on otherwise than those who stayed.

    Parameters
    ----------
    table
        One row an assumption: ``assumption`` (the factor of the hazard after leaving, or ``reference``: that of the
        other group), ``delta`` (null for the latter), ratio, conf_low, conf_high, and conclusion: holds, lost (the
        interval now holds no difference), reversed, or arises (where there was none).
    tips
        Factor at which the interval first reaches no difference (where it held it: leaves it); None where none up to
        100, or down to 1/100, does.
    imputed
        How many of the group left before the horizon, and are followed on.
    """

    table: pl.DataFrame
    tips: float | None
    imputed: int
    settings: dict[str, Any]

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return each assumption in the long tidy form (its name is the group), and the factor that tips."""
        rows = self.table.select("conf_low", "conf_high", group="assumption", estimate="ratio")
        tips = pl.DataFrame(
            {"estimand": ["tipping_delta"], "estimate": [self.tips]}, schema_overrides={"estimate": pl.Float64}
        )
        both = pl.concat([rows.with_columns(estimand=pl.lit("hazard_ratio")), tips], how="diagonal")
        labels = {"population": population, "outcome": outcome}
        counted = both.with_columns(n=pl.lit(self.imputed))
        return Result(tidy(counted, analysis="informative_censoring", **labels), self.settings)

    def _story(self) -> Story:
        said = "no factor up to 100 turns it" if self.tips is None else f"turns at {self.tips:.3g} times the hazard"
        return f"Informative censoring of {self.imputed}: {said}", self.table, ()


def informative_censoring(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    horizon: int,
    doubted: str | None = None,
    weights: Any = None,
    deltas: Sequence[float] = DELTAS,
    imputations: int = 20,
    seed: int = 1,
    conf_level: float = 0.95,
) -> InformativeCensoring:
    """Follow those who left on to a horizon, at a hazard that is another one than that of those who stayed.

    Who left on day c has the event by day t with probability ``1 - (S(t) / S(c)) ^ delta``, S of their own group
    (delta-adjusted multiple imputation: Jackson et al. 2014, Stat Med 33:4681; Lipkovich et al. 2016, Pharm Stat
    15:216), or with S of the other group (jump to reference). Each completed data set draws the group anew before S is
    estimated, the same draws for every delta; hazard ratios (Cox, sandwich errors) are combined by Rubin's rules.
    Who is followed to the horizon did not leave.

    Parameters
    ----------
    frame, time, event
        As in `rwe.survival.cox`; whole days.
    by
        Column of 0 and 1: whoever is coded 1 is doubted, 0 is the reference.
    horizon
        Day to which all are followed on; follow-up of either group ends there.
    doubted
        Column that says of whom leaving is doubted; the others of the group stay censored. By default all.
    weights
        What an alignment returned, a column name or one weight a row.
    deltas
        Factors of the hazard after leaving.
    imputations, seed
        Completed data sets, and where their chance begins.

    Raises
    ------
    DefinitionError
        If a factor is not above 0, fewer than 2 imputations are asked for, or `by` does not hold 0 and 1.
    NoValidAnswer
        If nobody left before the horizon, follow-up does not reach it, or there is no hazard ratio.
    """
    if imputations < 2 or not deltas or any(not 0 < delta < math.inf for delta in deltas):
        raise DefinitionError("deltas are factors above 0, and imputations at least 2")
    rows = _rows(people(frame), time, event, by, doubted, weights, horizon)
    sets = _Sets.of(rows, horizon, imputations, seed)
    answers: dict[str, Combined] = {f"{delta:g}": sets.combined(delta, conf_level) for delta in deltas}
    answers[REFERENCE] = sets.combined(None, conf_level)
    plain = _side(sets.combined(1.0, conf_level))
    table = pl.DataFrame(
        {
            "assumption": name, "delta": None if name == REFERENCE else float(name), "ratio": math.exp(one.estimate),
            "conf_low": math.exp(one.conf_low), "conf_high": math.exp(one.conf_high),
            "conclusion": _conclusion(plain, _side(one)),
        }
        for name, one in answers.items()
    )  # fmt: skip
    settings = {"horizon": horizon, "imputations": imputations, "seed": seed, "conf_level": conf_level}
    return InformativeCensoring(table, _tips(sets, plain, conf_level), int(sets.left.sum()), settings)


def _rows(
    frame: pl.DataFrame, time: str, event: str, by: str, doubted: str | None, weights: Any, horizon: int
) -> pl.DataFrame:
    require(frame, [name for name in (time, event, by, doubted) if name])
    group = frame[by].cast(pl.Int64)
    if group.null_count() or set(group.unique()) != {0, 1}:
        raise DefinitionError(f"column '{by}' must hold 0 (the reference) and 1 (the doubted group), both of them")
    weight = pl.Series("weight", row_weights(frame, weight_values(weights)))
    whom = pl.col(doubted).cast(pl.Boolean) if doubted else pl.lit(value=True)
    days, happened = pl.col(time).cast(pl.Int64), pl.col(event).cast(pl.Boolean)
    kept = frame.with_columns(weight, days=days, happened=happened, group=group, whom=whom).filter(pl.col("weight") > 0)
    sides = {f"group {code} of '{by}'": kept.filter(group=code) for code in (0, 1)}
    refuse_beyond(horizon, sides)
    beyond = pl.col("days") >= horizon
    return kept.select(
        pl.min_horizontal("days", pl.lit(horizon)).alias("days"),
        pl.col("happened") & (pl.col("days") <= horizon),
        "weight",
        "group",
        left=~pl.col("happened") & ~beyond & pl.col("whom") & (pl.col("group") == 1),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sets:
    """Rows with what every completed data set shares: the chance of each who left, and S as each set draws it.

    `own` and `other` hold, by set, -log S on each day of the doubted group and of the reference; `need` holds, by set
    and who left, the exponential variate that the hazard must reach.
    """

    days: I8
    happened: Flags
    group: F8
    weight: F8
    left: Flags
    own: F8
    other: F8
    need: F8

    @classmethod
    def of(cls, rows: pl.DataFrame, horizon: int, imputations: int, seed: int) -> _Sets:
        days, happened, weight = (rows[name].to_numpy() for name in ("days", "happened", "weight"))
        group, left = rows["group"].to_numpy(), rows["left"].to_numpy()
        if not left.any():
            raise NoValidAnswer(f"nobody left before day {horizon}: no censoring to doubt")
        rng = np.random.default_rng(seed)
        need = rng.exponential(size=(imputations, int(left.sum())))
        drawn = [[_drawn(rng, np.flatnonzero(group == code), days, happened, weight, horizon) for code in (1, 0)]
                 for _ in range(imputations)]  # fmt: skip
        own, other = (np.array([pair[k] for pair in drawn]) for k in (0, 1))
        return cls(days, happened, group.astype(np.float64), weight, left, own, other, need)

    def combined(self, delta: float | None, conf_level: float) -> Combined:
        """Return the log hazard ratio over all completed data sets; a delta of None follows the other group."""
        found = [self._fitted(k, delta) for k in range(len(self.need))]
        estimates, errors = zip(*found, strict=True)
        if not np.isfinite([*estimates, *errors]).all():
            raise NoValidAnswer("a completed data set has no hazard ratio: too few events in a group")
        return rubin(estimates, errors, conf_level=conf_level)

    def _fitted(self, k: int, delta: float | None) -> tuple[float, float]:
        hazard = self.other[k] if delta is None else delta * self.own[k]
        since = self.days[self.left]
        reach = hazard[since] + self.need[k]
        when = np.searchsorted(hazard, reach, side="left")  # the first day on which the hazard has reached it
        when[~np.isfinite(hazard[since])] = hazard.size  # beyond the last of a drawn curve nothing is known: they stay
        days, happened = self.days.copy(), self.happened.copy()
        horizon = hazard.size - 1
        days[self.left] = np.minimum(when, horizon)
        happened[self.left] = when <= horizon
        return _ratio(days, happened, self.group, self.weight)


def _drawn(rng: np.random.Generator, rows: I8, days: I8, happened: Flags, weight: F8, horizon: int) -> F8:
    """Return -log of Kaplan-Meier's S on each day from 0 to the horizon, of persons drawn with replacement."""
    take = rng.choice(rows, rows.size)
    died = np.bincount(days[take], weight[take] * happened[take], horizon + 1)
    risk = np.bincount(days[take], weight[take], horizon + 1)[::-1].cumsum()[::-1]
    share = np.divide(died, risk, out=np.zeros_like(died), where=risk > 0)
    with np.errstate(divide="ignore"):  # a curve that comes to 0 there has an infinite hazard
        return np.asarray(-np.log1p(-np.minimum(share, 1.0)).cumsum())


def _ratio(days: I8, happened: Flags, group: F8, weight: F8) -> tuple[float, float]:
    ticks, leave = np.unique(days, return_inverse=True)
    enter = np.full(leave.size, -1, np.int64)
    found = cox_small(group[:, None], weight, leave.astype(np.int64), enter, happened.astype(np.int64), ticks.size, 1)
    return float(found[0]), math.sqrt(found[2]) if found[2] > 0 else math.nan


def _side(found: Combined) -> int:
    """Return the side of no difference on which the interval lies, 0 where it holds it."""
    return 1 if found.conf_low > 0 else -1 if found.conf_high < 0 else 0


def _conclusion(before: int, now: int) -> str:
    return "holds" if now == before else "lost" if now == 0 else "reversed" if before else "arises"


def _tips(sets: _Sets, plain: int, conf_level: float) -> float | None:
    """Return the factor nearest to 1 at which the conclusion is another one: the hazard ratio rises with the factor."""

    def turned(log_delta: float) -> bool:
        return _side(sets.combined(math.exp(log_delta), conf_level)) != plain

    # a ratio below 1 is turned by a higher hazard, one above by a lower one, and none at all by whichever is nearer
    ends = [math.log(MOST)] if plain < 0 else [-math.log(MOST)] if plain > 0 else [math.log(MOST), -math.log(MOST)]
    found = [_between(turned, end) for end in ends if turned(end)]
    return math.exp(min(found, key=abs)) if found else None


def _between(turned: Any, end: float) -> float:
    start = 0.0
    for _ in range(STEPS):
        middle = (start + end) / 2
        start, end = (start, middle) if turned(middle) else (middle, end)
    return end
