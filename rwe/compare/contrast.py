# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`contrast`: survival in practice against survival in the trial, as it is or after weighting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rwe import survival as sv
from rwe.compare.people import people, require, row_weights
from rwe.compare.rake import Raked, effective_sample_size
from rwe.compare.trial import TrialBaseline
from rwe.errors import NoValidAnswer
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile, two_sided

METHOD = {
    "weights": "taken as fixed: that raking estimated them is left out of the errors, which makes these conservative",
    "groups": "independent; the variance of a difference is the sum of both",
    "difference": "registry minus trial; normal limits on the plain scale",
    "hazard_ratio": "registry to trial, Cox model with Efron ties, sandwich error (Lin & Wei 1989), trial weight 1",
}


def contrast(
    cohort_or_frame: Any,
    trial: TrialBaseline,
    *,
    endpoint: str,
    trial_endpoint: str | None = None,
    weights: Any = None,
    arm: str = "all",
    milestones: Sequence[int] = (365, 1096, 1826),
    tau: int = 1826,
    conf_level: float = 0.95,
    stratum: str | None = None,
    population: str = "",
) -> Result:
    """Compare an endpoint in practice with the same endpoint among the trial's own patients.

    Parameters
    ----------
    cohort_or_frame
        A cohort or a frame, one row a person, with ``<endpoint>_days`` and ``<endpoint>_event``.
    trial
        The trial, with individual data.
    endpoint
        Endpoint in practice.
    trial_endpoint
        Its name in the trial, where that differs (a sensitivity rule of the registry).
    weights
        What `rake` returned, a column name or one weight a row; unweighted by default. Variances of
        the weighted registry come from the infinitesimal jackknife.
    arm
        Arm of the trial, or all of it.
    milestones
        Days on which survival is compared; null beyond the follow-up of either side.
    tau
        Common horizon of restricted mean survival time, days.
    stratum, population
        Labels of the rows; `stratum` is ``unadjusted`` or, with weights, ``raked`` by default.

    Returns
    -------
    Result
        Groups registry, trial and difference. Persons in rows of the group difference are those of
        the registry.

    Raises
    ------
    NoValidAnswer
        If the trial has no such endpoint or individual data, or `tau` lies beyond the shorter
        follow-up of the two.
    """
    theirs = trial.patients(trial_endpoint or endpoint, arm).select("days", "event", weight=1.0, practice=0)
    practice = _follow_up(people(cohort_or_frame), endpoint, weights)
    shorter = _shorter_follow_up(practice, theirs, tau, trial.name)

    ours = _curve(practice, conf_level, weighted=weights is not None)
    published = _curve(theirs, conf_level, weighted=False)
    days = [day for day in _published_days(trial, trial_endpoint or endpoint, arm) if day <= shorter]
    parts = [
        _group(ours, "registry", milestones, days, tau),
        _size(practice["weight"]),
        _group(published, "trial", milestones, days, tau),
        _differences(ours, published, milestones, tau, conf_level),
        _hazard_ratio(pl.concat([practice, theirs]), conf_level),
    ]
    label = stratum or ("unadjusted" if weights is None else "raked")
    labels = {"analysis": "trial_comparison", "population": population, "stratum": label, "outcome": endpoint}
    settings = {"trial": trial.name, "arm": arm, "tau": tau, "conf_level": conf_level, "milestones": [*milestones]}
    settings |= {"trial_endpoint": trial_endpoint or endpoint, "method": METHOD}
    return Result(pl.concat([tidy(part, **labels) for part in parts]), settings)


def _follow_up(rows: pl.DataFrame, endpoint: str, weights: Any) -> pl.DataFrame:
    days, event = f"{endpoint}_days", f"{endpoint}_event"
    require(rows, [days, event])
    weight = row_weights(rows, weights.weights if isinstance(weights, Raked) else weights)
    return rows.select(
        pl.col(days).cast(pl.Int64).alias("days"),
        pl.col(event).cast(pl.Boolean).alias("event"),
        pl.Series("weight", weight),
        pl.lit(1).alias("practice"),
    )


def _shorter_follow_up(practice: pl.DataFrame, trial: pl.DataFrame, tau: int, name: str) -> int:
    last = {"the registry": _last_day(practice), f"trial '{name}'": _last_day(trial)}
    side = min(last, key=lambda who: last[who])
    if tau > last[side]:
        raise NoValidAnswer(
            f"no common horizon of {tau} days: {side} is followed for {last[side]}; choose a shorter tau"
        )
    return last[side]


