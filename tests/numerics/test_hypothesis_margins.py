# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Contrasts held against a margin: verdicts by hand, the test against its formula, follow-up cut where few are left."""

from __future__ import annotations

from statistics import NormalDist

import polars as pl
import pytest
from pydantic import ValidationError

from analyses.trial_comparison import Claim
from rwe import compare as cp
from rwe.errors import DefinitionError
from tests.numerics.test_replicates import arm, people_of, trial_of

NI, EQ, SUP = "non_inferiority", "equivalence", "superiority"


@pytest.mark.parametrize(
    ("kind", "estimand", "margin", "low", "high", "verdict"),
    [
        (NI, "milestone", 0.05, -0.04, 0.10, "met"),
        (NI, "milestone", 0.05, -0.06, 0.10, "undetermined"),
        (NI, "milestone", 0.05, -0.20, -0.06, "not_met"),
        (NI, "milestone", 0.05, -0.05, 0.10, "undetermined"),  # the margin itself is not within the margin
        (EQ, "milestone", 0.05, -0.04, 0.04, "met"),
        (EQ, "milestone", 0.05, -0.04, 0.06, "undetermined"),
        (EQ, "milestone", 0.05, 0.06, 0.10, "not_met"),
        (SUP, "rmst", 10.0, 11.0, 30.0, "met"),
        (SUP, "rmst", 10.0, -5.0, 9.0, "not_met"),
        (NI, "hazard_ratio", 1.25, 0.8, 1.24, "met"),
        (NI, "hazard_ratio", 1.25, 0.8, 1.26, "undetermined"),
        (NI, "hazard_ratio", 1.25, 1.3, 1.9, "not_met"),
        (EQ, "hazard_ratio", 1.25, 0.81, 1.24, "met"),
        (EQ, "hazard_ratio", 1.25, 0.79, 1.24, "undetermined"),  # 1 / 1.25 = 0.8
        (SUP, "hazard_ratio", 1.0, 0.5, 0.99, "met"),
        (NI, "hazard_ratio", 1.25, None, None, "undetermined"),
    ],
)
def test_verdicts(kind: str, estimand: str, margin: float, low: float | None, high: float | None, verdict: str) -> None:
    time = None if estimand == "hazard_ratio" else 365

    assert cp.judge(cp.Hypothesis(kind, estimand, margin, time), low, high).verdict == verdict


@pytest.mark.parametrize(("estimand", "margin", "time"), [("milestone", 0.1, 60), ("hazard_ratio", 1.3, None)])
def test_the_test_is_that_of_the_estimate_less_its_margin(estimand: str, margin: float, time: int | None) -> None:
    import math

    ours, theirs = people_of(arm(3, 200, 1)), trial_of(arm(4, 150, 0))
    claim = cp.Hypothesis(NI, estimand, margin, time, min_at_risk=1)

    row = cp.hold(ours, theirs, claim, endpoint="os", weights="w").table.row(0, named=True)

    plain = cp.contrast(ours, theirs, endpoint="os", weights="w", milestones=(60,), tau=100).table
    same = plain.filter(group="difference", estimand=estimand).row(0, named=True)
    assert row["estimate"] == pytest.approx(same["estimate"])
    benefit = -math.log(row["estimate"]) if time is None else row["estimate"]
    tolerated = math.log(margin) if time is None else margin
    z = (benefit + tolerated) / row["std_error"]
    assert row["statistic"] == pytest.approx(z)
    assert row["p_value"] == pytest.approx(1 - NormalDist().cdf(z), abs=1e-12)


def test_follow_up_ends_where_few_are_left() -> None:
    ours, theirs = people_of(arm(3, 200, 1)), trial_of(arm(4, 150, 0))

    late = cp.hold(ours, theirs, cp.Hypothesis(NI, "milestone", 0.1, 115, min_at_risk=50), endpoint="os")
    cut = cp.hold(ours, theirs, cp.Hypothesis(NI, "hazard_ratio", 1.3, None, min_at_risk=100), endpoint="os")

    assert late.table.is_empty()
    assert late.settings["hypothesis"]["reason"] == "too_few_at_risk"
    last = arm(4, 150, 0)["days"].sort(descending=True)[99]
    until = arm(3, 200, 1).filter(pl.col("event"), pl.col("days") <= last)
    assert cut.table["n_event"].item() == until.height < arm(3, 200, 1)["event"].sum()


@pytest.mark.parametrize(("estimand", "margin", "time"), [("hazard_ratio", 0.8, None), ("hazard_ratio", 1.2, 365),
                                                          ("milestone", 0.05, None), ("rmst", -3.0, 365)])  # fmt: skip
def test_margins_on_the_wrong_scale_are_refused(estimand: str, margin: float, time: int | None) -> None:
    with pytest.raises(DefinitionError, match=r"the margin of"):
        cp.Hypothesis(NI, estimand, margin, time)
    with pytest.raises(ValidationError, match=r"the margin of"):  # a study that says so is refused when it is read
        Claim(kind=NI, estimand=estimand, margin=margin, time=time)
