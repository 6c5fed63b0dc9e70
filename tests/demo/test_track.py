# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A tracked run in MLflow: what was released and nothing more, and a Cox model without a pickle that predicts alike."""

from __future__ import annotations

import json
import math
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import rwe
from rwe import pipeline, plugins
from rwe.tracking import predict

pytestmark = pytest.mark.ci

HOSPITAL = plugins.hospital("breast")
DAYS = [30, 365, 1096, 1826]
LEVELS = {
    "hormonal": ["no", "yes"],
    "chemotherapy": ["no", "yes"],
    "menopause": ["pre", "post"],
    "size": ["<=20", "21-50", ">50"],
    "grade": ["2", "3"],
}
UNITS = {"age": 10.0, "nodes": 1.0, "pgr": 100.0, "er": 100.0}


@pytest.fixture(scope="module")
def home(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(demo.home, tmp_path_factory.mktemp("tracked") / "home"))


@pytest.fixture(scope="module")
def tracked(home: Path) -> pipeline.RunSummary:
    url = f"sqlite:///{(home / 'hospitals' / 'breast.db').as_posix()}"
    return pipeline.run(HOSPITAL.study, home=home, site_urls={HOSPITAL.site: url}, track="home")


@pytest.fixture(scope="module")
def address(home: Path, tracked: pipeline.RunSummary) -> str:
    (notice,) = tracked.notices
    assert notice.endswith(f"sqlite:///{(home / 'mlflow' / 'mlflow.db').as_posix()}")
    return notice.rpartition(" at ")[2]


@pytest.fixture(scope="module")
def run(address: str, tracked: pipeline.RunSummary) -> Any:
    import mlflow

    return mlflow.MlflowClient(address).get_run(tracked.notices[0].split()[2])


@pytest.fixture(scope="module")
def model_uri(run: Any) -> str:
    (output,) = run.outputs.model_outputs
    return f"models:/{output.model_id}"


@pytest.fixture(scope="module")
def people(demo: Any) -> pl.DataFrame:
    """Return the model's people as the run selected them, numbers in the model's units."""
    subjects = pl.read_parquet(demo.summary.folder / "3-select" / "subjects.parquet").filter("in_node_positive")
    return subjects.with_columns(pl.col(name).cast(pl.Float64) for name in UNITS)


@pytest.fixture(autouse=True)
def _no_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(next((folder / "release").glob(f"*-{name}.json")).read_text("utf-8"))
    return found


def test_metrics_are_released_estimates(run: Any, tracked: pipeline.RunSummary) -> None:
    tables = [json.loads(path.read_text("utf-8")) for path in (tracked.folder / "release").glob("[0-9]*.json")]
    released = {row["estimate"] for table in tables for row in table}

    assert len(run.data.metrics) > 300
    assert set(run.data.metrics.values()) <= released
    name = "trial_comparison/node_positive.difference.raked.rfs.hazard_ratio"
    assert run.data.metrics[name] == next(
        row["estimate"]
        for row in rows(tracked.folder, "against_trial")
        if (row["estimand"], row["stratum"]) == ("hazard_ratio", "raked")
    )


def test_parameters_and_tags_say_how_and_of_what(run: Any, tracked: pipeline.RunSummary) -> None:
    parameters, tags = run.data.params, run.data.tags

    assert parameters["cox_rfs.ties"] == "efron"
    assert parameters["against_trial.tau"] == "1826"
    assert tags["rwe.run_id"] == tracked.run_id
    assert tags["rwe.config_hash"] == json.loads((tracked.folder / "manifest.json").read_text("utf-8"))["config_hash"]
    assert run.info.status == "FINISHED"


def test_artifacts_are_the_released_tables_and_the_dossiers(run: Any, home: Path, tracked: pipeline.RunSummary) -> None:
    kept = {p.relative_to(home / "mlflow"): p for p in (home / "mlflow" / "artifacts").rglob("*") if p.is_file()}
    bytes_kept = {path.read_bytes() for path in kept.values()}

    for part in ("release", "report"):
        for path in (tracked.folder / part).rglob("*"):
            assert path.is_dir() or path.read_bytes() in bytes_kept, path.name
    names = {path.name for path in kept}
    assert {"MLmodel", "cox_model.py", "cox.json"} <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib", ".parquet"))]
    assert run.info.run_id in {part for path in kept for part in path.parts}


