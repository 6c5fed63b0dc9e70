# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Designed`: schemes side by side under each truth, in a table and in a figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from scipy.stats import beta

from rwe.reimbursement.waiting import Waiting
from rwe.result import Result, tidy
from rwe.spec.design import Design
from rwe.survival.show import Shown, Story

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language

ESTIMANDS = ("gross", "payback", "triggered", "effective_price", "cost_per_result", "indifferent")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Designed(Shown):
    """Schemes compared before they are signed.

    Parameters
    ----------
    plan
        What was asked.
    table
        One row a truth and scheme: ``gross``, ``payback`` (means over cohorts), ``payback_sd``, ``conf_low``,
        ``conf_high`` (where the payback lies), ``share`` of the spend that comes back with ``share_low`` and
        ``share_high``, ``triggered`` (how often a term on all patients pays; null where there
        is none), ``effective_price`` (net cost of a unit), ``cost_per_result`` (net cost of a patient with a result),
        ``lever`` and ``indifferent`` (its value at which the expected payback is the reference's; null where none).
    power
        One row a truth but the first: ``power`` of the one-sample log-rank test against the first, ``patients`` that
        the power asked for needs, ``events`` and ``expected`` failures of the cohort.
    waiting
        What deciding on evidence to come is worth, where the plan asks.
    """

    plan: Design
    table: pl.DataFrame
    power: pl.DataFrame
    waiting: Waiting | None = None

    @property
    def rare(self) -> pl.DataFrame:
        """Where terms on all patients pay so seldom that the interval is 0 to 0.

        ``truth``, ``scheme``, ``paid`` (the cohorts in which they do), ``most`` (the upper 95% limit of their chance by
        Clopper and Pearson; of none in n about 3 / n, the rule of three).
        """
        n = self.plan.simulations
        seldom = (pl.col("conf_low") == 0) & (pl.col("conf_high") == 0) & pl.col("triggered").is_not_null()
        rows = self.table.filter(seldom).select(
            "truth", "scheme", paid=(pl.col("triggered") * n).round().cast(pl.Int64)
        )
        most = [float(beta.ppf(0.95, paid + 1, n - paid)) if paid < n else 1.0 for paid in rows["paid"]]
        return rows.with_columns(pl.Series("most", most, pl.Float64))

    def to_result(self) -> Result:
        """Return the table in the long tidy form: group is the truth, stratum the scheme."""
        plan = self.plan
        settings: dict[str, Any] = {"patients": plan.patients, "simulations": plan.simulations, "seed": plan.seed}
        settings |= {"reference": plan.reference, "conf_level": plan.conf_level, "alpha": plan.alpha}
        return Result(tidy(self._rows(), analysis="design"), settings)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for row in self.table.iter_rows(named=True):
            labels = {"group": row["truth"], "stratum": row["scheme"]}
            for estimand in ESTIMANDS:
                spread = ("conf_low", "conf_high") if estimand == "payback" else ()
                more = {name: row[name] for name in spread} | ({"std_error": row["payback_sd"]} if spread else {})
                outcome = row["lever"] if estimand == "indifferent" else ""
                yield {**labels, "estimand": estimand, "outcome": outcome, "estimate": row[estimand], **more}
        for row in self.power.iter_rows(named=True):
            yield {"group": row["truth"], "estimand": "power", "estimate": row["power"], "n": self.plan.patients}
            yield {"group": row["truth"], "estimand": "sample_size", "estimate": row["patients"]}
        if self.waiting:
            for name in ("adopt", "wait", "collect", "value"):
                yield {"estimand": f"waiting_{name}", "estimate": getattr(self.waiting, name)}

    def plot(self, *, language: Language = "en") -> Chart:
        """Draw the share of the spend that comes back, by scheme under each truth, with where it lies."""
        from rwe.reimbursement.design_chart import design_chart  # the chart library is slow to import

        return design_chart(self, language)

    def _story(self) -> Story:
        names = pl.format("{}: {}", "truth", "scheme").alias("scheme")
        shown = self.table.select(names, pl.exclude("truth", "scheme", "^share.*$"))
        notes = [
            f"{row['truth']}: power {row['power']:.2f} with {self.plan.patients} patients, {row['patients']} needed"
            for row in self.power.iter_rows(named=True)
        ]
        notes += [
            f"{row['truth']}: {row['scheme']} pays in {row['paid']} of {self.plan.simulations} cohorts, with a chance "
            f"of at most {row['most']:.1%} (95%): an interval of 0 to 0 does not say never"
            for row in self.rare.iter_rows(named=True)
        ]
        if self.waiting:
            notes.append(
                f"value of waiting {self.waiting.value:.6g}; net benefit of paying meanwhile {self.waiting.collect:.6g}"
            )
        return f"{self.plan.title.en}: {self.plan.simulations} cohorts of {self.plan.patients}", shown, notes
