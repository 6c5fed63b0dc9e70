# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the tests and contrasts of groups: order, names, units, copies and batches change no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import NoValidAnswer
from rwe.execute import Parts

GIVEN: dict[str, Any] = {"time": "t", "event": "e", "entry": "a", "by": "g"}
KINDS = ("gehan", "tarone_ware", "peto_peto", "modified_peto_peto")
CURVE = pl.DataFrame({"time": [5, 20], "survival": [0.8, 0.3]})


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Draw a small cohort with ties, late entry, two groups, two strata and whole weights."""
    n = draw(st.integers(8, 24))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    frame = pl.DataFrame(
        {"a": column(0, 3), "stay": column(1, 12), "e": column(0, 1), "g": column(0, 1), "s": column(0, 1)}
    )
    frame = frame.with_columns(t=pl.col("a") + pl.col("stay"), w=pl.Series(column(1, 3)))
    assume(frame["e"].sum() > 2 and frame["g"].n_unique() == 2)
    return frame


def _tests(frame: Any, **more: Any) -> list[float]:
    try:
        found = [sv.log_rank(frame, **GIVEN, **more, day_weights=kind).statistic for kind in KINDS]
        found.append(sv.log_rank(frame, **GIVEN, **more, rho=0.5, gamma=1).statistic)
    except NoValidAnswer:
        reject()
    return found


def _combo(frame: Any) -> sv.MaxCombo:
    try:
        return sv.max_combo(frame, **GIVEN, tests=[(0, 0), (1, 0), (0, 1)])
    except NoValidAnswer:
        reject()


def _medians(frame: pl.DataFrame) -> list[float]:
    row = sv.median_difference(frame, **GIVEN).table.select("estimate", "conf_low", "conf_high").row(0)
    return [np.nan if x is None else x for x in row]


def _same(got: Any, wanted: Any, what: str, rtol: float = 1e-9) -> None:
    assert_allclose(got, wanted, rtol=rtol, atol=1e-10, err_msg=what)


def order_of_rows_changes_nothing(frame: pl.DataFrame, random: Any) -> None:
    other = frame[random.sample(range(frame.height), frame.height)]

    _same(_tests(other, strata="s"), _tests(frame, strata="s"), "log-rank")
    _same(_tests(other, weights="w", strata="s"), _tests(frame, weights="w", strata="s"), "log-rank, weighted")
    _same(_combo(other).p_value, _combo(frame).p_value, "MaxCombo")
    _same(_medians(other), _medians(frame), "medians")


def names_of_groups_change_only_the_sign(frame: pl.DataFrame) -> None:
    turned = frame.with_columns(g=pl.col("g").replace_strict({0: "z", 1: "b"}))

    _same(_tests(turned), _tests(frame), "log-rank")
    a, b = _combo(turned), _combo(frame)
    _same(a.table["statistic"], -b.table["statistic"].to_numpy(), "MaxCombo, statistics")
    _same(a.p_value, b.p_value, "MaxCombo")
    estimate, low, high = _medians(frame)
    _same(_medians(turned), [-estimate, -high, -low], "medians")


def the_unit_of_time_changes_only_times(frame: pl.DataFrame, factor: int) -> None:
    slow = frame.with_columns(pl.col("t", "a") * factor)
    curve = CURVE.with_columns(pl.col("time") * factor)

    _same(_tests(slow), _tests(frame), "log-rank")
    _same(_combo(slow).p_value, _combo(frame).p_value, "MaxCombo")
    _same(_medians(slow), np.array(_medians(frame)) * factor, "medians")
    tests = [sv.one_sample_log_rank(f, **GIVEN, reference=c).table for f, c in ((frame, CURVE), (slow, curve))]
    _same(tests[1]["expected"], tests[0]["expected"], "one sample")
    hazards = [sv.nelson_aalen(f, **GIVEN, ties="fleming_harrington").table for f in (frame, slow)]
    _same(hazards[1]["cumulative_hazard"], hazards[0]["cumulative_hazard"], "Fleming-Harrington")


def copies_are_weights_in_what_is_observed_and_expected(frame: pl.DataFrame) -> None:
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]
    try:
        weighted = sv.log_rank(frame, **GIVEN, rho=1, gamma=0.5, weights="w").table
        copied = sv.log_rank(copies, **GIVEN, rho=1, gamma=0.5).table
    except NoValidAnswer:
        reject()

    for column in ("observed", "expected"):
        _same(weighted[column], copied[column], column)


def weights_of_one_make_xie_and_liu_the_plain_test(frame: pl.DataFrame) -> None:
    one = frame.with_columns(w=1.0)

    _same(_tests(one, weights="w", variance="xie_liu"), _tests(frame), "Xie-Liu")


def batches_are_the_whole(frame: pl.DataFrame, cut: int) -> None:
    parts = [part for part in (frame[:cut], frame[cut:]) if part.height]

    _same(_tests(Parts(parts), strata="s"), _tests(frame, strata="s"), "log-rank")
    _same(_combo(Parts(parts)).p_value, _combo(frame).p_value, "MaxCombo")


LAWS: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    order_of_rows_changes_nothing: (cohorts(), st.randoms(use_true_random=False)),
    names_of_groups_change_only_the_sign: (cohorts(),),
    the_unit_of_time_changes_only_times: (cohorts(), st.integers(2, 900)),
    copies_are_weights_in_what_is_observed_and_expected: (cohorts(),),
    weights_of_one_make_xie_and_liu_the_plain_test: (cohorts(),),
    batches_are_the_whole: (cohorts(), st.integers(0, 24)),
}


def _check(law: Callable[..., None], examples: int) -> None:
    hard = [HealthCheck.filter_too_much, HealthCheck.too_slow]
    rules = settings(max_examples=examples, deadline=None, suppress_health_check=hard, derandomize=examples > 100)
    rules(given(*LAWS[law])(law))()


@pytest.mark.parametrize("law", LAWS)
def test_law(law: Callable[..., None]) -> None:
    _check(law, 8)


@pytest.mark.ci
@pytest.mark.timeout(900)
@pytest.mark.parametrize("law", LAWS)
def test_law_on_many_cohorts(law: Callable[..., None]) -> None:
    """Log-rank meets 2,000 cohorts in test_survival_laws.py; here each case is some ten tests and integrals."""
    _check(law, 300)
