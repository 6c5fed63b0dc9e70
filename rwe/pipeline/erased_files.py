# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What an erasure does to files beside the store: rows of the person go from what runs kept, exports go whole.

Released tables and dossiers stay, they are aggregates. A run that read rows of the person is marked
in its folder (`rwe.provenance.mark_erased`), because it can no longer be made again as it was.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import polars as pl

from rwe import provenance
from rwe.chain import on_disk
from rwe.errors import DataError
from rwe.pipeline.files import read_workbook, write_table

Columns = Mapping[str, Collection[str | int]]
Keys = Mapping[str, list[tuple[str, int]]]
EXPORTS = "exports"
FORMS = (".csv", ".parquet", ".xlsx", "-nhif.json")  # of files that may hold a row of a person


def clear_runs(home: Path, who: Columns, keys: Keys, reference: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take a person out of the stages of every run; return the runs that were marked and the files changed."""
    runs, files = [], []
    for folder in sorted(path for path in (home / "runs").glob("*") if path.is_dir()):
        before = {path: provenance.sha256(path) for path in _tables(folder) if _holds(path, who, keys)}
        if before or _read(folder, keys):
            provenance.mark_erased(folder, reference, [path.relative_to(folder).as_posix() for path in before])
            runs.append(folder.name)
        for path in before:
            _clear(path, who, keys)
        files += [path.relative_to(home).as_posix() for path in before]
    return tuple(runs), tuple(files)


def clear_exports(home: Path, who: Columns, keys: Keys) -> tuple[str, ...]:
    """Delete exports that hold a person: they can be written again; return their names."""
    found = [path for path in _tables(home / EXPORTS) if _holds(path, who, keys)]
    with on_disk(home):
        for path in found:
            path.unlink()
    return tuple(path.relative_to(home).as_posix() for path in found)


def _read(folder: Path, keys: Keys) -> bool:
    """Tell whether a run read a row of the person, by the commits that its manifest names."""
    try:
        data = provenance.read_manifest(folder).get("data", {})
    except DataError:
        return False
    for name, read in data.items():
        site, _, stream = name.partition("/")
        if any(commit <= read["commit"] for _, commit in keys.get(f"{site}/landing/{stream}", ())):
            return True
    return False


def _tables(folder: Path) -> Iterator[Path]:
    """Yield the tables under a folder that are not for release."""
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(FORMS) and "release" not in path.relative_to(folder).parts:
            yield path


def _frame(path: Path) -> pl.DataFrame:
    content = io.BytesIO(path.read_bytes())
    if path.suffix == ".parquet":
        return pl.read_parquet(content)
    if path.suffix == ".json":
        return pl.read_json(content)
    if path.suffix == ".xlsx":
        return read_workbook(content)
    text = path.stat().st_size > 1  # a table without columns is an empty line
    return pl.read_csv(content, infer_schema=False, empty_string_is_null=False) if text else pl.DataFrame()


def _his(path: Path, rows: pl.DataFrame, who: Columns, keys: Keys) -> pl.Series:
    """Return which rows say something of the person: by a column that names people, or by stream and key of a row."""
    asked = {name: [str(value) for value in values] for name, values in who.items() if name in rows.columns}
    parts = [pl.col(name).cast(pl.String).is_in(values) for name, values in asked.items()]
    if {"stream", "_key"} <= set(rows.columns):
        parts += [(pl.col("stream") == stream) & pl.col("_key").is_in(found) for stream, found in _of(path, keys)]
    if not parts:
        return pl.repeat(value=False, n=rows.height, eager=True)
    return rows.select(pl.any_horizontal(part.fill_null(value=False) for part in parts)).to_series()


def _of(path: Path, keys: Keys) -> Iterator[tuple[str, list[str]]]:
    """Yield streams and the person's keys in them, of the hospital that a file is of."""
    for table, found in keys.items():
        site, _, stream = table.partition("/landing/")
        if stream and path.name.startswith(f"{site}-"):
            yield stream, [key for key, _ in found]


def _holds(path: Path, who: Columns, keys: Keys) -> bool:
    return bool(_his(path, _frame(path), who, keys).any())


def _clear(path: Path, who: Columns, keys: Keys) -> None:
    rows = _frame(path)
    write_table(path, rows.filter(~_his(path, rows, who, keys)))
