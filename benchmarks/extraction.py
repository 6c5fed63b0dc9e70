# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Extraction beside the plain libraries on the same rows: ``python -m benchmarks.extraction [SOURCE ...]``.

A source is a database with one table of laboratory values (8 columns, Cyrillic text, index on cursor and key), read
whole by each path in a process of its own; the first round of each is not counted, rows a second are the median
of the others. Plain libraries read one statement into a frame, unsorted and unchecked; as
``_kept`` they also write it to one parquet file and force that to the disk, as whoever keeps it must. Ours reads it in
order, page by page, each value checked (``read``), and as a hospital is extracted: pseudonyms, hashes, what is known
already, sealed commits (``landed``). Each path's sum of keys is compared. ``memory`` lands ten million rows once and
tells the most memory held, and how much of it came after the imports. The table goes to
``benchmarks/results/extraction.csv``; sources not asked for keep their rows. ``--table`` measures nothing and prints
what the results say of each goal in ``goals.toml``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import psycopg

from benchmarks.extraction_paths import TABLE
from benchmarks.table import commit, keep, machine, show
from synthetic.rows import pieces
from tests.connectors.servers import mariadb, odbc_driver, postgres

ROOT = Path(__file__).parents[1]
ROWS, MANY, PEOPLE = 1_000_000, 10_000_000, 50_000
ROUNDS = 5
LIMIT = 1800  # seconds a path may take, all its rounds together
PLAIN = ("adbc", "connectorx", "arrow_odbc", "cursor")
KEPT = ("adbc_kept", "connectorx_kept", "arrow_odbc_kept")
_TEXTS = "patient_no VARCHAR(20), taken_at {0}, analyte VARCHAR(20), value DOUBLE PRECISION, unit VARCHAR(20)"
_MADE = f"CREATE TABLE {TABLE} (row_id BIGINT PRIMARY KEY, modified_at {{0}} NOT NULL, {_TEXTS}, note VARCHAR(100))"
_INDEX = f"CREATE INDEX place ON {TABLE} (modified_at, row_id)"
_MARKS = ",".join("?" * 8)

Places = dict[str, str]  # addresses of a source, by the path that takes them


