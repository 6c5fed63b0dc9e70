# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The Delta log as we write it: a file a commit, forced to the disk before it has its name.

A library would read the whole log again for each commit, so that a thousand small deliveries cost what half a
million should, and would give the file its name before its bytes are safe. What a commit of ours says is little:
what the table is, once, and then files that came. Everything else (Spark, DuckDB, polars) only reads.

References
----------
Delta Transaction Log Protocol (github.com/delta-io/delta/blob/master/PROTOCOL.md): actions, delta log entries,
primitive types, file names as URIs, one winner for each version.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from rwe.chain import fsync, on_disk
from rwe.errors import Busy
from rwe.store.rows import schema_of
from rwe.store.seal import Seal, SealedFile, log_file

METADATA = "rwe.seal"
_FOREVER = {
    "delta.appendOnly": "true",
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}
_NAIVE = "timestamp_ntz"
_KINDS: Mapping[pl.DataType, Any] = {
    pl.String(): "string",
    pl.Int32(): "integer",
    pl.Int64(): "long",
    pl.Float64(): "double",
    pl.Boolean(): "boolean",
    pl.Date(): "date",
    pl.Datetime("us"): _NAIVE,
    pl.Datetime("us", "UTC"): "timestamp",
    pl.List(pl.String()): {"type": "array", "elementType": "string", "containsNull": True},
}
_PLAIN = {"minReaderVersion": 1, "minWriterVersion": 2}
_WITH_NAIVE = {
    "minReaderVersion": 3,
    "minWriterVersion": 7,
    "readerFeatures": ["timestampNtz"],
    "writerFeatures": ["timestampNtz", "appendOnly"],
}

Action = dict[str, Any]


def create(folder: Path, seal: Seal) -> str:
    """Make an empty table: commit 0, which holds the column types; return the hash of its file.

    Raises
    ------
    Busy
        If another program made a table there meanwhile.
    """
    kinds = {name: _KINDS[dtype] for name, dtype in schema_of(seal.schema).items()}
    with on_disk(folder):
        (folder / "_delta_log").mkdir(parents=True, exist_ok=True)
        fsync(folder)
    protocol = _WITH_NAIVE if _NAIVE in kinds.values() else _PLAIN
    return _publish(folder, seal, "CREATE TABLE", [{"protocol": protocol}, {"metaData": _metadata(kinds, seal)}])


def commit(folder: Path, seal: Seal, partition_by: str | None) -> str:
    """Commit the files of a seal, which are on the disk; return the hash of the commit's file.

    Raises
    ------
    Busy
        If another program committed to the table meanwhile.
    """
    adds = [{"add": add_line(file, seal.commit, partition_by)} for file in seal.files]
    sent = [{"txn": {"appId": seal.batch, "version": seal.commit}}] if seal.batch else []
    return _publish(folder, seal, "WRITE", adds + sent)


def add_line(file: SealedFile, number: int, partition_by: str | None) -> Action:
    """Return the entry of a data file as the Delta log spells it."""
    # Only the commit's number goes into the statistics: minima of clinical columns are someone's values.
    bounds = {"_commit": number}
    stats = {"numRecords": file.rows, "minValues": bounds, "maxValues": bounds, "nullCount": {"_commit": 0}}
    return {
        "path": quote(file.path, safe="/="),
        "partitionValues": {partition_by: file.path.partition("/")[0].partition("=")[2]} if partition_by else {},
        "size": file.size,
        "modificationTime": 0,
        "dataChange": True,
        "stats": json.dumps(stats),
    }


def _metadata(kinds: Mapping[str, Any], seal: Seal) -> Action:
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in kinds.items()]
    return {
        "id": str(uuid.uuid4()),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": [seal.partition_by] if seal.partition_by else [],
        "createdTime": _now(),
        "configuration": _FOREVER,
    }


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _publish(folder: Path, seal: Seal, operation: str, actions: list[Action]) -> str:
    """Write a commit under another name, force it to the disk, and give it its own, which fails where one is."""
    info = {"timestamp": _now(), "operation": operation, METADATA: json.dumps(seal.payload())}
    lines = [{"commitInfo": info}, *actions]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
    log = log_file(folder, seal.commit)
    draft = log.with_name(f"_commit_{secrets.token_hex(6)}.tmp")
    with on_disk(log):
        draft.write_bytes(text)
        fsync(draft)
        try:
            os.link(draft, log)
        except FileExistsError:
            raise Busy(f"{folder}: another program committed to this table; run again") from None
        _settle(draft)
    return hashlib.sha256(text).hexdigest()


def _settle(draft: Path) -> None:
    draft.unlink()
    fsync(draft.parent)
