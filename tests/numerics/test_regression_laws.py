# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for any regression: order, copies, splits, units, coding and names change no answer.

Cohorts are made as in the laws of curves. A model that refuses a cohort must refuse the changed cohort too. Each law
meets 2,000 cohorts with each model in CI, where a cohort takes all its other forms at once; threads are in
test_threads.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DataError, NoValidAnswer
from rwe.execute import Parts
from rwe.survival.design import design
from rwe.survival.outcome import Outcome
from rwe.survival.spread import spread
from tests.numerics.many import MANY, Form, few, formed, of, pairs

COMMON: dict[str, Any] = {"time": "t", "entry": "a", "covariates": ["x", "g"]}
COX: dict[str, Any] = COMMON | {"event": "e"}
GRAY: dict[str, Any] = COMMON | {"cause": "c", "of": 1}


def cohort(seed: int, n: int) -> pl.DataFrame:
    """Make a small cohort with ties, late entry, two causes, groups and strata, whole weights and a covariate."""
    rng = np.random.default_rng(seed)
    while True:
        a, e, g = rng.integers(0, 5, n), rng.integers(0, 2, n), rng.integers(0, 2, n)
        if e.sum() > 1 and 0 < g.sum() < n:
            break
    columns = {"a": a, "t": a + rng.integers(1, 13, n), "e": e, "g": g, "s": rng.integers(0, 2, n)}
    frame = pl.DataFrame({"id": np.arange(n), **columns, "w": rng.integers(1, 4, n), "x": rng.normal(size=n)})
    return frame.with_columns(c=pl.Series(np.where(e, 1, 2 * rng.integers(0, 2, n))))


def _cox(frame: Any, **more: Any) -> tuple[pl.DataFrame, float]:
    fit = sv.cox(frame, **{**COX, **more})
    return fit.coefficients, fit.loglik


def _fine_gray(frame: Any, **more: Any) -> tuple[pl.DataFrame, float]:
    fit = sv.fine_gray(frame, **{**GRAY, **more})
    return fit.coefficients, fit.loglik


MODELS: dict[str, Callable[..., tuple[pl.DataFrame, float]]] = {
    "Cox, strata": lambda f, **m: _cox(f, **{"strata": "s", **m}),
    "Cox, weights, robust": lambda f, **m: _cox(f, **{"weights": "w", "robust": True, **m}),
    "Cox, Breslow": lambda f, **m: _cox(f, **{"ties": "breslow", **m}),
    "Fine-Gray": lambda f, **m: _fine_gray(f, **m),
    "Fine-Gray, weights, Efron": lambda f, **m: _fine_gray(f, **{"ties": "efron", "weights": "w", **m}),
}
ROBUST = ("Cox, weights, robust", "Fine-Gray", "Fine-Gray, weights, Efron")  # variances that count clusters


def _fit(what: str, frame: Any, **more: Any) -> np.ndarray | None:
    """Return estimates, errors and likelihood; None where there is no valid answer."""
    try:
        found, loglik = MODELS[what](frame, **more)
    except NoValidAnswer:
        return None
    estimate, error = (found[name].to_numpy() for name in ("estimate", "std_error"))
    robust = found["robust_std_error"].to_numpy() if "robust_std_error" in found.columns else error
    return np.array([*estimate, *error, *np.where(np.isnan(robust), error, robust), loglik])


def _same(got: np.ndarray | None, wanted: np.ndarray | None) -> None:
    """Fits agree to 1e-6 of a standard error, which is how far a likelihood of few events tells estimates apart."""
    assert (got is None) == (wanted is None), "one of the two cohorts is refused"
    if got is not None and wanted is not None:
        unit = np.abs(wanted) + 1e-3
        unit[:2] += np.abs(wanted[2:4])
        assert_allclose(got / unit, wanted / unit, rtol=0, atol=1e-6)


@cache
def _case(seed: int, n: int) -> pl.DataFrame:
    return cohort(seed, n)


