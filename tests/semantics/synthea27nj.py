# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The 28 people of Synthea27Nj: as text, as the engine's tables, and with faults made on purpose."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from rwe.cdm import TABLES, Cdm
from rwe.spec.omop import OmopField, cdm_fields

ARCHIVE = Path(__file__).parents[1] / "data" / "synthea27nj" / "synthea27nj.zip"
Texts = dict[str, pl.DataFrame]


def texts() -> Texts:
    """Return each table with every cell as the file has it, nothing where it is empty; nobody's insurance is told."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        tables = {name.removesuffix(".csv"): archive.read(name) for name in archive.namelist()}
    found = {name: pl.read_csv(table, infer_schema=False, null_values="") for name, table in tables.items()}
    return found | {
        "payer_plan_period": pl.DataFrame(schema=dict.fromkeys(cdm_fields()["payer_plan_period"], pl.String))
    }


def typed(tables: Mapping[str, pl.DataFrame]) -> tuple[Cdm, dict[str, pl.LazyFrame]]:
    """Return the tables that the engine holds, and those that it only refers to."""
    frames = {name: _typed(table, cdm_fields()[name]).lazy() for name, table in tables.items()}
    held = {name: frame for name, frame in frames.items() if name in TABLES}
    return Cdm(held, pl.DataFrame()), {name: frame for name, frame in frames.items() if name not in held}


def _typed(table: pl.DataFrame, fields: Mapping[str, OmopField]) -> pl.DataFrame:
    return table.select(_column(name, fields[name].kind) for name in table.columns)


def _column(name: str, kind: str) -> pl.Expr:
    text = pl.col(name)
    if kind == "date":
        return text.str.to_date("%Y-%m-%d")
    if kind == "datetime":
        return text.str.to_datetime("%Y-%m-%d %H:%M:%S")
    return text.cast({"integer": pl.Int64, "float": pl.Float64}.get(kind, pl.String))


def damaged(tables: Texts, seed: int, share: float = 0.08) -> Texts:
    """Return the tables with cells emptied, set to 0 or exchanged within their column, and rows said twice."""
    draw = random.Random(seed)
    found = {}
    for name, table in (tables | {"payer_plan_period": _insured(tables)}).items():
        columns = {column: _spoilt(table[column].to_list(), column, draw, share) for column in table.columns}
        spoilt = pl.DataFrame(columns, schema=table.schema)
        found[name] = pl.concat([spoilt, spoilt.head(draw.randrange(3))])
    return found | {"concept_ancestor": _ancestors(tables)}


def _insured(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return everybody as insured while they were observed: of the 28 no insurance is on record."""
    seen = tables["observation_period"].select(
        "person_id",
        payer_plan_period_id="observation_period_id",
        payer_plan_period_start_date="observation_period_start_date",
        payer_plan_period_end_date="observation_period_end_date",
    )
    empty = tables["payer_plan_period"]
    return pl.concat([empty, seen], how="diagonal").select(empty.columns)


def _ancestors(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return a hierarchy in which some records stand below the concepts that one sex alone should have."""
    pairs = []
    for table, tops in (("condition", ("4090861", "4025213", "4095793")), ("procedure", ("4041261", "4250917"))):
        below = tables[f"{table}_occurrence"][f"{table}_concept_id"].unique().sort().to_list()
        pairs += [(tops[i % len(tops)], concept) for i, concept in enumerate(below)]
        pairs += [(tops[0], concept) for concept in below[::3]]
    return pl.DataFrame(pairs, schema=["ancestor_concept_id", "descendant_concept_id"], orient="row")


def _spoilt(cells: list[str | None], column: str, draw: random.Random, share: float) -> list[str | None]:
    if draw.random() < 0.2:
        return cells
    if draw.random() < 0.05:
        return [None] * len(cells)
    zero = "0" if column.endswith("_id") else None
    return [draw.choice([None, zero, draw.choice(cells)]) if draw.random() < share else cell for cell in cells]
