# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The Cox model as MLflow serves it: this file is the model's code, one JSON file holds its parameters.

It imports nothing of the engine, so that a server needs mlflow, numpy and pandas only, and no
pickle is ever read. A term is a column, or ``column=level`` for one level of a column.
"""

from __future__ import annotations

import json
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


class CoxModel(PythonModel):
    """Survival from the released coefficients and the released baseline hazard."""

    def predict(self, context: Any, model_input: Frame, params: dict[str, Any] | None = None) -> dict[str, F8]:
        """Return ``linear_predictor``, and ``survival_<day>`` for each day in ``params["times"]``."""
        model = json.loads(Path(context.artifacts["model"]).read_text("utf-8"))
        days = np.asarray((params or {}).get("times", []), dtype=np.int64)
        eta = linear_predictor(model, model_input)
        survival = np.exp(-np.outer(np.exp(eta), hazard(model["baseline"], days)))
        curves = {f"survival_{day}": survival[:, place] for place, day in enumerate(days)}
        return {"linear_predictor": eta, **curves}


def linear_predictor(model: dict[str, Any], people: Frame) -> F8:
    """Return sum of coefficient x (covariate - mean) for each person; means are 0 where none are given."""
    for column, levels in model.get("levels", {}).items():
        if strange := int((~people[column].isin(levels)).sum()):
            raise ValueError(f"column '{column}' holds a level the model does not know in {strange} row(s)")
    covariates = np.column_stack([covariate(people, term) for term in model["terms"]])
    centre = np.asarray(model.get("means") or np.zeros(len(model["terms"])), dtype=np.float64)
    return np.asarray((covariates - centre) @ np.asarray(model["coefficients"], dtype=np.float64))


def covariate(people: Frame, term: str) -> F8:
    """Return the values of one term: a number, or 1 where the column has the level and else 0."""
    column, _, level = term.partition("=")
    if level:
        return np.asarray(people[column] == level, dtype=np.float64)
    values = np.asarray(people[column], dtype=np.float64)
    if missing := int(np.isnan(values).sum()):
        raise ValueError(f"column '{column}' is missing in {missing} row(s)")
    return values


def hazard(baseline: dict[str, Any], days: npt.NDArray[np.int64]) -> F8:
    """Return the cumulative baseline hazard at `days`: a step function, known up to its last day."""
    known = np.asarray(baseline["days"], dtype=np.int64)
    if days.size and (days.min() < 0 or days.max() > known[-1]):
        raise ValueError(f"the baseline hazard is known from day 0 to day {known[-1]} only")
    steps = np.concatenate([[0.0], np.asarray(baseline["cumulative_hazard"], dtype=np.float64)])
    return np.asarray(steps[np.searchsorted(known, days, side="right")])


set_model(CoxModel())
