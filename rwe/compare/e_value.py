# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""E-value: how strong an unmeasured confounder would have to be to explain an effect away."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from rwe.errors import DataError, DefinitionError
from rwe.figures.chart import Chart
from rwe.figures.tongue import Language
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile
from rwe.survival.show import Shown, Story

Measure: TypeAlias = Literal["rr", "or", "hr", "rd", "smd"]
Counts: TypeAlias = tuple[int, int, int, int]
SMD = 0.91  # log risk ratio of one standard deviation (Chinn 2000 after VanderWeele & Ding 2017)
SMD_HALF = 1.78  # and of half a 95 % interval: 0.91 x 1.96 as the authors round it


@dataclass(frozen=True, slots=True, repr=False)
class EValue(Shown):
    """What an unmeasured confounder would need: its risk ratio with treatment and with the outcome, each this large.

    Parameters
    ----------
    point
        To move the estimate to no effect.
    limit
        To move the limit nearer to no effect there; 1 where the interval holds no effect, None where none was given.
    ratio, conf_low, conf_high
        Estimate and limits as risk ratios, approximate where outcomes are common.
    measure
        What was given, and how it became a risk ratio.
    """

    point: float
    limit: float | None
    ratio: float
    conf_low: float | None
    conf_high: float | None
    measure: str

    @property
    def table(self) -> pl.DataFrame:
        """Two rows, estimate and limit: the risk ratio and its E-value."""
        near = self.conf_low if self.ratio >= 1 else self.conf_high
        return pl.DataFrame(
            {"of": ["estimate", "limit"], "risk_ratio": [self.ratio, near], "e_value": [self.point, self.limit]},
            schema={"of": pl.String, "risk_ratio": pl.Float64, "e_value": pl.Float64},
        )

    def plot(self, *, language: Language = "en") -> Chart:
        """Draw the pairs of strengths with treatment and outcome that explain estimate and limit away."""
        from rwe.compare.trust_charts import bias_plot

        return bias_plot(self, language)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return both E-values in the long tidy form."""
        rows = self.table.select(pl.Series("estimand", ["e_value", "e_value_limit"]), estimate="e_value")
        return Result(tidy(rows, analysis="e_value", population=population, outcome=outcome), {"measure": self.measure})

    def _story(self) -> Story:
        note = "a confounder needs at least this risk ratio with both treatment and outcome, beyond what was measured"
        return f"E-value ({self.measure})", self.table, (note,)


def e_value(
    estimate: float | None = None,
    low: float | None = None,
    high: float | None = None,
    *,
    measure: Measure = "hr",
    rare: bool = False,
    std_error: float | None = None,
    counts: Counts | None = None,
) -> EValue:
    """Say how strong an unmeasured confounder would have to be (VanderWeele & Ding 2017, Ann Intern Med 167:268).

    Parameters
    ----------
    estimate, low, high
        The effect with its limits: ratios for ``rr``, ``or`` and ``hr``, standard deviations for ``smd``.
    measure
        ``rd`` takes `counts` instead (Ding & VanderWeele 2016, Epidemiology 27:368).
    rare
        Whether the outcome is rare (under 15 %) by the end of follow-up: odds and hazard ratios are then risk ratios;
        else they become risk ratios by approximation.
    std_error
        Error of an ``smd``, in place of its limits.
    counts
        Events and persons treated, events and persons of the control.

    Raises
    ------
    DefinitionError
        If the measure is unknown, or lacks what it needs.
    DataError
        If a ratio is not positive or lies outside its limits, or counts are impossible.

    Examples
    --------
    >>> round(e_value(0.65, measure="hr", rare=True).point, 3)
    2.449
    >>> e_value(0.9, 0.7, 1.1, measure="rr").limit
    1.0
    """
    if measure == "rd":
        if counts is None:
            raise DefinitionError("measure 'rd' needs counts: events and persons of either arm")
        return _difference(counts)
    if estimate is None:
        raise DefinitionError("e_value needs the estimate")
    if measure == "smd" and std_error is not None:
        half = SMD_HALF * std_error
        return _of_ratios(SMD * estimate, SMD * estimate - half, SMD * estimate + half, "smd")
    if measure not in _LOG_RATIO:
        raise DefinitionError(f"measure '{measure}' is not one of rr, or, hr, rd, smd")
    _check(estimate, low, high, positive=measure != "smd")
    same = rare and measure in ("or", "hr")
    log_ratio, word = (math.log, f"{measure}, rare outcome") if same else _LOG_RATIO[measure]
    below, above = (None if v is None else log_ratio(v) for v in (low, high))
    return _of_ratios(log_ratio(estimate), below, above, word)


def _check(estimate: float, low: float | None, high: float | None, *, positive: bool) -> None:
    given = [v for v in (estimate, low, high) if v is not None]
    if not all(math.isfinite(v) and (v > 0 or not positive) for v in given):
        raise DataError("estimate and limits must be finite" + (" and, as ratios, above 0" if positive else ""))
    if (low is not None and low > estimate) or (high is not None and high < estimate):
        raise DataError("the estimate lies outside its limits: give low, then high")


def _common_hazard(hr: float) -> float:
    return math.log((1 - 0.5 ** math.sqrt(hr)) / (1 - 0.5 ** math.sqrt(1 / hr)))


_LOG_RATIO: dict[str, tuple[Callable[[float], float], str]] = {
    "rr": (math.log, "rr"),
    "or": (lambda v: math.log(v) / 2, "or, common outcome: the square root"),
    "hr": (_common_hazard, "hr, common outcome: (1 - 0.5^sqrt(hr)) / (1 - 0.5^sqrt(1/hr))"),
    "smd": (lambda v: SMD * v, "smd"),
}


def _of_ratios(estimate: float, low: float | None, high: float | None, word: str) -> EValue:
    """Return the E-values of a log risk ratio with its limits."""
    near = low if estimate >= 0 else high
    crosses = near is not None and near * estimate <= 0
    limit = None if near is None else 1.0 if crosses else from_bias(math.exp(abs(near)))
    below, above = (None if v is None else math.exp(v) for v in (low, high))
    return EValue(from_bias(math.exp(abs(estimate))), limit, math.exp(estimate), below, above, word)


def from_bias(factor: float) -> float:
    """Return the E-value of a bias factor of at least 1: both ratios of a confounder that reaches it."""
    return factor + math.sqrt(factor * (factor - 1))


def _difference(counts: Counts) -> EValue:
    """Return the E-values of a risk difference, standardised to all persons."""
    e1, n1, e0, n0 = counts
    if not (0 <= e1 <= n1 and 0 <= e0 <= n0 and n1 and n0):
        raise DataError("counts are events and persons treated, events and persons of the control; events fit in")
    if not (e1 and e0):
        raise DataError("no event in an arm: the risk ratio that the E-value rests on does not exist")
    if e1 / n1 < e0 / n0:  # the direction is turned: who is treated is a matter of words
        e1, n1, e0, n0 = e0, n0, e1, n1
    p1, p0, f = e1 / n1, e0 / n0, n1 / (n1 + n0)
    gap = p0 * (1 - f) - p1 * f
    factor = 0.5 * (math.sqrt(gap**2 + 4 * p1 * p0 * f * (1 - f)) - gap) / (p0 * f)
    limit = _difference_limit((p1, p0, f), (n1, n0), factor)
    ratio = (counts[0] / counts[1]) / (counts[2] / counts[3])
    return EValue(from_bias(factor), limit, ratio, None, None, "rd, standardised to all persons")


def _difference_limit(risks: tuple[float, float, float], sizes: tuple[int, int], most: float) -> float:
    """Return the E-value at which the lower limit of the adjusted risk difference is 0."""
    from scipy.optimize import brentq

    p1, p0, f = risks
    v1, v0, vf = p1 * (1 - p1) / sizes[0], p0 * (1 - p0) / sizes[1], f * (1 - f) / sum(sizes)
    z = normal_quantile(0.95)

    def lower(b: float) -> float:
        left, share = p1 - p0 * b, f + (1 - f) / b
        return left * share - z * math.sqrt((v1 + v0 * b * b) * share**2 + left**2 * (1 - 1 / b) ** 2 * vf)

    return 1.0 if lower(1.0) <= 0 else from_bias(float(brentq(lower, 1.0, most, xtol=1e-12)))