@contextmanager
def postgresql(_folder: Path) -> Iterator[Places]:
    """Serve the table from PostgreSQL on TCP, to an account that can only read."""
    with postgres() as server:
        url = server.database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_MADE.format("TIMESTAMPTZ"))
            for piece in pieces(TABLE, ROWS, 100_000, people=PEOPLE):
                with connection.cursor().copy(f"COPY {TABLE} FROM STDIN (FORMAT csv)") as copy:
                    copy.write(piece.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00"))
            connection.execute(_INDEX)
            connection.execute("CREATE ROLE reader LOGIN")
            connection.execute(f"GRANT SELECT ON {TABLE} TO reader")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM public")
            connection.execute("VACUUM ANALYZE")
        database = url.rpartition("/")[2]
        read = server.url(database, "reader")
        yield {"url": read, "adbc": read, "connectorx": read, "odbc": server.odbc(database, "reader"), "cursor": read}


@contextmanager
def sqlite(folder: Path, rows: int = ROWS) -> Iterator[Places]:
    """Keep the table in a SQLite file, its times as text."""
    path = folder / f"{rows}.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_MADE.format("DATETIME"))
        for piece in pieces(TABLE, rows, 100_000, people=PEOPLE):
            connection.executemany(f"INSERT INTO {TABLE} VALUES ({_MARKS})", _spelled(piece).iter_rows())
        connection.execute(_INDEX)
        connection.commit()
    odbc = f"DRIVER={{{odbc_driver('SQLite3', 'libsqliteodbc')}}};Database={path}"
    yield {
        "url": f"sqlite:///{path}",
        "adbc": str(path),
        "connectorx": f"sqlite://{path}",
        "odbc": odbc,
        "cursor": str(path),
    }
    path.unlink()


@contextmanager
def maria(_folder: Path) -> Iterator[Places]:
    """Serve the table from MariaDB on TCP, to an account that can only read."""
    with mariadb() as server:
        database = server.database()
        with server.connect(database) as connection:
            connection.execute(_MADE.format("DATETIME(6)"))
            many = f"INSERT INTO {TABLE} VALUES " + ",".join([f"({_MARKS})"] * 1000)
            for piece in pieces(TABLE, ROWS, 1000, people=PEOPLE):
                connection.execute(many, [value for row in _spelled(piece).iter_rows() for value in row])
            connection.execute(_INDEX)
            connection.execute("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reads'")
            connection.execute(f"GRANT SELECT ON {database}.{TABLE} TO reader@'127.0.0.1'")
        odbc, url = server.odbc(database, "reader", "reads"), server.url(database, "reader", "reads")
        yield {"url": url, "connectorx": url.replace("mariadb://", "mysql://"), "odbc": odbc, "cursor": odbc}


def _spelled(piece: pl.DataFrame) -> pl.DataFrame:
    return piece.with_columns(pl.col("modified_at", "taken_at").dt.strftime("%Y-%m-%d %H:%M:%S%.6f"))


SOURCES: dict[str, Callable[[Path], Any]] = {
    "postgresql": postgresql,
    "sqlite": sqlite,
    "mariadb": maria,
    "memory": lambda folder: sqlite(folder, MANY),
}
PATHS = {
    "postgresql": ("read", "landed", *PLAIN, *KEPT),
    "sqlite": ("read", "landed", *PLAIN, *KEPT),
    "mariadb": ("read", "landed", *PLAIN[1:], *KEPT[1:]),
    "memory": ("landed",),
}


def main(asked: list[str]) -> None:
    """Measure the sources asked for, or all."""
    if asked == ["--table"]:
        show("extraction")
        return
    for name in asked or list(SOURCES):
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory(prefix="rwe-bench-") as folder, SOURCES[name](Path(folder)) as places:
            found = {path: measure(path, name, places, Path(folder)) for path in PATHS[name]}
        where = {"machine": machine(), "commit": commit(), "load": round(load, 1), "taken_on": date.today().isoformat()}
        table = rows(name, found).with_columns(**{key: pl.lit(value) for key, value in where.items()})
        keep("extraction", table, list(SOURCES))
        sys.stdout.write(f"{table.drop(where)}\n")
        sys.stdout.flush()


def measure(path: str, name: str, places: Places, folder: Path) -> dict[str, Any]:
    """Run one path in its own process."""
    rounds = 0 if name == "memory" else ROUNDS
    command = [sys.executable, "-m", "benchmarks.extraction_paths", path, str(rounds), str(folder)]
    environment = os.environ | {"RWE_BENCH_PLACES": json.dumps(places), "PYTHONPATH": str(ROOT)}
    nothing = {"wall": [], "cpu": [], "extra_mb": None, "peak_mb": None, "version": path, "rows": 0, "keys": 0}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return nothing | {"note": f"over {LIMIT} s"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]
        return nothing | {"note": f"failed: {last[0][:160]}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def rows(name: str, found: dict[str, dict[str, Any]]) -> pl.DataFrame:
    """Return the lines of one source; a path that read other rows than were written says so and has no speed."""
    n = MANY if name == "memory" else ROWS
    for took in found.values():
        if took["wall"] and (took["rows"], took["keys"]) != (n, n * (n + 1) // 2):
            took.update(wall=[], note=f"read other rows: {took['rows']}")
    speed = {path: n / median(took["wall"]) for path, took in found.items() if took["wall"]}
    fastest, kept = (max((speed[one] for one in paths if one in speed), default=None) for paths in (PLAIN, KEPT))
    return pl.DataFrame(
        [
            {
                "source": name,
                "path": path,
                "version": took["version"],
                "rows": n,
                "rounds": len(took["wall"]),
                "rows_per_s": round(speed[path]) if path in speed else None,
                "to_fastest_plain": round(speed[path] / fastest, 3) if fastest and path in speed else None,
                "to_fastest_kept": round(speed[path] / kept, 3) if kept and path in speed else None,
                "cpu_s": round(median(took["cpu"]), 2) if took["cpu"] else None,
                "extra_mb": took["extra_mb"],
                "peak_mb": took["peak_mb"],
                "note": took.get("note", ""),
            }
            for path, took in found.items()
        ],
        infer_schema_length=None,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
