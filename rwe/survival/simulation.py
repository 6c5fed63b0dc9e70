# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Operating characteristics of an estimator over cohorts of known truth, with their Monte Carlo errors.

Morris, White & Crowther (2019) Stat Med 38:2074 for what is reported and its errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.execute import run
from rwe.kernels._jit import F8, Flags
from rwe.kernels.study import COX, LOG_RANK, RMST, SURVIVAL, study
from rwe.survival.door import door
from rwe.survival.intervals import CONF_TYPES, normal_quantile, survival_limits
from rwe.survival.scenario import Scenario
from rwe.survival.show import Shown, Story

Estimator: TypeAlias = Literal["kaplan_meier", "rmst_difference", "log_rank", "cox"]
ESTIMATORS = {"kaplan_meier": SURVIVAL, "rmst_difference": RMST, "log_rank": LOG_RANK, "cox": COX}
BLOCK = 64  # cohorts a thread takes at once


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Simulation(Shown):
    """What an estimator did over many cohorts.

    Parameters
    ----------
    replicates
        One row a cohort: replicate, estimate, std_error, conf_low, conf_high, rejected (the hypothesis of
        no effect). Null: the estimator had no answer.
    table
        One row a measure: measure, value, mcse (Monte Carlo standard error). Measures: failed (share without an
        answer), truth, bias, empirical_se, model_se, se_ratio (model to empirical), coverage, rejected.
        Null where a measure does not apply.
    scenario, estimator, seed
        What was asked.
    """

    replicates: pl.DataFrame
    table: pl.DataFrame
    scenario: Scenario
    estimator: str
    seed: int

    def _story(self) -> Story:
        return f"{self.estimator} over {self.replicates.height} cohorts of {self.scenario.n}", self.table, ()


@door
def simulate(
    scenario: Scenario,
    estimator: Estimator,
    *,
    replicates: int = 1000,
    seed: int = 1,
    at: int | None = None,
    robust: bool = False,
    conf_level: float = 0.95,
    conf_type: str = "log-log",
) -> Simulation:
    """Make many cohorts and analyse each, without the interpreter between them.

    The same seed gives the same cohorts and answers on any number of threads; `Scenario.cohort` gives any of
    them as a frame.

    Parameters
    ----------
    scenario
        How cohorts come about.
    estimator
        kaplan_meier (survival of arm 1 on day `at`), rmst_difference (arm 1 less arm 0 up to `at`), log_rank, or cox
        (log hazard ratio of arm 1, adjusted for the covariates, ties after Efron).
    replicates, seed
        How many cohorts, and from which seed.
    at
        Day of kaplan_meier and rmst_difference.
    robust
        Take variances from the influence of rows.
    conf_level, conf_type
        Level of limits and tests; scale of the limits of kaplan_meier.

    Raises
    ------
    DefinitionError
        If an argument is wrong.
    NoValidAnswer
        If fewer than two cohorts have an answer.

    Examples
    --------
    >>> done = simulate(sv.Scenario(n=100, hazard_ratio=0.7), "cox", replicates=200)
    >>> done.table["measure"].to_list()[:3]
    ['failed', 'truth', 'bias']
    """
    _check(scenario, estimator, at, replicates, seed, robust=robust)
    if conf_type not in CONF_TYPES:
        raise DefinitionError(f"conf_type '{conf_type}' is not one of {', '.join(CONF_TYPES)}")
    what, numbers = ESTIMATORS[estimator], scenario.numbers

    def block(first: int) -> F8:
        end = min(first + BLOCK, replicates)
        return study(what, first, end, scenario.n, *numbers, at or 0, int(robust), seed)

    found = np.concatenate(run(block, range(0, replicates, BLOCK)))
    estimate, variance = found[:, 0], found[:, 2 if robust else 1]
    truth = _truth(scenario, estimator, at)
    low, high, rejected = _limits(estimator, estimate, variance, conf_level, conf_type)
    error = np.sqrt(variance) * (estimate if estimator == "kaplan_meier" else 1.0)
    frame = pl.DataFrame(
        {
            "replicate": np.arange(replicates),
            "estimate": estimate,
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
        },
        nan_to_null=True,
    ).with_columns(rejected=pl.when(np.isfinite(estimate)).then(pl.Series(rejected)))
    return Simulation(frame, characteristics(frame, truth), scenario, estimator, seed)


