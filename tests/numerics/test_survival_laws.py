# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for any curve or test: order, copies, splits, batches, units, names change no answer.

A cohort is made from a seed and a size, which is quick and still shrinks to the smallest cohort that breaks a law.
Estimators are asked through one table, so that a law is said once and holds for all that stand in it; where one
refuses a cohort, it must refuse the changed cohort too. Each law meets 2,000 cohorts with each estimator in CI, where
a cohort takes all its other forms at once; that threads change no bit is shown where there is more than one part, in
test_threads.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DataError, NoValidAnswer
from rwe.execute import Parts
from tests.numerics.many import MANY, Form, few, formed, of, pairs

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
NAIVE = ("Kaplan-Meier", "restricted mean", "Nelson-Aalen", "log-rank")  # variances that count rows
ROBUST = ("Kaplan-Meier, robust", "cumulative incidence", "log-rank, robust")  # variances that count clusters
GROUPED = ("Kaplan-Meier", "Nelson-Aalen", "log-rank", "Gray")


def _answer(what: str, frame: pl.DataFrame, **more: Any) -> np.ndarray | None:
    try:
        found = ALL[what](frame, **more)
    except NoValidAnswer:
        return None
    return np.asarray(found.to_numpy() if isinstance(found, pl.DataFrame) else found, np.float64)


@cache
def _case(seed: int, n: int) -> pl.DataFrame:
    return cohort(seed, n)


@cache
def _plain(what: str, seed: int, n: int) -> np.ndarray | None:
    """Return the answer to a cohort as it is; laws share it."""
    return _answer(what, _case(seed, n))


def _same(got: np.ndarray | None, wanted: np.ndarray | None) -> None:
    assert (got is None) == (wanted is None), "one of the two cohorts is refused"
    if got is not None and wanted is not None:
        assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


@dataclass(frozen=True)
class Case:
    """One estimator and one cohort."""

    what: str
    seed: int
    n: int

    @property
    def frame(self) -> pl.DataFrame:
        """The cohort."""
        return _case(self.seed, self.n)

    @property
    def rng(self) -> np.random.Generator:
        """Numbers that change the cohort."""
        return np.random.default_rng([self.seed, 1])

    def unchanged(self, other: pl.DataFrame, **more: Any) -> None:
        """Check that another form of the cohort has the same answer."""
        _same(_answer(self.what, other, **more), _plain(self.what, self.seed, self.n))


def order_of_rows(form: Form, case: Case) -> Form:
    return form.shuffled(case.rng)


def unit_of_time(form: Form, case: Case) -> Form:
    return form.with_columns(pl.col("t", "a") * 24).asking(**({"unit": 24} if case.what in TIMED else {}))


def names_of_strata_and_groups(form: Form, _: Case) -> Form:
    return form.with_columns(pl.col("g", "s").replace_strict({0: "east", 1: "north"}))


def names_of_causes(form: Form, case: Case) -> Form:
    return form.with_columns(c=pl.col("c") * 7).asking(**({"of": 7} if case.what == "Gray" else {}))


FORMS: dict[Callable[[Form, Case], Form], tuple[str, ...]] = {
    order_of_rows: tuple(ALL),
    unit_of_time: tuple(ALL),
    names_of_strata_and_groups: GROUPED,
    names_of_causes: ("cumulative incidence", "Gray"),
}


def the_forms_change_nothing(kinds: Iterable[Callable[[Form, Case], Form]], case: Case) -> None:
    form = formed(case.frame, kinds, case)

    case.unchanged(form.frame, **form.more)


def years_on_a_continuous_clock_are_days(case: Case) -> None:
    years = case.frame.with_columns(pl.col("t", "a") / 365.25)

    case.unchanged(years, **({"unit": 1 / 365.25} if case.what in TIMED else {}), clock="continuous")


def a_whole_weight_is_that_many_copies(case: Case) -> None:
    """Log-rank in what is observed and expected: the variance under weights is the robust one."""
    frame = case.frame
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]

    weighted, copied = (_answer(case.what, f, **m) for f, m in ((frame, {"weights": "w"}), (copies, {})))
    if case.what != "log-rank":
        _same(weighted, copied)
    elif weighted is not None and copied is not None:
        _same(weighted[1:5], copied[1:5])


def a_row_split_in_two_is_one_row(case: Case) -> None:
    frame, day = case.frame, int(case.rng.integers(1, 16))
    through = (pl.col("a") < day) & (pl.col("t") > day)
    first = frame.filter(through).with_columns(t=pl.lit(day, pl.Int64), e=pl.lit(0, pl.Int64), c=pl.lit(0, pl.Int64))
    split = pl.concat([first, frame.with_columns(a=pl.when(through).then(day).otherwise("a"))], how="vertical_relaxed")

    case.unchanged(split, **({"cluster": "id"} if case.what in ROBUST else {}))


