# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for any regression: order, copies, splits, units, coding and threads change no answer.

Cohorts are made as in the laws of curves. A model that refuses a cohort must refuse the changed cohort too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DataError, NoValidAnswer

COX: dict[str, Any] = {"time": "t", "event": "e", "entry": "a", "covariates": ["x", "g"]}
MODELS: dict[str, dict[str, Any]] = {
    "strata": {"strata": "s"},
    "weights, robust": {"weights": "w", "robust": True},
    "Breslow": {"ties": "breslow"},
}
SPREAD = 10.0  # between risks e^10 apart, sums of late entries lose digits: those who enter later are taken off again


def cohort(seed: int, n: int) -> pl.DataFrame:
    """Make a small cohort with ties, late entry, two groups and strata, whole weights and a covariate."""
    rng = np.random.default_rng(seed)
    while True:
        a, e, g = rng.integers(0, 5, n), rng.integers(0, 2, n), rng.integers(0, 2, n)
        if e.sum() > 1 and 0 < g.sum() < n:
            break
    columns = {"a": a, "t": a + rng.integers(1, 13, n), "e": e, "g": g, "s": rng.integers(0, 2, n)}
    return pl.DataFrame({"id": np.arange(n), **columns, "w": rng.integers(1, 4, n), "x": rng.normal(size=n)})


def _fit(frame: pl.DataFrame, **more: Any) -> np.ndarray | None:
    """Return estimates, errors, likelihood and concordance; None where there is no valid answer."""
    try:
        fit = sv.cox(frame, **{**COX, **more})
    except NoValidAnswer:
        return None
    eta = frame.select("x", "g").to_numpy() @ fit.coefficients["estimate"].to_numpy()
    assume(np.ptp(eta) < SPREAD)
    error = "robust_std_error" if fit.robust else "std_error"
    return np.concatenate([fit.coefficients["estimate"], fit.coefficients[error], [fit.loglik, fit.concordance]])


def _same(what: str, got: np.ndarray | None, wanted: np.ndarray | None) -> None:
    """Fits agree to 1e-6: a last step of 1e-9 leaves that much open where a likelihood of few events is flat."""
    assert (got is None) == (wanted is None), f"{what}: one of the two cohorts is refused"
    if got is not None and wanted is not None:
        assert_allclose(got, wanted, rtol=1e-6, atol=1e-9, err_msg=what)


def _unchanged(frame: pl.DataFrame, other: pl.DataFrame) -> None:
    for what, model in MODELS.items():
        _same(what, _fit(other, **model), _fit(frame, **model))


def order_of_rows_changes_nothing(frame: pl.DataFrame, seed: int) -> None:
    _unchanged(frame, frame.sample(fraction=1, shuffle=True, seed=seed))


def the_unit_of_time_changes_nothing(frame: pl.DataFrame) -> None:
    _unchanged(frame, frame.with_columns(pl.col("t", "a") * 1000))


def a_whole_weight_is_that_many_copies(frame: pl.DataFrame) -> None:
    """After Breslow; Efron's ties take the mean weight of those who fail."""
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]

    _same("Breslow", _fit(frame, ties="breslow", weights="w"), _fit(copies, ties="breslow"))


def a_row_split_in_two_is_one_row(frame: pl.DataFrame, day: int) -> None:
    through = (pl.col("a") < day) & (pl.col("t") > day)
    first = frame.filter(through).with_columns(t=pl.lit(day, pl.Int64), e=pl.lit(0, pl.Int64))
    split = pl.concat([first, frame.with_columns(a=pl.when(through).then(day).otherwise("a"))], how="vertical_relaxed")

    _same("strata", _fit(split, strata="s"), _fit(frame, strata="s"))
    _same("robust", _fit(split, cluster="id"), _fit(frame, robust=True))


def coding_of_covariates_turns_signs_and_no_more(frame: pl.DataFrame, shift: int) -> None:
    other = frame.with_columns(g=1 - pl.col("g"), x=pl.col("x") * 1000 + shift)
    unit = np.array([1000, -1, 1000, 1, 1, 1])

    for what, model in MODELS.items():
        now = _fit(other, **model)
        _same(what, None if now is None else now * unit, _fit(frame, **model))


def names_of_strata_change_nothing(frame: pl.DataFrame) -> None:
    for names in (pl.col("s").replace_strict({0: "north", 1: "east"}), 3 - pl.col("s") * 7):
        _same("strata", _fit(frame.with_columns(s=names), strata="s"), _fit(frame, strata="s"))


def without_ties_the_rules_for_ties_agree(frame: pl.DataFrame) -> None:
    spread = frame.with_columns(t=pl.col("t") * 100 + pl.col("id"), a=pl.col("a") * 100)

    efron, breslow, exact = (_fit(spread, ties=ties) for ties in ("efron", "breslow", "exact"))
    _same("Breslow", breslow, efron)
    _same("exact", exact, efron)


def threads_change_no_bit(frame: pl.DataFrame) -> None:
    answers = []
    with pytest.MonkeyPatch.context() as patch:
        for number in ("1", "2"):
            patch.setenv("RWE_THREADS", number)
            answers.append([_fit(frame, **model) for model in (*MODELS.values(), {"ties": "exact"})])

    for one, two in zip(*answers, strict=True):
        assert (one is None) == (two is None)
        assert one is None or np.array_equal(one, two, equal_nan=True)


def single_precision_is_refused(frame: pl.DataFrame, column: str) -> None:
    single = frame.with_columns(pl.col(column).cast(pl.Float32))

    with pytest.raises(DataError, match=f"column '{column}' is in single precision"):
        sv.cox(single, **COX, weights="w")


COHORTS = st.builds(cohort, seed=st.integers(0, 2**32 - 1), n=st.integers(8, 24))
LAWS: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    order_of_rows_changes_nothing: (st.integers(0, 2**32 - 1),),
    the_unit_of_time_changes_nothing: (),
    a_whole_weight_is_that_many_copies: (),
    a_row_split_in_two_is_one_row: (st.integers(1, 15),),
    coding_of_covariates_turns_signs_and_no_more: (st.integers(-1000, 1000),),
    names_of_strata_change_nothing: (),
    without_ties_the_rules_for_ties_agree: (),
    threads_change_no_bit: (),
    single_precision_is_refused: (st.sampled_from(["t", "a", "w", "x"]),),
}


def _check(law: Callable[..., None], examples: int) -> None:
    hard = [HealthCheck.filter_too_much, HealthCheck.too_slow]
    rules = settings(max_examples=examples, deadline=None, suppress_health_check=hard, derandomize=examples > 100)
    rules(given(COHORTS, *LAWS[law])(law))()


@pytest.mark.parametrize("law", LAWS)
def test_law(law: Callable[..., None]) -> None:
    _check(law, 10)


@pytest.mark.ci
@pytest.mark.parametrize("law", LAWS)
def test_law_on_many_cohorts(law: Callable[..., None]) -> None:
    _check(law, 2000)
