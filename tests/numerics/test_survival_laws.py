# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for any cohort: order, copies, splits, batches, units and coding change no answer."""

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
from rwe.kernels.days import DayTable
from rwe.survival.data import respond

RESPONSE: dict[str, Any] = {"time": "t", "event": "e", "entry": "a"}


@st.composite
def cohorts(draw: st.DrawFn, least: int = 6) -> pl.DataFrame:
    """Draw a small cohort with ties, late entry, two groups, two strata, whole weights and a covariate."""
    n = draw(st.integers(least, 24))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    frame = pl.DataFrame(
        {"a": column(0, 4), "stay": column(1, 12), "e": column(0, 1), "g": column(0, 1), "s": column(0, 1)}
    )
    frame = frame.with_columns(t=pl.col("a") + pl.col("stay"), w=pl.Series(column(1, 3)), x=pl.Series(column(-3, 3)))
    assume(frame["e"].sum() > 1 and frame["g"].n_unique() == 2)
    return frame.with_row_index("id")


def _curve(frame: pl.DataFrame, **more: Any) -> np.ndarray:
    km = sv.kaplan_meier(frame, **{**RESPONSE, **more}).at(list(range(17)))
    return km.select("survival", "std_error", "conf_low", "conf_high").to_numpy()


def _fit(frame: pl.DataFrame, **more: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates and errors of a Cox model; a cohort on which it has no answer is passed over."""
    try:
        fit = sv.cox(frame, **{**RESPONSE, "covariates": ["x", "g"], **more})
    except NoValidAnswer:
        reject()
    found = fit.coefficients
    return found["estimate"].to_numpy(), found["robust_std_error" if fit.robust else "std_error"].to_numpy()


def _same(got: Any, wanted: Any, what: str, rtol: float = 1e-9) -> None:
    assert_allclose(got, wanted, rtol=rtol, atol=1e-10, err_msg=what)


def _log_rank(frame: pl.DataFrame) -> list[float]:
    try:
        test = sv.log_rank(frame, **RESPONSE, by="g", strata="s", rho=1, weights="w")
    except NoValidAnswer:
        reject()
    return [test.statistic, *test.table["variance"]]


def order_of_rows_changes_nothing(frame: pl.DataFrame, random: Any) -> None:
    other = frame[random.sample(range(frame.height), frame.height)]

    _same(_curve(other, weights="w", robust=True), _curve(frame, weights="w", robust=True), "curve")
    _same(_log_rank(other), _log_rank(frame), "log-rank")
    _same(_fit(other, weights="w", strata="s"), _fit(frame, weights="w", strata="s"), "Cox", rtol=1e-6)
    _same(_fit(other, robust=True), _fit(frame, robust=True), "Cox, robust", rtol=1e-6)


def a_whole_weight_is_that_many_copies(frame: pl.DataFrame) -> None:
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]

    _same(_curve(frame, weights="w"), _curve(copies), "curve")
    _same(_fit(frame, weights="w", ties="breslow"), _fit(copies, ties="breslow"), "Cox after Breslow", rtol=1e-6)


def a_row_split_in_two_is_one_row(frame: pl.DataFrame, day: int) -> None:
    through = (pl.col("a") < day) & (pl.col("t") > day)
    first = frame.filter(through).with_columns(t=pl.lit(day, pl.Int64), e=pl.lit(0, pl.Int64))
    second = frame.with_columns(a=pl.when(through).then(day).otherwise("a"))
    split = pl.concat([first, second], how="vertical_relaxed")

    _same(_curve(split, cluster="id"), _curve(frame, robust=True), "curve")
    _same(_fit(split), _fit(frame), "Cox", rtol=1e-6)
    _same(_fit(split, cluster="id"), _fit(frame, robust=True), "Cox, robust", rtol=1e-6)


def the_unit_of_time_changes_only_times(frame: pl.DataFrame, factor: int) -> None:
    slow = frame.with_columns(pl.col("t", "a") * factor)
    tables = [sv.kaplan_meier(f, **RESPONSE, by="g").table for f in (frame, slow)]

    _same(tables[1]["survival"], tables[0]["survival"], "survival")
    assert (tables[0]["time"] * factor).to_list() == tables[1]["time"].to_list()
    _same(_fit(slow), _fit(frame), "Cox", rtol=1e-6)


def batches_merged_are_the_whole(frame: pl.DataFrame, cut: int) -> None:
    def table(part: pl.DataFrame) -> DayTable:
        response = respond(part, time="t", event="e", entry="a", weights="w")
        return response.fold(part["g"].to_numpy().astype(np.int64), 2)

    parts = [table(part) for part in (frame[:cut], frame[cut:]) if part.height]
    whole, merged = table(frame), sum(parts[1:], parts[0])

    assert merged.persons.tolist() == whole.persons.tolist()
    assert merged.weights.tolist() == whole.weights.tolist()


def coding_of_covariates_and_names_of_strata_change_nothing(frame: pl.DataFrame, shift: int) -> None:
    estimate, error = _fit(frame, strata="s")
    other = frame.with_columns(
        g=1 - pl.col("g"), x=pl.col("x") + shift, s=pl.col("s").replace_strict({0: "north", 1: "east"})
    )

    turned, same = _fit(other, strata="s")

    _same(turned, estimate * [1, -1], "estimates", rtol=1e-6)
    _same(same, error, "errors", rtol=1e-6)


def later_censoring_does_not_change_the_curve_before(frame: pl.DataFrame, tau: int) -> None:
    ended = frame.filter(pl.col("a") < tau).with_columns(
        t=pl.min_horizontal("t", pl.lit(tau)), e=pl.when(pl.col("t") > tau).then(0).otherwise("e")
    )
    assume(ended["t"].max() == tau)

    _same(_curve(ended)[:tau], _curve(frame)[:tau], "curve")


LAWS: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    order_of_rows_changes_nothing: (
        cohorts(),
        st.randoms(use_true_random=False),
    ),
    a_whole_weight_is_that_many_copies: (cohorts(),),
    a_row_split_in_two_is_one_row: (
        cohorts(),
        st.integers(1, 15),
    ),
    the_unit_of_time_changes_only_times: (
        cohorts(),
        st.integers(2, 900),
    ),
    batches_merged_are_the_whole: (
        cohorts(),
        st.integers(0, 24),
    ),
    coding_of_covariates_and_names_of_strata_change_nothing: (
        cohorts(),
        st.integers(-1000, 1000),
    ),
    later_censoring_does_not_change_the_curve_before: (
        cohorts(),
        st.integers(2, 14),
    ),
}


def _check(law: Callable[..., None], examples: int) -> None:
    hard = [HealthCheck.filter_too_much, HealthCheck.too_slow]
    settings(max_examples=examples, deadline=None, suppress_health_check=hard)(given(*LAWS[law])(law))()


@pytest.mark.parametrize("law", LAWS)
def test_law(law: Callable[..., None]) -> None:
    _check(law, 20)


@pytest.mark.ci
@pytest.mark.parametrize("law", LAWS)
def test_law_on_many_cohorts(law: Callable[..., None]) -> None:
    _check(law, 1000)
