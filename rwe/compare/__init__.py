# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Practice against the trial: baselines, weights that align populations, contrasts, and how far to trust them.

Each function is loaded when it is first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rwe.lazy import lazily

if TYPE_CHECKING:
    from rwe.compare.anytime import AnytimeLogRank, anytime_log_rank
    from rwe.compare.arm_balance import ArmBalance, arm_balance
    from rwe.compare.arms import arms
    from rwe.compare.balance import Balance, balance
    from rwe.compare.bias import BiasAnalysis, bias_analysis
    from rwe.compare.calibrate import Calibration, calibrate
    from rwe.compare.contrast import contrast
    from rwe.compare.e_value import EValue, e_value
    from rwe.compare.error_model import ErrorModel
    from rwe.compare.gap import Gap, gap
    from rwe.compare.hypothesis import Hypothesis, Verdict, hold, judge
    from rwe.compare.impute import Imputed, impute
    from rwe.compare.indirect import Indirect, bucher
    from rwe.compare.informative import InformativeCensoring, informative_censoring
    from rwe.compare.logistic import Logistic, logistic
    from rwe.compare.looks import Looks, looks
    from rwe.compare.maic import Aligned, entropy, maic
    from rwe.compare.mantel_haenszel import MantelHaenszel, mantel_haenszel
    from rwe.compare.margin import Margin, classes
    from rwe.compare.match import Matched, match
    from rwe.compare.misclassified import misclassified
    from rwe.compare.overlap import Overlap, overlap
    from rwe.compare.pool import Pooled, pool
    from rwe.compare.positive_control import positive_control
    from rwe.compare.propensity import Propensity, propensity
    from rwe.compare.proportions import Proportion, proportion
    from rwe.compare.rake import Raked, rake
    from rwe.compare.rates import Rates, rate, rate_ratio
    from rwe.compare.reconstruct import Reconstruction, reconstruct
    from rwe.compare.response import response
    from rwe.compare.rubin import Combined, rubin
    from rwe.compare.sensitivity import Sensitivity, Sites, by_site, sensitivity
    from rwe.compare.spending import boundaries
    from rwe.compare.standard_rates import standardised_rate
    from rwe.compare.standardise import Standardised, standardise
    from rwe.compare.tipping import Tipping, tipping_point
    from rwe.compare.trial import TrialBaseline, load_trial
    from rwe.compare.two_by_two import TwoByTwo, two_by_two
    from rwe.compare.weight import Weighted, weight
    from rwe.compare.weights import effective_sample_size
    from rwe.compare.win import Wins, win

_OFFERS = {
    "anytime": ("AnytimeLogRank", "anytime_log_rank"),
    "arm_balance": ("ArmBalance", "arm_balance"),
    "arms": ("arms",),
    "balance": ("Balance", "balance"),
    "bias": ("BiasAnalysis", "bias_analysis"),
    "calibrate": ("Calibration", "calibrate"),
    "contrast": ("contrast",),
    "e_value": ("EValue", "e_value"),
    "error_model": ("ErrorModel",),
    "gap": ("Gap", "gap"),
    "hypothesis": ("Hypothesis", "Verdict", "hold", "judge"),
    "impute": ("Imputed", "impute"),
    "indirect": ("Indirect", "bucher"),
    "informative": ("InformativeCensoring", "informative_censoring"),
    "logistic": ("Logistic", "logistic"),
    "looks": ("Looks", "looks"),
    "maic": ("Aligned", "entropy", "maic"),
    "mantel_haenszel": ("MantelHaenszel", "mantel_haenszel"),
    "margin": ("Margin", "classes"),
    "match": ("Matched", "match"),
    "misclassified": ("misclassified",),
    "overlap": ("Overlap", "overlap"),
    "pool": ("Pooled", "pool"),
    "positive_control": ("positive_control",),
    "propensity": ("Propensity", "propensity"),
    "proportions": ("Proportion", "proportion"),
    "rake": ("Raked", "rake"),
    "rates": ("Rates", "rate", "rate_ratio"),
    "reconstruct": ("Reconstruction", "reconstruct"),
    "response": ("response",),
    "rubin": ("Combined", "rubin"),
    "sensitivity": ("Sensitivity", "Sites", "by_site", "sensitivity"),
    "spending": ("boundaries",),
    "standard_rates": ("standardised_rate",),
    "standardise": ("Standardised", "standardise"),
    "tipping": ("Tipping", "tipping_point"),
    "trial": ("TrialBaseline", "load_trial"),
    "two_by_two": ("TwoByTwo", "two_by_two"),
    "weight": ("Weighted", "weight"),
    "weights": ("effective_sample_size",),
    "win": ("Wins", "win"),
}
__all__ = [
    "Aligned",
    "AnytimeLogRank",
    "ArmBalance",
    "Balance",
    "BiasAnalysis",
    "Calibration",
    "Combined",
    "EValue",
    "ErrorModel",
    "Gap",
    "Hypothesis",
    "Imputed",
    "Indirect",
    "InformativeCensoring",
    "Logistic",
    "Looks",
    "MantelHaenszel",
    "Margin",
    "Matched",
    "Overlap",
    "Pooled",
    "Propensity",
    "Proportion",
    "Raked",
    "Rates",
    "Reconstruction",
    "Sensitivity",
    "Sites",
    "Standardised",
    "Tipping",
    "TrialBaseline",
    "TwoByTwo",
    "Verdict",
    "Weighted",
    "Wins",
    "anytime_log_rank",
    "arm_balance",
    "arms",
    "balance",
    "bias_analysis",
    "boundaries",
    "bucher",
    "by_site",
    "calibrate",
    "classes",
    "contrast",
    "e_value",
    "effective_sample_size",
    "entropy",
    "gap",
    "hold",
    "impute",
    "informative_censoring",
    "judge",
    "load_trial",
    "logistic",
    "looks",
    "maic",
    "mantel_haenszel",
    "match",
    "misclassified",
    "overlap",
    "pool",
    "positive_control",
    "propensity",
    "proportion",
    "rake",
    "rate",
    "rate_ratio",
    "reconstruct",
    "response",
    "rubin",
    "sensitivity",
    "standardise",
    "standardised_rate",
    "tipping_point",
    "two_by_two",
    "weight",
    "win",
]

__getattr__, __dir__ = lazily(__name__, _OFFERS)