def _last_day(rows: pl.DataFrame) -> int:
    last = rows.filter(pl.col("weight") > 0)["days"].max()
    return last if isinstance(last, int) else 0


def _published_days(trial: TrialBaseline, endpoint: str, arm: str) -> list[int]:
    """Return the days on which the trial's numbers at risk are published, so that both stand in one table."""
    curve = trial.endpoints[endpoint].arms.get(arm)
    return [day for day, _ in curve.at_risk] if curve else []


def _curve(rows: pl.DataFrame, conf_level: float, *, weighted: bool) -> sv.KaplanMeier:
    weight = "weight" if weighted else None
    return sv.kaplan_meier(rows, time="days", event="event", weights=weight, conf_level=conf_level, robust=weighted)


def _group(km: sv.KaplanMeier, group: str, milestones: Sequence[int], days: Sequence[int], tau: int) -> pl.DataFrame:
    table = km.to_result(milestones=milestones, at_risk=days, tau=tau).table
    return table.with_columns(pl.lit(group).alias("group"))


def _size(weight: pl.Series) -> pl.DataFrame:
    used = weight.filter(weight > 0)
    row = {"group": "registry", "estimand": "effective_sample_size", "n": used.len()}
    return pl.DataFrame([{**row, "estimate": effective_sample_size(used)}])


def _differences(
    ours: sv.KaplanMeier, trial: sv.KaplanMeier, milestones: Sequence[int], tau: int, conf_level: float
) -> pl.DataFrame:
    """Return registry minus trial for survival at the milestones and for the restricted mean at `tau`."""
    at = ours.at_risk(milestones).select("time", pl.col("n_risk").alias("n"), "n_event")
    survival = _minus(ours.at(milestones), trial.at(milestones), "survival", conf_level)
    n, n_event = ours.persons
    rmst = _minus(ours.rmst(tau), trial.rmst(tau), "rmst", conf_level)
    parts = [
        at.hstack(survival).with_columns(estimand=pl.lit("milestone")),
        rmst.with_columns(time=pl.lit(tau), n=pl.lit(n), n_event=pl.lit(n_event), estimand=pl.lit("rmst")),
    ]
    return pl.concat(parts, how="diagonal_relaxed").with_columns(group=pl.lit("difference"))


def _minus(ours: pl.DataFrame, trial: pl.DataFrame, column: str, conf_level: float) -> pl.DataFrame:
    """Return the difference of two independent estimates; null where one is null or has no error."""
    pair = pl.DataFrame(
        {
            "estimate": ours[column] - trial[column],
            "std_error": (ours["std_error"] ** 2 + trial["std_error"] ** 2).sqrt(),
        }
    )
    return pair.with_columns(_normal_limits(conf_level))


def _normal_limits(conf_level: float) -> list[pl.Expr]:
    """Return limits, statistic and p-value of an estimate with a normal error."""
    estimate, error = pl.col("estimate"), pl.col("std_error")
    half = normal_quantile(conf_level) * error
    z = pl.when(error > 0).then(estimate / error)
    p = z.map_elements(two_sided, return_dtype=pl.Float64)
    return [
        (estimate - half).alias("conf_low"),
        (estimate + half).alias("conf_high"),
        z.alias("statistic"),
        p.alias("p_value"),
    ]


def _hazard_ratio(both: pl.DataFrame, conf_level: float) -> pl.DataFrame:
    """Return the hazard ratio of practice to trial, with the persons and events of practice."""
    model = sv.cox(
        both, time="days", event="event", covariates=["practice"], weights="weight", robust=True, conf_level=conf_level
    )
    ours = both.filter((pl.col("practice") == 1) & (pl.col("weight") > 0))
    return model.coefficients.select(
        pl.lit("difference").alias("group"),
        pl.lit("hazard_ratio").alias("estimand"),
        pl.lit(ours.height).alias("n"),
        pl.lit(int(ours["event"].sum())).alias("n_event"),
        pl.col("hazard_ratio").alias("estimate"),
        pl.col("robust_std_error").alias("std_error"),
        "conf_low",
        "conf_high",
        "statistic",
        "p_value",
    )
