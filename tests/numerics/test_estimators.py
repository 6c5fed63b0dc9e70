# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""scikit-learn estimators: the numbers of the functions, in pipelines, searches and cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import rwe.survival as sv
from rwe.errors import DataError, DefinitionError

RNG = np.random.default_rng(20261122)
N = 240
X = pl.DataFrame(
    {"age": RNG.normal(60, 9, N).round(), "arm": np.array(["a", "b"])[np.arange(N) % 2], "z": RNG.normal(size=N)}
)
RISK = 0.04 * (X["age"].to_numpy() - 60) + 0.8 * X["z"].to_numpy()
TIME = (RNG.exponential(400 * np.exp(-RISK)) + 1).astype(np.int64)
LEAVE = RNG.integers(50, 900, N)
EVENT = TIME <= LEAVE
DAYS = np.minimum(TIME, LEAVE)
CAUSE = np.where(EVENT, 1 + (RNG.uniform(size=N) < 0.3), 0)
Y = np.array(list(zip(EVENT, DAYS, strict=True)), dtype=[("event", bool), ("time", float)])
NUMBERS = X.select("age", "z").to_numpy()


def test_a_fit_is_that_of_the_function_to_the_bit() -> None:
    frame = X.with_columns(days=pl.Series(DAYS), died=pl.Series(EVENT))

    model = sv.CoxRegression().fit(X, Y)

    plain = sv.cox(frame, time="days", event="died", covariates=["age", "arm", "z"])
    assert model.result_.coefficients.equals(plain.coefficients)
    assert (model.coef_ == plain.coefficients["estimate"].to_numpy()).all()
    survival = plain.predict_survival(X.head(3), [100, 400])["survival"].to_numpy().reshape(3, 2)
    assert (model.predict_survival_function(X.head(3), [100, 400]) == survival).all()


def test_the_score_is_the_concordance_of_the_model() -> None:
    model = sv.CoxRegression().fit(X, Y)

    assert model.score(X, Y) == model.result_.concordance
    assert abs(model.predict(X).mean()) < 1e-10


@pytest.mark.parametrize(
    "y",
    [
        pd.DataFrame({"time": DAYS, "event": EVENT}),
        pl.DataFrame({"event": EVENT, "time": DAYS}),
        np.column_stack([EVENT, DAYS]),
        np.array(list(zip(EVENT, DAYS, strict=True)), dtype=[("Status", bool), ("Survival_in_days", float)]),
        np.array(list(zip(DAYS, EVENT, strict=True)), dtype=[("time", float), ("event", int)]),
    ],
)
def test_every_form_of_an_outcome_gives_the_same_fit(y: Any) -> None:
    model = sv.CoxRegression().fit(NUMBERS, y)

    assert (model.coef_ == sv.CoxRegression().fit(NUMBERS, Y).coef_).all()


def test_late_entry_and_weights_reach_the_model() -> None:
    entry, weight = np.minimum(np.arange(N) % 40, DAYS - 1), 1.0 + np.arange(N) % 3
    y = pl.DataFrame({"event": EVENT, "time": DAYS, "entry": entry})
    frame = X.with_columns(y, w=pl.Series(weight))

    model = sv.CoxRegression(covariates=["age", "z"]).fit(X, y, sample_weight=weight)

    plain = sv.cox(frame, time="time", event="event", entry="entry", weights="w", covariates=["age", "z"])
    assert model.result_.coefficients.equals(plain.coefficients)
    assert model.score(X, y, sample_weight=weight) == plain.concordance


def test_names_and_numbers_of_features_are_known_and_checked() -> None:
    named, plain = sv.CoxRegression().fit(X.to_pandas(), Y), sv.CoxRegression().fit(NUMBERS, Y)

    assert named.feature_names_in_.tolist() == ["age", "arm", "z"]
    assert plain.n_features_in_ == 2
    assert plain.result_.coefficients["term"].to_list() == ["x0", "x1"]
    with pytest.raises(ValueError, match="feature names"):
        named.predict(X.to_pandas().rename(columns={"age": "years"}))
    with pytest.raises(ValueError, match="features"):
        plain.predict(NUMBERS[:, :1])


def test_clone_and_parameters_keep_what_was_set() -> None:
    model = sv.CoxRegression(ties="breslow", strata="arm", covariates=["age"]).fit(X, Y)

    copy = clone(model).set_params(ties="efron")

    assert copy.get_params() == {**model.get_params(), "ties": "efron"}
    with pytest.raises(NotFittedError):
        copy.predict(X)


