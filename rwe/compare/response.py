# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`response`: a response rate in practice against the trial's published rate, as it is or after weighting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from rwe.compare.people import people, require, row_weights, weight_values
from rwe.compare.proportions import proportion
from rwe.compare.trial import TrialBaseline
from rwe.compare.trial_figures import rate_of
from rwe.compare.two_by_two import Counts, differences, ratios
from rwe.compare.weights import effective_sample_size
from rwe.errors import DataError, NoValidAnswer
from rwe.result import Result, tidy
from rwe.spec.trial_published import ArmRate
from rwe.survival.distribution import refuse_other
from rwe.survival.intervals import normal_quantile, two_sided

DifferenceLimits: TypeAlias = Literal["newcombe", "miettinen_nurminen"]
Row = dict[str, Any]
METHOD = {
    "difference": "practice minus trial; both sides independent, the published rate has the error of its patients",
    "weighted": "weights taken as fixed; sandwich error of the weighted share, its limits on the logit scale",
    "rate": "limits of an unweighted count are exact (Clopper & Pearson 1934); those of the trial as printed, if so",
    "ratio": "normal limits of the logarithm",
}
FIXED = "all or none respond: neither the weighted rate nor what is made of it has limits"


def response(
    cohort_or_frame: Any,
    trial: TrialBaseline,
    *,
    outcome: str,
    rate: str | None = None,
    arm: str = "all",
    weights: Any = None,
    limits: DifferenceLimits = "newcombe",
    conf_level: float = 0.95,
    stratum: str | None = None,
    population: str = "",
) -> Result:
    """Compare a response rate in practice with the one that the trial publishes.

    Parameters
    ----------
    cohort_or_frame
        A cohort or a frame, one row a person, with the truth value ``<outcome>_responder``.
    trial
        The trial.
    outcome
        Response in practice.
    rate
        Its name among the rates of the trial, where that differs.
    arm
        Arm of the trial.
    weights
        What `rake`, `maic` or another alignment returned, a column name or one weight a row; unweighted by default.
    limits
        Of the unweighted difference: Newcombe (1998, method 10) or Miettinen & Nurminen (1985).
    stratum, population
        Labels; `stratum` is ``unadjusted`` or, with weights, ``raked`` by default.

    Returns
    -------
    Result
        Estimand ``response`` of the groups registry, trial and difference, ``risk_ratio`` of the group difference,
        and the effective sample size.

    Raises
    ------
    DefinitionError
        If an argument is wrong, or the trial has no such rate or arm.
    DataError
        If a column is missing or holds nulls, or weights are not one finite number >= 0 a row.
    NoValidAnswer
        If the trial's rate is unknown, or there is nobody.
    """
    refuse_other("limits", limits, ("newcombe", "miettinen_nurminen"))
    name = rate or outcome
    published = rate_of(trial, name, arm)
    ours = _Practice.of(cohort_or_frame, f"{outcome}_responder", weights)
    theirs = published.proportion if published.proportion is not None else (published.responders or 0) / published.n
    counted = (theirs * published.n, published.n)
    if weights is None:
        rows, notes = _counted(ours, counted, limits, conf_level), list[str]()
    else:
        rows, notes = _weighted(ours, counted, conf_level)
    rows = [row | {"n": ours.responds.size, "n_event": int(ours.responds.sum())} for row in rows]
    rows += [_trial(published, theirs, conf_level), ours.size()]
    label = stratum or ("unadjusted" if weights is None else "raked")
    labels = {"analysis": "response_comparison", "population": population, "stratum": label, "outcome": outcome}
    settings = {"trial": trial.name, "arm": arm, "rate": name, "conf_level": conf_level, "difference_limits": limits}
    return Result(tidy(rows, **labels), settings | {"method": METHOD, "notes": [*trial.notes, *notes]})


