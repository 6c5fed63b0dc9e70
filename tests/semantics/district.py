# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Landing tables of the example hospital ``configs/mappings/district``, from little rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from rwe.harmonise import Harmonised, harmonise
from rwe.spec.mapping import Mapping as SourceMapping
from rwe.spec.mapping import load_mapping

FOLDER = Path(__file__).parents[2] / "configs" / "mappings" / "district"
DAY = date(2020, 5, 1)
PEOPLE = ("ann", "bob", "eve")
COLUMNS = {"diagnosis": ("code",), "medicine": ("code",), "result": ("test", "value", "unit")}
Row = tuple[Any, ...]


def edited(folder: Path, **files: tuple[str, str]) -> SourceMapping:
    """Return the mapping with a text in a file put in place of another; `files` go by their names without suffix."""
    folder.mkdir()
    for path in FOLDER.iterdir():
        old, new = files.get(path.stem, ("", ""))
        text = path.read_text("utf-8").replace("../../measures", str(FOLDER.parents[1] / "measures"))
        assert old in text
        (folder / path.name).write_text(text.replace(old, new) if old else text, "utf-8")
    return load_mapping(folder)


def landing(**rows: Sequence[Row]) -> dict[str, pl.LazyFrame]:
    """Build landing tables; each row of a stream begins with the person's name and its day (None: `DAY`)."""
    patient = pl.DataFrame(
        {"_key": list(PEOPLE), "person_token": PEOPLE, "national_token": PEOPLE, "sex": "Ж", "birth_year": 1950},
        schema_overrides={"birth_year": pl.Int32},
    ).with_columns(pl.col("person_token", "national_token").map_elements(_token, return_dtype=pl.String))
    found = {"patient": patient}
    for stream, names in COLUMNS.items():
        schema = {"person_token": pl.String, "day": pl.Date} | dict.fromkeys(names, pl.String)
        made = [(_token(who), day or DAY, *rest) for who, day, *rest in rows.get(stream, ())]
        frame = pl.DataFrame(made, schema=schema, orient="row")
        found[stream] = frame.with_columns(pl.int_range(pl.len()).cast(pl.String).str.zfill(6).alias("_key"))
    return {name: frame.with_columns(_commit=pl.lit(1, dtype=pl.Int64)).lazy() for name, frame in found.items()}


def _token(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def done(
    mapping: SourceMapping | None = None, domains: Mapping[int, str] | None = None, **rows: Sequence[Row]
) -> Harmonised:
    """Harmonise little rows."""
    return harmonise(landing(**rows), mapping or load_mapping(FOLDER), "district", domains)


def account(made: Harmonised, stream: str, record: str = "") -> dict[str, int]:
    """Return the counts by rule of a stream's rows, or of one of its records; what was simply accepted is ``""``."""
    lines = made.accounting.filter(pl.col("stream") == stream, pl.col("record") == record)
    return dict(lines.select("rule", "n").iter_rows())


def results(made: Harmonised) -> list[Row]:
    """Return value, unit concept and operator of each measurement, in the order of the source."""
    table = made.cdm.table("measurement").sort("_source_key").collect()
    return table.select("value_as_number", "unit_concept_id", "operator_concept_id").rows()
