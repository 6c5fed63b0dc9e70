# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of what comes after a Cox fit: residuals sum to nothing, and follow rows, copies, pieces and units of time.

A cohort is made from a seed, which also picks the rule for ties, the transform of time and the weighting of pairs;
each law meets 2,000 in CI, and one on which the model has no answer is passed over. The fit of a cohort as it is, with
weights, strata and clusters, is shared by the laws.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import NoValidAnswer
from tests.numerics.many import FEW, MANY, PassedOver, hold

ENTRY: dict[str, Any] = {"time": "t", "event": "e", "entry": "a"}
TRANSFORMS: Any = ("km", "identity", "rank", "log")
WEIGHTINGS: Any = ("harrell", "S", "I")


def cohort(seed: int) -> tuple[pl.DataFrame, np.random.Generator]:
    """Make a small cohort with ties, late entry, two strata, whole weights, two covariates; numbers to change it by."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 41))
    a, x = rng.integers(0, 5, n), rng.integers(-3, 4, n)
    columns = {"a": a, "t": a + rng.integers(1, 13, n), "e": rng.integers(0, 2, n), "g": rng.integers(0, 2, n), "x": x}
    columns |= {"id": np.arange(n), "s": rng.integers(0, 2, n), "w": rng.integers(1, 4, n)}
    return pl.DataFrame(columns), rng


def _same(got: Any, wanted: Any, what: str, rtol: float = 1e-9) -> None:
    assert_allclose(got, wanted, rtol=rtol, atol=1e-9, err_msg=what)


def _cox(frame: pl.DataFrame, **more: Any) -> sv.Cox:
    try:
        return sv.cox(frame, **{**ENTRY, "covariates": ["x", "g"], "strata": "s", "cluster": "id", **more})
    except NoValidAnswer:
        raise PassedOver from None


def _ties(seed: int) -> dict[str, Any]:
    return {"weights": "w", "ties": ("efron", "breslow")[seed % 2]}


@lru_cache(maxsize=1)
def _plain(seed: int) -> sv.Cox:
    """Return the fit of a cohort as it is."""
    return _cox(cohort(seed)[0], **_ties(seed))


@lru_cache(maxsize=2)
def _plain_slopes(seed: int, transform: Any) -> np.ndarray | None:
    """Return the tests of proportional hazards, where the cohort is large enough for a slope of each term."""
    fit = _plain(seed)
    failing = fit.residuals("schoenfeld").select(fit.design.names).to_numpy()
    if failing.shape[0] < 5 or np.linalg.matrix_rank(failing) < failing.shape[1]:
        return None
    try:
        found = fit.proportional_hazards(transform).table["statistic"].to_numpy()
    except NoValidAnswer:
        return None
    return None if (found > 50).any() or (found < 0).any() else found  # the information of the slopes has no inverse


def _same_slopes(other: sv.Cox, seed: int, transform: Any = "km") -> None:
    """Compare the tests of proportional hazards with those of the cohort as it is."""
    wanted = _plain_slopes(seed, transform)
    if wanted is None:
        raise PassedOver
    try:
        now = other.proportional_hazards(transform).table["statistic"].to_numpy()
    except NoValidAnswer:
        raise PassedOver from None
    _same(now, wanted, "slopes", rtol=1e-5)


def residuals_sum_to_nothing(seed: int) -> None:
    frame, fit = cohort(seed)[0], _plain(seed)
    scale = float(frame["w"].sum()) * 10

    left = fit.residuals("martingale", weighted=True)["martingale"].to_numpy()
    assert_allclose(np.bincount(frame["s"], left) / scale, 0, atol=1e-9, err_msg="martingale")
    for kind in ("score", "dfbeta", *(["schoenfeld"] if fit.ties == "breslow" else [])):
        total = fit.residuals(kind, weighted=True).select("x", "g").to_numpy().sum(axis=0)
        assert_allclose(total / scale, 0, atol=1e-7, err_msg=kind)


def diagnostics_follow_the_rows_in_any_unit_of_time(seed: int) -> None:
    frame, rng = cohort(seed)
    order, slower = rng.permutation(frame.height), int(rng.integers(2, 90))
    fit, other = _plain(seed), _cox(frame[order].with_columns(pl.col("t", "a") * slower), **_ties(seed))

    for kind in ("martingale", "deviance", "score", "dfbetas"):
        one, two = fit.residuals(kind).drop("row").to_numpy(), other.residuals(kind).drop("row").to_numpy()
        assert_allclose(two, one[order], rtol=1e-6, atol=1e-7, err_msg=kind)
    _same(other.concordance, fit.concordance, "concordance")
    _same(other.concordance_std_error, fit.concordance_std_error, "error of the concordance")
    _same_slopes(other, seed, TRANSFORMS[seed % len(TRANSFORMS)])


def diagnostics_of_copies(seed: int) -> None:
    frame, _ = cohort(seed)
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]
    one = _plain(seed) if seed % 2 else _cox(frame, ties="breslow", weights="w")
    many = _cox(copies, ties="breslow")

    for kind in ("martingale", "score", "dfbeta"):
        weighted = one.residuals(kind, weighted=True, collapse=True).drop("id").to_numpy()
        got = many.residuals(kind, collapse=True).drop("id").to_numpy()
        assert_allclose(got, weighted, rtol=1e-6, atol=1e-7, err_msg=kind)


def diagnostics_of_pieces(seed: int) -> None:
    frame, rng = cohort(seed)
    day = int(rng.integers(1, 16))
    through = (pl.col("a") < day) & (pl.col("t") > day)
    first = frame.filter(through).with_columns(t=pl.lit(day, pl.Int64), e=pl.lit(0, pl.Int64))
    second = frame.with_columns(a=pl.when(through).then(day).otherwise("a"))
    split, whole = _cox(pl.concat([first, second], how="vertical_relaxed"), **_ties(seed)), _plain(seed)

    for kind in ("martingale", "score", "dfbeta"):
        got, wanted = (f.residuals(kind, collapse=True).drop("id").to_numpy() for f in (split, whole))
        assert_allclose(got, wanted, rtol=1e-6, atol=1e-7, err_msg=kind)
    _same(split.concordance, whole.concordance, "concordance")
    _same(split.concordance_std_error, whole.concordance_std_error, "error of the concordance")
    _same_slopes(split, seed)


def a_score_turned_round_orders_the_other_way(seed: int) -> None:
    frame, _ = cohort(seed)
    turned = frame.with_columns(x=-pl.col("x"))
    weighting = WEIGHTINGS[seed % len(WEIGHTINGS)]
    asked: dict[str, Any] = {**ENTRY, "score": "x", "strata": "s", "weights": "w", "weighting": weighting}
    try:
        one, other = sv.concordance(frame, **asked), sv.concordance(turned, **asked)
    except NoValidAnswer:
        raise PassedOver from None

    _same(other.concordance, 1 - one.concordance, weighting)
    _same(other.std_error, one.std_error, f"{weighting}, error")
    assert_allclose(other.counts["concordant"], one.counts["discordant"], rtol=1e-9, atol=1e-9)


LAWS: tuple[Callable[[int], None], ...] = (
    residuals_sum_to_nothing,
    diagnostics_follow_the_rows_in_any_unit_of_time,
    diagnostics_of_copies,
    diagnostics_of_pieces,
    a_score_turned_round_orders_the_other_way,
)


@pytest.mark.parametrize("law", LAWS)
def test_law(law: Callable[[int], None]) -> None:
    hold(FEW, law)


@pytest.mark.ci
@pytest.mark.timeout(900)
def test_laws_on_many_cohorts() -> None:
    hold(MANY, *LAWS)


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