@dataclass(frozen=True, slots=True, eq=False)
class _Practice:
    """Who responds, and the weight of each; rows of weight 0 are nobody."""

    responds: np.ndarray[Any, np.dtype[np.bool_]]
    weight: np.ndarray[Any, np.dtype[np.float64]]

    @classmethod
    def of(cls, source: Any, column: str, weights: Any) -> _Practice:
        rows = people(source)
        require(rows, [column])
        if missing := rows[column].null_count():
            raise DataError(f"'{column}' is missing in {missing} of {rows.height} rows; who is not assessed is false")
        weight = row_weights(rows, weight_values(weights))
        if not (weight > 0).any():
            raise NoValidAnswer("nobody to take a rate of: the population is empty")
        return cls(rows[column].to_numpy()[weight > 0], weight[weight > 0])

    def size(self) -> Row:
        size = effective_sample_size(self.weight)
        return {"group": "registry", "estimand": "effective_sample_size", "n": self.weight.size, "estimate": size}


def _counted(ours: _Practice, theirs: tuple[float, int], limits: str, conf_level: float) -> list[Row]:
    n_event, n = int(ours.responds.sum()), ours.responds.size
    found = proportion(n_event, n, method="clopper_pearson", conf_level=conf_level)
    counts: Counts = (n_event, n, *theirs)
    between = next(row for row in differences(counts, conf_level) if row["conf_type"] == limits)
    ratio = ratios(counts, normal_quantile(conf_level))[0]
    own = {"estimate": found.estimate, "conf_low": found.conf_low, "conf_high": found.conf_high}
    return [
        {"group": "registry", "estimand": "response"} | own,
        {"group": "difference"} | _figures(between) | {"estimand": "response"},
        {"group": "difference"} | _figures(ratio) | {"estimand": "risk_ratio"},
    ]


def _figures(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "conf_type"}


def _weighted(ours: _Practice, theirs: tuple[float, int], conf_level: float) -> tuple[list[Row], list[str]]:
    """Return the rows of a weighted rate: sandwich error, the weights taken as fixed."""
    total = ours.weight.sum()
    share = float(ours.weight @ ours.responds / total)
    error = float(np.sqrt((ours.weight**2) @ (ours.responds - share) ** 2)) / float(total)
    other, z = theirs[0] / theirs[1], normal_quantile(conf_level)
    rate: Row = {"group": "registry", "estimand": "response", "estimate": share}
    gap: Row = {"group": "difference", "estimand": "response", "estimate": share - other}
    ratio: Row = {"group": "difference", "estimand": "risk_ratio", "estimate": share / other if other else None}
    if bool(ours.responds.all()) or not ours.responds.any():
        return [rate, gap, ratio], [FIXED]
    rate |= {"std_error": error} | _logit_limits(share, error, z)
    apart = math.hypot(error, math.sqrt(other * (1 - other) / theirs[1]))
    statistic = (share - other) / apart
    gap |= {"std_error": apart, "conf_low": max(-1.0, share - other - z * apart), "statistic": statistic}
    gap |= {"conf_high": min(1.0, share - other + z * apart), "p_value": two_sided(statistic)}
    if other:
        log_error = math.hypot(error / share, math.sqrt((1 - other) / (other * theirs[1])))
        low, high = (share / other * math.exp(side * z * log_error) for side in (-1, 1))
        ratio |= {"std_error": log_error, "conf_low": low, "conf_high": high}
    return [rate, gap, ratio], []


def _logit_limits(share: float, error: float, z: float) -> Row:
    middle, reach = math.log(share / (1 - share)), z * error / (share * (1 - share))
    low, high = (1 / (1 + math.exp(-(middle + side * reach))) for side in (-1, 1))
    return {"conf_low": low, "conf_high": high}


def _trial(published: ArmRate, share: float, conf_level: float) -> Row:
    """Return the trial's rate with the limits printed, else exact ones of its count; a bare proportion has none."""
    row: Row = {"group": "trial", "estimand": "response", "n": published.n, "n_event": published.responders}
    limits = published.interval
    if limits is None and published.responders is not None:
        found = proportion(published.responders, published.n, method="clopper_pearson", conf_level=conf_level)
        limits = found.conf_low, found.conf_high
    return row | {"estimate": share} | (dict(zip(("conf_low", "conf_high"), limits, strict=True)) if limits else {})
