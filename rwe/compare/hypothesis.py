# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Non-inferiority, equivalence, superiority: a contrast held against a margin laid down beforehand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import polars as pl

from rwe.compare import contrast_rows as rows
from rwe.compare.follow_up import curve, day_with_at_risk, follow_up
from rwe.compare.people import people
from rwe.compare.trial import TrialBaseline
from rwe.errors import DefinitionError
from rwe.result import Result, tidy
from rwe.spec.claim import margin_fault

Kind = Literal["non_inferiority", "equivalence", "superiority"]
Estimand = Literal["milestone", "rmst", "hazard_ratio"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What is claimed of practice against the trial.

    Parameters
    ----------
    kind
        ``non_inferiority``: worse by less than the margin; ``equivalence``: within the margin both ways;
        ``superiority``: better by more than the margin.
    estimand
        ``milestone`` or ``rmst`` (margin: how much less is tolerated, in survival or in days, from 0) or
        ``hazard_ratio`` (margin: the largest ratio tolerated, from 1).
    margin
        As laid down in the study file.
    time
        Day of the milestone, or horizon of the restricted mean; None for a hazard ratio.
    min_at_risk
        Persons whom both sides must have at risk on the last day that is used.
    """

    kind: Kind
    estimand: Estimand
    margin: float
    time: int | None = None
    min_at_risk: int = 11

    def __post_init__(self) -> None:
        if fault := margin_fault(self.estimand, self.margin, self.time):
            raise DefinitionError(fault)

    @property
    def ratio(self) -> bool:
        """Whether the margin stands on the scale of a ratio, where more is worse."""
        return self.estimand == "hazard_ratio"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a hypothesis.

    Parameters
    ----------
    verdict
        ``met``, ``not_met`` or ``undetermined``.
    reason
        ``within_margin``, ``beyond_margin``, ``interval_holds_margin``, ``too_few_at_risk`` or ``no_interval``.
    """

    verdict: Literal["met", "not_met", "undetermined"]
    reason: str


def judge(hypothesis: Hypothesis, low: float | None, high: float | None) -> Verdict:
    """Return the verdict that an interval gives: met where all of it lies on the right side of the margin.

    An interval that is not there leaves the hypothesis undetermined.

    Examples
    --------
    >>> judge(Hypothesis("non_inferiority", "hazard_ratio", 1.25), 0.9, 1.2).verdict
    'met'
    >>> judge(Hypothesis("non_inferiority", "milestone", 0.05, 548), -0.08, 0.02).reason
    'interval_holds_margin'
    """
    if low is None or high is None:
        return Verdict("undetermined", "no_interval")
    if hypothesis.ratio:  # so that more is better on every scale
        low, high, margin = -math.log(high), -math.log(low), math.log(hypothesis.margin)
    else:
        margin = hypothesis.margin
    floor = margin if hypothesis.kind == "superiority" else -margin
    ceiling = margin if hypothesis.kind == "equivalence" else math.inf
    if low > floor and high < ceiling:
        return Verdict("met", "within_margin")
    if high <= floor or low >= ceiling:
        return Verdict("not_met", "beyond_margin")
    return Verdict("undetermined", "interval_holds_margin")


def hold(
    cohort_or_frame: Any,
    trial: TrialBaseline,
    hypothesis: Hypothesis,
    *,
    endpoint: str,
    trial_endpoint: str | None = None,
    weights: Any = None,
    arm: str = "all",
    conf_level: float = 0.95,
    stratum: str | None = None,
    population: str = "",
) -> Result:
    """Hold practice against the trial by a margin; follow-up ends where either side has too few at risk.

    Parameters
    ----------
    cohort_or_frame, trial, endpoint, trial_endpoint, weights, arm, conf_level, stratum, population
        As in `contrast`.
    hypothesis
        What is claimed, and the margin.

    Returns
    -------
    Result
        One row (group ``hypothesis``): the estimate with its limits at `conf_level`, and one-sided statistic and
        p-value of the margin (the larger of the two for equivalence; Schuirmann 1987). `settings` has the verdict.

    Raises
    ------
    DefinitionError, DataError, NoValidAnswer
        As `contrast` does.
    """
    theirs = trial.patients(trial_endpoint or endpoint, arm).select("days", "event", weight=1.0, practice=0)
    practice = follow_up(people(cohort_or_frame), endpoint, weights)
    last = day_with_at_risk({"practice": practice, "trial": theirs}, hypothesis.min_at_risk)
    short = last < (hypothesis.time or 0)
    row = (
        pl.DataFrame() if short else _row(hypothesis, practice, theirs, last, conf_level, weighted=weights is not None)
    )
    found = row.row(0, named=True) if row.height else {}
    verdict = (
        Verdict("undetermined", "too_few_at_risk")
        if short
        else judge(hypothesis, found["conf_low"], found["conf_high"])
    )
    told: dict[str, Any] = {"kind": hypothesis.kind, "estimand": hypothesis.estimand, "margin": hypothesis.margin}
    told |= {"time": hypothesis.time, "min_at_risk": hypothesis.min_at_risk}
    told |= {"verdict": verdict.verdict, "reason": verdict.reason}
    labels = {"analysis": "trial_comparison", "population": population, "outcome": endpoint, "group": "hypothesis"}
    labels |= {"stratum": stratum or ("unadjusted" if weights is None else "raked")}
    return Result(tidy(row, **labels), {"conf_level": conf_level, "hypothesis": told})


def _row(
    hypothesis: Hypothesis, practice: pl.DataFrame, trial: pl.DataFrame, last: int, conf_level: float, *, weighted: bool
) -> pl.DataFrame:
    if hypothesis.ratio:
        both = pl.concat([practice, trial])
        cut = both.with_columns(pl.col("days").clip(upper_bound=last), event=pl.col("event") & (pl.col("days") <= last))
        found = rows.hazard_ratio(cut, conf_level)[0].filter(estimand="hazard_ratio")
        scale = found.select(estimate=-pl.col("estimate").log(), std_error="std_error")
    else:
        time = hypothesis.time or 0
        ours, theirs = curve(practice, conf_level, weighted=weighted), curve(trial, conf_level, weighted=False)
        found = rows.differences(ours, theirs, (time,), time, conf_level).filter(estimand=hypothesis.estimand)
        scale = found.select("estimate", "std_error")
    z, p = _test(hypothesis, *scale.row(0))
    return found.drop("group").with_columns(statistic=pl.lit(z, pl.Float64), p_value=pl.lit(p, pl.Float64))


def _test(hypothesis: Hypothesis, estimate: float | None, error: float | None) -> tuple[float | None, float | None]:
    """Return the one-sided test of the margin, of a benefit (more is better) with a normal error."""
    if estimate is None or not error:
        return None, None
    margin = math.log(hypothesis.margin) if hypothesis.ratio else hypothesis.margin
    z = (estimate + (-margin if hypothesis.kind == "superiority" else margin)) / error
    if hypothesis.kind == "equivalence":
        z = min(z, (margin - estimate) / error)
    return z, NormalDist().cdf(-z)
