# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The data files of a commit: encoded in memory, hashed, written, forced to the disk.

They come before the commit that names them, so a commit that can be read names only files that were whole on the
disk before; and it holds their hashes and its own cursor and batch, so that opening can tell a whole commit from a
torn one without believing anything that was not written by us.

The hash is of the bytes that were meant, not of what a disk gave back. That the disk holds these is not believed
because it was written: whoever reads a file first in a process, this one too, compares its bytes with the hash.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pyarrow as pa
from pyarrow import parquet

from rwe import execute
from rwe.chain import fsync, on_disk
from rwe.errors import DataError, MachineError
from rwe.store.seal import SealedFile

_GROUP = 1 << 18  # rows
_SOME = 1 << 10  # rows that mostly show already whether values come again


def write_files(folder: Path, rows: pl.DataFrame, number: int, partition_by: str | None) -> tuple[SealedFile, ...]:
    """Write the rows of commit `number`, one file a partition, and force them to the disk."""
    with on_disk(folder):
        files = execute.run(lambda one: write_file(folder, *one, number), _parts(rows, partition_by))
        if partition_by:
            fsync(folder)
    return tuple(files)


def write_file(folder: Path, place: str, part: pl.DataFrame, number: int) -> SealedFile:
    """Write one data file of commit `number` into the folder `place` and force it to the disk."""
    encoded = _encoded(part)
    path = folder / place / f"part-{number:08d}-{secrets.token_hex(6)}.parquet"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded)
        fsync(path)
        fsync(path.parent)
    except OSError as exc:
        raise MachineError(f"{path}: {exc.strerror}; this file needs {encoded.size} bytes") from None
    digest = hashlib.sha256(encoded).hexdigest()
    return SealedFile(path.relative_to(folder).as_posix(), digest, part.height, encoded.size)


def _encoded(part: pl.DataFrame) -> pa.Buffer:
    """Return rows as parquet: plain, but for dictionaries where values come again.

    To compress them took a quarter of an extraction's processor time. No statistics: nobody asks for a stretch of
    values, and a file is of one commit. Arrow writes them in 0.6 of what polars takes, which makes a dictionary of
    every column first.
    """
    sink = pa.BufferOutputStream()
    parquet.write_table(
        part.to_arrow(compat_level=pl.CompatLevel.newest()),
        sink,
        row_group_size=_GROUP,
        compression="NONE",
        use_dictionary=_repeating(part.head(_SOME)),
        write_statistics=False,
        store_schema=False,
    )
    return sink.getvalue()


def _repeating(rows: pl.DataFrame) -> list[str]:
    """Return the columns in which a value stands twice on the average, or more often."""
    counts = rows.select((~cs.nested()).n_unique()).row(0, named=True) if rows.height else {}
    return [name for name, values in counts.items() if 2 * values <= rows.height]


def _parts(rows: pl.DataFrame, partition_by: str | None) -> Iterable[tuple[str, pl.DataFrame]]:
    if partition_by is None:
        return [("", rows)]
    if homeless := rows[partition_by].null_count():
        raise DataError(f"{homeless} rows have no {partition_by}, which says where they are kept")
    nothing = [name for name in rows.columns if rows[name].null_count() == rows.height]  # is the same in every part
    said = [pl.lit(None, rows.schema[name]).alias(name) for name in nothing]
    columns = [name for name in rows.columns if name != partition_by]
    parts = ((value, part.with_columns(said).select(columns)) for value, part in _cut(rows.drop(nothing), partition_by))
    return ((f"{partition_by}={value}", part) for value, part in parts)


def _cut(rows: pl.DataFrame, partition_by: str) -> Iterable[tuple[object, pl.DataFrame]]:
    """Return the rows of each place: where they stand in its order they are only cut."""
    if not rows[partition_by].is_sorted():
        groups = rows.partition_by(partition_by, as_dict=True)
        return ((value, part) for (value,), part in groups.items())
    runs = rows[partition_by].rle().struct.unnest().with_columns(start=pl.col("len").cum_sum() - pl.col("len"))
    return ((value, rows.slice(start, n)) for n, value, start in runs.iter_rows())