@cache
def _plain(what: str, seed: int, n: int) -> np.ndarray | None:
    """Return the fit of a cohort as it is; laws share it."""
    return _fit(what, _case(seed, n))


@dataclass(frozen=True)
class Case:
    """One model and one cohort."""

    what: str
    seed: int
    n: int

    @property
    def frame(self) -> pl.DataFrame:
        """The cohort."""
        return _case(self.seed, self.n)

    @property
    def plain(self) -> np.ndarray | None:
        """The fit of the cohort as it is."""
        return _plain(self.what, self.seed, self.n)

    @property
    def rng(self) -> np.random.Generator:
        """Numbers that change the cohort."""
        return np.random.default_rng([self.seed, 1])

    def unchanged(self, other: Any, **more: Any) -> None:
        """Check that another form of the cohort has the same fit."""
        _same(_fit(self.what, other, **more), self.plain)


def order_of_rows(form: Form, case: Case) -> Form:
    return form.shuffled(case.rng)


def unit_of_time(form: Form, _: Case) -> Form:
    return form.with_columns(pl.col("t", "a") * 24)


def coding_of_covariates(form: Form, case: Case) -> Form:
    shift = int(case.rng.integers(-1000, 1000))
    turned = form.with_columns(g=1 - pl.col("g"), x=pl.col("x") * 1000 + shift)
    return replace(turned, factor=np.array([1000, -1, 1000, 1, 1000, 1, 1]))


def names_of_strata(form: Form, case: Case) -> Form:
    words = pl.col("s").replace_strict({0: "north", 1: "east"})
    return form.with_columns(s=words if case.seed % 2 else 3 - pl.col("s") * 7)


def names_of_causes(form: Form, _: Case) -> Form:
    return form.with_columns(c=pl.col("c").replace_strict({0: 0, 1: 5, 2: 3})).asking(of=5)


FORMS: dict[Callable[[Form, Case], Form], tuple[str, ...]] = {
    order_of_rows: tuple(MODELS),
    unit_of_time: tuple(MODELS),
    coding_of_covariates: tuple(MODELS),
    names_of_strata: ("Cox, strata",),
    names_of_causes: ("Fine-Gray", "Fine-Gray, weights, Efron"),
}


def the_forms_change_nothing(kinds: Iterable[Callable[[Form, Case], Form]], case: Case) -> None:
    """Coding turns signs, and no more."""
    form = formed(case.frame, kinds, case)
    found = _fit(case.what, form.frame, **form.more)

    _same(None if found is None else found * form.factor, case.plain)


def a_whole_weight_is_that_many_copies(case: Case) -> None:
    """After Breslow (Efron's ties take the mean weight); robust errors count persons, so copies are one cluster."""
    frame = case.frame
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]

    more = {} if case.what == "Cox, Breslow" else {"cluster": "id"}
    _same(_fit(case.what, copies, **more), _fit(case.what, frame, weights="w", **more))


def _split(frame: pl.DataFrame, day: Any) -> pl.DataFrame:
    """Cut the rows that are followed on and after a day (of their own) in two."""
    through = (pl.col("a") < pl.col("day")) & (pl.col("t") > pl.col("day"))
    cut = frame.with_columns(day=day)
    first = cut.filter(through).with_columns(t="day", e=pl.lit(0, pl.Int64), c=pl.lit(0, pl.Int64))
    return pl.concat([first, cut.with_columns(a=pl.when(through).then("day").otherwise("a"))], how="vertical_relaxed")


def a_row_split_in_two_is_one_row(case: Case) -> None:
    split = _split(case.frame, pl.Series(case.rng.integers(1, 16, case.n)))

    case.unchanged(split, **({"cluster": "id"} if case.what in ROBUST else {}))


def a_row_split_in_two_is_one_row_where_failures_are_first(case: Case) -> None:
    """The second piece enters as the first is censored: probabilities of both cancel, if at risk they are the same."""
    split = _split(case.frame, pl.Series(np.where(np.arange(case.n) % 3, case.rng.integers(1, 16, case.n), 99)))

    one, two = (_fit(case.what, f, cluster="id", censoring_ties="failures_first") for f in (case.frame, split))
    if two is not None:  # the whole risk set may be split on one day, where no follow-up reaches over
        _same(two, one)


