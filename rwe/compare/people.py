# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The door of this room: a cohort, or any frame with one row a person, becomes a polars frame."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from rwe.errors import DataError


def people(source: Any) -> pl.DataFrame:
    """Return the rows of a cohort (its ``subjects``) or of a frame that narwhals knows.

    Raises
    ------
    DataError
        If it is neither.
    """
    frame = getattr(source, "subjects", source)
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    try:
        other: pl.DataFrame = nw.from_native(frame, eager_only=True).to_polars()
    except TypeError:
        raise DataError(
            f"rows come as a cohort or a frame (polars, pandas, pyarrow), not as {type(frame).__name__}"
        ) from None
    return other


def require(frame: pl.DataFrame, columns: list[str]) -> None:
    """Raise `DataError` that names the columns which `frame` lacks."""
    if absent := [name for name in columns if name not in frame.columns]:
        raise DataError(f"columns {absent} are missing; the frame has {frame.columns}")


def row_weights(frame: pl.DataFrame, weights: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return one weight a row: ones for None, a column for its name, else the values themselves.

    Raises
    ------
    DataError
        If the weights are not one finite number >= 0 a row, or are all zero.
    """
    if weights is None:
        return np.ones(frame.height)
    if isinstance(weights, str):
        require(frame, [weights])
        weights = frame[weights].cast(pl.Float64).fill_null(np.nan)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (frame.height,):
        raise DataError(f"{values.size} weights for {frame.height} rows; give one a row")
    if odd := int((~np.isfinite(values) | (values < 0)).sum()):
        raise DataError(f"{odd} weights are missing, infinite or negative")
    if frame.height and not values.any():
        raise DataError("all weights are zero")
    return values


def weight_values(weights: Any) -> Any:
    """Return the weights themselves of what an alignment returned; anything else as it is."""
    return getattr(weights, "weights", weights)


def check_levels(column: pl.Series, listed: list[str]) -> None:
    """Refuse a variable with missing values or with levels that its margin does not list.

    Raises
    ------
    DataError
        With the variable and the number of rows; nothing is dropped in silence.
    """
    if missing := column.null_count():
        raise DataError(f"'{column.name}' is missing in {missing} of {column.len()} rows; decide on them first")
    if unknown := int((~column.is_in(listed)).sum()):
        raise DataError(
            f"'{column.name}' holds a level that its margin does not list in {unknown} rows; it lists {listed}"
        )
