# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for any curve or test: order, copies, splits, batches, units, names and threads change no answer.

A cohort is made from a seed and a size, which is quick and still shrinks to the smallest cohort that breaks a law.
Estimators are asked through one table, so that a law is said once and holds for all that stand in it; where one
refuses a cohort, it must refuse the changed cohort too.
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
from rwe.kernels.days import DayTable
from rwe.survival.data import respond

ENTRY: dict[str, Any] = {"time": "t", "event": "e", "entry": "a"}
CAUSES: dict[str, Any] = {"time": "t", "cause": "c"}
DAYS = np.arange(17)
LIMITS = ["std_error", "conf_low", "conf_high"]


def cohort(seed: int, n: int) -> pl.DataFrame:
    """Make a small cohort with ties, late entry, two causes, groups and strata, and whole weights."""
    rng = np.random.default_rng(seed)
    while True:
        a, cause, g = rng.integers(0, 5, n), rng.integers(0, 3, n), rng.integers(0, 2, n)
        if {1, 2} <= set(cause) and 0 < g.sum() < n:
            break
    columns = {"a": a, "t": a + rng.integers(1, 13, n), "c": cause, "e": (cause > 0).astype(int), "g": g}
    return pl.DataFrame({"id": np.arange(n), **columns, "s": rng.integers(0, 2, n), "w": rng.integers(1, 4, n)})


def _curve(frame: pl.DataFrame, unit: float = 1, **more: Any) -> Any:
    return sv.kaplan_meier(frame, **{**ENTRY, **more}).at(list(DAYS * unit)).select("survival", *LIMITS)


def _hazard(frame: pl.DataFrame, **more: Any) -> Any:
    table = sv.nelson_aalen(frame, **{**ENTRY, **more}).table
    return table.filter(pl.col("n_event") > 0).select("cumulative_hazard", *LIMITS)


def _mean(frame: pl.DataFrame, unit: float = 1, **more: Any) -> Any:
    return sv.kaplan_meier(frame, **{**ENTRY, **more}).rmst(4 * unit).select("rmst", *LIMITS).to_numpy() / unit


def _compared(frame: pl.DataFrame, **more: Any) -> Any:
    test = sv.log_rank(frame, **{**ENTRY, "by": "g", **more})
    return [test.statistic, *test.table["observed"], *test.table["expected"], *test.table["variance"]]


def _incidence(frame: pl.DataFrame, unit: float = 1, **more: Any) -> Any:
    found = sv.cumulative_incidence(frame, **{**CAUSES, "entry": "a", **more})
    return found.at(list(DAYS * unit)).select("incidence", "std_error")


def _gray(frame: pl.DataFrame, **more: Any) -> Any:
    test = sv.gray_test(frame, **{**CAUSES, "by": "g", **more})
    return [test.statistic, *test.table["observed"], *test.table["variance"]]


Ask = Callable[..., Any]
TIMED: dict[str, Ask] = {  # those that give answers on days, and are asked in the unit of the cohort
    "Kaplan-Meier": lambda f, unit=1, **m: _curve(f, unit, **{"by": "g", **m}),
    "Kaplan-Meier, robust": lambda f, unit=1, **m: _curve(f, unit, **{"weights": "w", "robust": True, **m}),
    "restricted mean": lambda f, unit=1, **m: _mean(f, unit, **m),
    "cumulative incidence": lambda f, unit=1, **m: _incidence(f, unit, **m),
}
UNTIMED: dict[str, Ask] = {
    "Nelson-Aalen": lambda f, **m: _hazard(f, **{"by": "g", **m}),
    "log-rank": lambda f, **m: _compared(f, **{"strata": "s", "rho": 1, **m}),
    "log-rank, robust": lambda f, **m: _compared(f, **{"weights": "w", **m}),
    "Gray": _gray,
}
ALL = TIMED | UNTIMED


def _answer(ask: Ask, frame: pl.DataFrame, **more: Any) -> np.ndarray | None:
    try:
        found = ask(frame, **more)
    except NoValidAnswer:
        return None
    return np.asarray(found.to_numpy() if isinstance(found, pl.DataFrame) else found, np.float64)


def _same(what: str, got: np.ndarray | None, wanted: np.ndarray | None) -> None:
    assert (got is None) == (wanted is None), f"{what}: one of the two cohorts is refused"
    if got is not None and wanted is not None:
        assert_allclose(got, wanted, rtol=1e-9, atol=1e-9, err_msg=what)


def _unchanged(asks: dict[str, Ask], frame: pl.DataFrame, other: pl.DataFrame, **more: Any) -> None:
    for what, ask in asks.items():
        _same(what, _answer(ask, other, **more), _answer(ask, frame))


def order_of_rows_changes_nothing(frame: pl.DataFrame, seed: int) -> None:
    _unchanged(ALL, frame, frame.sample(fraction=1, shuffle=True, seed=seed))


def the_unit_of_time_changes_only_times(frame: pl.DataFrame) -> None:
    milli = frame.with_columns(pl.col("t", "a") * 1000)

    _unchanged(TIMED, frame, milli, unit=1000)
    _unchanged(UNTIMED, frame, milli)


def years_on_a_continuous_clock_are_days(frame: pl.DataFrame) -> None:
    years = frame.with_columns(pl.col("t", "a") / 365.25)

    _unchanged(TIMED, frame, years, unit=1 / 365.25, clock="continuous")
    _unchanged(UNTIMED, frame, years, clock="continuous")


def a_whole_weight_is_that_many_copies(frame: pl.DataFrame) -> None:
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]

    for what in ("Kaplan-Meier", "restricted mean", "Nelson-Aalen"):
        _same(what, _answer(ALL[what], frame, weights="w"), _answer(ALL[what], copies))
    weighted, copied = (_answer(_compared, f, **m) for f, m in ((frame, {"weights": "w"}), (copies, {})))
    if weighted is not None and copied is not None:
        _same("observed and expected", weighted[1:5], copied[1:5])


