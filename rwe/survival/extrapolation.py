# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Several families on the same rows, compared: fit, survival at landmarks, life-years, and what is implausible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from rwe.errors import DefinitionError
from rwe.result import Result, tidy
from rwe.survival.averaging import AveragedCurve, averaged
from rwe.survival.curve import Curve
from rwe.survival.extrapolated import Asked, told
from rwe.survival.kaplan_meier import KaplanMeier
from rwe.survival.parametric_model import Parametric
from rwe.survival.show import Shown, Story
from rwe.survival.smoothed_hazard import SmoothedHazard

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language

AVERAGED = "averaged"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Extrapolation(Shown):
    """Families on the same rows.

    Parameters
    ----------
    table
        One row a family, the best by AIC first: n_par, loglik, aic, bic, weight (Akaike's), life_years up to the
        horizon with conf_low and conf_high, beyond_data (share of them after the last day followed), mean_years
        without a horizon (infinite where nobody need fail; null where population hazard enters); last the row
        ``averaged``.
    landmarks
        family, time, survival, conf_low, conf_high.
    flags
        family, flag, day (first on which it shows; null where it has none).
    failed
        Families without an answer, with the reason.
    fits, curves
        By family: the fit, and the curve that the tables are of (with population hazard where asked for).
    observed, hazard
        Kaplan-Meier curve and smoothed hazard of the rows.
    population
        Curve of the population; None without life table.
    asked, background
        Landmarks, horizon and draws; how population hazard entered.
    """

    table: pl.DataFrame
    landmarks: pl.DataFrame
    flags: pl.DataFrame
    failed: Mapping[str, str]
    fits: Mapping[str, Parametric]
    curves: Mapping[str, Curve]
    observed: KaplanMeier
    hazard: SmoothedHazard | None
    population: Curve | None
    asked: Asked
    background: str

    def average(self, weights: Mapping[str, float] | None = None) -> AveragedCurve:
        """Return the mean of the families' curves by these weights; by Akaike's without.

        Raises
        ------
        DefinitionError
            If a weight names no family that has an answer.
        """
        given = dict(weights or self.table.filter(pl.col("family") != AVERAGED).select("family", "weight").iter_rows())
        if odd := sorted(set(given) - set(self.curves)):
            raise DefinitionError(f"weights name {odd}; families with an answer are {', '.join(self.curves)}")
        return averaged([self.curves[name] for name in given], list(given.values()))

    def read(self, curve: Curve) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the row of life-years and the landmarks of another curve, for example one with a waning effect."""
        found = told(curve, self.asked)
        return pl.DataFrame([found.row]), found.landmarks

    def plot(
        self, *, families: Sequence[str] | None = None, horizon: float | None = None, title: str | None = None,
        subtitle: str | None = None, language: Language = "en",
    ) -> Chart:  # fmt: skip
        """Draw fitted curves over the Kaplan-Meier curve; the best five by AIC unless others are named."""
        from rwe.survival.plot_extrapolation import curves_chart

        return curves_chart(self, families, horizon, title, subtitle, language)

    def plot_hazard(
        self, *, families: Sequence[str] | None = None, horizon: float | None = None, title: str | None = None,
        subtitle: str | None = None, language: Language = "en",
    ) -> Chart:  # fmt: skip
        """Draw fitted hazards over the smoothed one, to the end of the data unless a horizon is given."""
        from rwe.survival.plot_extrapolation import hazards_chart

        return hazards_chart(self, families, horizon, title, subtitle, language)

    def to_result(self, *, population: str = "", outcome: str = "", group: str = "overall") -> Result:
        """Return all in the long tidy form: the family is the stratum, a flag an estimand with its day."""
        fit = self.table.rename({"weight": "aic_weight"}).unpivot(
            ["n_par", "aic", "bic", "aic_weight", "beyond_data", "mean_years"],
            index="family", variable_name="estimand", value_name="estimate",
        )  # fmt: skip
        years = self.table.select(
            "family", "conf_low", "conf_high", estimate="life_years", estimand=pl.lit("life_years")
        )
        years = years.with_columns(time=pl.lit(self.asked.horizon))
        marks = self.landmarks.rename({"survival": "estimate"}).with_columns(estimand=pl.lit("extrapolated_survival"))
        flags = self.flags.select("family", pl.format("flag_{}", "flag").alias("estimand"), time="day", estimate=1.0)
        rows = pl.concat([fit, years, marks, flags], how="diagonal_relaxed").rename({"family": "stratum"})
        rows = rows.filter(pl.col("estimate").is_not_null())
        first = next(iter(self.fits.values()))
        rows = rows.with_columns(n=pl.lit(first.n), n_event=pl.lit(first.n_event))
        labels = {"population": population, "outcome": outcome, "group": group}
        settings = {
            "horizon": self.asked.horizon, "last": self.asked.last, "background": self.background,
            "conf_level": self.asked.conf_level, "draws": self.asked.draws, "seed": self.asked.seed,
            "failed": dict(self.failed), "families": list(self.fits),
        }  # fmt: skip
        return Result(tidy(rows, analysis="extrapolation", **labels), settings)

    def _story(self) -> Story:
        told = f"{len(self.fits)} families, life-years up to day {self.asked.horizon}, followed to day"
        flagged = self.flags.group_by("family", maintain_order=True).agg(pl.col("flag"))
        notes = [f"{family}: {', '.join(flags)}" for family, flags in flagged.iter_rows()]
        notes += [f"{name} has no answer: {why}" for name, why in self.failed.items()]
        return f"Extrapolation: {told} {self.asked.last:g}", self.table, notes
