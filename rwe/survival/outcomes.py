# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Covariates and outcomes as scikit-learn hands them over, as one frame with the columns that models name."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from rwe.errors import DataError, DefinitionError

TIME, ENTRY, WEIGHT = "_rwe_time", "_rwe_entry", "_rwe_weight"
FORMS = "a structured array or a frame with the fields {event}, time and perhaps entry, or an array of these columns"


def covariates(x: Any) -> pl.DataFrame:
    """Return covariates as a polars frame: a data frame as it is, the columns of an array as x0, x1, ...

    Raises
    ------
    DataError
        If it has not two dimensions.
    """
    if isinstance(x, np.ndarray) or not hasattr(x, "columns"):
        array = np.asarray(x)
        if array.ndim != 2:
            raise DataError(f"covariates have {array.ndim} dimensions: give rows and columns")
        return pl.DataFrame({f"x{j}": np.ascontiguousarray(array[:, j]) for j in range(array.shape[1])})
    found: pl.DataFrame = nw.from_native(x, eager_only=True).to_polars()
    return found


def outcome(y: Any, event: str) -> dict[str, pl.Series]:
    """Return event (or cause), time and, where it is given, entry.

    Parameters
    ----------
    y
        Structured array or data frame with fields named as `event`, time and entry; a structured array of two
        fields, the first of them truth values, under any names; or an array of two or three columns in this order.
    event
        event or cause.

    Raises
    ------
    DefinitionError
        If it is none of these.
    """
    columns = _columns(y)
    wanted, first = [event, "time", "entry"], next(iter(columns), None)
    placed = isinstance(first, int) and len(columns) in (2, 3)
    if {event, "time"} <= set(columns):
        found = {name: columns[name] for name in wanted if name in columns}
    elif placed or (len(columns) == 2 and columns[first].dtype == np.bool_):
        found = dict(zip(wanted, columns.values(), strict=False))
    else:
        raise DefinitionError(f"y is not understood: give {FORMS.format(event=event)}")
    names = {event: f"_rwe_{event}", "time": TIME, "entry": ENTRY}
    return {names[name]: pl.Series(names[name], values) for name, values in found.items()}


def _columns(y: Any) -> dict[Any, Any]:
    """Return the columns of an outcome by name, or by place where they have no names."""
    if hasattr(y, "columns") and not isinstance(y, np.ndarray):
        frame = nw.from_native(y, eager_only=True)
        return {name: frame[name].to_numpy() for name in frame.columns}
    array = np.asarray(y)
    if array.dtype.names:
        return {name: np.ascontiguousarray(array[name]) for name in array.dtype.names}
    return {j: np.ascontiguousarray(array[:, j]) for j in range(array.shape[1])} if array.ndim == 2 else {}


def joined(x: Any, y: Any, event: str, weight: Any) -> pl.DataFrame:
    """Return covariates, outcome and weights side by side.

    Raises
    ------
    DataError
        If they have different numbers of rows.
    """
    frame, found = covariates(x), outcome(y, event)
    if weight is not None:
        found[WEIGHT] = pl.Series(WEIGHT, np.asarray(weight, np.float64))
    if odd := {len(column) for column in found.values()} - {frame.height}:
        raise DataError(f"covariates have {frame.height} rows, outcome or weights {sorted(odd)}")
    return frame.with_columns(**found)
