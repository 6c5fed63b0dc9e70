# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The rows of a contrast with closed errors: both sides, their differences, the hazard ratio and its tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rwe import survival as sv
from rwe.compare.weights import effective_sample_size
from rwe.errors import NoValidAnswer
from rwe.survival.intervals import normal_quantile, two_sided

NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value")


def group(km: sv.KaplanMeier, name: str, milestones: Sequence[int], days: Sequence[int], tau: int) -> pl.DataFrame:
    """Return survival at the milestones, numbers at risk on `days`, restricted mean and median of one side."""
    table = km.to_result(milestones=milestones, at_risk=days, tau=tau).table
    return table.with_columns(pl.lit(name).alias("group"))


def size(weight: pl.Series) -> pl.DataFrame:
    """Return the effective sample size of practice."""
    used = weight.filter(weight > 0)
    row = {"group": "registry", "estimand": "effective_sample_size", "n": used.len()}
    return pl.DataFrame([{**row, "estimate": effective_sample_size(used)}])


def differences(
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


def median(both: pl.DataFrame, conf_level: float) -> pl.DataFrame:
    """Return the difference of the medians, with the limits of Su & Wei (1993); null where one is not reached."""
    weights = "weight" if (both["weight"] != 1).any() else None
    found = sv.median_difference(
        both, time="days", event="event", by="practice", weights=weights, conf_level=conf_level
    )
    row = found.table.select("estimate", "conf_low", "conf_high")
    return row.with_columns(**_of_practice(both), estimand=pl.lit("median"))


def hazard_ratio(both: pl.DataFrame, conf_level: float) -> tuple[pl.DataFrame, list[str]]:
    """Return the hazard ratio of practice to trial and, below it, the test that it is the same at all times.

    The persons and events are those of practice. Where there is no finite ratio, because one side has no events,
    the rows are empty and the note says why: what else is compared stands.
    """
    try:
        return _fitted(both, conf_level).with_columns(**_of_practice(both)), []
    except NoValidAnswer as exc:
        names = pl.DataFrame({"estimand": ["hazard_ratio", "proportional_hazards"]})
        empty = [pl.lit(None, pl.Float64).alias(name) for name in NUMBERS]
        return names.with_columns(*empty, **_of_practice(both)), [f"no hazard ratio: {exc}"]


def _fitted(both: pl.DataFrame, conf_level: float) -> pl.DataFrame:
    cluster = "pair" if "pair" in both.columns else None
    model = sv.cox(
        both, time="days", event="event", covariates=["practice"], weights="weight", robust=True, cluster=cluster,
        conf_level=conf_level,
    )  # fmt: skip
    ratio = model.coefficients.select(
        pl.lit("hazard_ratio").alias("estimand"),
        pl.col("hazard_ratio").alias("estimate"),
        pl.col("robust_std_error").alias("std_error"),
        "conf_low",
        "conf_high",
        "statistic",
        "p_value",
    )
    test = model.proportional_hazards(transform="km").table.head(1).select("statistic", "p_value")
    rows = [ratio, test.with_columns(estimand=pl.lit("proportional_hazards"))]
    return pl.concat(rows, how="diagonal")


def one_sample(practice: pl.DataFrame, points: Sequence[tuple[int, float]], conf_level: float) -> pl.DataFrame:
    """Return events in practice to those that the published curve expects of the same follow-up.

    Follow-up ends where the curve ends, or where it comes to 0: beyond, nothing is published.
    """
    known = pl.DataFrame(points, schema={"time": pl.Float64, "survival": pl.Float64}, orient="row")
    known = known.filter(pl.col("time") > 0, pl.col("survival") > 0)
    if known.is_empty():
        return pl.DataFrame()
    end = int(known["time"].cast(pl.Int64)[-1])
    rows = practice.with_columns(pl.col("days").clip(upper_bound=end), event=pl.col("event") & (pl.col("days") <= end))
    how: dict[str, Any] = {"reference": known, "curve": "step", "conf_level": conf_level}
    try:
        found = sv.one_sample_log_rank(rows, time="days", event="event", **how).to_result()
    except NoValidAnswer:  # nobody is followed to the curve's first step: no events are expected
        return pl.DataFrame()
    columns = ("n", "n_event", "estimate", "conf_low", "conf_high", "statistic", "p_value", "estimand")
    return found.table.select(columns).with_columns(group=pl.lit("difference"), time=pl.lit(end))


def normal_limits(conf_level: float) -> list[pl.Expr]:
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


def _minus(ours: pl.DataFrame, trial: pl.DataFrame, column: str, conf_level: float) -> pl.DataFrame:
    """Return the difference of two independent estimates; null where one is null or has no error."""
    pair = pl.DataFrame(
        {
            "estimate": ours[column] - trial[column],
            "std_error": (ours["std_error"] ** 2 + trial["std_error"] ** 2).sqrt(),
        }
    )
    return pair.with_columns(normal_limits(conf_level))


def _of_practice(both: pl.DataFrame) -> dict[str, pl.Expr]:
    ours = both.filter((pl.col("practice") == 1) & (pl.col("weight") > 0))
    labels = {"group": pl.lit("difference"), "n": pl.lit(ours.height)}
    return labels | {"n_event": pl.lit(int(ours["event"].sum()))}
