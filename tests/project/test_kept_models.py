# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A fitted model kept in MLflow predicts what the fit does, to the last digits, without a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import rwe.survival as sv
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.survival.plain import plain
from rwe.tracking import Kept, load_model, log_model

pytestmark = pytest.mark.ci  # mlflow takes seconds to import and to open its store
RNG = np.random.default_rng(3)
N = 200
FRAME = pl.DataFrame(
    {
        "age": RNG.normal(60, 9, N).round(1),
        "size": RNG.uniform(0.5, 9, N),
        "stage": np.array(["I", "II", "III"])[RNG.integers(0, 3, N)],
        "site": RNG.integers(1, 3, N),
        "days": RNG.integers(1, 900, N),
        "died": RNG.integers(0, 2, N),
        "cause": RNG.integers(0, 3, N),
        "known": RNG.normal(0, 0.2, N),
    }
)
SAID: dict[str, Any] = {"time": "days", "event": "died"}
NEW, TIMES = FRAME.head(20), [0, 100, 450, 899, 5000]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def kept(fit: Any, home: Path) -> Kept:
    entered = log_model(fit, home=home)
    assert entered.model_uri is not None
    return load_model(entered.model_uri, address=entered.address)


def shaped(table: pl.DataFrame, column: str) -> np.ndarray[Any, Any]:
    return table[column].cast(pl.Float64).to_numpy().reshape(NEW.height, len(TIMES))


def predicted(model: Kept, name: str) -> np.ndarray[Any, Any]:
    return model.predict(NEW, TIMES).select(f"{name}_{t}" for t in TIMES).to_numpy().astype(np.float64)


@pytest.mark.parametrize(
    "fit",
    [
        sv.cox(FRAME, covariates=["age", "stage"], **SAID),
        sv.cox(FRAME, formula="log(size) * stage + age", strata="site", offset="known", **SAID),
        sv.cox(FRAME, covariates=["age"], penalty="firth", ties="breslow", **SAID),
        sv.ridge(FRAME, covariates=["age", "stage"], theta=3.0, **SAID),
        sv.elastic_net(FRAME, covariates=["age", "size", "stage"], strata="site", **SAID).at(0.02),
    ],
    ids=["cox", "strata", "firth", "ridge", "elastic_net"],
)
def test_a_kept_model_predicts_survival_as_the_fit(fit: Any, home: Path) -> None:
    found = predicted(kept(fit, home), "survival")

    np.testing.assert_allclose(found, shaped(fit.predict_survival(NEW, TIMES), "survival"), rtol=0, atol=1e-12)


def test_a_kept_fine_gray_model_predicts_incidence_as_the_fit(home: Path) -> None:
    fit = sv.fine_gray(FRAME, time="days", cause="cause", of=2, covariates=["age", "stage"])

    found = predicted(kept(fit, home), "incidence")

    np.testing.assert_allclose(found, shaped(fit.predict_incidence(NEW, TIMES), "incidence"), rtol=0, atol=1e-12)


def test_a_kept_curve_gives_the_survival_of_each_group(home: Path) -> None:
    km = sv.kaplan_meier(FRAME, by=["stage", "site"], **SAID)

    found = predicted(kept(km, home), "survival")

    at = NEW.with_row_index().join(km.at(TIMES), on=["stage", "site"], maintain_order="left")
    np.testing.assert_allclose(found, shaped(at, "survival"), rtol=0, atol=1e-12)


def test_a_kept_curve_of_all_and_a_continuous_clock(home: Path) -> None:
    frame = FRAME.with_columns(years=pl.col("days") / 365.25)
    km = sv.kaplan_meier(frame, time="years", event="died", clock="continuous")
    fit = sv.cox(frame, time="years", event="died", covariates=["age"], clock="continuous")
    times = [0.1, float(frame["years"][0]), 1.5]

    curve, model = kept(km, home).predict(NEW, times), kept(fit, home).predict(NEW, times)

    assert curve.height == NEW.height
    np.testing.assert_allclose(curve.row(0), km.at(times)["survival"], atol=1e-12)
    expected = fit.predict_survival(NEW, times)["survival"].to_numpy().reshape(-1, 3)
    np.testing.assert_allclose(model.drop("score").to_numpy(), expected, atol=1e-12)


def test_nothing_kept_is_a_pickle_or_a_person(home: Path) -> None:
    log_model(sv.cox(FRAME, covariates=["age", "stage"], **SAID), home=home, experiment="one")

    files = {path.name: path for path in (home / "mlflow" / "artifacts" / "one").rglob("*") if path.is_file()}
    assert {"survival_model.py", "model.json", "MLmodel", "input_example.json"} <= set(files)
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]
    example = json.loads(files["input_example.json"].read_text("utf-8"))
    assert example["data"] == [[1.0, "I"]]
    assert "import rwe" not in files["survival_model.py"].read_text("utf-8")


def test_what_cannot_be_kept_or_predicted_is_refused(home: Path) -> None:
    spline = sv.cox(FRAME, formula="bs(age, df=4) + size", **SAID)
    model = kept(sv.cox(FRAME, covariates=["stage"], **SAID), home)

    with pytest.raises(DefinitionError, match=r"bs\(age"):
        plain(spline)
    with pytest.raises(DefinitionError, match="LogRank cannot be kept"):
        plain(sv.log_rank(FRAME, by="site", **SAID))
    with pytest.raises(DataError, match="1 row"):
        model.predict(pl.DataFrame({"stage": ["I", "IV"]}), [10])
    with pytest.raises(DataError, match="lacks"):
        model.predict(pl.DataFrame({"age": [50]}), [10])
    with pytest.raises(DataError, match="whole days"):
        model.predict(NEW, [10.5])


def test_a_store_that_is_away_is_named_without_its_password(home: Path) -> None:
    fit = sv.cox(FRAME, covariates=["age"], **SAID)

    with pytest.raises(SourceUnreachable, match=r"//\*\*\*@"):
        log_model(fit, home=home, address="sqlite://user:secret@nowhere/none.db")


def test_an_estimator_is_kept_as_its_result_and_marked_as_inside(home: Path, tmp_path: Path) -> None:
    import mlflow

    people, outcome = FRAME.select("age", "stage"), FRAME.select(event="died", time="days")
    estimator = sv.CoxRidge(2.0).fit(people, outcome)

    entered = log_model(estimator, home=home)
    other = log_model(estimator, home=tmp_path)

    client = mlflow.MlflowClient(entered.address)
    assert entered.model_uri is not None
    model = client.get_logged_model(entered.model_uri.rpartition("/")[2])
    assert client.get_run(entered.run_id).data.tags["rwe.in_zone"] == model.tags["rwe.in_zone"] == "true"
    assert other.address != entered.address  # mlflow's own memory of the first is put back
    found = load_model(entered.model_uri, address=entered.address).predict(NEW, TIMES).select(pl.exclude("score"))
    expected = estimator.predict_survival_function(people.head(20), TIMES)
    np.testing.assert_allclose(found.to_numpy().astype(np.float64), expected, rtol=0, atol=1e-12)
