# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Sensitivity: pre-listed runs side by side, failed ones included; the effect of each hospital and without each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import polars as pl

from rwe.compare.people import people, require
from rwe.compare.pool import Adjust, Pooled, pool
from rwe.compare.pool_tau import Method
from rwe.compare.student import inferred
from rwe.errors import BrokenRows, DefinitionError, NoValidAnswer, RweError
from rwe.figures.chart import Chart
from rwe.figures.tongue import Language
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story

Estimate: TypeAlias = tuple[float, float]  # log ratio and its standard error
Estimator: TypeAlias = Callable[[pl.DataFrame], Estimate]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sensitivity(Shown):
    """Runs in the order in which they were listed.

    Parameters
    ----------
    table
        One row a run: run, log_ratio, std_error, ratio, conf_low, conf_high, p_value, reason (why there is no estimate;
        empty where there is one).
    """

    table: pl.DataFrame
    conf_level: float

    def plot(self, *, language: Language = "en") -> Chart:
        """Draw all runs in one forest; a failed one stands there with its reason."""
        from rwe.compare.trust_charts import runs_forest

        return runs_forest(self, language)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return ratios in the long tidy form, group the run; reasons of failed ones are notes."""
        rows = self.table.select("std_error", "conf_low", "conf_high", "p_value", group="run", estimate="ratio")
        labels = {"population": population, "outcome": outcome, "estimand": "ratio"}
        notes = [f"{run}: {why}" for run, why in self.table.select("run", "reason").iter_rows() if why]
        settings = {"conf_level": self.conf_level, "scale_of_error": "log", "notes": notes}
        return Result(tidy(rows, analysis="sensitivity", **labels), settings)

    def _story(self) -> Story:
        failed = self.table.filter(pl.col("reason") != "").height
        return f"{self.table.height} runs, {failed} without an estimate", self.table, ()


def sensitivity(runs: Mapping[str, Callable[[], Estimate]], *, conf_level: float = 0.95) -> Sensitivity:
    """Do every run that was listed beforehand; one that fails stands in the table with its reason.

    Parameters
    ----------
    runs
        For each name, a function without arguments that returns a log ratio and its standard error.

    Raises
    ------
    DefinitionError
        If no run is listed. Faults that are no `RweError` are faults of a run's own code and are not caught.

    Examples
    --------
    >>> sensitivity({"as planned": lambda: (-0.3, 0.1)}).table["ratio"].round(3).to_list()
    [0.741]
    """
    if not runs:
        raise DefinitionError("no run is listed")
    rows = [{"run": name, **_attempt(run, conf_level)} for name, run in runs.items()]
    return Sensitivity(pl.DataFrame(rows, schema={"run": pl.String(), **_SCHEMA}), conf_level)


_SCHEMA = dict.fromkeys(("log_ratio", "std_error", "ratio", "conf_low", "conf_high", "p_value"), pl.Float64()) | {
    "reason": pl.String()
}


def _attempt(run: Callable[[], Estimate], conf_level: float) -> dict[str, Any]:
    try:
        estimate, error = run()
    except RweError as problem:
        return {"reason": str(problem)}
    if not (math.isfinite(estimate) and 0 < error < math.inf):
        return {"reason": "no finite estimate with a positive error"}
    t = inferred(estimate, error, conf_level)
    ratios = {"ratio": math.exp(estimate), "conf_low": math.exp(t.conf_low), "conf_high": math.exp(t.conf_high)}
    return {"log_ratio": estimate, "std_error": error, **ratios, "p_value": t.p_value, "reason": ""}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sites(Shown):
    """The effect in each hospital and without each.

    Parameters
    ----------
    within
        The estimator in each hospital alone.
    without
        The estimator over all others, in the same order.
    pooled
        Mean and heterogeneity (tau2, i2) of those that have an estimate.
    """

    within: Sensitivity
    without: Sensitivity
    pooled: Pooled

    @property
    def table(self) -> pl.DataFrame:
        """One row a hospital: its ratio with limits, that without it, and why there is none."""
        columns = ("ratio", "conf_low", "conf_high", "reason")
        left = self.without.table.select(pl.col(columns).name.prefix("without_"))
        return pl.concat([self.within.table.select("run", *columns), left], how="horizontal")

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return both and their heterogeneity in the long tidy form."""
        parts = [
            self.within.to_result().table.with_columns(stratum=pl.lit("within")),
            self.without.to_result().table.with_columns(stratum=pl.lit("without")),
            self.pooled.to_result().table.filter(pl.col("estimand").is_in(["pooled", "prediction", "tau2", "i2"])),
        ]
        labels = {"population": population, "outcome": outcome}
        settings = self.within.to_result().settings
        return Result(tidy(pl.concat(parts).with_columns(analysis=pl.lit("hospitals")), **labels), settings)

    def _story(self) -> Story:
        found = self.pooled
        return f"Hospitals: I2 {found.i2:.0f} %, tau2 {found.tau2:.3g}", self.table, found.notes


def by_site(
    frame: Any,
    estimator: Estimator,
    *,
    site: str = "site",
    method: Method = "REML",
    adjust: Adjust = "hksj",
    conf_level: float = 0.95,
) -> Sites:
    """Estimate the effect in each hospital, without each, and how much hospitals differ.

    Parameters
    ----------
    frame
        One row a person.
    estimator
        Any function of such rows that returns a log ratio and its error; a hospital on which it fails is listed.
    site
        Column of the hospital.

    Raises
    ------
    NoValidAnswer
        If fewer than two hospitals have an estimate of their own.
    """
    rows = people(frame)
    require(rows, [site])
    if n := rows[site].null_count():
        raise BrokenRows(site, "have no hospital", "say where they were treated or leave them out", n, rows.height)
    names = rows[site].unique().sort().to_list()
    parts = {str(name): (rows.filter(pl.col(site) == name), rows.filter(pl.col(site) != name)) for name in names}
    within = sensitivity({k: partial(estimator, own) for k, (own, _) in parts.items()}, conf_level=conf_level)
    found = within.table.filter(pl.col("reason") == "")
    if found.height < 2:
        why = "; ".join(within.table["reason"].filter(within.table["reason"] != "").unique(maintain_order=True))
        raise NoValidAnswer(f"{found.height} of {len(names)} hospitals have an estimate, two are needed: {why}")
    pooled = pool(
        found["log_ratio"].to_list(), found["std_error"].to_list(), labels=found["run"].to_list(), method=method,
        adjust=adjust, conf_level=conf_level,
    )  # fmt: skip
    without = sensitivity({k: partial(estimator, rest) for k, (_, rest) in parts.items()}, conf_level=conf_level)
    return Sites(within, without, pooled)