def a_row_split_in_two_is_one_row(frame: pl.DataFrame, day: int) -> None:
    through = (pl.col("a") < day) & (pl.col("t") > day)
    first = frame.filter(through).with_columns(t=pl.lit(day, pl.Int64), e=pl.lit(0, pl.Int64), c=pl.lit(0, pl.Int64))
    split = pl.concat([first, frame.with_columns(a=pl.when(through).then(day).otherwise("a"))], how="vertical_relaxed")

    naive = ("Kaplan-Meier", "restricted mean", "Nelson-Aalen", "log-rank")
    _unchanged({what: ALL[what] for what in naive}, frame, split)
    for what in ("Kaplan-Meier, robust", "cumulative incidence"):
        _same(what, _answer(ALL[what], split, cluster="id"), _answer(ALL[what], frame))


def names_of_strata_and_groups_change_nothing(frame: pl.DataFrame) -> None:
    named = frame.with_columns(pl.col("g", "s").replace_strict({0: "east", 1: "north"}))

    _unchanged({what: ALL[what] for what in ("Kaplan-Meier", "Nelson-Aalen", "log-rank", "Gray")}, frame, named)


def later_censoring_changes_no_curve_before(frame: pl.DataFrame, tau: int) -> None:
    ended = frame.filter(pl.col("a") < tau).with_columns(
        pl.when(pl.col("t") > tau).then(0).otherwise(pl.col("e", "c")).name.keep(), t=pl.min_horizontal("t", tau)
    )
    assume(ended["t"].max() == tau and {1, 2} <= set(ended["c"]))

    for what, ask in {"curve": _curve, "incidence": _incidence}.items():
        now, before = _answer(ask, ended), _answer(ask, frame)
        assert now is not None
        assert before is not None
        keep = np.arange(len(now)) % DAYS.size < tau
        assert_allclose(now[keep, 0], before[keep, 0], rtol=1e-12, atol=1e-15, err_msg=what)


def all_tied_on_one_day(frame: pl.DataFrame) -> None:
    """One table of group by failure: S = 1 - d/n, hazard d/n, and the hypergeometric test of that table."""
    tied = frame.with_columns(t=pl.lit(5), a=pl.lit(0))
    n, d, ones, failing = tied.height, tied["e"].sum(), tied["g"].sum(), (tied["e"] * tied["g"]).sum()

    _same("survival", np.asarray(_curve(tied)["survival"])[5], np.asarray(1 - d / n))
    _same("hazard", np.asarray(_hazard(tied)["cumulative_hazard"]), np.array([d / n]))
    variance = d * ones * (n - ones) * (n - d) / (n**2 * (n - 1))
    test = _answer(_compared, tied)
    _same(
        "log-rank",
        None if test is None else test[:1],
        (failing - d * ones / n) ** 2 / np.array([variance]) if variance else None,
    )


def batches_merged_are_the_whole(frame: pl.DataFrame, cut: int) -> None:
    def table(part: pl.DataFrame) -> DayTable:
        response = respond(part, time="t", event="e", entry="a", weights="w")
        return response.fold(part["g"].to_numpy().astype(np.int64), 2)

    parts = [table(part) for part in (frame[:cut], frame[cut:]) if part.height]
    whole, merged = table(frame), sum(parts[1:], parts[0])

    assert merged.persons.tolist() == whole.persons.tolist()
    assert merged.weights.tolist() == whole.weights.tolist()


def one_cause_of_failure_is_one_less_survival(frame: pl.DataFrame) -> None:
    found = sv.cumulative_incidence(frame.with_columns(c=pl.col("e")), **CAUSES, entry="a").at(list(DAYS))

    assert_allclose(1 - found["incidence"].to_numpy(), _curve(frame)["survival"].to_numpy(), rtol=1e-12, atol=1e-14)


def threads_change_no_bit(frame: pl.DataFrame) -> None:
    with pytest.MonkeyPatch.context() as patch:
        answers = []
        for number in ("1", "2"):
            patch.setenv("RWE_THREADS", number)
            answers.append({what: _answer(ask, frame) for what, ask in ALL.items()})

    for what, one in answers[0].items():
        assert np.array_equal(one, answers[1][what], equal_nan=True) if one is not None else answers[1][what] is None, (
            what
        )


def single_precision_is_refused(frame: pl.DataFrame, column: str) -> None:
    single = frame.with_columns(pl.col(column).cast(pl.Float32))

    for what in ("Kaplan-Meier, robust", "log-rank, robust", *(["cumulative incidence"] if column != "w" else [])):
        with pytest.raises(DataError, match=f"column '{column}' is in single precision"):
            ALL[what](single)


COHORTS = st.builds(cohort, seed=st.integers(0, 2**32 - 1), n=st.integers(6, 24))
LAWS: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    order_of_rows_changes_nothing: (st.integers(0, 2**32 - 1),),
    the_unit_of_time_changes_only_times: (),
    years_on_a_continuous_clock_are_days: (),
    a_whole_weight_is_that_many_copies: (),
    a_row_split_in_two_is_one_row: (st.integers(1, 15),),
    names_of_strata_and_groups_change_nothing: (),
    later_censoring_changes_no_curve_before: (st.integers(2, 14),),
    all_tied_on_one_day: (),
    batches_merged_are_the_whole: (st.integers(0, 24),),
    one_cause_of_failure_is_one_less_survival: (),
    threads_change_no_bit: (),
    single_precision_is_refused: (st.sampled_from(["t", "a", "w"]),),
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