def characteristics(replicates: pl.DataFrame, truth: float | None) -> pl.DataFrame:
    """Return the table of `Simulation` from replicates and the truth (None where there is none to be estimated).

    Raises
    ------
    NoValidAnswer
        If fewer than two replicates have an answer.
    """
    known = replicates.drop_nulls("estimate")
    of, n = replicates.height, known.height
    if n < 2:
        raise NoValidAnswer(f"{n} of {of} cohorts have an answer: too few to say anything of the estimator")
    estimate, variance = known["estimate"].to_numpy(), known["std_error"].to_numpy() ** 2
    spread, model = float(estimate.std(ddof=1)), sqrt(float(np.nanmean(variance)))
    model_error = float(np.nanstd(variance, ddof=1)) / (2 * model * sqrt(n))
    ratio, relative = model / spread, 1 / sqrt(2 * (n - 1))
    rows: dict[str, tuple[float | None, float | None]] = {
        "failed": _share((of - n) / of, of),
        "truth": (truth, None),
        "bias": (None, None) if truth is None else (float(estimate.mean()) - truth, spread / sqrt(n)),
        "empirical_se": (spread, spread * relative),
        "model_se": (model, model_error),
        "se_ratio": (ratio, ratio * sqrt(relative**2 + (model_error / model) ** 2)),
        "coverage": (None, None),
        "rejected": _share(int(known["rejected"].sum()) / n, n),
    }
    if truth is not None:
        inside = (known["conf_low"] <= truth) & (known["conf_high"] >= truth)
        rows["coverage"] = _share(int(inside.sum()) / n, n)
    value, error = zip(*rows.values(), strict=True)
    kinds = {"value": pl.Float64, "mcse": pl.Float64}
    return pl.DataFrame({"measure": list(rows), "value": value, "mcse": error}, schema_overrides=kinds)


def _share(share: float, n: int) -> tuple[float, float]:
    return share, sqrt(share * (1 - share) / n)


def _check(scenario: Scenario, estimator: str, at: int | None, replicates: int, seed: int, *, robust: bool) -> None:
    if estimator not in ESTIMATORS:
        raise DefinitionError(f"estimator '{estimator}' is not one of {', '.join(ESTIMATORS)}")
    if (estimator in ("kaplan_meier", "rmst_difference")) != (at is not None) or (at is not None and at < 1):
        raise DefinitionError("at is a day from 1, for kaplan_meier and rmst_difference alone")
    if replicates < 2 or seed < 0:
        raise DefinitionError("replicates is a whole number from 2, seed one from 0")
    if estimator == "log_rank" and (robust or scenario.confounder):
        raise DefinitionError("log_rank is simulated with its own variance and without weights")
    if estimator != "kaplan_meier" and not 0 < scenario.share < 1:
        raise DefinitionError(f"{estimator} compares two arms: share lies between 0 and 1")


def _truth(scenario: Scenario, estimator: str, at: int | None) -> float | None:
    """Return what the estimator aims at; None where that has no closed form, or nothing is estimated."""
    if estimator == "log_rank" or (scenario.effects and estimator != "cox"):
        return None
    if estimator == "kaplan_meier" and at is not None:
        return float(scenario.survival(np.array([float(at // scenario.grid * scenario.grid)]), 1)[0])
    if estimator == "rmst_difference" and at is not None:
        return scenario.mean(at, 1) - scenario.mean(at, 0)
    proportional = scenario.hazard_ratio == 1 or not (scenario.delay or scenario.confounder)
    return log(scenario.hazard_ratio) if proportional else None


def _limits(estimator: str, estimate: F8, variance: F8, conf_level: float, conf_type: str) -> tuple[F8, F8, Flags]:
    """Return limits, and whether no effect is rejected (never asked of one curve)."""
    z = normal_quantile(conf_level)
    if estimator == "kaplan_meier":
        low, high = survival_limits(estimate, variance, conf_level, conf_type)
        return low, high, np.zeros(estimate.size, np.bool_)
    half = z * np.sqrt(variance)
    return estimate - half, estimate + half, np.asarray(np.abs(estimate) > half, np.bool_)
