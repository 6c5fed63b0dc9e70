# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Fitted models of `rwe.survival` in MLflow: kept as code with JSON parameters, loaded again to predict the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from rwe.errors import DataError, SourceUnreachable
from rwe.tracking.client import ADDRESS, SERVING, Tracked, connected, experiment_of, own_store

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

CODE = Path(__file__).parent / "survival_model.py"
IN_ZONE = {"rwe.in_zone": "true"}
NOBODY = "row"  # the column of a model that needs none


@dataclass(frozen=True, slots=True)
class Kept:
    """A model that was loaded from MLflow.

    Parameters
    ----------
    model_uri
        Where it lies.
    columns
        The columns it needs, with the type of each.
    """

    model_uri: str
    columns: dict[str, Any]
    _model: Any

    def predict(self, frame: Any, times: float | Sequence[float] = ()) -> pl.DataFrame:
        """Return ``score`` and ``survival_<time>`` (or ``incidence_<time>``) for each time, by row of `frame`.

        A time after the last one followed has no answer: null. A Kaplan-Meier curve gives no score.

        Raises
        ------
        DataError
            If a column is missing, or holds what the model does not know.
        """
        table = nw.from_native(frame).lazy().collect("polars").to_native()
        if missing := sorted(set(self.columns) - set(table.columns)):
            raise DataError(f"the model needs columns {missing}, which the frame lacks")
        people = table.select(pl.col(name).cast(kind) for name, kind in self.columns.items())
        asked = [float(t) for t in ([times] if isinstance(times, int | float) else times)]
        # MLflow takes no frame without columns: the rows of a curve of all are counted by a column of none
        given = (people if people.width else pl.DataFrame({NOBODY: [""] * table.height})).to_pandas()
        try:
            found = self._model.predict(given, params={"times": asked})
        except ValueError as exc:
            raise DataError(str(exc)) from None
        return pl.DataFrame(found).fill_nan(None)


def log_model(
    fit: Any, *, home: Path, address: str | None = None, experiment: str = "models", name: str = "survival"
) -> Tracked:
    """Keep a fitted model in MLflow: its code, and its parameters as JSON.

    What is kept holds the exact times of failures: the store must be one that may hold the data themselves.
    Run and model carry the tag ``rwe.in_zone``: they are for use where the data are, and no release.

    Parameters
    ----------
    fit
        Cox, Penalised (ridge, or an elastic net `at` a penalty), FineGray, KaplanMeier, or a fitted estimator of one.
    home, address
        As in `track`.
    experiment, name
        What the experiment and the model are called there.

    Raises
    ------
    DefinitionError
        If the model is another, or has terms calculated from columns (splines, products of a call): they are named.
    SourceUnreachable
        If MLflow does not take the model.
    """
    from rwe.survival.plain import plain  # the estimators are loaded where a model is kept, not with the package

    fit = getattr(fit, "result_", fit)
    model = plain(fit)
    address = address or os.environ.get(ADDRESS) or own_store(home)
    said = {"kind": model["kind"], "class": type(fit).__name__, "clock": model["clock"]}
    numbers = {key: float(getattr(fit, key)) for key in ("n", "n_event", "loglik") if hasattr(fit, key)}
    try:
        with connected(address) as client:
            import mlflow

            run = client.create_run(experiment_of(client, experiment, address, home), run_name=name, tags=IN_ZONE)
            with mlflow.start_run(run_id=run.info.run_id):
                mlflow.log_params(said)
                mlflow.log_metrics(numbers)
                return Tracked(address, run.info.run_id, _log(model, name))
    except Exception as exc:
        where = re.sub(r"//[^/@]*@", "//***@", address)
        raise SourceUnreachable(f"MLflow at {where} did not take the model ({type(exc).__name__})") from exc


def load_model(model_uri: str, *, address: str) -> Kept:
    """Return a model that `log_model` kept; arguments are those it returned."""
    with connected(address):
        import mlflow

        model = mlflow.pyfunc.load_model(model_uri)
        kinds = {spec.name: spec.type.name for spec in model.metadata.get_input_schema()}
    columns = {
        name: pl.Float64() if kind == "double" else pl.String() for name, kind in kinds.items() if name != NOBODY
    }
    return Kept(model_uri, columns, model)


def _log(model: dict[str, Any], name: str) -> str:
    import mlflow

    example = _nobody(model)
    with tempfile.TemporaryDirectory() as folder:  # MLflow writes where its inputs lay into the model
        file = Path(folder) / "model.json"
        file.write_text(json.dumps(model), "utf-8")
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(shutil.copy(CODE, folder)),
            artifacts={"model": str(file)},
            signature=_signature(model, example),
            input_example=example.to_pandas(),
            pip_requirements=[f"{package}=={version(package)}" for package in SERVING],
            tags=IN_ZONE,
        )
    return str(info.model_uri)


def _nobody(model: dict[str, Any]) -> pl.DataFrame:
    """Return one invented person: 1 for each number, the first level of each column of levels, the first stratum."""
    levels, strata = model["design"]["levels"], model["strata"]
    parts = [part for term in model["design"]["terms"] for part in term]
    person: dict[str, Any] = {part["column"]: 1.0 for part in parts if part["column"] not in levels}
    person |= {model["offset"]: 0.0} if model["offset"] else {}
    person |= {column: known[0] for column, known in levels.items()}
    person |= dict(zip(strata["columns"], strata["rows"][0] if strata["rows"] else [], strict=True))
    return pl.DataFrame({name: [value] for name, value in (person or {NOBODY: ""}).items()})


def _signature(model: dict[str, Any], example: pl.DataFrame) -> ModelSignature:
    """Return what the model takes: its columns, and the times asked for, at first half of the follow-up."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    columns: list[ColSpec | TensorSpec] = [
        ColSpec("double" if kind == pl.Float64 else "string", name) for name, kind in example.schema.items()
    ]
    half = float(max(one["last"] for one in model["steps"]) // 2)
    times = ParamSpec("times", DataType.double, default=[half], shape=(-1,))
    return ModelSignature(inputs=Schema(columns), params=ParamSchema([times]))
