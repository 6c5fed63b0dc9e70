# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The estimators for scikit-learn give the functions' own numbers, and stand its checks, pipelines and searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError

N = 160
TIMES = [5, 20, 40]


def people(seed: int = 3) -> pl.DataFrame:
    """Return covariates and follow-up of invented persons."""
    rng = np.random.default_rng(seed)
    age, stage = rng.normal(60, 9, N), rng.choice(["I", "II", "III"], N)
    days = np.ceil(rng.exponential(40 * np.exp(-0.04 * (age - 60) - 0.5 * (stage == "III"))))
    cause = rng.choice([0, 1, 2], N, p=[0.3, 0.45, 0.25])
    part = {"age": age, "stage": stage, "dose": rng.normal(size=N), "site": rng.choice(["north", "south"], N)}
    follow_up = {"time": days.astype(np.int64), "entry": rng.integers(-1, 0, N), "cause": cause}
    return pl.DataFrame(part | follow_up).with_columns(
        event=pl.col("cause") > 0, weight=pl.Series(rng.integers(1, 4, N).astype(np.float64))
    )


FRAME = people()
X = FRAME.select("age", "stage", "dose")
Y = FRAME.select("event", "time")
STRUCTURED = np.array(list(Y.iter_rows()), dtype=[("event", "?"), ("time", "f8")])
COVARIATES = ["age", "stage", "dose"]
OF = {"time": "time", "event": "event", "covariates": COVARIATES}


def survival(table: pl.DataFrame) -> Any:
    return table["survival"].to_numpy().reshape(-1, len(TIMES))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("weights", [None, "weight"])
def test_cox_has_the_bits_of_the_function(ties: Any, weights: str | None) -> None:
    own = sv.cox(FRAME, **OF, ties=ties, weights=weights)

    found = sv.CoxRegression(ties=ties).fit(X, Y, FRAME["weight"].to_numpy() if weights else None)

    assert found.result_.coefficients.equals(own.coefficients)
    np.testing.assert_array_equal(found.coef_, own.coefficients["estimate"])
    np.testing.assert_array_equal(
        found.predict_survival_function(X, TIMES), survival(own.predict_survival(FRAME, TIMES))
    )
    assert found.score(X, Y, FRAME["weight"] if weights else None) == own.concordance


def test_strata_and_a_formula_are_columns_of_x() -> None:
    wide = FRAME.select(*COVARIATES, "site")
    own = sv.cox(FRAME, **OF, strata="site")
    formed = sv.cox(FRAME, time="time", event="event", formula="log(age) * stage", strata="site")

    found = sv.CoxRegression(strata="site").fit(wide, Y)
    chosen = sv.CoxRegression(covariates=COVARIATES, strata="site").fit(wide.with_columns(more=pl.lit(1.0)), Y)
    other = sv.CoxRegression(formula="log(age) * stage", strata="site").fit(wide, Y)

    assert found.result_.coefficients.equals(own.coefficients)
    assert chosen.result_.coefficients.equals(own.coefficients)
    assert other.result_.coefficients.equals(formed.coefficients)
    assert found.score(wide, Y) == own.concordance
    np.testing.assert_array_equal(
        other.predict_survival_function(wide, TIMES), survival(formed.predict_survival(FRAME, TIMES))
    )


def test_firth_ridge_and_net_have_the_bits_of_the_functions() -> None:
    firth, ridge = sv.cox(FRAME, **OF, penalty="firth"), sv.ridge(FRAME, **OF, theta=3.0, scale=True)
    net = sv.elastic_net(FRAME, **OF, penalties=[0.05], l1_ratio=0.7).at(0.05)
    path = sv.elastic_net(FRAME, **OF, folds=4, seed=2)
    assert path.sparsest is not None

    assert sv.CoxRegression(penalty="firth").fit(X, Y).result_.coefficients.equals(firth.coefficients)
    for mine, own in [
        (sv.CoxRidge(3.0, scale=True), ridge),
        (sv.CoxNet(0.05, l1_ratio=0.7), net),
        (sv.CoxNet("sparsest", folds=4, seed=2), path.at(path.sparsest)),
    ]:
        mine.fit(X, Y)
        assert mine.result_.coefficients.equals(own.coefficients)
        np.testing.assert_array_equal(mine.predict(X), own.predict_score(FRAME)["score"])
        assert mine.score(X, Y) == own.concordance


