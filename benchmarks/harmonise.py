# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Landing rows to the common model beside DuckDB in one run: ``python -m benchmarks.harmonise [EVENTS ...]``.

A hospital of that many events is landed; then, each in a process of its own: ours harmonises it (landing files
verified, every row accounted for and hashed, tables split by bucket, forced to the disk and sealed), DuckDB makes the
same tables in its own SQL (``rivals/harmonise.sql``: all their columns, split by bucket, forced to the disk; nothing is
verified, accounted for, hashed or sealed), DuckDB once more with less to write (``duckdb_plain``: one file a table, not
forced to the disk, no column without a value), ours again after one row of 1 % of the persons has changed, and every
check of quality is asked of what was made. Every table of ours is compared with DuckDB's: rows, and all columns but
ids of events by the sum of their hashes, values by their sum. The figures go to ``benchmarks/results/harmonise.csv``;
``--table`` prints them beside the goals.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from benchmarks.hospital import SITE, Hospital, change, land, write_mapping
from benchmarks.table import commit, keep, machine, show
from benchmarks.worker import memory_mb, seconds
from rwe.cdm import TABLES as CDM
from rwe.chain import fsync
from rwe.store import Store

if TYPE_CHECKING:
    from rwe.pipeline.planning import Source

SIZES, SHARE = (1_000_000, 10_000_000), 0.01
FEW = 3000  # events that a process harmonises before it is measured
SQL = Path(__file__).parent / "rivals" / "harmonise.sql"
TABLES = (
    *("person", "death", "observation_period"),
    *("visit_occurrence", "condition_occurrence", "drug_exposure", "measurement"),
)
VALUE = "value_as_number"
APART = (VALUE, "_commit", "_source_commit", "_hash", "_op", "_batch")  # of the store's own, or compared otherwise
CLOSE = 1e-9


def ours(home: Path) -> None:
    """Harmonise what landed and print what it took, in a process that has harmonised a few rows before.

    So does `rwe run`: it has just landed rows, whose hashes and files take the packages that harmonising takes.
    """
    from rwe.pipeline.align import align
    from rwe.store.seal import forget

    with tempfile.TemporaryDirectory() as folder:
        few, small = Path(folder), Hospital(FEW)
        write_mapping(few / "mapping")
        land(small, Store(few / "store"))
        small.persons().write_parquet(few / "persons.parquet")
        align(*_asked(few))
        change(small, Store(few / "store"), SHARE)
        align(*_asked(few))
    forget()
    asked = _asked(home)
    wall, cpu = time.perf_counter(), seconds()
    done = align(*asked)
    _say(wall, cpu, done.cdm.accounting.filter(record="", outcome="accepted")["n"].to_list())


def _asked(home: Path) -> tuple[Source, Store, dict[int, str], pl.DataFrame]:
    from rwe.pipeline.planning import Source as Planned
    from rwe.spec.mapping import load_mapping
    from rwe.spec.site import Site

    words = {"en": SITE, "bg": SITE}
    site = Site.model_validate({"site": SITE, "title": words, "connector": "sql", "url": "sqlite:///x", "mapping": "x"})
    source, store = Planned(site, load_mapping(home / "mapping")), Store(home / "store")
    return source, store, {}, pl.read_parquet(home / "persons.parquet")


def quality(home: Path) -> None:
    """Put every check of quality to the tables and print what it took."""
    from rwe.cdm import Cdm
    from rwe.quality import assess, dqd_checks

    store = Store(home / "store")
    tables = {name: store.table(f"{SITE}/cdm/{name}", partition_by="bucket").current() for name in CDM}
    wall, cpu = time.perf_counter(), seconds()
    card = assess(Cdm(tables, pl.DataFrame()), dqd_checks(), as_of=date(2026, 1, 1))
    _say(wall, cpu, [card.lines.height])


def duckdb(home: Path, *, plain: bool = False) -> None:
    """Make the same tables by SQL and print what it took; `plain` is one file a table, of what has a value."""
    import duckdb as db

    out = home / "rival"
    out.mkdir()
    folders = {"landing": home / "store" / SITE / "landing", "maps": home / "maps", "out": out}
    text = SQL.read_text("utf-8")
    for name, folder in folders.items():
        text = text.replace(f"{{{name}}}", str(folder))
    if plain:
        text = re.sub(r"FROM shapes\.\w+ UNION ALL BY NAME", "", text).replace(", PARTITION_BY (bucket)", "")
    wall, cpu = time.perf_counter(), seconds()
    with db.connect(config={"threads": os.cpu_count() or 1, "temp_directory": str(home / "spill")}) as connection:
        connection.execute("CREATE SCHEMA shapes")
        for name in TABLES:
            connection.execute(f"CREATE TABLE shapes.{name} AS FROM '{home}/maps/shapes/{name}.parquet'")
        connection.execute(text)
    for place in [] if plain else sorted(out.rglob("*")):
        fsync(place)
    files = [one / "**/*.parquet" if one.is_dir() else one for one in out.iterdir()]
    _say(wall, cpu, [pl.scan_parquet(one).select(pl.len()).collect().item() for one in files])


def _say(wall: float, cpu: float, rows: list[int]) -> None:
    told = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": seconds() - cpu,
        "peak_mb": memory_mb("VmHWM"),
        "rows": sum(rows),
    }
    sys.stdout.write(json.dumps(told) + "\n")


