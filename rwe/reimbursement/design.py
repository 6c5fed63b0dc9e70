# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`design`: payment schemes compared before they are signed, under each truth that may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.reimbursement.cohorts import Outcome, cohorts, played, survival_of
from rwe.reimbursement.designed import Designed
from rwe.reimbursement.power import one_sample_power
from rwe.reimbursement.waiting import Waiting, value_of_waiting
from rwe.spec.agreement import Agreement, OutcomeGuarantee
from rwe.spec.design import Design

SCALED = {"discount": "rate", "death_rebate": "rate", "payment_by_result": "share", "risk_sharing": "share"}
SCALED |= {"cost_sharing": "share", "expenditure_cap": "share"}
STEPS = 60  # halvings of the interval in which a threshold is looked for


def design(plan: Design, agreements: Mapping[str, Agreement]) -> Designed:
    """Play every scheme under every truth.

    Cohorts are drawn as the plan describes them and settled by the contracts' own terms. A party is indifferent
    between a scheme and the reference where both bring the same payback in the mean: the lever of a scheme (threshold
    of its guarantee; rate or share of its only term) is solved for that.

    Parameters
    ----------
    plan
        A design file (`rwe.spec.design.load_design`).
    agreements
        The contract of each scheme, by the scheme's name.

    Raises
    ------
    DefinitionError
        If a scheme has no contract, or one that cannot be played.
    """
    if missing := [scheme.name for scheme in plan.schemes if scheme.name not in agreements]:
        raise DefinitionError(f"no agreement for the schemes {', '.join(missing)}")
    rows, powers = [], []
    promised = _daily(plan, 0)
    for k, truth in enumerate(plan.truths):
        people = cohorts(plan, truth)
        outcomes = {scheme.name: played(plan, agreements[scheme.name], people) for scheme in plan.schemes}
        target = float(outcomes[plan.reference].payback.mean()) if plan.reference else None
        rows += [
            {"truth": truth.name, "scheme": name, **_told(plan, outcome), **_lever(agreements[name], outcome, target)}
            for name, outcome in outcomes.items()
        ]
        powers += [{"truth": truth.name, **_power(plan, promised, _daily(plan, k))}] if k else []
    return Designed(plan, pl.DataFrame(rows, infer_schema_length=None), pl.DataFrame(powers), _waiting(plan))


def _waiting(plan: Design) -> Waiting | None:
    if (asked := plan.waiting) is None:
        return None
    return value_of_waiting(
        asked.net_benefit,
        asked.net_benefit_sd,
        evidence_sd=asked.evidence_sd,
        patients_now=asked.patients_now,
        patients_later=asked.patients_later,
        cost=asked.cost,
    )


def _daily(plan: Design, k: int) -> F8:
    return survival_of(plan.truths[k], np.arange(plan.cut_day + 1, dtype=np.float64))


def _power(plan: Design, promised: F8, real: F8) -> dict[str, Any]:
    how = {"accrual_days": plan.accrual_days, "cut_day": plan.cut_day}
    try:
        found = one_sample_power(promised, real, patients=plan.patients, alpha=plan.alpha, power=plan.power, **how)
    except NoValidAnswer:
        return {"power": plan.alpha, "patients": None, "events": None, "expected": None}
    events = {"events": found.events * plan.patients, "expected": found.expected * plan.patients}
    return {"power": found.power, "patients": found.patients, **events}


def _told(plan: Design, o: Outcome) -> dict[str, float | None]:
    """Return the means over cohorts, the spread of the payback, and how often a term on all patients pays."""
    net = float((o.gross - o.payback).sum())
    tails = [(1 - plan.conf_level) / 2, (1 + plan.conf_level) / 2]
    low, high = np.quantile(o.payback, tails)
    spent = o.gross > 0
    share_low, share_high = np.quantile(o.payback[spent] / o.gross[spent], tails)
    return {
        "gross": float(o.gross.mean()),
        "payback": float(o.payback.mean()),
        "payback_sd": float(o.payback.std(ddof=1)),
        "conf_low": float(low),
        "conf_high": float(high),
        "share": float(o.payback.sum() / o.gross.sum()),
        "share_low": float(share_low),
        "share_high": float(share_high),
        "triggered": None if np.isnan(o.triggered).any() else float(o.triggered.mean()),
        "effective_price": _ratio(net, float(o.units.sum())),
        "cost_per_result": _ratio(net, float(o.results.sum())),
    }


def _ratio(money: float, of: float) -> float | None:
    return money / of if of else None


def _lever(agreement: Agreement, o: Outcome, target: float | None) -> dict[str, Any]:
    """Return what to change of a contract, and to what, so that its expected payback is the reference's."""
    name, found = next(_levers(agreement, o, target), ("", None))
    return {"lever": name, "indifferent": found}


def _levers(agreement: Agreement, o: Outcome, target: float | None) -> Iterator[tuple[str, float | None]]:
    if target is None:
        return
    last, mean = agreement.terms[-1], float(o.payback.mean())
    if isinstance(last, OutcomeGuarantee):
        yield (
            "threshold",
            _threshold(last, o, target - (mean - float(_guaranteed(last, o, float(last.threshold)).mean()))),
        )
    elif len(agreement.terms) == 1 and last.type in SCALED:
        now = float(getattr(last, SCALED[last.type]))
        yield SCALED[last.type], now * target / mean if mean and now * target <= mean else None


def _guaranteed(term: OutcomeGuarantee, o: Outcome, threshold: float) -> F8:
    """Return the payback of each cohort if the guarantee had this threshold."""
    upper = o.high if term.rule == "upper_limit" else o.estimate
    below = (upper < threshold) & (o.at_risk >= term.min_at_risk)
    rate = np.minimum(float(term.cap), float(term.gamma) * (threshold - o.estimate))
    return np.asarray(np.where(below, np.nan_to_num(rate) * o.balance, 0.0), np.float64)


def _threshold(term: OutcomeGuarantee, o: Outcome, target: float) -> float | None:
    """Return the smallest threshold whose expected payback reaches `target`; None where none does."""
    low, high = 0.0, 1.0
    if target <= 0 or float(_guaranteed(term, o, high).mean()) < target:
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if float(_guaranteed(term, o, middle).mean()) >= target else (middle, high)
    return high