def test_fine_gray_has_the_bits_of_the_function_and_is_judged_by_its_cause() -> None:
    y = FRAME.select("cause", "time")
    own = sv.fine_gray(FRAME, time="time", cause="cause", of=2, covariates=COVARIATES)
    incidence = own.predict_incidence(FRAME, TIMES)["incidence"].to_numpy().reshape(N, -1)

    found = sv.FineGrayRegression(2).fit(X, y)

    assert found.result_.coefficients.equals(own.coefficients)
    np.testing.assert_array_equal(found.predict_survival_function(X, TIMES), 1 - incidence)
    np.testing.assert_array_equal(found.predict_cumulative_incidence(X, TIMES), incidence)
    assert found.score(X, y) == pytest.approx(_concordance(found.predict(X)), abs=1e-14)


def _concordance(score: Any) -> float:
    """Count pairs in plain Python: who failed of another cause stays in every later comparison."""
    rows = list(zip(FRAME["time"], FRAME["cause"], score, strict=True))
    right = pairs = 0.0
    for time, cause, high in rows:
        if cause != 2:
            continue
        later = [s for t, c, s in rows if c == 1 or t > time or (t == time and c == 0)]
        pairs += len(later)
        right += sum((high > s) + 0.5 * (high == s) for s in later)
    return right / pairs


def test_kaplan_meier_by_group_predicts_the_curve_of_the_group() -> None:
    wide = FRAME.select("site", "age")
    own = sv.kaplan_meier(FRAME, time="time", event="event", by="site")
    curves = dict(zip(("north", "south"), survival(own.at(TIMES)), strict=True))

    found = sv.KaplanMeierEstimator(by="site").fit(wide, Y)

    np.testing.assert_array_equal(
        found.predict_survival_function(wide, TIMES), np.array([curves[site] for site in FRAME["site"]])
    )
    tau = min(FRAME.filter(site=site)["time"].max() for site in curves)
    lost = dict(zip(("north", "south"), tau - own.rmst(tau)["rmst"].to_numpy(), strict=True))
    np.testing.assert_array_equal(found.predict(wide), [lost[site] for site in FRAME["site"]])
    assert sv.KaplanMeierEstimator().fit(wide, Y).score(wide, Y) == 0.5


NUMBERS = FRAME.select("age", "dose")
ARRAY = np.column_stack([Y["event"], Y["time"]]).astype(np.float64)


@pytest.mark.parametrize(
    "y",
    [STRUCTURED, STRUCTURED.astype([("status", "?"), ("days", "i8")]), ARRAY, Y.to_pandas(), Y.select("time", "event")],
    ids=["structured", "other names", "columns", "pandas", "order of fields"],
)
@pytest.mark.parametrize("form", [lambda f: f.to_numpy(), lambda f: f.to_pandas(), lambda f: f])
def test_any_form_of_x_and_y_gives_the_same_bits(form: Callable[[pl.DataFrame], Any], y: Any) -> None:
    own = sv.cox(FRAME, time="time", event="event", covariates=["age", "dose"])

    found = sv.CoxRegression().fit(form(NUMBERS), y)

    np.testing.assert_array_equal(found.coef_, own.coefficients["estimate"])
    assert found.n_features_in_ == 2
    named = list(getattr(found, "feature_names_in_", []))
    assert named == ([] if isinstance(form(NUMBERS), np.ndarray) else ["age", "dose"])
    assert found.score(form(NUMBERS), y) == own.concordance


def test_late_entry_and_times_of_any_unit() -> None:
    years = FRAME.select("event", time=pl.col("time") / 365.25, entry=(pl.col("time") - 3).clip(lower_bound=0) / 365.25)
    table = FRAME.drop("event", "time", "entry").hstack(years)
    given: Any = {"entry": "entry", "clock": "continuous"}
    own, ridge = sv.cox(table, **OF, **given), sv.ridge(table, **OF, **given, theta=2.0)
    net = sv.elastic_net(table, **OF, **given, penalties=[0.02]).at(0.02)
    days = sv.ridge(FRAME, **OF, theta=2.0)

    found = sv.CoxRegression(clock="continuous").fit(X, years)

    assert found.result_.coefficients.equals(own.coefficients)
    assert found.score(X, years) == own.concordance
    for mine, other in ((sv.CoxRidge(2.0, clock="continuous"), ridge), (sv.CoxNet(0.02, clock="continuous"), net)):
        mine.fit(X, years)
        at = [0.01, 0.05]
        expected = other.predict_survival(table, at)["survival"].to_numpy().reshape(N, 2)
        np.testing.assert_array_equal(mine.predict_survival_function(X, at), expected)
    same = sv.CoxRidge(2.0, clock="continuous").fit(X, years.drop("entry"))
    np.testing.assert_allclose(
        same.predict_survival_function(X, np.array(TIMES) / 365.25),
        survival(days.predict_survival(FRAME, TIMES)),
        rtol=1e-13,
    )


