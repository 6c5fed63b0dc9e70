# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""X and y as scikit-learn hands them over, turned into the one frame that the functions of survival take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from sklearn.utils.validation import validate_data

from rwe.errors import DefinitionError

ENTRY, SCORE, TIME, WEIGHT = "y.entry", "score", "y.time", "sample_weight"
OUTCOMES = {"event": "y.event", "cause": "y.cause"}


def covariates_of(estimator: Any, X: Any, *, reset: bool) -> pl.DataFrame:
    """Return X as polars, columns named as in the fit: those of a frame, or x0, x1, ... of an array.

    Columns of a frame keep their type, so that text counts as levels; an array is one of numbers.

    Raises
    ------
    ValueError, TypeError
        As scikit-learn: an array is not two-dimensional, not finite, empty, or has not the columns of the fit.
    """
    if _named(X):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        frame: pl.DataFrame = nw.from_native(X, eager_only=True).to_polars()
    else:
        frame = pl.DataFrame(np.ascontiguousarray(validate_data(estimator, X, reset=reset, dtype=np.float64)))
    found = getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(frame.width)])
    frame.columns = [str(name) for name in found]
    return frame


def _named(table: Any) -> bool:
    """Return whether it is a frame whose columns have names."""
    if not nw.dependencies.is_into_dataframe(table):
        return False
    return all(isinstance(name, str) for name in nw.from_native(table, eager_only=True).columns)


def response_of(y: Any, outcome: str, rows: int, sample_weight: Any = None) -> pl.DataFrame:
    """Return y (and weights) as columns ``y.time``, ``y.event`` or ``y.cause``, ``y.entry``, ``sample_weight``.

    Parameters
    ----------
    y
        A structured array or a frame with the fields `outcome`, time and perhaps entry; an array whose columns
        are these, in this order; or a structured array of a truth value and a time, whatever their names.
    outcome
        event or cause.
    rows
        Rows of X.

    Raises
    ------
    DefinitionError
        If y has other fields, or another number of rows.
    """
    table = _fields(y, outcome)
    if table.height != rows:
        raise DefinitionError(f"X has {rows} rows and y has {table.height}: they must be the same persons")
    table = table.rename({"time": TIME, outcome: OUTCOMES[outcome]} | ({"entry": ENTRY} if "entry" in table else {}))
    if sample_weight is None:
        return table
    weight = np.asarray(sample_weight, np.float64)
    if weight.shape != (rows,):
        raise DefinitionError(f"sample_weight has shape {weight.shape}; give one number for each of {rows} rows")
    return table.with_columns(pl.Series(WEIGHT, weight))


def _fields(y: Any, outcome: str) -> pl.DataFrame:
    fields = [outcome, "time", "entry"]
    if _named(y):
        table: pl.DataFrame = nw.from_native(y, eager_only=True).to_polars()
    else:
        values = np.asarray(y)
        table = _structured(values, outcome) if values.dtype.names else _columns(values, fields)
    if not {outcome, "time"} <= set(table.columns) <= set(fields):
        raise DefinitionError(f"y has the fields {table.columns}; name them {outcome}, time and, for late entry, entry")
    return table


def _structured(values: Any, outcome: str) -> pl.DataFrame:
    names: Sequence[str] = values.dtype.names
    table = pl.DataFrame({name: np.ascontiguousarray(values[name]) for name in names})
    if outcome == "event" and len(names) == 2 and "time" not in names and table.dtypes[0] == pl.Boolean:
        table.columns = ["event", "time"]
    return table


def _columns(values: Any, fields: list[str]) -> pl.DataFrame:
    if values.ndim != 2 or not 2 <= values.shape[1] <= 3:
        wanted = f"give columns {fields[0]}, time (and entry), a structured array or a frame with these fields"
        raise DefinitionError(f"y has shape {values.shape}; {wanted}")
    return pl.DataFrame(np.ascontiguousarray(values), schema=fields[: values.shape[1]])
