# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Forecast`: expected payback by period with its interval, from patients there are and patients to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from rwe.result import Result, tidy
from rwe.spec.agreement import Agreement
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Forecast(Shown):
    """What comes back in the periods ahead.

    Parameters
    ----------
    agreement, as_of
        Whose, and from which day on.
    draws
        One row a simulation and period: ``simulation``, ``period``, ``payback``, ``from_new`` (patients to come).
    periods
        In their order.
    left_out
        Terms that rest on all patients together and are not foreseen.
    followed
        Courses that may still fail.
    conf_level, seed
        Of the intervals.
    """

    agreement: Agreement
    as_of: date
    draws: pl.DataFrame
    periods: Sequence[str]
    left_out: tuple[str, ...]
    followed: int
    conf_level: float
    seed: int

    @property
    def table(self) -> pl.DataFrame:
        """One row a period, and ``all``: ``payback`` (mean), ``from_new``, ``conf_low``, ``conf_high``."""
        whole = self.draws.group_by("simulation").agg(pl.col("payback", "from_new").sum(), period=pl.lit("all"))
        both = pl.concat([self.draws, whole.select(self.draws.columns)])
        tails = ((1 - self.conf_level) / 2, (1 + self.conf_level) / 2)
        sums = both.group_by("period").agg(
            pl.col("payback").mean(),
            pl.col("from_new").mean(),
            conf_low=pl.col("payback").quantile(tails[0], "lower"),
            conf_high=pl.col("payback").quantile(tails[1], "higher"),
        )
        order = pl.DataFrame({"period": [*self.periods, "all"]})
        return order.join(sums, on="period", how="left", maintain_order="left")

    def to_result(self) -> Result:
        """Return the expected payback by period (stratum) in the long tidy form."""
        n = pl.lit(self.followed, pl.Int64).alias("n")
        rows = self.table.select(n, "conf_low", "conf_high", stratum="period", estimate="payback")
        new = self.table.select(n, stratum="period", estimate="from_new")
        whole = pl.concat(
            [rows.with_columns(estimand=pl.lit("forecast")), new.with_columns(estimand=pl.lit("forecast_new"))],
            how="diagonal",
        )
        settings = {"as_of": str(self.as_of), "conf_level": self.conf_level, "seed": self.seed}
        settings |= {"simulations": self.draws["simulation"].n_unique(), "left_out": list(self.left_out)}
        table = tidy(whole, analysis="forecast", population=self.agreement.contract.id)
        return Result(table, settings | {"currency": self.agreement.contract.currency})

    def _story(self) -> Story:
        rows = self.table.with_columns(pl.col(pl.Float64).map_elements(lambda x: f"{x:.2f}", pl.String))
        notes = [f"not foreseen: {', '.join(self.left_out)}"] if self.left_out else []
        currency = self.agreement.contract.currency
        return f"Payback to come in {currency} from {self.as_of}, {self.conf_level:.0%} interval", rows, notes
