# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Estimators that read like the method, on one validated response; each is loaded when it is first named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rwe.lazy import lazily

if TYPE_CHECKING:
    from rwe.survival.auc import TimeDependentAuc, time_dependent_auc
    from rwe.survival.averaging import aic_weights, averaged
    from rwe.survival.bootstrap import Bootstrap, bootstrap
    from rwe.survival.brier import BrierScore, brier_score
    from rwe.survival.cause_specific import CauseSpecific, cause_specific
    from rwe.survival.concordance import Concordance, concordance
    from rwe.survival.counts import Tally
    from rwe.survival.cox import Cox, cox
    from rwe.survival.cox_bootstrap import CoxBootstrap, bootstrap_cox
    from rwe.survival.cumulative_incidence import CumulativeIncidence, cumulative_incidence
    from rwe.survival.cure import cure
    from rwe.survival.differences import Difference, milestone_difference, rmst_difference, rmst_ratio
    from rwe.survival.elastic_net import ElasticNet, elastic_net
    from rwe.survival.estimators import CoxRegression, FineGrayRegression, KaplanMeierEstimator
    from rwe.survival.extrapolate import Extrapolation, extrapolate
    from rwe.survival.fine_gray import FineGray, fine_gray
    from rwe.survival.follow_up import FollowUp, median_follow_up
    from rwe.survival.gather import tally
    from rwe.survival.gray_test import GrayTest, gray_test
    from rwe.survival.kaplan_meier import KaplanMeier, kaplan_meier
    from rwe.survival.life_table import LifeTable, life_table
    from rwe.survival.log_rank import LogRank, log_rank
    from rwe.survival.m_spline import m_spline
    from rwe.survival.max_combo import MaxCombo, max_combo
    from rwe.survival.medians import median_difference
    from rwe.survival.multi_state import MultiState, multi_state
    from rwe.survival.nelson_aalen import NelsonAalen, nelson_aalen
    from rwe.survival.net_survival import NetSurvival, net_survival
    from rwe.survival.one_sample import OneSample, one_sample_log_rank
    from rwe.survival.parametric import Parametric, parametric
    from rwe.survival.penalised import Penalised
    from rwe.survival.population_curve import background_hazard, population_curve
    from rwe.survival.pseudo_observations import pseudo_observations
    from rwe.survival.ridge import ridge
    from rwe.survival.rmst_regression import RmstRegression, rmst_regression
    from rwe.survival.scenario import Scenario
    from rwe.survival.scenario_curves import floored, waned, with_population
    from rwe.survival.shrunk_estimators import CoxNet, CoxRidge
    from rwe.survival.simulation import Simulation, simulate
    from rwe.survival.smoothed_hazard import SmoothedHazard, smoothed_hazard
    from rwe.survival.spline import spline
    from rwe.survival.turnbull import Turnbull, turnbull

_OFFERS = {
    "auc": ("TimeDependentAuc", "time_dependent_auc"),
    "averaging": ("aic_weights", "averaged"),
    "bootstrap": ("Bootstrap", "bootstrap"),
    "brier": ("BrierScore", "brier_score"),
    "cause_specific": ("CauseSpecific", "cause_specific"),
    "concordance": ("Concordance", "concordance"),
    "counts": ("Tally",),
    "cox": ("Cox", "cox"),
    "cox_bootstrap": ("CoxBootstrap", "bootstrap_cox"),
    "cumulative_incidence": ("CumulativeIncidence", "cumulative_incidence"),
    "cure": ("cure",),
    "differences": ("Difference", "milestone_difference", "rmst_difference", "rmst_ratio"),
    "elastic_net": ("ElasticNet", "elastic_net"),
    "estimators": ("CoxRegression", "FineGrayRegression", "KaplanMeierEstimator"),
    "extrapolate": ("Extrapolation", "extrapolate"),
    "fine_gray": ("FineGray", "fine_gray"),
    "follow_up": ("FollowUp", "median_follow_up"),
    "gather": ("tally",),
    "gray_test": ("GrayTest", "gray_test"),
    "kaplan_meier": ("KaplanMeier", "kaplan_meier"),
    "life_table": ("LifeTable", "life_table"),
    "log_rank": ("LogRank", "log_rank"),
    "m_spline": ("m_spline",),
    "max_combo": ("MaxCombo", "max_combo"),
    "medians": ("median_difference",),
    "multi_state": ("MultiState", "multi_state"),
    "nelson_aalen": ("NelsonAalen", "nelson_aalen"),
    "net_survival": ("NetSurvival", "net_survival"),
    "one_sample": ("OneSample", "one_sample_log_rank"),
    "parametric": ("Parametric", "parametric"),
    "penalised": ("Penalised",),
    "population_curve": ("background_hazard", "population_curve"),
    "pseudo_observations": ("pseudo_observations",),
    "ridge": ("ridge",),
    "rmst_regression": ("RmstRegression", "rmst_regression"),
    "scenario": ("Scenario",),
    "scenario_curves": ("floored", "waned", "with_population"),
    "shrunk_estimators": ("CoxNet", "CoxRidge"),
    "simulation": ("Simulation", "simulate"),
    "smoothed_hazard": ("SmoothedHazard", "smoothed_hazard"),
    "spline": ("spline",),
    "turnbull": ("Turnbull", "turnbull"),
}
__all__ = [
    "Bootstrap",
    "BrierScore",
    "CauseSpecific",
    "Concordance",
    "Cox",
    "CoxBootstrap",
    "CoxNet",
    "CoxRegression",
    "CoxRidge",
    "CumulativeIncidence",
    "Difference",
    "ElasticNet",
    "Extrapolation",
    "FineGray",
    "FineGrayRegression",
    "FollowUp",
    "GrayTest",
    "KaplanMeier",
    "KaplanMeierEstimator",
    "LifeTable",
    "LogRank",
    "MaxCombo",
    "MultiState",
    "NelsonAalen",
    "NetSurvival",
    "OneSample",
    "Parametric",
    "Penalised",
    "RmstRegression",
    "Scenario",
    "Simulation",
    "SmoothedHazard",
    "Tally",
    "TimeDependentAuc",
    "Turnbull",
    "aic_weights",
    "averaged",
    "background_hazard",
    "bootstrap",
    "bootstrap_cox",
    "brier_score",
    "cause_specific",
    "concordance",
    "cox",
    "cumulative_incidence",
    "cure",
    "elastic_net",
    "extrapolate",
    "fine_gray",
    "floored",
    "gray_test",
    "kaplan_meier",
    "life_table",
    "log_rank",
    "m_spline",
    "max_combo",
    "median_difference",
    "median_follow_up",
    "milestone_difference",
    "multi_state",
    "nelson_aalen",
    "net_survival",
    "one_sample_log_rank",
    "parametric",
    "population_curve",
    "pseudo_observations",
    "ridge",
    "rmst_difference",
    "rmst_ratio",
    "rmst_regression",
    "simulate",
    "smoothed_hazard",
    "spline",
    "tally",
    "time_dependent_auc",
    "turnbull",
    "waned",
    "with_population",
]

__getattr__, __dir__ = lazily(__name__, _OFFERS)
