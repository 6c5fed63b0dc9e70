# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One path of an extraction in a process of its own: ``python -m benchmarks.extraction_paths PATH ROUNDS FOLDER``."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.worker import forget_peak, memory_mb

TABLE = "lab"
STATEMENT = f"SELECT row_id, modified_at, patient_no, taken_at, analyte, value, unit, note FROM {TABLE}"
Places = dict[str, str]
Answer = tuple[int, int]  # rows, and the sum of their keys


def _told(frame: pl.DataFrame) -> Answer:
    return frame.height, int(frame["row_id"].sum())


def _adbc(places: Places) -> pl.DataFrame:
    """One statement through ADBC into a frame."""
    if places["url"].startswith("sqlite"):
        from adbc_driver_sqlite import dbapi
    else:
        from adbc_driver_postgresql import dbapi
    with dbapi.connect(places["adbc"]) as connection, connection.cursor() as cursor:
        cursor.execute(STATEMENT)
        return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))


def _connectorx(places: Places) -> pl.DataFrame:
    """One statement through connectorx into a frame, in two partitions by key."""
    import connectorx as cx

    two: dict[str, Any] = {"partition_on": "row_id", "partition_num": 2}
    return pl.DataFrame(cx.read_sql(places["connectorx"], STATEMENT, return_type="polars", **two))


def _arrow_odbc(places: Places) -> pl.DataFrame:
    """One statement through arrow-odbc into a frame."""
    from arrow_odbc import read_arrow_batches_from_odbc

    reader = read_arrow_batches_from_odbc(STATEMENT, places["odbc"], max_text_size=400, max_bytes_per_batch=1 << 26)
    return pl.concat([pl.DataFrame(pl.from_arrow(batch)) for batch in reader])


def _cursor(places: Places) -> pl.DataFrame:
    """One statement through the plain cursor of a driver into a frame."""
    if places["url"].startswith("sqlite"):
        opened: Any = sqlite3.connect(places["cursor"])
    elif places["url"].startswith("postgresql"):
        import psycopg

        opened = psycopg.connect(places["cursor"])
    else:
        import pyodbc

        opened = pyodbc.connect(places["cursor"])
    with closing(opened) as connection:
        asked = connection.cursor()
        asked.execute(STATEMENT)
        names = [one[0] for one in asked.description]
        parts = []
        while part := asked.fetchmany(50_000):
            parts.append(
                pl.DataFrame([tuple(row) for row in part], schema=names, orient="row", infer_schema_length=None)
            )
    return pl.concat(parts, how="vertical_relaxed")


def _read(frame: Callable[[Places], pl.DataFrame]) -> Callable[[Places, Path], Answer]:
    return lambda places, _folder: _told(frame(places))


def _written(frame: Callable[[Places], pl.DataFrame]) -> Callable[[Places, Path], Answer]:
    """Return a plain path that keeps what it read too: one parquet file, encoded as cheaply as ours, on the disk."""

    def path(places: Places, folder: Path) -> Answer:
        rows, file = frame(places), folder / "kept.parquet"
        rows.write_parquet(file, compression="uncompressed", statistics=False)
        with file.open("rb") as written:
            os.fsync(written.fileno())
        return _told(rows)

    return path


def _site(places: Places) -> Any:
    from rwe.spec.base import Text
    from rwe.spec.site import Site

    os.environ["RWE_BENCH_URL"] = places["url"]
    title = Text(en="Benchmark", bg="Мерене")
    return Site(site="bench", title=title, connector="sql", url_env="RWE_BENCH_URL", mapping=".", timeout_seconds=600)


def read(places: Places, folder: Path) -> Answer:
    """Ours: every row in order, page by page, each value checked."""
    from connectors.sql import connect
    from synthetic.rows import source

    rows = keys = 0
    with closing(connect(_site(places), source(TABLE), folder)) as connector:
        connector.check()
        for batch in connector.read(TABLE, None):
            rows, keys = rows + batch.rows.height, keys + int(batch.rows["_key"].cast(pl.Int64).sum())
    return rows, keys


def landed(places: Places, folder: Path) -> Answer:
    """Ours: from the hospital to the sealed landing table."""
    from rwe.pipeline.extract import extract
    from rwe.store import Store
    from synthetic.rows import source

    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    store = Store(home / "store")
    done = extract(_site(places), source(TABLE), store, home, b"benchmark" * 3 + b"bench")
    if fault := done.unreachable or done.reads[0].fault:
        raise SystemExit(fault)
    return done.reads[0].landed, 0


def _kept(folder: Path) -> int:
    """Return the sum of the keys that were landed; not measured."""
    from rwe.pipeline.extract import landing_table
    from rwe.store import Store

    keys = landing_table(Store(folder / "home" / "store"), "bench", TABLE).rows().select(pl.col("_key").cast(pl.Int64))
    return int(keys.sum().collect(engine="streaming").item())


PATHS: dict[str, tuple[Callable[[Places, Path], Answer], str]] = {
    "read": (read, "rwe-engine"),
    "landed": (landed, "rwe-engine"),
    "adbc": (_read(_adbc), "adbc-driver-manager"),
    "adbc_kept": (_written(_adbc), "adbc-driver-manager"),
    "connectorx": (_read(_connectorx), "connectorx"),
    "connectorx_kept": (_written(_connectorx), "connectorx"),
    "arrow_odbc": (_read(_arrow_odbc), "arrow-odbc"),
    "arrow_odbc_kept": (_written(_arrow_odbc), "arrow-odbc"),
    "cursor": (_read(_cursor), "pyodbc"),
}

_OURS = ("connectors.sql", "connectors.sql_arrow", "rwe.pipeline.extract", "synthetic.rows")
IMPORTS = {"read": _OURS, "landed": (*_OURS, "rwe.tokens", "rwe.store.row_hash")}


def main(path: str, rounds: int, folder: Path) -> None:
    """Measure and print; of several rounds the first is not counted."""
    work, package = PATHS[path]
    places, took = json.loads(os.environ["RWE_BENCH_PLACES"]), []
    package = {"s": "", "p": "psycopg"}.get(places["url"][0], package) if path == "cursor" else package
    for module in IMPORTS.get(path, ()):
        import_module(module)
    forget_peak()
    before = memory_mb("VmRSS")
    for _ in range(rounds + 1):
        cpu, wall = time.process_time(), time.perf_counter()
        rows, keys = work(places, folder)
        took.append((time.process_time() - cpu, time.perf_counter() - wall))
    peak = memory_mb("VmHWM")
    counted = took[1:] or took
    out = {
        "cpu": [cpu for cpu, _ in counted],
        "wall": [wall for _, wall in counted],
        "extra_mb": round(peak - before, 1),
        "peak_mb": round(peak, 1),
        "rows": rows,
        "keys": _kept(folder) if path == "landed" else keys,
        "version": f"{package} {version(package)}" if package else f"sqlite3 {sqlite3.sqlite_version}",
    }
    sys.stdout.write(json.dumps(out) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
