# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilistic bias analysis: what an effect becomes when what is wrong with it is known as a distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.uncertain import Uncertain, drawn
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.figures.chart import Chart
from rwe.figures.tongue import Language
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile
from rwe.survival.show import Shown, Story

ENOUGH = 0.5  # share of draws that must be possible: else the distributions contradict the data
STRONG = (1e-3, 1e3)  # ratios of a confounder with the outcome


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BiasAnalysis(Shown):
    """An effect over draws of what is wrong with it.

    Parameters
    ----------
    table
        Three rows: ``conventional`` (as it was given), ``systematic`` (the bias taken out: median and the quantiles of
        the level asked for), ``total`` (with the random error too): ratio, conf_low, conf_high.
    systematic, total
        Ratio of each draw.
    impossible
        Draws left out because they would leave a count or a risk below 0 or above all.
    """

    table: pl.DataFrame
    systematic: F8
    total: F8
    impossible: int
    settings: dict[str, Any]

    def plot(self, *, language: Language = "en") -> Chart:
        """Draw how the ratio spreads over the draws, without and with random error."""
        from rwe.compare.trust_charts import bias_draws

        return bias_draws(self, language)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the three rows in the long tidy form; the group says which."""
        rows = self.table.select("conf_low", "conf_high", group="of", estimate="ratio", estimand=pl.lit("ratio"))
        labels = {"population": population, "outcome": outcome}
        return Result(tidy(rows, analysis="bias_analysis", **labels), self.settings | {"impossible": self.impossible})

    def _story(self) -> Story:
        left = (f"{self.impossible} draws were impossible and left out",) if self.impossible else ()
        return f"Probabilistic bias analysis, {self.systematic.size} draws", self.table, left


def bias_analysis(
    ratio: float,
    low: float,
    high: float,
    *,
    confounder: Mapping[str, Uncertain] | None = None,
    outcome: Mapping[str, Any] | None = None,
    exposure: Mapping[str, Uncertain] | None = None,
    draws: int = 10_000,
    seed: int = 1,
    conf_level: float = 0.95,
) -> BiasAnalysis:
    """Take out of a ratio what nobody measured, and outcomes and treatments wrongly told (Lash et al. 2014).

    Parameters
    ----------
    ratio, low, high
        Hazard or risk ratio of the treated to the control, with its limits.
    confounder
        ``treated`` and ``control`` (shares who have it) and ``ratio`` (its own with the outcome), each a number or a
        distribution as `rwe.compare.uncertain.drawn` takes them (Lin, Psaty & Kronmal 1998).
    outcome
        ``sensitivity`` and ``specificity`` of what is on record of the treated, ``risk`` (share of them with the
        outcome on record by the horizon), and for controls ``control_sensitivity``, ``control_specificity``,
        ``control_risk`` where theirs is not perfect. The ratio changes as the cumulative hazard does.
    exposure
        ``predictive_value`` (share of those on record as treated who were), ``ratio`` (hazard of those who were not to
        theirs), and ``control_predictive_value`` (share of those on record as controls who were; 1 without). The
        hazard of an arm is the mean of those who are in it, which holds while few have had the event.
    draws, seed
        How many, and where their chance begins.

    Raises
    ------
    DataError
        If the ratio does not lie within positive limits.
    DefinitionError
        If neither is given, a part is missing, or a number lies where it cannot.
    NoValidAnswer
        If more than half of the draws are impossible: the distributions contradict the data.

    Examples
    --------
    >>> found = bias_analysis(0.6, 0.45, 0.8, confounder={"treated": 0.6, "control": 0.2, "ratio": 0.5}, draws=100)
    >>> found.table.filter(of="systematic")["ratio"].round(4).to_list()
    [0.7714]
    """
    if not 0 < low <= ratio <= high < math.inf:
        raise DataError("give a ratio within its positive limits: ratio, low, high")
    if confounder is None and outcome is None and exposure is None:
        raise DefinitionError("say what is wrong: confounder, outcome, exposure or several")
    if draws < 100:
        raise DefinitionError("draws: at least 100")
    rng = np.random.default_rng(seed)
    log_bias = np.zeros(draws)
    if confounder is not None:
        log_bias += _confounded(confounder, draws, rng)
    if outcome is not None:
        log_bias += _misread(outcome, draws, rng)
    if exposure is not None:
        log_bias += _mixed(exposure, draws, rng)
    error = math.log(high / low) / 2 / normal_quantile(conf_level)
    random = error * rng.normal(size=draws)
    settings = {"draws": draws, "seed": seed, "conf_level": conf_level, "confounder": confounder, "outcome": outcome,
                "exposure": exposure}  # fmt: skip
    return spread_of((ratio, low, high), math.log(ratio) - log_bias, random, settings, conf_level)


def _confounded(given: Mapping[str, Uncertain], draws: int, rng: np.random.Generator) -> F8:
    _keys("confounder", given, ("treated", "control", "ratio"), ())
    p1, p0 = (drawn(given[name], draws, rng, f"confounder.{name}", 0.0, 1.0) for name in ("treated", "control"))
    strength = drawn(given["ratio"], draws, rng, "confounder.ratio", *STRONG)
    return np.asarray(np.log1p((strength - 1) * p1) - np.log1p((strength - 1) * p0))


def _misread(given: Mapping[str, Any], draws: int, rng: np.random.Generator) -> F8:
    """Return the log of how much the cumulative hazard on record of the treated is too large, beside the controls'."""
    own = ("sensitivity", "specificity", "risk")
    others = tuple(f"control_{name}" for name in own)
    _keys("outcome", given, own, others)
    found = _too_much(given, own, draws, rng)
    if any(name in given for name in others):
        _keys("outcome", given, (*own, *others), ())
        found = found - _too_much(given, others, draws, rng)
    return found


