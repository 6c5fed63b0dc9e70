# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tipping point of an unmeasured confounder: how common and how strong it must be for the conclusion to turn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rwe.errors import DataError, DefinitionError
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story

PREVALENCES = (0.1, 0.3, 0.5, 0.7, 0.9)
STRENGTHS = (0.33, 0.5, 0.67, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Tipping(Shown):
    """The effect under each confounder of a grid.

    Parameters
    ----------
    table
        One row a confounder: prevalence (treated), prevalence_0 (control), strength (its ratio with the outcome), then
        ratio, conf_low, conf_high after taking it out, and conclusion: holds, lost (the interval now holds no effect),
        reversed, or arises (where there was none).
    tips
        One row a pair of prevalences: the strength at which the limit, and the estimate, reach no effect; null where no
        strength does.
    """

    table: pl.DataFrame
    tips: pl.DataFrame

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the grid in the long tidy form; the stratum names prevalences and strength."""
        words = pl.format("{} / {} x {}", "prevalence", "prevalence_0", "strength")
        rows = self.table.select("conf_low", "conf_high", stratum=words, group="conclusion", estimate="ratio")
        tips = self.tips.select(
            stratum=pl.format("{} / {}", "prevalence", "prevalence_0"), estimand=pl.lit("tipping_strength"),
            estimate="limit_tips",
        )  # fmt: skip
        both = pl.concat([rows.with_columns(estimand=pl.lit("ratio")), tips], how="diagonal")
        labels = {"population": population, "outcome": outcome}
        return Result(tidy(both, analysis="tipping_point", **labels), {"formula": "(1 + (g-1) p1) / (1 + (g-1) p0)"})

    def _story(self) -> Story:
        turned = self.table.filter(pl.col("conclusion") != "holds").height
        return f"Unmeasured confounder: {turned} of {self.table.height} would turn the conclusion", self.tips, ()


def tipping_point(
    ratio: float,
    low: float,
    high: float,
    *,
    prevalences: Sequence[float] = PREVALENCES,
    strengths: Sequence[float] = STRENGTHS,
) -> Tipping:
    """Take binary confounders out of a ratio (Lin, Psaty & Kronmal 1998, Biometrics 54:948; Schneeweiss 2006).

    Parameters
    ----------
    ratio, low, high
        Hazard or risk ratio with limits; for hazards the formula is good where the outcome is rare.
    prevalences
        Shares with the confounder; every pair of treated and control is tried.
    strengths
        Ratios of the confounder with the outcome.

    Raises
    ------
    DataError
        If the ratio does not lie within positive limits.
    DefinitionError
        If a prevalence is outside 0 to 1 or a strength not above 0.

    Examples
    --------
    >>> found = tipping_point(0.6, 0.45, 0.8, prevalences=[0.2, 0.6], strengths=[0.5])
    >>> found.table.filter(prevalence=0.6, prevalence_0=0.2)["ratio"].round(4).to_list()
    [0.7714]
    """
    if not 0 < low <= ratio <= high < math.inf:
        raise DataError("give a ratio within its positive limits: ratio, low, high")
    if not all(0 <= p <= 1 for p in prevalences) or not all(0 < g < math.inf for g in strengths):
        raise DefinitionError("prevalences are shares from 0 to 1, strengths ratios above 0")
    pairs = [(p1, p0) for p1 in prevalences for p0 in prevalences if p1 != p0]
    rows = []
    for p1, p0 in pairs:
        for g in strengths:
            bias = (1 + (g - 1) * p1) / (1 + (g - 1) * p0)
            left = {"ratio": ratio / bias, "conf_low": low / bias, "conf_high": high / bias}
            verdict = _conclusion(low, high, bias)
            rows.append({"prevalence": p1, "prevalence_0": p0, "strength": g, **left, "conclusion": verdict})
    near = low if ratio > 1 else high
    tips = [
        {
            "prevalence": p1,
            "prevalence_0": p0,
            "limit_tips": _strength(p1, p0, near),
            "estimate_tips": _strength(p1, p0, ratio),
        }
        for p1, p0 in pairs
    ]
    schema = dict.fromkeys(("prevalence", "prevalence_0", "limit_tips", "estimate_tips"), pl.Float64())
    return Tipping(pl.DataFrame(rows), pl.DataFrame(tips, schema=schema))


def _conclusion(low: float, high: float, bias: float) -> str:
    """Return what becomes of the side of no effect on which the interval lies: 0 where it holds no effect."""
    side, now = (1 if low / b > 1 else -1 if high / b < 1 else 0 for b in (1.0, bias))
    return "holds" if now == side else "lost" if now == 0 else "reversed" if side else "arises"


def _strength(p1: float, p0: float, bias: float) -> float | None:
    """Return the strength that makes this bias, if there is one."""
    below = p1 - bias * p0
    strength = 1 + (bias - 1) / below if below else math.inf
    return strength if 0 < strength < math.inf else None
