# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of the self tests do: extract a hospital, append batches, stay within a small disk."""

from __future__ import annotations

import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import polars as pl

from rwe import plugins
from rwe.errors import RweError
from rwe.linkage import load_or_make_key
from rwe.pipeline.extract import extract
from rwe.spec.site import Site
from rwe.spec.source import Source
from rwe.store import Store

HOSPITAL = "invented"
TABLES = ("stay", "dose")


def hospital(database: Path, page_rows: int) -> tuple[Site, Source]:
    """Return the invented hospital in a database, as extraction reads it."""
    invented = plugins.invented(HOSPITAL)
    return invented.site(database, page_rows), invented.source(TABLES)


def land(connection: Connection, home: Path, database: Path, page_rows: int) -> None:
    """Extract a hospital to its end; tell of each batch, and at last how it ended."""
    site, source = hospital(database, page_rows)
    key = load_or_make_key(home)
    with suppress(BrokenPipeError):  # who started this is dead: what has landed has landed
        connection.send("ready")
        done = extract(site, source, Store(home / "store"), home, key, connection.send)
        faults = [done.unreachable, *(read.fault for read in done.reads)]
        connection.send("; ".join(filter(None, faults)) or "done")


def append(connection: Connection, root: Path, name: str, seconds: float) -> None:
    """Append small batches to one table for a while, against others that do the same; tell of each that landed."""
    table = Store(root, patience=120).table("invented/landing/stay")
    end, batch = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        keys = [f"{name}-{batch}-{i}" for i in range(20)]
        landed = table.append(pl.DataFrame({"_key": keys, "x": range(20)}), batch=f"{name}-{batch}").landed
        connection.send(landed)
        batch += 1


def squeeze(connection: Connection, root: Path, rows: int, limit: int) -> None:
    """Append rows where no file may be larger than `limit` bytes (0: what the disk has); tell what came of it."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        frame = pl.DataFrame({"_key": [str(i) for i in range(rows)], "x": range(rows)})
        connection.send(("landed", str(Store(root).table("t").append(frame, batch=f"of {rows}").landed)))
    except RweError as exc:
        connection.send((type(exc).__name__, str(exc)))