def _too_much(given: Mapping[str, Any], names: tuple[str, ...], draws: int, rng: np.random.Generator) -> F8:
    se, sp, risk = (drawn(given[name], draws, rng, f"outcome.{name}", 0.0, 1.0) for name in names)
    if not ((risk > 0) & (risk < 1)).all():
        raise DefinitionError(f"outcome.{names[2]}: a share between 0 and 1")
    with np.errstate(divide="ignore", invalid="ignore"):
        true = (risk - (1 - sp)) / (se - (1 - sp))
        possible = (se > 1 - sp) & (true > 0) & (true < 1)
        return np.where(possible, np.log(np.log1p(-risk) / np.log1p(-true)), np.nan)


def _mixed(given: Mapping[str, Uncertain], draws: int, rng: np.random.Generator) -> F8:
    """Return the log of how much the hazards on record are too near to each other: each arm holds some of the other."""
    _keys("exposure", given, ("predictive_value", "ratio"), ("control_predictive_value",))
    right = drawn(given["predictive_value"], draws, rng, "exposure.predictive_value", 0.0, 1.0)
    ratio = drawn(given["ratio"], draws, rng, "exposure.ratio", *STRONG)
    of_controls = given.get("control_predictive_value", 1.0)
    others = drawn(of_controls, draws, rng, "exposure.control_predictive_value", 0.0, 1.0)
    return np.asarray(np.log(right + (1 - right) * ratio) - np.log(others + (1 - others) / ratio))


def _keys(what: str, given: Mapping[str, Any], needed: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    odd = {name for name in needed if name not in given} | {n for n in given if n not in (*needed, *allowed)}
    if odd:
        raise DefinitionError(f"{what}: needs {', '.join(needed)}; wrong or missing: {', '.join(sorted(odd))}")


def spread_of(
    given: Sequence[float], log_ratio: F8, random: F8, settings: dict[str, Any], conf_level: float
) -> BiasAnalysis:
    """Return ratio and limits as given, without the bias (log ratios of the draws), and with their random errors too.

    Raises
    ------
    NoValidAnswer
        If more than half of the draws are impossible.
    """
    possible = np.isfinite(log_ratio) & np.isfinite(random)
    if possible.mean() < ENOUGH:
        raise NoValidAnswer(
            f"{int((~possible).sum())} of {possible.size} draws are impossible: the distributions contradict the data"
        )
    systematic = np.exp(log_ratio[possible])
    total = np.exp(log_ratio[possible] - random[possible])
    ends = [0.5, (1 - conf_level) / 2, (1 + conf_level) / 2]
    rows: dict[str, list[float]] = {
        "conventional": [*given],
        "systematic": np.quantile(systematic, ends).tolist(),
        "total": np.quantile(total, ends).tolist(),
    }
    table = pl.DataFrame(
        {"of": name, "ratio": row[0], "conf_low": row[1], "conf_high": row[2]} for name, row in rows.items()
    )
    return BiasAnalysis(table, systematic, total, int((~possible).sum()), settings)
