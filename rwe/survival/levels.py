# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The distinct values of some columns: groups, strata, clusters, and which of them each row belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DataError, DefinitionError
from rwe.kernels._jit import I8
from rwe.survival.columns import once, refuse

INDEX = "_rwe_level"
SMALL = 4096  # rows of a frame in which sorting takes less time than asking polars for it


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The distinct values of some columns, ascending, and which of them each row holds.

    Parameters
    ----------
    frame
        One row a level; no columns where nothing was asked for.
    code
        Level of each row, from 0.
    n
        Number of levels, 1 where nothing was asked for.
    """

    frame: pl.DataFrame
    code: I8
    n: int

    def labels(self) -> list[str]:
        """Return each level as text, for example ``arm=A, sex=1``; ``overall`` without columns."""
        if not self.frame.width:
            return ["overall"]
        return [", ".join(f"{k}={text(v)}" for k, v in row.items()) for row in self.frame.iter_rows(named=True)]

    def spread(self, index: I8 | Sequence[int], columns: dict[str, Any]) -> pl.DataFrame:
        """Return `columns` as a frame, with the level `index` of each row in front."""
        if clash := sorted(set(columns) & set(self.frame.columns)):
            raise DefinitionError(f"column {clash} has the name of a result column: rename it before the analysis")
        # as series: polars starts threads of its own for a mapping of long arrays, which takes longer than the work
        told = {k: pl.Series(k, v, nan_to_null=True) if isinstance(v, np.ndarray) else v for k, v in columns.items()}
        body = pl.DataFrame(told, nan_to_null=True)
        if not self.frame.width:
            return body
        place = np.asarray(index, np.int64)  # by column: polars hands rows of a frame to another thread
        return pl.DataFrame([column[place] for column in self.frame.get_columns()]).hstack(body)


def levels(frame: pl.DataFrame, columns: Sequence[str]) -> Levels:
    """Return the levels of some columns; rows without a value are refused."""
    if not columns:
        return Levels(pl.DataFrame(), np.zeros(frame.height, np.int64), 1)
    once(columns)
    for column in columns:
        kind = frame.schema[column]
        if kind == pl.Object:
            raise DataError(f"column '{column}' holds {kind}, which has no order: give words or numbers")
        missing = frame[column].null_count() + (int(frame[column].is_nan().sum()) if kind.is_float() else 0)
        refuse(missing, frame.height, column, "have no value")
    if 0 < frame.height <= SMALL and (few := _few([frame[column] for column in columns])) is not None:
        return few
    found = frame.select(columns).unique().sort(columns)
    numbered = found.with_columns(pl.int_range(found.height).alias(INDEX))
    code = frame.select(columns).join(numbered, on=list(columns), how="left", maintain_order="left")[INDEX]
    return Levels(found, np.ascontiguousarray(code.to_numpy()), found.height)


def _few(columns: Sequence[pl.Series]) -> Levels | None:
    """Return the levels of a small frame; None where a column holds neither words nor whole numbers."""
    coded = [told for column in columns if (told := _coded(column)) is not None]
    if len(coded) < len(columns):
        return None
    values, codes = zip(*coded, strict=True)
    sizes = [held.len() for held in values]
    there, code = np.unique(np.ravel_multi_index(codes, sizes), return_inverse=True)
    held = [column[place] for column, place in zip(values, np.unravel_index(there, sizes), strict=True)]
    return Levels(pl.DataFrame(held), code.astype(np.int64, copy=False), there.size)


def _coded(column: pl.Series) -> tuple[pl.Series, I8] | None:
    """Return the values of a column in ascending order, and the place of each row's among them."""
    if column.dtype == pl.String:
        rows = column.to_list()
        words = sorted(set(rows))
        place = {word: i for i, word in enumerate(words)}
        return pl.Series(column.name, words), np.array([place[word] for word in rows], np.int64)
    if column.dtype.is_integer() or column.dtype == pl.Boolean:
        values, code = np.unique(column.to_numpy(), return_inverse=True)
        return pl.Series(column.name, values, column.dtype), code
    return None


def text(value: object) -> str:
    """Return a level as text: ``yes`` and ``no`` for truth values."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
