# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a medicine is worth: models of states, costs and utilities, uncertainty, and the price that follows."""

from __future__ import annotations

from rwe.reimbursement.economics.accrual import Once, Stay
from rwe.reimbursement.economics.appraise import Appraisal, appraise
from rwe.reimbursement.economics.budget import Market, budget
from rwe.reimbursement.economics.curves import Named, Proportional
from rwe.reimbursement.economics.decision import acceptability, icers, net_benefit, population_evpi
from rwe.reimbursement.economics.distributions import Counts, Ratio, Uncertain
from rwe.reimbursement.economics.evaluate import Strategy, evaluate
from rwe.reimbursement.economics.evaluation import Evaluation
from rwe.reimbursement.economics.family_curve import FamilyCurve, fitted_curve, published_curve
from rwe.reimbursement.economics.illness_death import IllnessDeath
from rwe.reimbursement.economics.markov import Markov, Phase
from rwe.reimbursement.economics.partitioned import Partitioned
from rwe.reimbursement.economics.timing import Timing, cycles_of
from rwe.reimbursement.economics.value_price import ValuePrice, promised_threshold, value_price

__all__ = [
    "Appraisal",
    "Counts",
    "Evaluation",
    "FamilyCurve",
    "IllnessDeath",
    "Market",
    "Markov",
    "Named",
    "Once",
    "Partitioned",
    "Phase",
    "Proportional",
    "Ratio",
    "Stay",
    "Strategy",
    "Timing",
    "Uncertain",
    "ValuePrice",
    "acceptability",
    "appraise",
    "budget",
    "cycles_of",
    "evaluate",
    "fitted_curve",
    "icers",
    "net_benefit",
    "population_evpi",
    "promised_threshold",
    "published_curve",
    "value_price",
]