def later_censoring_changes_no_curve_before(case: Case) -> None:
    frame, tau = case.frame, int(case.rng.integers(6, 14))
    ended = frame.filter(pl.col("a") < tau).with_columns(
        pl.when(pl.col("t") > tau).then(0).otherwise(pl.col("e", "c")).name.keep(), t=pl.min_horizontal("t", tau)
    )
    days = list(range(tau if ended["t"].max() == tau and {1, 2} <= set(ended["c"]) else 0))

    if days and case.what == "cumulative incidence":
        now, before = (sv.cumulative_incidence(f, **CAUSES, entry="a").at(days)["incidence"] for f in (ended, frame))
        assert_allclose(now.to_numpy(), before.to_numpy(), rtol=1e-12, atol=1e-15)
    elif days:
        now, before = (sv.kaplan_meier(f, **ENTRY).at(days)["survival"] for f in (ended, frame))
        assert_allclose(now.to_numpy(), before.to_numpy(), rtol=1e-12, atol=1e-15)


def all_tied_on_one_day(case: Case) -> None:
    """One table of group by failure: S = 1 - d/n, hazard d/n, and the hypergeometric test of that table."""
    tied = case.frame.with_columns(t=pl.lit(5), a=pl.lit(0))
    n, d, ones, failing = tied.height, tied["e"].sum(), tied["g"].sum(), (tied["e"] * tied["g"]).sum()
    variance = d * ones * (n - ones) * (n - d) / (n**2 * (n - 1))

    if case.what == "Kaplan-Meier":
        _same(np.asarray(_curve(tied)["survival"])[5], np.asarray(1 - d / n))
    elif case.what == "Nelson-Aalen":
        _same(np.asarray(_hazard(tied)["cumulative_hazard"]), np.array([d / n]))
    elif variance:
        _same(np.array([_compared(tied)[0]]), (failing - d * ones / n) ** 2 / np.array([variance]))
    else:
        with pytest.raises(NoValidAnswer):
            _compared(tied)


def batches_merged_are_the_whole(case: Case) -> None:
    frame, cut = case.frame, int(case.rng.integers(1, case.n))

    case.unchanged(Parts([frame[:cut], frame[cut:]]))


def one_cause_of_failure_is_one_less_survival(case: Case) -> None:
    frame = case.frame
    found = sv.cumulative_incidence(frame.with_columns(c=pl.col("e")), **CAUSES, entry="a").at(list(DAYS))

    assert_allclose(1 - found["incidence"].to_numpy(), _curve(frame)["survival"].to_numpy(), rtol=1e-12, atol=1e-14)


def single_precision_is_refused(case: Case) -> None:
    column = str(case.rng.choice(["t", "a", "w"]))
    single = case.frame.with_columns(pl.col(column).cast(pl.Float32))

    with pytest.raises(DataError, match=f"column '{column}' is in single precision"):
        ALL[case.what](single, weights="w")


LAWS: dict[Callable[[Case], None], tuple[str, ...]] = {
    years_on_a_continuous_clock_are_days: tuple(ALL),
    a_whole_weight_is_that_many_copies: NAIVE,
    a_row_split_in_two_is_one_row: (*NAIVE, *ROBUST),
    later_censoring_changes_no_curve_before: ("Kaplan-Meier", "cumulative incidence"),
    all_tied_on_one_day: ("Kaplan-Meier", "Nelson-Aalen", "log-rank"),
    batches_merged_are_the_whole: NAIVE,
    one_cause_of_failure_is_one_less_survival: ("cumulative incidence",),
    single_precision_is_refused: ("Kaplan-Meier, robust", "log-rank, robust", "Nelson-Aalen"),
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimate on one thread: a cohort of 20 rows has no work for another."""
    monkeypatch.setenv("RWE_THREADS", "1")


@pytest.mark.parametrize(("law", "what"), pairs(LAWS))
def test_law(law: Callable[[Case], None], what: str) -> None:
    few(law, partial(Case, what), (6, 24))


@pytest.mark.parametrize(("form", "what"), pairs(FORMS))
def test_other_form(form: Callable[[Form, Case], Form], what: str) -> None:
    few(partial(the_forms_change_nothing, [form]), partial(Case, what), (6, 24))


@pytest.mark.ci
@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", ALL)
def test_laws_on_many_cohorts(what: str) -> None:
    laws = [partial(the_forms_change_nothing, of(FORMS, what)), *of(LAWS, what)]
    for seed in range(MANY):
        for law in laws:
            law(Case(what, seed, 6 + seed % 19))