def test_in_a_pipeline_a_search_and_cross_validation() -> None:
    whole = KFold(4)
    encode = make_column_transformer(
        (StandardScaler(), ["age", "dose"]), (OneHotEncoder(drop="first", sparse_output=False), ["stage"])
    ).set_output(transform="polars")
    pipe = make_pipeline(encode, sv.CoxRidge())

    scores = cross_val_score(pipe, X.to_pandas(), STRUCTURED, cv=whole)
    search = GridSearchCV(pipe, {"coxridge__theta": [0.1, 1e4]}, cv=whole).fit(X.to_pandas(), STRUCTURED)

    (train, test) = next(whole.split(X))
    last = clone(pipe).fit(X[train].to_pandas(), STRUCTURED[train])
    assert scores[0] == last.score(X[test].to_pandas(), STRUCTURED[test])
    assert list(search.best_estimator_["coxridge"].feature_names_in_)[-1] == "onehotencoder__stage_III"
    assert search.best_params_["coxridge__theta"] in (0.1, 1e4)
    assert len(cross_val_score(sv.CoxRegression(), X, Y, cv=whole)) == 4


def _ranks(y: Any) -> Any:
    """Return a target of numbers as failures at its ranks; what else a check hands over goes through."""
    y = None if y is None else np.asarray(y)
    if y is None or y.ndim != 1 or y.dtype.kind not in "fiu" or not np.isfinite(y).all():
        return y
    return np.column_stack([np.ones(y.size), np.unique(y, return_inverse=True)[1] + 1])


class _Ranked:
    """The checks of scikit-learn give a target of one column."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(X, _ranks(y), sample_weight)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().score(X, _ranks(y), sample_weight)


class Ridge(_Ranked, sv.CoxRidge):
    """CoxRidge of ranks."""


class Net(_Ranked, sv.CoxNet):
    """CoxNet of ranks."""


class Curve(_Ranked, sv.KaplanMeierEstimator):
    """KaplanMeierEstimator of ranks."""


OWN_ERRORS = "refused with an error of the engine, which names the fault"
EXPECTED = {
    "check_all_zero_sample_weights_error": OWN_ERRORS,
    "check_sample_weights_shape": OWN_ERRORS,
    "check_dtype_object": OWN_ERRORS,
    "check_requires_y_none": OWN_ERRORS,
    "check_fit2d_1sample": OWN_ERRORS,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("estimator", [Ridge(ties="breslow"), Net(0.01), Curve()], ids=lambda e: type(e).__name__)
def test_the_checks_of_scikit_learn(estimator: Any) -> None:
    checks = check_estimator(estimator, expected_failed_checks=EXPECTED, on_skip=None, on_fail="raise")

    assert {check["check_name"] for check in checks if check["status"] == "xfail"} <= set(EXPECTED)
    assert sum(check["status"] == "passed" for check in checks) >= 40


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y.rename({"time": "days"}), "name them event, time"),
        (Y.head(7), "X has 160 rows and y has 7"),
        (Y["time"].to_numpy(), "structured array"),
        (Y.with_columns(pl.lit(1).alias("group")), "y has the fields"),
    ],
)
def test_another_y_is_refused_by_name(y: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        sv.CoxRegression().fit(X, y)


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(NotFittedError):
        sv.CoxRegression().predict(X)
    with pytest.raises(ValueError, match="feature names should match"):
        sv.CoxRegression().fit(X, Y).predict(X.rename({"age": "years"}))
    with pytest.raises(DefinitionError, match="strata"):
        sv.CoxRegression(strata="city").fit(X, Y)
    with pytest.raises(DefinitionError, match="by names"):
        sv.KaplanMeierEstimator(by="city").fit(X, Y)
    with pytest.raises(DefinitionError, match="best or sparsest"):
        sv.CoxNet("least").fit(X, Y)
    with pytest.raises(DefinitionError, match="sample_weight has shape"):
        sv.CoxRegression().fit(X, Y, np.ones(3))
    with pytest.raises(DataError, match=r"'y\.time': 160 of 160 rows are not whole days"):
        sv.CoxRegression().fit(X, Y.with_columns(pl.col("time") + 0.5))
