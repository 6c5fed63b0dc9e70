# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A survival model as MLflow serves it: this file is the model's code, one JSON file holds its parameters.

It imports nothing of the engine, so that a server needs mlflow, numpy and pandas only, and no pickle is ever read.
"""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    Frame = Any
else:
    from pandas import DataFrame as Frame  # MLflow reads the hint of `predict` when the model is kept

F8 = npt.NDArray[np.float64]


class SurvivalModel(PythonModel):
    """Survival or incidence from coefficients and steps, or from the curve of a group."""

    def predict(self, context: Any, model_input: Frame, params: dict[str, Any] | None = None) -> dict[str, F8]:
        """Return ``score`` (log hazard ratio against the means) and ``survival_<t>`` or ``incidence_<t>``."""
        model = json.loads(Path(context.artifacts["model"]).read_text("utf-8"))
        times = np.asarray((params or {}).get("times", []), dtype=np.float64)
        values = steps(model, stratum(model, model_input), times)
        name = "incidence" if model["kind"] == "incidence" else "survival"
        labels = [f"{name}_{int(t) if model['clock'] == 'days' else t}" for t in times.tolist()]
        if model["kind"] == "curve":
            return {label: values[:, k] for k, label in enumerate(labels)}
        eta = score(model, model_input)
        shift = number(model_input, model["offset"]) if model["offset"] else 0.0
        survival = np.exp(-np.exp(eta + shift)[:, None] * values)
        found = 1 - survival if name == "incidence" else survival
        return {"score": eta, **{label: found[:, k] for k, label in enumerate(labels)}}


def score(model: dict[str, Any], people: Frame) -> F8:
    """Return the sum of coefficient x (term - mean) for each person."""
    for column, levels in model["design"]["levels"].items():
        refuse(int((~people[column].isin(levels)).sum()), column, "hold a level that the model does not know")
    terms = [reduce(np.multiply, [part(people, p) for p in term]) for term in model["design"]["terms"]]
    away = np.column_stack(terms) - np.asarray(model["means"])
    return np.asarray(away @ np.asarray(model["coefficients"]), dtype=np.float64)


def part(people: Frame, what: dict[str, Any]) -> F8:
    """Return a column as a number, its logarithm, or whether it holds a level."""
    if what["kind"] == "level":
        return np.asarray(people[what["column"]] == what["level"], dtype=np.float64)
    values = number(people, what["column"])
    if what["kind"] != "log":
        return values
    refuse(int((values <= 0).sum()), what["column"], "have no logarithm")
    return np.asarray(np.log(values), dtype=np.float64)


def number(people: Frame, column: str) -> F8:
    """Return a column of finite numbers."""
    values = np.asarray(people[column], dtype=np.float64)
    refuse(int((~np.isfinite(values)).sum()), column, "have no finite value")
    return values


def stratum(model: dict[str, Any], people: Frame) -> npt.NDArray[np.int64]:
    """Return the place of each person's stratum (or group) among those of the model."""
    columns, rows = model["strata"]["columns"], model["strata"]["rows"]
    if not columns:
        return np.zeros(len(people), dtype=np.int64)
    places = {tuple(row): place for place, row in enumerate(rows)}
    found = [places.get(row, -1) for row in zip(*(people[column] for column in columns), strict=True)]
    refuse(found.count(-1), ", ".join(columns), "hold a stratum that the model does not know")
    return np.asarray(found, dtype=np.int64)


def steps(model: dict[str, Any], of: npt.NDArray[np.int64], times: F8) -> F8:
    """Return the step function of each person's stratum at each time; NaN after the last time followed."""
    if (times < 0).any() or (model["clock"] == "days" and (times != np.floor(times)).any()):
        raise ValueError("times are whole days from 0" if model["clock"] == "days" else "times are numbers from 0")
    start, slack, rows = (1.0 if model["kind"] == "curve" else 0.0), model["tolerance"], []
    for one in model["steps"]:
        values = np.concatenate([[start], one["values"]])
        found = values[np.searchsorted(one["times"], times + slack, side="right")]
        ended = (model["kind"] == "curve") & (found == 0)  # nobody is left: survival stays 0
        rows.append(np.where((times - slack <= one["last"]) | ended, found, np.nan))
    return np.asarray(rows, dtype=np.float64)[of]


def refuse(n: int, column: str, rule: str) -> None:
    """Raise if `n` rows break a rule of a column."""
    if n:
        raise ValueError(f"column '{column}': {n} row(s) {rule}")


set_model(SurvivalModel())
