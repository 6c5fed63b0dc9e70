# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows in batches, from wherever they lie: a frame is sliced, a lazy frame or a parquet file is streamed.

The cut depends on the rows alone, so that sums over batches have the same bits on any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rwe.errors import DefinitionError
from rwe.survival.data import choose
from rwe.survival.frames import reading

BATCH = 1 << 20  # rows: 8 MB a column of numbers, and some hundred batches for the largest cohorts
LARGEST = 1 << 21  # rows of a file at once: larger groups are read in several stretches


def batches(frame: Any, columns: Sequence[str], rows: int = BATCH) -> Iterator[pl.DataFrame]:
    """Yield these columns of a frame, a lazy frame or a parquet file, `rows` rows at a time, in their order.

    Of a file, about as many: as many row groups as hold them, for a group is decoded as a whole anyhow. One stretch is
    read when it is asked for; a reader that runs ahead holds gigabytes where groups are large.

    Raises
    ------
    DefinitionError
        If it is no frame, or a column is missing.
    DataError
        If the frame fails while it is read.
    """
    found = choose(opened(frame), columns)
    if isinstance(frame, str | Path) and Path(frame).is_file():
        with reading(columns):
            for first, n in _stretches(Path(frame), rows):
                # whole groups: the streaming engine takes more than twice the processor time of the plain one
                yield found.to_native().slice(first, n).collect(engine="in-memory")
        return
    if isinstance(frame, pl.DataFrame):
        yield from frame.select(list(dict.fromkeys(columns))).iter_slices(rows)
        return
    with reading(columns):
        if isinstance(native := found.to_native(), pl.LazyFrame):
            yield from native.collect_batches(chunk_size=rows, maintain_order=True, lazy=True)
        else:
            yield from found.collect("polars").to_native().iter_slices(rows)


def _stretches(file: Path, rows: int) -> Iterator[tuple[int, int]]:
    """Yield where to begin and how many rows to take."""
    from pyarrow.parquet import read_metadata  # polars tells no sizes of row groups

    told = read_metadata(file)
    first = n = 0
    for group in range(told.num_row_groups):
        n += told.row_group(group).num_rows
        if n >= rows or group == told.num_row_groups - 1:
            for start in range(0, n, max(rows, LARGEST)):
                yield first + start, min(max(rows, LARGEST), n - start)
            first, n = first + n, 0


def opened(frame: Any) -> Any:
    """Return a frame as it is, and the path of a parquet file as a lazy frame.

    Raises
    ------
    DefinitionError
        If there is no parquet file that can be read.
    """
    if not isinstance(frame, str | Path):
        return frame
    try:
        found = pl.scan_parquet(frame)
        found.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DefinitionError(
            f"the path given as frame is not that of a parquet file that can be read ({type(error).__name__}); taken "
            "are data frames, lazy frames (for a csv file polars.scan_csv) and paths of parquet files"
        ) from None
    return found


def streamed(frame: Any) -> bool:
    """Return whether a frame is read in batches rather than held."""
    return isinstance(frame, str | Path | pl.LazyFrame)