def test_pipelines_cross_validation_and_searches_work() -> None:
    scaled = make_pipeline(StandardScaler(), sv.CoxRegression(penalty="ridge"))

    scores = cross_val_score(scaled, NUMBERS, Y, cv=3)
    search = GridSearchCV(scaled, {"coxregression__strength": [0.0, 1e6]}, cv=3).fit(NUMBERS, Y)

    assert (scores > 0.6).all()
    assert search.score(NUMBERS, Y) > 0.6
    np.testing.assert_allclose(
        make_pipeline(StandardScaler(), sv.CoxRegression()).fit(NUMBERS, Y).predict(NUMBERS),
        sv.CoxRegression().fit(NUMBERS, Y).predict(NUMBERS),
        rtol=1e-8,
        atol=1e-10,
    )


def test_a_transformer_that_returns_frames_keeps_text_columns() -> None:
    step = make_column_transformer(
        (StandardScaler(), ["age"]), remainder="passthrough", verbose_feature_names_out=False
    )
    pipe = make_pipeline(step.set_output(transform="pandas"), sv.CoxRegression())

    pipe.fit(X.to_pandas(), Y)

    assert pipe[-1].result_.coefficients["term"].to_list() == ["age", "arm=b", "z"]


def test_penalties_are_those_of_the_functions() -> None:
    frame = X.with_columns(days=pl.Series(DAYS), died=pl.Series(EVENT))
    said: dict[str, Any] = {"time": "days", "event": "died", "covariates": ["age", "z"]}

    fits = {
        p: sv.CoxRegression(penalty=p, strength=0.1, covariates=["age", "z"], ties="breslow").fit(X, Y)
        for p in ("firth", "ridge", "elastic_net")
    }

    assert fits["firth"].result_.coefficients.equals(
        sv.cox(frame, penalty="firth", ties="breslow", **said).coefficients
    )
    assert fits["ridge"].result_.coefficients.equals(sv.ridge(frame, theta=0.1, ties="breslow", **said).coefficients)
    net = sv.elastic_net(frame, penalties=[0.1], **said).at(0.1)
    assert fits["elastic_net"].result_.coefficients.equals(net.coefficients)
    assert (fits["elastic_net"].predict(X) == net.predict_score(X)["score"].to_numpy()).all()


def test_fine_gray_takes_causes_and_scores_them() -> None:
    y = pl.DataFrame({"cause": CAUSE, "time": DAYS})
    frame = X.with_columns(y)

    model = sv.FineGrayRegression(of=2).fit(X, y)

    plain = sv.fine_gray(frame, time="time", cause="cause", of=2, covariates=["age", "arm", "z"])
    assert model.result_.coefficients.equals(plain.coefficients)
    incidence = plain.predict_incidence(X.head(2), [200, 300])["incidence"].to_numpy().reshape(2, 2)
    assert (model.predict_cumulative_incidence(X.head(2), [200, 300]) == incidence).all()
    assert model.score(X, y) == pytest.approx(_wolbers(model.predict(X)), abs=1e-12)


def _wolbers(risk: Any) -> float:
    """Count the pairs one by one: another cause outlives everybody."""
    time = np.where(CAUSE == 1, np.inf, DAYS)
    good = total = 0.0
    for i in np.flatnonzero(CAUSE == 2):
        later = (time > DAYS[i]) | ((DAYS[i] == DAYS) & (CAUSE == 0))
        good += (risk[i] > risk[later]).sum() + 0.5 * (risk[i] == risk[later]).sum()
        total += later.sum()
    return float(good / total)


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (sv.CoxRegression(), DAYS, "y is not understood"),
        (sv.CoxRegression(penalty="lasso"), Y, "firth, ridge, elastic_net"),
        (sv.CoxRegression(penalty="elastic_net"), Y, "Breslow"),
        (sv.CoxRegression(penalty="ridge", clock="continuous"), Y, "whole days"),
        (sv.CoxRegression(), Y[:-1], "rows"),
    ],
)
def test_what_cannot_be_fitted_is_refused(model: Any, y: Any, message: str) -> None:
    with pytest.raises((DefinitionError, DataError), match=message):
        model.fit(X, y)
