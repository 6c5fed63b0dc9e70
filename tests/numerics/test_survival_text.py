# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Results print what R prints, in its order: the two arms of Freireich's trial of 6-MP."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import rwe.survival as sv

TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
FRAME = pl.DataFrame(
    {
        "days": TREATED + PLACEBO,
        "died": [1] * 9 + [0] * 12 + [1] * 21,
        "arm": ["6-MP"] * 21 + ["placebo"] * 21,
        "why": [1] * 9 + [0] * 12 + [1] * 15 + [2] * 6,
    }
)
KAPLAN_MEIER = """\
Kaplan-Meier, log-log limits

             n events median .95LCL .95UCL
arm=6-MP    21      9     23     13     NA
arm=placebo 21     21      8      4     11"""

LOG_RANK = """\
             N Observed Expected (O-E)^2/E (O-E)^2/V
arm=6-MP    21        9    19.25     5.458     16.79
arm=placebo 21       21    10.75     9.775     16.79

Chi-square = 16.79 on 1 df, p = 4.17e-05"""

COX = """\
Cox regression, ties efron
n = 42, events = 30

             coef exp(coef) se(coef)     z        p
arm=placebo 1.572     4.817   0.4124 3.812 0.000138

            exp(coef) exp(-coef) lower .95 upper .95
arm=placebo     4.817     0.2076     2.147     10.81

Concordance = 0.69 (se = 0.04114)
Likelihood ratio test = 16.35 on 1 df, p = 5.26e-05
Wald test             = 14.53 on 1 df, p = 0.000138
Score (log-rank) test = 17.25 on 1 df, p = 3.28e-05"""

PROPORTIONAL_HAZARDS = """\
Proportional hazards, time as km

              chisq df    p
arm=placebo 0.02286  1 0.88
global      0.02286  1 0.88"""

GRAY = """\
Gray's test of cause 1

             N Events Observed Expected
arm=6-MP    21      9        9    13.96
arm=placebo 21     15       15    10.04

Chi-square = 4.346 on 1 df, p = 0.0371"""

FINE_GRAY = """\
Fine-Gray regression of cause 1, ties breslow
n = 42, events = 24, competing = 6

              coef exp(coef) se(coef) robust se     z      p
arm=placebo 0.8635     2.371   0.4234     0.392 2.203 0.0276

            exp(coef) exp(-coef) lower .95 upper .95
arm=placebo     2.371     0.4217       1.1     5.113

Wald test = 4.852 on 1 df, p = 0.0276"""


def results() -> list[tuple[Any, str]]:
    cox = sv.cox(FRAME, time="days", event="died", covariates=["arm"])
    return [
        (sv.kaplan_meier(FRAME, time="days", event="died", by="arm"), KAPLAN_MEIER),
        (sv.log_rank(FRAME, time="days", event="died", by="arm"), LOG_RANK),
        (cox, COX),
        (cox.proportional_hazards(), PROPORTIONAL_HAZARDS),
        (sv.gray_test(FRAME, time="days", cause="why", by="arm"), GRAY),
        (sv.fine_gray(FRAME, time="days", cause="why", covariates=["arm"]), FINE_GRAY),
    ]


@pytest.mark.parametrize("place", range(6))
def test_a_result_prints_its_figures_in_the_order_of_r(place: int) -> None:
    result, words = results()[place]

    assert repr(result) == words
    assert str(result) == words


def test_a_model_without_rows_robust_or_penalised_prints_what_it_has() -> None:
    weighted = FRAME.with_columns(w=pl.Series([0.5, 1.5] * 21))

    streamed = repr(sv.cox(FRAME.lazy(), time="days", event="died", covariates=["arm"]))
    robust = repr(sv.cox(weighted, time="days", event="died", covariates=["arm"], weights="w"))
    firth = repr(sv.cox(FRAME, time="days", event="died", covariates=["arm"], penalty="firth"))

    assert "Concordance" not in streamed
    assert "robust se" in robust
    assert "Likelihood ratio" not in robust
    assert "penalty firth" in firth


def test_the_html_of_a_result_is_escaped() -> None:
    frame = FRAME.with_columns(arm=pl.lit("<script>") + pl.col("arm"))
    found = [
        sv.kaplan_meier(frame, time="days", event="died", by="arm"),
        sv.cox(frame, time="days", event="died", covariates=["arm"]),
    ]

    assert not [result for result in found if "<script>" in result._repr_html_()]