def test_nothing_kept_holds_a_pickle_or_a_person(home: Path, tracked: pipeline.RunSummary) -> None:
    people = {str(n).encode() for n in pl.read_parquet(tracked.folder / "3-select" / "subjects.parquet")["person_id"]}

    for path in (home / "mlflow").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not data.startswith((b"\x80\x03", b"\x80\x04", b"\x80\x05")), path.name
        assert not [person for person in people if person in data], path.name


def plain(folder: Path, people: pl.DataFrame) -> tuple[Any, Any]:
    """Return linear predictor and survival by day, computed from the released table alone."""
    table = rows(folder, "cox_rfs")
    eta = np.zeros(people.height)
    for row in table:
        if row["estimand"] == "hazard_ratio":
            name, _, level = row["stratum"].partition("=")
            x = (people[name] == level).cast(pl.Float64) if level else people[name] / UNITS[name]
            eta += math.log(row["estimate"]) * x.to_numpy()
    base = [(row["time"], row["estimate"]) for row in table if row["estimand"] == "baseline_hazard"]
    hazard = {day: max(h for time, h in base if time <= day) for day in DAYS}
    return eta, {day: np.exp(-hazard[day] * np.exp(eta)) for day in DAYS}


def test_the_model_predicts_what_the_released_table_gives(
    address: str, model_uri: str, tracked: pipeline.RunSummary, people: pl.DataFrame
) -> None:
    eta, survival = plain(tracked.folder, people)

    found = predict(model_uri, people, DAYS, address=address)

    np.testing.assert_allclose(found["linear_predictor"], eta, rtol=0, atol=1e-12)
    for day in DAYS:
        np.testing.assert_allclose(found[f"survival_{day}"], survival[day], rtol=0, atol=1e-12)


def test_the_model_predicts_close_to_the_exact_one(
    address: str, model_uri: str, tracked: pipeline.RunSummary, people: pl.DataFrame
) -> None:
    scaled = people.with_columns(pl.col(name) / by for name, by in UNITS.items())
    reference = {name: levels[0] for name, levels in LEVELS.items()}
    covariates = [*("hormonal", "chemotherapy", "age", "menopause", "size", "grade", "nodes", "pgr", "er")]
    exact = rwe.survival.cox(scaled, time="rfs_days", event="rfs_event", covariates=covariates, reference=reference)
    truth = exact.predict_survival(scaled, DAYS)["survival"].to_numpy().reshape(people.height, len(DAYS))

    found = predict(model_uri, people, DAYS, address=address)

    # Coefficients are exact, so the error is all in the baseline hazard, which is known on the release grid only:
    # the model holds the value H(g) of the last released day g <= t, where the exact one has H(t). Hence
    # S_model / S = exp((H(t) - H(g)) exp(eta)) >= 1, and S_model - S <= S_model (1 - exp(-(H(t) - H(g)) exp(eta))).
    eta, _ = plain(tracked.folder, people)
    baseline = exact.baseline()
    known = [row["time"] for row in rows(tracked.folder, "cox_rfs") if row["estimand"] == "baseline_hazard"]
    for place, day in enumerate(DAYS):
        last = max(time for time in known if time <= day)
        missed = baseline.filter(pl.col("time").is_between(last, day, closed="right"))
        step = _upto(baseline, day) - _upto(baseline, last)
        model = found[f"survival_{day}"].to_numpy()
        bound = model * -np.expm1(-step * np.exp(eta))
        error = model - truth[:, place]
        np.testing.assert_allclose(error, bound, rtol=0, atol=1e-9)
        assert missed.height > 0 or np.abs(error).max() < 1e-9
        assert np.abs(error).max() < 0.02, day


def _upto(baseline: pl.DataFrame, day: int) -> float:
    value = baseline.filter(pl.col("time") <= day)["cumulative_hazard"].max()
    return value if isinstance(value, float) else 0.0


def test_a_tracking_server_that_is_away_costs_a_notice_not_the_run(
    home: Path, tracked: pipeline.RunSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"sqlite:///{(home / 'hospitals' / 'breast.db').as_posix()}"
    where = f"http://user:secret@127.0.0.1:{port}"

    summary = pipeline.run(HOSPITAL.study, home=home, site_urls={HOSPITAL.site: url}, lang=("en",), track=where)

    (notice,) = summary.notices
    assert "did not take run" in notice
    assert "the run folder is whole" in notice
    assert "secret" not in notice
    assert summary.dossier["en"].is_file()
    assert (summary.previous, summary.changes) == (tracked.run_id, ())
