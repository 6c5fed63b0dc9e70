# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Anchored indirect comparison: A against B through the C that both were tried against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from rwe.compare.student import inferred
from rwe.errors import DataError
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story


@dataclass(frozen=True, slots=True, repr=False)
class Indirect(Shown):
    """The effect of A against B on the log scale; ``ratio`` and its limits are the powers of e.

    Parameters
    ----------
    estimate, std_error
        Log ratio of A to B and its error.
    ratio, conf_low, conf_high
        Ratio of A to B with limits.
    statistic, p_value
        Normal test of no difference.
    """

    estimate: float
    std_error: float
    ratio: float
    conf_low: float
    conf_high: float
    statistic: float
    p_value: float

    @property
    def table(self) -> pl.DataFrame:
        """One row: ratio, limits, log ratio with its error, test."""
        columns = ("ratio", "conf_low", "conf_high", "estimate", "std_error", "statistic", "p_value")
        return pl.DataFrame({"comparison": ["A to B"], **{name: [getattr(self, name)] for name in columns}})

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the ratio in the long tidy form; its error is that of the log ratio."""
        row = self.table.select("std_error", "conf_low", "conf_high", "statistic", "p_value", estimate="ratio")
        labels = {"population": population, "outcome": outcome, "estimand": "indirect_ratio"}
        return Result(tidy(row, analysis="indirect_comparison", **labels), {"scale_of_error": "log"})

    def _story(self) -> Story:
        return "Indirect comparison through a common comparator (Bucher)", self.table, ()


def bucher(a_to_c: float, se_a: float, b_to_c: float, se_b: float, *, conf_level: float = 0.95) -> Indirect:
    """Compare A with B through their common comparator C (Bucher et al. 1997, J Clin Epidemiol 50:683).

    Right only where nothing that changes the effect differs between the two trials: their populations were not
    aligned.

    Parameters
    ----------
    a_to_c, b_to_c
        Log ratios (hazard, risk or odds) of A to C and of B to C.
    se_a, se_b
        Their standard errors.

    Raises
    ------
    DataError
        If an estimate is not finite or an error is not a positive number.

    Examples
    --------
    >>> round(bucher(-0.4, 0.2, 0.1, 0.05).ratio, 4)
    0.6065
    """
    for name, value, ok in (
        ("a_to_c", a_to_c, math.isfinite(a_to_c)),
        ("b_to_c", b_to_c, math.isfinite(b_to_c)),
        ("se_a", se_a, 0 < se_a < math.inf),
        ("se_b", se_b, 0 < se_b < math.inf),
    ):
        if not ok:
            raise DataError(f"{name} is {value}; give log ratios and their positive standard errors")
    found = inferred(a_to_c - b_to_c, math.hypot(se_a, se_b), conf_level)
    ratio, low, high = (math.exp(v) for v in (found.estimate, found.conf_low, found.conf_high))
    return Indirect(found.estimate, found.std_error, ratio, low, high, found.statistic, found.p_value)
