# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Talking to MLflow: one run, one model, and predictions from a model that was kept."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rwe.errors import DataError, SourceUnreachable
from rwe.tracking.record import Record, read_record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

CODE = Path(__file__).parent / "cox_model.py"
ADDRESS = "MLFLOW_TRACKING_URI"
MILESTONES = (365, 1096, 1826)
SERVING = ("mlflow", "numpy", "pandas")
# no word about its use leaves, no pickle is read, and a server that is away is soon given up
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
# what MLflow 3.17 says of its own types, and SQLAlchemy 2.1 of MLflow's tables
NOISE = ((".*Any type hint is inferred as AnyType", UserWarning), ("The ``noload`` loader", DeprecationWarning))


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where a run stands in MLflow: its id there, and the address of the Cox model, None without one."""

    address: str
    run_id: str
    model_uri: str | None


def track(folder: Path, *, home: Path, address: str | None = None) -> Tracked:
    """Enter a finished run in MLflow.

    Parameters
    ----------
    folder
        Run folder with manifest, ``release/`` and ``report/``; it is read, never written.
    home
        Home folder; the default store is ``<home>/mlflow/mlflow.db``.
    address
        Tracking address, else ``MLFLOW_TRACKING_URI``, else the default store.

    Raises
    ------
    DataError
        If the run did not reach its release.
    SourceUnreachable
        If MLflow does not take the run; nothing of the run is lost.
    """
    record = read_record(folder)
    address = address or os.environ.get(ADDRESS) or own_store(home)
    try:
        with connected(address) as client:
            return _enter(client, record, folder, address, home)
    except Exception as exc:
        where = re.sub(r"//[^/@]*@", "//***@", address)
        reason = f"MLflow at {where} did not take run {record.run_id} ({type(exc).__name__})"
        raise SourceUnreachable(f"{reason}; the run folder is whole, only the tracking is missing") from exc


def own_store(home: Path) -> str:
    (home / "mlflow").mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(home / 'mlflow' / 'mlflow.db').as_posix()}"


@contextmanager
def connected(address: str) -> Iterator[MlflowClient]:
    """Load mlflow, speak to `address`, and put back what was set before."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        for message, kind in NOISE:
            warnings.filterwarnings("ignore", message, kind)
        import mlflow

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        before, asked = mlflow.get_tracking_uri(), os.environ.get(ADDRESS)
        mlflow.set_tracking_uri(address)
        try:
            yield mlflow.MlflowClient(address)
        finally:
            mlflow.set_tracking_uri(before)
            os.environ.pop(ADDRESS, None)  # where mlflow writes each address that it is set to
            os.environ.update({} if asked is None else {ADDRESS: asked})


def _enter(client: MlflowClient, record: Record, folder: Path, address: str, home: Path) -> Tracked:
    import mlflow

    run = client.create_run(
        experiment_of(client, record.study, address, home), run_name=record.run_id, tags=dict(record.tags)
    )
    run_id = run.info.run_id
    with mlflow.start_run(run_id=run_id):
        _numbers(client, run_id, record)
        for part in ("release", "report"):
            if (folder / part).is_dir():
                client.log_artifacts(run_id, str(folder / part), part)
        model_uri = _model(record.model) if record.model else None
    return Tracked(address, run_id, model_uri)


def experiment_of(client: MlflowClient, study: str, address: str, home: Path) -> str:
    if found := client.get_experiment_by_name(study):
        return str(found.experiment_id)
    # a database keeps no files: without a folder of ours they would land in the current one
    files = (
        (home / "mlflow" / "artifacts" / study).as_uri()
        if "://" in address and not address.startswith("http")
        else None
    )
    return str(client.create_experiment(study, artifact_location=files))


def _numbers(client: MlflowClient, run_id: str, record: Record) -> None:
    from mlflow.entities import Metric, Param

    parameters = iter([Param(key, value) for key, value in record.parameters.items()])
    while part := list(islice(parameters, 100)):  # as many as one call may carry
        client.log_batch(run_id, params=part)
    metrics = iter([Metric(key, value, 0, 0) for key, value in record.metrics.items()])
    while some := list(islice(metrics, 1000)):
        client.log_batch(run_id, metrics=some)


def _model(file: Path) -> str:
    import mlflow

    model = json.loads(file.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:  # MLflow writes where its inputs lay into the model
        info = mlflow.pyfunc.log_model(
            name="cox",
            python_model=str(shutil.copy(CODE, folder)),
            artifacts={"model": str(shutil.copy(file, folder))},
            signature=_signature(model),
            input_example=_nobody(model).to_pandas(),
            pip_requirements=[f"{name}=={version(name)}" for name in SERVING],
        )
    return str(info.model_uri)


def _signature(model: dict[str, Any]) -> ModelSignature:
    """Return what the model takes: its columns and the days asked for, with the milestones it can answer."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    columns: list[ColSpec | TensorSpec] = [
        ColSpec("double" if kind == pl.Float64 else "string", name) for name, kind in _nobody(model).schema.items()
    ]
    days = [day for day in MILESTONES if day <= model["baseline"]["days"][-1]]
    times = ParamSpec("times", DataType.long, default=days, shape=(-1,))
    return ModelSignature(inputs=Schema(columns), params=ParamSchema([times]))


def _nobody(model: dict[str, Any]) -> pl.DataFrame:
    """Return one invented person in the model's columns: 1 for each number, the first level of each other."""
    numbers = {term: [1.0] for term in model["terms"] if "=" not in term}
    return pl.DataFrame(numbers | {column: levels[:1] for column, levels in model["levels"].items()})


def predict(model_uri: str, frame: pl.DataFrame, times: Sequence[int], *, address: str) -> pl.DataFrame:
    """Return predictions of a model kept in MLflow.

    Parameters
    ----------
    model_uri, address
        As `track` returned them.
    frame
        One row a person with the model's columns.
    times
        Days from the index date, within the released baseline.

    Returns
    -------
    polars.DataFrame
        ``linear_predictor`` and one column ``survival_<day>`` for each day, in the order of `frame`.

    Raises
    ------
    DataError
        If a column is missing, or holds what the model does not know.
    """
    with connected(address):
        import mlflow

        model = mlflow.pyfunc.load_model(model_uri)
        columns = {
            spec.name: pl.Float64 if spec.type.name == "double" else pl.String
            for spec in model.metadata.get_input_schema()
        }
        if missing := sorted(set(columns) - set(frame.columns)):
            raise DataError(f"the model needs columns {missing}, which the frame lacks")
        people = frame.select(pl.col(name).cast(kind) for name, kind in columns.items()).to_pandas()
        try:
            return pl.DataFrame(model.predict(people, params={"times": list(times)}))
        except ValueError as exc:
            raise DataError(str(exc)) from None
