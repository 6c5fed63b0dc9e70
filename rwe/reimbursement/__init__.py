# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is paid: agreements, the settlement ledger in exact money, and verdicts on cohort terms."""

from __future__ import annotations

from rwe.reimbursement.book import Ledger, ledger_folder
from rwe.reimbursement.bridge import Bridge, bridge
from rwe.reimbursement.close import again, close, draw_up, in_turn
from rwe.reimbursement.closed import Closed
from rwe.reimbursement.design import design
from rwe.reimbursement.designed import Designed
from rwe.reimbursement.events import Event, decide, decided, dispute, events, idle, undo
from rwe.reimbursement.export import for_company, for_payer
from rwe.reimbursement.followed import courses
from rwe.reimbursement.forecast import forecast
from rwe.reimbursement.foreseen import Forecast
from rwe.reimbursement.guarantee import Verdict
from rwe.reimbursement.left_out import left_out, left_out_for_company
from rwe.reimbursement.own_curve import Ahead, has_open, look_ahead, own_curves
from rwe.reimbursement.power import OneSamplePower, one_sample_power
from rwe.reimbursement.records import assessments, doses
from rwe.reimbursement.reserve import reserve
from rwe.reimbursement.reserved import Reserve
from rwe.reimbursement.settle import settle
from rwe.reimbursement.settlement import Settlement
from rwe.reimbursement.waiting import Waiting, value_of_waiting
from rwe.spec.agreement import Agreement, load_agreement

__all__ = [
    "Agreement",
    "Ahead",
    "Bridge",
    "Closed",
    "Designed",
    "Event",
    "Forecast",
    "Ledger",
    "OneSamplePower",
    "Reserve",
    "Settlement",
    "Verdict",
    "Waiting",
    "again",
    "assessments",
    "bridge",
    "close",
    "courses",
    "decide",
    "decided",
    "design",
    "dispute",
    "doses",
    "draw_up",
    "events",
    "for_company",
    "for_payer",
    "forecast",
    "has_open",
    "idle",
    "in_turn",
    "ledger_folder",
    "left_out",
    "left_out_for_company",
    "load_agreement",
    "look_ahead",
    "one_sample_power",
    "own_curves",
    "reserve",
    "settle",
    "undo",
    "value_of_waiting",
]