def parts_merged_are_the_whole(case: Case) -> None:
    """What each read adds up, and for one cohort in ten, because parts are read anew at each step, the fit."""
    cut = int(case.rng.integers(1, case.n))
    parts, outcome = [case.frame[:cut], case.frame[cut:]], Outcome("t", "e", "a", (), "w", None, None)
    plan = design(case.frame, COMMON["covariates"])
    whole, merged = (spread(frames, None, outcome, plan, efron=True) for frames in ([case.frame], parts))

    beta = case.rng.normal(size=whole.terms)
    hazard = case.rng.uniform(size=whole.occasions.nowhere + 1)
    wanted, found = (of.sums(beta, hazard, gram=True) for of in (whole, merged))
    for got, of_whole in ((found.table, wanted.table), (found.gram, wanted.gram), (merged.x_event, whole.x_event)):
        assert_allclose(got, of_whole, rtol=1e-9, atol=1e-9)
    if case.seed % 10 == 0:
        case.unchanged(Parts(parts))


def without_ties_the_rules_for_ties_agree(case: Case) -> None:
    spread = case.frame.with_columns(t=pl.col("t") * 24 + pl.col("id"), a=pl.col("a") * 24)
    rules = ("efron", "breslow", "exact") if case.what == "Cox, Breslow" else ("efron", "breslow")

    first, *others = (_fit(case.what, spread, ties=ties) for ties in rules)
    for other in others:
        _same(other, first)


def single_precision_is_refused(case: Case) -> None:
    column = str(case.rng.choice(["t", "a", "w", "x"]))

    with pytest.raises(DataError, match=f"column '{column}' is in single precision"):
        MODELS[case.what](case.frame.with_columns(pl.col(column).cast(pl.Float32)), weights="w")


LAWS: dict[Callable[[Case], None], tuple[str, ...]] = {
    a_whole_weight_is_that_many_copies: ("Cox, Breslow", "Fine-Gray"),
    a_row_split_in_two_is_one_row: ("Cox, strata", "Cox, weights, robust"),
    a_row_split_in_two_is_one_row_where_failures_are_first: ("Fine-Gray", "Fine-Gray, weights, Efron"),
    parts_merged_are_the_whole: ("Cox, Breslow",),
    without_ties_the_rules_for_ties_agree: ("Cox, Breslow", "Fine-Gray"),
    single_precision_is_refused: ("Cox, weights, robust", "Fine-Gray"),
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit on one thread: a cohort of 20 rows has no work for another."""
    monkeypatch.setenv("RWE_THREADS", "1")


@pytest.mark.parametrize(("law", "what"), pairs(LAWS))
def test_law(law: Callable[[Case], None], what: str) -> None:
    few(law, partial(Case, what), (8, 24))


@pytest.mark.parametrize(("form", "what"), pairs(FORMS))
def test_other_form(form: Callable[[Form, Case], Form], what: str) -> None:
    few(partial(the_forms_change_nothing, [form]), partial(Case, what), (8, 24))


@pytest.mark.ci
@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", MODELS)
def test_laws_on_many_cohorts(what: str) -> None:
    laws = [partial(the_forms_change_nothing, of(FORMS, what)), *of(LAWS, what)]
    for seed in range(MANY):
        for law in laws:
            law(Case(what, seed, 8 + seed % 17))


@pytest.mark.parametrize("seed", range(5))
def test_sums_that_lost_their_digits_are_not_climbed(seed: int) -> None:
    """Risks e^60 apart with late entry: what is left of subtracted sums once passed for a maximum (order 0)."""
    frame = cohort(3703, 8).sample(fraction=1, shuffle=True, seed=seed)

    with pytest.raises(NoValidAnswer, match=r"no finite estimate|too few digits"):
        sv.cox(frame, **COX, weights="w")
