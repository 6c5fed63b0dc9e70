# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of what comes after a Cox fit: residuals sum to nothing, and follow rows, copies, pieces and units of time.

A cohort is made from a seed and a size, as for the laws of curves; one on which the model has no answer is passed over.
"""

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

ENTRY: dict[str, Any] = {"time": "t", "event": "e", "entry": "a"}
SEEDS = st.integers(0, 2**32 - 1)


def cohort(seed: int, n: int) -> pl.DataFrame:
    """Make a small cohort with ties, late entry, two strata, whole weights and two covariates."""
    rng = np.random.default_rng(seed)
    a, x = rng.integers(0, 5, n), rng.integers(-3, 4, n)
    columns = {"a": a, "t": a + rng.integers(1, 13, n), "e": rng.integers(0, 2, n), "g": rng.integers(0, 2, n), "x": x}
    return pl.DataFrame({"id": np.arange(n), **columns, "s": rng.integers(0, 2, n), "w": rng.integers(1, 4, n)})


def _same(got: Any, wanted: Any, what: str, rtol: float = 1e-9) -> None:
    assert_allclose(got, wanted, rtol=rtol, atol=1e-9, err_msg=what)


def _cox(frame: pl.DataFrame, **more: Any) -> sv.Cox:
    try:
        return sv.cox(frame, **{**ENTRY, "covariates": ["x", "g"], **more})
    except NoValidAnswer:
        reject()


def _slopes(fit: sv.Cox, transform: Any = "km") -> np.ndarray:
    """Return the tests of proportional hazards; a cohort too small for a slope of each term is passed over."""
    failing = fit.residuals("schoenfeld").select(fit.design.names).to_numpy()
    assume(np.linalg.matrix_rank(failing) == failing.shape[1] and failing.shape[0] > 4)
    try:
        found = fit.proportional_hazards(transform).table["statistic"].to_numpy()
    except NoValidAnswer:
        reject()
    assume((found < 50).all() and (found >= 0).all())  # not where the information of the slopes has no inverse
    return found


def residuals_sum_to_nothing(frame: pl.DataFrame) -> None:
    scale = float(frame["w"].sum()) * 10

    for ties in ("efron", "breslow"):
        fit = _cox(frame, weights="w", strata="s", cluster="id", ties=ties)
        left = fit.residuals("martingale", weighted=True).with_columns(frame["s"]).group_by("s").sum()
        assert_allclose(left["martingale"] / scale, 0, atol=1e-9, err_msg="martingale")
        for kind in ("score", "dfbeta"):
            total = fit.residuals(kind, weighted=True).select("x", "g").sum().to_numpy()
            assert_allclose(total / scale, 0, atol=1e-7, err_msg=kind)
        events = fit.residuals("schoenfeld", weighted=True).select("x", "g").sum().to_numpy()
        if ties == "breslow":
            assert_allclose(events / scale, 0, atol=1e-7, err_msg="schoenfeld")


def diagnostics_follow_the_rows(frame: pl.DataFrame, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(frame.height)
    fit, other = (_cox(f, strata="s", weights="w") for f in (frame, frame[order]))

    for kind in ("martingale", "deviance", "score", "dfbetas"):
        one, two = fit.residuals(kind).drop("row").to_numpy(), other.residuals(kind).drop("row").to_numpy()
        assert_allclose(two, one[order], rtol=1e-6, atol=1e-7, err_msg=kind)
    _same(other.concordance_std_error, fit.concordance_std_error, "error of the concordance")
    _same(_slopes(other), _slopes(fit), "slopes", rtol=1e-5)


def diagnostics_do_not_depend_on_the_unit_of_time(frame: pl.DataFrame, factor: int) -> None:
    fit, slow = (_cox(f) for f in (frame, frame.with_columns(pl.col("t", "a") * factor)))

    _same(slow.concordance, fit.concordance, "concordance")
    for transform in ("km", "identity", "rank", "log"):
        _same(_slopes(slow, transform), _slopes(fit, transform), transform, rtol=1e-5)


def diagnostics_of_copies_and_pieces(frame: pl.DataFrame, day: int) -> None:
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]
    through = (pl.col("a") < day) & (pl.col("t") > day)
    first = frame.filter(through).with_columns(t=pl.lit(day, pl.Int64), e=pl.lit(0, pl.Int64))
    second = frame.with_columns(a=pl.when(through).then(day).otherwise("a"))
    pieces = pl.concat([first, second], how="vertical_relaxed")
    many, one = _cox(copies, ties="breslow", cluster="id"), _cox(frame, ties="breslow", weights="w", cluster="id")
    split, whole = _cox(pieces, cluster="id"), _cox(frame, cluster="id")

    for kind in ("martingale", "score", "dfbeta"):
        weighted = one.residuals(kind, weighted=True, collapse=True).drop("id").to_numpy()
        got = many.residuals(kind, collapse=True).drop("id").to_numpy()
        assert_allclose(got, weighted, rtol=1e-6, atol=1e-7, err_msg=kind)
        got, wanted = (f.residuals(kind, collapse=True).drop("id").to_numpy() for f in (split, whole))
        assert_allclose(got, wanted, rtol=1e-6, atol=1e-7, err_msg=kind)
    _same(_slopes(split), _slopes(whole), "slopes", rtol=1e-5)
    _same(split.concordance, whole.concordance, "concordance")
    _same(split.concordance_std_error, whole.concordance_std_error, "error of the concordance")


def a_score_turned_round_orders_the_other_way(frame: pl.DataFrame) -> None:
    turned = frame.with_columns(x=-pl.col("x"))
    for weighting in ("harrell", "S", "I"):
        asked: dict[str, Any] = {**ENTRY, "score": "x", "strata": "s", "weights": "w", "weighting": weighting}
        try:
            one, other = sv.concordance(frame, **asked), sv.concordance(turned, **asked)
        except NoValidAnswer:
            reject()
        _same(other.concordance, 1 - one.concordance, weighting)
        _same(other.std_error, one.std_error, f"{weighting}, error")
        assert_allclose(other.counts["concordant"], one.counts["discordant"], rtol=1e-9, atol=1e-9)


LAWS: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    residuals_sum_to_nothing: (),
    diagnostics_follow_the_rows: (SEEDS,),
    diagnostics_do_not_depend_on_the_unit_of_time: (st.integers(2, 900),),
    diagnostics_of_copies_and_pieces: (st.integers(1, 15),),
    a_score_turned_round_orders_the_other_way: (),
}
COHORTS = st.builds(cohort, SEEDS, st.integers(10, 40))


def _check(law: Callable[..., None], examples: int) -> None:
    hard = [HealthCheck.filter_too_much, HealthCheck.too_slow]
    rules = settings(max_examples=examples, deadline=None, suppress_health_check=hard, derandomize=examples > 100)
    rules(given(COHORTS, *LAWS[law])(law))()


@pytest.mark.parametrize("law", LAWS)
def test_law(law: Callable[..., None]) -> None:
    _check(law, 10)


@pytest.mark.ci
@pytest.mark.timeout(900)
@pytest.mark.parametrize("law", LAWS)
def test_law_on_many_cohorts(law: Callable[..., None]) -> None:
    """The fits beneath meet 2,000 cohorts in test_regression_laws.py; here each case is some ten fits."""
    _check(law, 400)


def test_dfbeta_is_what_leaving_a_row_out_does() -> None:
    """To first order, on data without ties: the correlation is nearly 1, and the slope that of one step."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, size=(120, 2))  # no row has much leverage, so that the first order is nearly all
    life = rng.permutation(1000)[:120] + np.round(200 * np.exp(-x[:, 0])).astype(int)
    frame = pl.DataFrame(
        {"t": life * 121 + np.arange(120), "e": rng.uniform(size=120) < 0.7, "x": x[:, 0], "g": x[:, 1]}
    )
    frame = frame.with_columns(t=pl.col("t").rank("ordinal").cast(pl.Int64))
    asked: dict[str, Any] = {"time": "t", "event": "e", "covariates": ["x", "g"]}
    whole = sv.cox(frame, **asked)

    left = np.array(
        [
            sv.cox(frame.filter(pl.int_range(pl.len()) != i), **asked).coefficients["estimate"].to_numpy()
            for i in range(120)
        ]
    )

    moved = whole.coefficients["estimate"].to_numpy() - left
    found = whole.residuals("dfbeta").select("x", "g").to_numpy()
    for j in range(2):
        assert np.corrcoef(moved[:, j], found[:, j])[0, 1] > 0.995
        assert (moved[:, j] @ found[:, j]) / (found[:, j] @ found[:, j]) == pytest.approx(1, abs=0.06)
