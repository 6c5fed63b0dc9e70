# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of the common model as schemas, made from OMOP's official field list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import dataframely as dy
import polars as pl

from rwe.spec.omop import OmopField, cdm_fields, omop_fields

BUCKETS = 64


def _provenance(*, unique: bool) -> dict[str, dy.Column]:
    """Return the columns that say which source row a row came from, and where it is stored."""
    return {
        "_key": dy.String(nullable=False, unique=unique),
        "_source": dy.String(nullable=False),
        "_source_key": dy.String(nullable=False),
        "_source_commit": dy.Int64(nullable=False),
        "bucket": dy.Int64(nullable=False, min=0, max=BUCKETS - 1),
    }


class _Text(dy.String):
    """A text whose length is that of its characters: dataframely counts bytes, two to a Cyrillic letter."""

    def validation_rules(self, expr: pl.Expr) -> dict[str, pl.Expr]:
        """Return what a value must keep."""
        rules = super().validation_rules(expr)
        return rules | ({"max_length": expr.str.len_chars() <= self.max_length} if self.max_length else {})


_COLUMN: dict[str, Callable[[OmopField], dy.Column]] = {
    "integer": lambda f: dy.Int64(nullable=not f.required, primary_key=f.primary_key),
    "float": lambda f: dy.Float64(nullable=not f.required),
    "varchar": lambda f: _Text(nullable=not f.required, max_length=f.max_length),
    "date": lambda f: dy.Date(nullable=not f.required),
    "datetime": lambda f: dy.Datetime(nullable=not f.required),
}


def _schema(table: str, beside: dict[str, dy.Column], *, unique: bool = True) -> type[dy.Schema]:
    fields = cdm_fields()[table].items()
    official = {name: _COLUMN[f.kind](f if unique else replace(f, primary_key=False)) for name, f in fields}
    return type(table, (dy.Schema,), {"__doc__": f"OMOP CDM 5.4 {table}.", **official, **beside})


PROVENANCE = tuple(_provenance(unique=True))
TABLES: dict[str, type[dy.Schema]] = {t: _schema(t, _provenance(unique=True)) for t in omop_fields()}
ROWS: dict[str, type[dy.Schema]] = {  # row by row
    table: _schema(table, _provenance(unique=False), unique=False) for table in omop_fields()
}
# made of the others by the rules of a study (`rwe.treatment`), so they have no source row
DERIVED: dict[str, type[dy.Schema]] = {table: _schema(table, {}) for table in ("drug_era", "dose_era", "episode_event")}
