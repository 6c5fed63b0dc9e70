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

INCIDENCE = """\
Cumulative incidence, log-log limits, variance jackknife

arm=6-MP, cause 1
 time n.risk n.event incidence std.err lower .95 upper .95
    6     21       3    0.1429 0.07636   0.03566    0.3212
    7     17       1    0.1933 0.08694   0.06019    0.3824
   10     15       1    0.2471 0.09635   0.08934    0.4452
   13     12       1    0.3098  0.1068    0.1242    0.5177
   16     11       1    0.3725  0.1141    0.1632    0.5841
   22      7       1    0.4622  0.1282    0.2099    0.6828
   23      6       1    0.5518  0.1346    0.2649    0.7664

arm=6-MP, cause 2: no events

arm=placebo, cause 1
 time n.risk n.event incidence std.err lower .95 upper .95
    1     21       2   0.09524 0.06406   0.01626    0.2612
    2     19       2    0.1905 0.08569   0.05948    0.3774
    3     17       1    0.2381 0.09294   0.08666    0.4308
    4     16       2    0.3333  0.1029    0.1488    0.5307
    5     14       2    0.4286   0.108    0.2192    0.6231
    8     12       4     0.619   0.106    0.3808     0.788
   11      8       2    0.7143 0.09858    0.4715    0.8602

arm=placebo, cause 2
 time n.risk n.event incidence std.err lower .95 upper .95
   12      6       2   0.09524 0.06406   0.01626    0.2612
   15      4       1    0.1429 0.07636   0.03566    0.3212
   17      3       1    0.1905 0.08569   0.05948    0.3774
   22      2       1    0.2381 0.09294   0.08666    0.4308
   23      1       1    0.2857 0.09858    0.1166    0.4818"""


def results() -> list[tuple[Any, str]]:
    cox = sv.cox(FRAME, time="days", event="died", covariates=["arm"])
    return [
        (sv.kaplan_meier(FRAME, time="days", event="died", by="arm"), KAPLAN_MEIER),
        (sv.log_rank(FRAME, time="days", event="died", by="arm"), LOG_RANK),
        (cox, COX),
        (cox.proportional_hazards(), PROPORTIONAL_HAZARDS),
        (sv.gray_test(FRAME, time="days", cause="why", by="arm"), GRAY),
        (sv.fine_gray(FRAME, time="days", cause="why", covariates=["arm"]), FINE_GRAY),
        (sv.cumulative_incidence(FRAME, time="days", cause="why", by="arm"), INCIDENCE),
    ]


@pytest.mark.parametrize("place", range(7))
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
    assert "\n\nLikelihood ratio test" in streamed
    assert "\n\nWald test" in repr(sv.fine_gray(FRAME, time="days", cause="why", covariates=["arm"]))
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


def test_a_curve_in_a_notebook_begins_with_its_medians_and_is_cut_in_its_middle() -> None:
    frame = pl.DataFrame({"days": range(1, 101), "died": 1})

    html = sv.kaplan_meier(frame, time="days", event="died")._repr_html_()

    medians, steps = html.split("<table")[1:]
    assert "<td>50.5</td>" in medians
    assert "<td>n_risk</td>" not in medians
    assert steps.count("<tr><td>") == 12  # types, five rows, the cut, five rows
    assert "&hellip;" in steps


def test_a_long_incidence_is_cut_in_its_middle() -> None:
    frame = pl.DataFrame({"days": range(1, 101), "why": 1})

    words = repr(sv.cumulative_incidence(frame, time="days", cause="why")).splitlines()

    assert words[2] == "cause 1"
    assert words[9] == "... 90 rows"
    assert len(words) == 15
