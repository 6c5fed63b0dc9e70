# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A tracked run stands in MLflow with its released figures, and its model predicts the same numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.disclosure import RELEASED
from rwe.errors import DataError, SourceUnreachable
from rwe.provenance import write_manifest
from rwe.result import tidy
from rwe.tracking import Tracked, predict, track
from rwe.tracking.record import metrics, read_record

MODEL: dict[str, Any] = {
    "terms": ["age", "size=21-50", "size=>50", "hormonal=yes"],
    "coefficients": [0.0123456789, 0.4, 0.75, -0.31],
    "means": [57.25, 0.0, 0.0, 0.0],
    "baseline": {"days": [30, 60, 1080, 1830], "cumulative_hazard": [0.01, 0.015, 0.22, 0.4]},
    "levels": {"size": ["<=20", "21-50", ">50"], "hormonal": ["no", "yes"]},
}
PEOPLE = pl.DataFrame(
    {"age": [40, 71, 57], "size": ["<=20", "21-50", ">50"], "hormonal": ["no", "yes", "no"], "unused": [1, 2, 3]}
)
ROWS = [
    {
        "analysis": "cox",
        "population": "treated",
        "stratum": "size=<=20",
        "outcome": "rfs",
        "estimand": "hazard_ratio",
        "estimate": 1.5,
    },
    {
        "analysis": "survival",
        "population": "all",
        "outcome": "rfs",
        "estimand": "milestone",
        "time": 1826,
        "n": 50,
        "estimate": 0.61,
    },
    {
        "analysis": "survival",
        "population": "all",
        "outcome": "rfs",
        "estimand": "survival",
        "time": 30,
        "estimate": 0.99,
    },
    {"analysis": "survival", "population": "all", "outcome": "rfs", "estimand": "median", "masked": "estimate"},
]


def finished_run(folder: Path, *, model: bool = True) -> Path:
    """Write a run folder as the pipeline leaves it."""
    (folder / "release").mkdir(parents=True)
    (folder / "report").mkdir()
    (folder / "4-analyse").mkdir()
    (folder / "4-analyse" / "cohort.csv").write_text("rows that stay inside", "utf-8")
    labels = dict.fromkeys(("analysis", "population", "group", "stratum", "outcome", "estimand", "masked"), "")
    rows = [{**dict.fromkeys(RELEASED), **labels, **row} for row in ROWS]
    (folder / "release" / "all.json").write_text(json.dumps(rows), "utf-8")
    (folder / "release" / "context.json").write_text(
        json.dumps({"settings": {"cox": {"ties": "efron", "n": 3}}}), "utf-8"
    )
    (folder / "report" / "dossier.en.html").write_text("<html></html>", "utf-8")
    if model:
        (folder / "release" / "model").mkdir()
        (folder / "release" / "model" / "cox.json").write_text(json.dumps(MODEL), "utf-8")
    write_manifest(folder, [], {"run_id": folder.name, "study": "breast", "config_hash": "c0ffee"})
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def tracked(home: Path) -> Tracked:
    return track(finished_run(home / "runs" / "r1"), home=home)


def plain(age: float, size: str, hormonal: str, day: int) -> tuple[float, float]:
    """Compute linear predictor and survival in plain Python."""
    effect = 0.0123456789 * (age - 57.25) + {"<=20": 0.0, "21-50": 0.4, ">50": 0.75}[size] - 0.31 * (hormonal == "yes")
    known = zip(MODEL["baseline"]["days"], MODEL["baseline"]["cumulative_hazard"], strict=True)
    hazard = max([0.0, *(value for start, value in known if start <= day)])
    return effect, math.exp(-hazard * math.exp(effect))


def test_the_model_predicts_what_a_plain_computation_gives(tracked: Tracked) -> None:
    assert tracked.model_uri is not None
    days = [0, 29, 30, 365, 1096, 1830]

    found = predict(tracked.model_uri, PEOPLE, days, address=tracked.address)

    for row, (age, size, hormonal, _) in zip(found.iter_rows(named=True), PEOPLE.iter_rows(), strict=True):
        for day in days:
            effect, survival = plain(age, size, hormonal, day)
            assert row["linear_predictor"] == pytest.approx(effect, abs=1e-12)
            assert row[f"survival_{day}"] == pytest.approx(survival, abs=1e-12)


def test_no_pickle_is_kept_and_none_is_needed(tracked: Tracked, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    assert tracked.model_uri is not None

    predict(tracked.model_uri, PEOPLE, [365], address=tracked.address)

    kept = {path.name for path in (home / "mlflow" / "artifacts").rglob("*") if path.is_file()}
    assert {"cox_model.py", "cox.json", "MLmodel", "dossier.en.html", "all.json"} <= kept
    assert not [name for name in kept if name.endswith((".pkl", ".pickle", ".joblib"))]
    assert "cohort.csv" not in kept


def test_what_stands_in_mlflow(tracked: Tracked) -> None:
    import mlflow

    run = mlflow.MlflowClient(tracked.address).get_run(tracked.run_id)

    assert run.data.metrics == {
        "cox/treated.size-le20.rfs.hazard_ratio": 1.5,
        "survival/all.rfs.milestone.day1826": 0.61,
    }
    assert run.data.params == {"cox.ties": "efron", "cox.n": "3"}
    assert run.data.tags["rwe.study"] == "breast"
    assert run.data.tags["rwe.config_hash"] == "c0ffee"
    assert run.data.tags["rwe.run_id"] == "r1"
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("people", "days", "message"),
    [
        (PEOPLE.drop("age"), [365], "age"),
        (PEOPLE.with_columns(pl.lit("9 cm").alias("size")), [365], r"'size' holds a level .* 3 row"),
        (PEOPLE.with_columns(pl.lit(None, pl.Int64).alias("age")), [365], "'age' is missing in 3 row"),
        (PEOPLE, [4000], "known from day 0 to day 1830"),
    ],
)
def test_what_has_no_answer_is_refused(tracked: Tracked, people: pl.DataFrame, days: list[int], message: str) -> None:
    assert tracked.model_uri is not None

    with pytest.raises(DataError, match=message) as caught:
        predict(tracked.model_uri, people, days, address=tracked.address)

    assert "9 cm" not in str(caught.value)


def test_a_run_without_a_model_is_tracked(tracked: Tracked, home: Path) -> None:
    found = track(finished_run(home / "runs" / "r2", model=False), home=home, address=tracked.address)

    assert (found.model_uri, found.address) == (None, tracked.address)


def test_an_outage_is_named_and_shows_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = finished_run(tmp_path / "r3")

    with pytest.raises(SourceUnreachable, match="run folder is whole") as caught:
        track(folder, home=tmp_path, address="http://user:secret@127.0.0.1:9")

    assert "secret" not in str(caught.value)


def test_an_unfinished_run_is_not_tracked(tmp_path: Path) -> None:
    (tmp_path / "r4").mkdir()

    with pytest.raises(DataError, match="did not finish"):
        read_record(tmp_path / "r4")


def test_figures_of_two_models_alike_are_both_kept(tmp_path: Path) -> None:
    labels = {"population": "p", "outcome": "rfs", "estimand": "hazard_ratio", "stratum": "age"}
    for name, ratio in (("07-cox_rfs", 1.1), ("08-cox_small", 1.3)):
        table = tidy([labels | {"estimate": ratio}], analysis="cox").with_columns(masked=pl.lit(""))
        table.write_json(tmp_path / f"{name}.json")

    assert metrics(tmp_path) == {"cox/p.age.rfs.hazard_ratio": 1.1, "cox_small/p.age.rfs.hazard_ratio": 1.3}