def write_maps(home: Path) -> None:
    """Give the rival what a mapping says, ready to be joined: codes as they are compared, a line a concept and unit."""
    from rwe.harmonise import meanings
    from rwe.harmonise.measured import CONCEPT, LEFT_OUT, UNIT, lines_of
    from rwe.spec.mapping import load_mapping
    from rwe.spec.units import units

    known, maps = meanings(load_mapping(home / "mapping"), {}), home / "maps"
    (maps / "shapes").mkdir(parents=True)
    for name in TABLES:
        marks = {"_op": pl.String, "_commit": pl.Int64, "_batch": pl.String, "_hash": pl.String}
        CDM[name].create_empty().with_columns(
            pl.lit(None, kind).alias(mark) for mark, kind in marks.items()
        ).write_parquet(maps / "shapes" / f"{name}.parquet")
    known.concepts.write_parquet(maps / "concepts.parquet")
    ids = {code: unit.concept_id for code, unit in units().items()}
    pl.DataFrame({"code": list(ids), "concept": list(ids.values())}).write_parquet(maps / "units.parquet")
    pairs = [(concept, unit) for concept in (0, *known.measures) for unit in {0, *ids.values()}]
    frame = pl.DataFrame(pairs, schema=["concept", "unit"], orient="row")
    lines = lines_of(frame, known, units_read=True)
    lost = pl.col("_fate").is_in(LEFT_OUT).fill_null(value=False).alias("lost")
    names = {"test": CONCEPT, "unit": UNIT} | {name: f"_{name}" for name in ("factor", "offset", "into", "low", "high")}
    lines.select(lost, **{name: pl.col(column) for name, column in names.items()}).write_parquet(maps / "lines.parquet")


def differences(home: Path) -> int:
    """Return how many tables differ between ours and the rival's."""
    import duckdb as db

    found = 0
    for table in TABLES:
        files = {"ours": f"{home}/store/{SITE}/cdm/{table}/*/*.parquet", "rival": f"{home}/rival/{table}/*/*.parquet"}
        scans = {who: f"read_parquet('{place}', hive_partitioning = true)" for who, place in files.items()}
        kinds = {row[0]: row[1] for row in db.execute(f"DESCRIBE FROM {scans['rival']}").fetchall()}
        names = [name for name in kinds if name not in APART and name != f"{table}_id"]
        said = ", ".join(f"{name}::{kinds[name].replace('INTEGER', 'BIGINT')}" for name in names)
        value = f"sum({VALUE}), count({VALUE})" if VALUE in kinds else "0, 0"
        asked = f"SELECT count(*), sum(hash({said})), {value} FROM "
        mine, theirs = (db.execute(asked + scan).fetchall()[0] for scan in scans.values())
        same = mine[:2] == theirs[:2] and mine[3] == theirs[3] and abs(mine[2] - theirs[2]) <= CLOSE * abs(mine[2])
        if not same:
            sys.stderr.write(f"{table}: {mine} {theirs}\n")
        found += not same
    return found


def prepare(events: int, home: Path) -> None:
    """Land a hospital, and give the rival what the mapping says."""
    hospital = Hospital(events)
    write_mapping(home / "mapping")
    write_maps(home)
    land(hospital, Store(home / "store"))
    hospital.persons().write_parquet(home / "persons.parquet")


def measure(events: int, home: Path) -> list[dict[str, Any]]:
    """Take all three figures of a hospital that has landed."""
    hospital = Hospital(events)
    told = {who: _process(who, home) for who in ("ours", "duckdb")}
    apart = differences(home)
    shutil.rmtree(home / "rival")
    told["duckdb_plain"] = _process("duckdb_plain", home)
    shutil.rmtree(home / "rival")
    told["quality"] = _process("quality", home)
    facts = {"size": _size(events), "events": events, "people": hospital.people, "tables_differ": apart}
    facts["changed"] = change(hospital, Store(home / "store"), SHARE)
    told["ours_again"] = _process("ours", home)
    first, again, rival, plain = (told[who]["wall_s"] for who in ("ours", "ours_again", "duckdb", "duckdb_plain"))
    ratios = {"wall_to_duckdb": round(first / rival, 3), "wall_to_plain": round(first / plain, 3)}
    ratios["again_share"] = round(again / first, 4)
    place = {"duckdb": version("duckdb"), "where": machine(), "commit": commit(), "load": round(os.getloadavg()[0], 2)}
    rows = []
    for who, figures in told.items():
        figures = {name: round(value, 2) for name, value in figures.items()}
        rate = {"events_a_s": round(events / figures["wall_s"])} if who not in ("ours_again", "quality") else {}
        rows.append(facts | {"who": who} | figures | rate | (ratios if who == "ours" else {}) | place)
    return rows


def _size(events: int) -> str:
    return f"{events / 1e6:g}m"


def _process(who: str, home: Path) -> dict[str, float]:
    line = [sys.executable, "-m", "benchmarks.harmonise", f"--{who}", str(home)]
    said = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    told: dict[str, float] = json.loads(said.splitlines()[-1])
    return told


def main(sizes: list[int]) -> None:
    """Measure each size, keep the figures and print them beside the goals."""
    for events in sizes:
        with tempfile.TemporaryDirectory() as folder:
            prepare(events, Path(folder))
            rows = measure(events, Path(folder))
        order = [_size(one) for one in sorted({*SIZES, 100_000_000, events})]
        keep("harmonise", pl.DataFrame(rows, infer_schema_length=None), order)
    show("harmonise")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--ours", home]:
            ours(Path(home))
        case ["--duckdb", home]:
            duckdb(Path(home))
        case ["--duckdb_plain", home]:
            duckdb(Path(home), plain=True)
        case ["--quality", home]:
            quality(Path(home))
        case ["--table"]:
            show("harmonise")
        case sizes:
            main([int(size) for size in sizes] or list(SIZES))
