# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A vocabulary folder as Athena gives it: text between tabs, made into typed Parquet once, row by row accounted."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rwe.chain import on_disk
from rwe.errors import DataError, DefinitionError
from rwe.spec.omop import OmopField, cdm_fields

TABLES = (
    "concept",
    "concept_relationship",
    "concept_ancestor",
    "concept_synonym",
    "vocabulary",
    "domain",
    "drug_strength",
)
_DTYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "varchar": pl.String(),
    "date": pl.Date(),
}
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tables of a vocabulary, lazy, in the types of the common data model.

    Parameters
    ----------
    tables
        By their names in small letters.
    rows
        How many rows each has.
    """

    tables: Mapping[str, pl.LazyFrame]
    rows: Mapping[str, int]


def read_athena(folder: Path, into: Path) -> Vocabulary:
    """Read a vocabulary folder: CONCEPT.csv and its companions, which are text between tabs without quotes.

    Parameters
    ----------
    folder
        The folder, unpacked; the bundle's licence is the reader's own.
    into
        Where the Parquet files are kept; one that was made of the same bytes is taken as it is.

    Raises
    ------
    DefinitionError
        If the folder lacks a table.
    DataError
        If columns are not the model's, a line has too few or too many fields, values are not of their type
        (counted by column), or fewer or more rows came out than lines went in.
    """
    files = {path.name.lower(): path for path in folder.glob("*") if path.is_file()}
    if missing := [name.upper() for name in TABLES if f"{name}.csv" not in files]:
        raise DefinitionError(f"vocabulary folder {folder}: {', '.join(missing)} missing; unpack the whole bundle")
    with on_disk(into):
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = {name: _made(files[f"{name}.csv"], name, into) for name in TABLES}
    return Vocabulary({name: pl.scan_parquet(into / f"{name}.parquet") for name in TABLES}, rows)


def hashes(into: Path) -> dict[str, str]:
    """Return the sha256 of the file that each kept table was made of, by table; none where nothing was kept."""
    labels = {name: into / f"{name}.json" for name in TABLES}
    return {name: json.loads(label.read_text("utf-8"))["sha256"] for name, label in labels.items() if label.exists()}


def _made(path: Path, name: str, into: Path) -> int:
    """Make the Parquet file of a table unless it is there; return its rows."""
    sha, lines = _read_through(path)
    label = into / f"{name}.json"
    if label.exists() and (into / f"{name}.parquet").exists():
        told = json.loads(label.read_text("utf-8"))
        if told["sha256"] == sha:
            return int(told["rows"])
    scan = _scan(path, name)
    draft = into / f"{secrets.token_hex(8)}.draft"
    try:
        made = _typed(scan, name, path)
        made.sink_parquet(draft)
        rows = int(pl.scan_parquet(draft).select(pl.len()).collect().item())
    except pl.exceptions.PolarsError:
        draft.unlink(missing_ok=True)
        raise DataError(f"vocabulary file {path.name}: lines with too few or too many fields, or not UTF-8") from None
    if rows != lines - 1:
        draft.unlink()
        raise DataError(f"vocabulary file {path.name}: {lines - 1} lines went in, {rows} rows came out")
    with on_disk(into):
        label.unlink(missing_ok=True)
        draft.replace(into / f"{name}.parquet")
        label.write_text(json.dumps({"sha256": sha, "rows": rows}), "utf-8")
    return rows


def _read_through(path: Path) -> tuple[str, int]:
    """Return the sha256 of a file and its number of lines; only a line feed ends one."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    with on_disk(path), path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
            last = block[-1:]
    return digest.hexdigest(), lines + (last != b"\n")


def _scan(path: Path, name: str) -> pl.LazyFrame:
    with path.open("rb") as file:
        first = file.readline()
    held = first.decode("utf-8-sig", "replace").rstrip("\r\n").lower().split("\t")
    fields = list(cdm_fields()[name])
    if sorted(held) != sorted(fields):
        raise DataError(f"vocabulary file {path.name}: its columns are not those of the model: {', '.join(fields)}")
    return pl.scan_csv(
        path,
        separator="\t",
        quote_char=None,
        has_header=False,
        skip_lines=1,
        schema=dict.fromkeys(held, pl.String()),
        truncate_ragged_lines=False,
    ).with_columns(pl.col(held[-1]).str.strip_suffix("\r").replace("", None))


def _typed(scan: pl.LazyFrame, name: str, path: Path) -> pl.LazyFrame:
    """Return the columns in their types, after counting what does not fit or is not there."""
    fields = cdm_fields()[name]
    read = {field: _read(declared) for field, declared in fields.items()}
    wrong = scan.select(
        (made.is_null() & (pl.lit(fields[field].required) | pl.col(field).is_not_null())).sum().alias(field)
        for field, made in read.items()
    )
    found = wrong.collect(engine="streaming").row(0, named=True)
    if faults := [f"{field}: {n} values are missing or not {fields[field].kind}" for field, n in found.items() if n]:
        raise DataError(f"vocabulary file {path.name}: {'; '.join(faults)}")
    return scan.select(made.alias(field) for field, made in read.items())


def _read(field: OmopField) -> pl.Expr:
    text = pl.col(field.name)
    if field.kind == "varchar":
        return text
    if field.kind == "date":
        return text.str.to_date("%Y%m%d", strict=False)
    return text.cast(_DTYPES[field.kind], strict=False)
