# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One commit: files first, forced to the disk and hashed; then the Delta commit that names them.

The order matters. A commit that can be read names only files that were whole on the disk before,
and it holds their hashes and its own cursor and batch, so that opening can tell a whole commit
from a torn one without believing anything that was not written by us.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from rwe.chain import fsync, on_disk
from rwe.errors import Busy, DataError, MachineError
from rwe.store.rows import schema_of
from rwe.store.seal import Seal, SealedFile, log_file

METADATA = "rwe.seal"
_FOREVER = {
    "delta.appendOnly": "true",
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


def create(folder: Path, seal: Seal) -> None:
    """Make an empty table: commit 0, which holds the column types."""
    with _delta(folder):
        DeltaTable.create(
            folder,
            Schema.from_arrow(pl.Schema(schema_of(seal.schema))),
            partition_by=[seal.partition_by] if seal.partition_by else None,
            configuration=_FOREVER,
            commit_properties=_properties(seal),
            post_commithook_properties=_NO_HOOKS,
        )
    _durable(folder, seal)


def commit(folder: Path, seal: Seal, partition_by: str | None) -> None:
    """Commit files that `write_files` wrote.

    Raises
    ------
    Busy
        If another program committed to the table meanwhile.
    """
    with _delta(folder):
        table = DeltaTable(folder)
        table.create_write_transaction(
            [_add(file, seal.commit, partition_by) for file in seal.files],
            mode="append",
            schema=table.schema(),
            partition_by=partition_by,
            commit_properties=_properties(seal),
            post_commithook_properties=_NO_HOOKS,
        )
    _durable(folder, seal)


def write_files(folder: Path, rows: pl.DataFrame, number: int, partition_by: str | None) -> tuple[SealedFile, ...]:
    """Write the rows of commit `number`, one file a partition, and force them to the disk."""
    with on_disk(folder):
        files = [write_file(folder, place, part, number) for place, part in _parts(rows, partition_by)]
        fsync(folder)
    return tuple(files)


def write_file(folder: Path, place: str, part: pl.DataFrame, number: int) -> SealedFile:
    """Write one data file of commit `number` into the folder `place` and force it to the disk."""
    # Encoded in memory, so that the hash is of what was meant, not of what a disk gave back.
    encoded = io.BytesIO()
    part.write_parquet(encoded, compression="zstd", compression_level=1)
    path = folder / place / f"part-{number:08d}-{secrets.token_hex(6)}.parquet"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded.getbuffer())
        fsync(path)
        fsync(path.parent)
    except OSError as exc:
        raise MachineError(f"{path}: {exc.strerror}; this file needs {len(encoded.getbuffer())} bytes") from None
    digest = hashlib.sha256(encoded.getbuffer()).hexdigest()
    return SealedFile(path.relative_to(folder).as_posix(), digest, part.height, len(encoded.getbuffer()))


def _parts(rows: pl.DataFrame, partition_by: str | None) -> Iterable[tuple[str, pl.DataFrame]]:
    if partition_by is None:
        return [("", rows)]
    if homeless := rows[partition_by].null_count():
        raise DataError(f"{homeless} rows have no {partition_by}, which says where they are kept")
    groups = rows.partition_by(partition_by, as_dict=True, include_key=False)
    return [(f"{partition_by}={value}", part) for (value,), part in groups.items()]


def _add(file: SealedFile, number: int, partition_by: str | None) -> AddAction:
    # Only the commit's number goes into the statistics: minima of clinical columns are someone's values.
    bounds = {"_commit": number}
    stats = json.dumps({"numRecords": file.rows, "minValues": bounds, "maxValues": bounds, "nullCount": {"_commit": 0}})
    values = {partition_by: file.path.partition("/")[0].partition("=")[2]} if partition_by else {}
    return AddAction(file.path, file.size, values, 0, data_change=True, stats=stats)


def add_line(file: SealedFile, number: int, partition_by: str | None) -> dict[str, Any]:
    """Return the entry of a data file as the Delta log spells it."""
    add = _add(file, number, partition_by)
    return {
        "path": add.path,
        "partitionValues": dict(add.partition_values),
        "size": add.size,
        "modificationTime": add.modification_time,
        "dataChange": add.data_change,
        "stats": add.stats,
    }


def _properties(seal: Seal) -> CommitProperties:
    transactions = [Transaction(seal.batch, seal.commit)] if seal.batch else None
    payload = json.dumps(seal.payload())
    return CommitProperties(custom_metadata={METADATA: payload}, max_commit_retries=0, app_transactions=transactions)


def _durable(folder: Path, seal: Seal) -> None:
    path = log_file(folder, seal.commit)
    with on_disk(path):
        for part in (path, path.parent, folder):
            fsync(part)


@contextmanager
def _delta(folder: Path) -> Iterator[None]:
    """Say in our own words what Delta Lake refuses; its words may hold a path, never a row."""
    try:
        yield
    except CommitFailedError:
        raise Busy(f"{folder}: another program committed to this table; run again") from None
    except (DeltaError, OSError) as exc:
        raise MachineError(f"{folder}: Delta Lake cannot commit ({type(exc).__name__}: {str(exc)[:200]})") from None
