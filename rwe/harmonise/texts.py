# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Each different text of a column is read once, where the same texts return, and known to the parts that come after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from rwe.harmonise.values import Reading
from rwe.spec.mapping import FieldRule
from rwe.spec.source import Column

_BY_PATTERN = ("number", "result", "supply_end", "text_date", "text_moment")
_RETURNS = 4  # times that a text must stand on the average, so that looking it up is less work than reading it
_KEPT = 250_000  # texts of a column that are kept


@dataclass(frozen=True, slots=True)
class Texts:
    """What texts were read as, by field of a record."""

    _known: dict[str, pl.DataFrame] = field(default_factory=dict)

    def once(self, place: str, rows: pl.DataFrame, rule: FieldRule, read: Reading) -> tuple[pl.DataFrame, Reading]:
        """Read each different text of a column once.

        Parameters
        ----------
        place
            Stream, record and field, for which a text always means the same.
        rows, rule, read
            The rows, and how `rule` reads a column of them.

        Returns
        -------
        tuple
            The rows with what was read in columns of their own, and the reading that takes it from there.
        """
        texts = rows.select(pl.col(rule.column).unique())
        if texts.height * _RETURNS > rows.height:
            return rows, read
        told = {"raw": read.raw, "value": read.value, **read.refused, **read.beside, **read.remarks}
        names = {name: f"_{rule.field}_{name}" for name in told}
        found = self._read(place, texts, {names[name]: value for name, value in told.items()})
        said = {name: _everywhere(found[column]) for name, column in names.items()}
        found = found.drop(names[name] for name, one in said.items() if one is not None)
        rows = rows.join(found, on=rule.column, how="left", nulls_equal=True, maintain_order="left", validate="m:1")
        values = {name: pl.col(names[name]) if one is None else one for name, one in said.items()}
        parts = (read.refused, read.beside, read.remarks)
        refused, beside, remarks = ({name: values[name] for name in part} for part in parts)
        return rows, Reading(values["raw"], values["value"], refused, beside, remarks)

    def _read(self, place: str, texts: pl.DataFrame, told: Mapping[str, pl.Expr]) -> pl.DataFrame:
        known = self._known.get(place)
        if known is None:
            found = texts.with_columns(**told)
        else:
            new = texts.join(known, on=texts.columns, how="anti", nulls_equal=True)
            found = pl.concat([known, new.with_columns(**told)])
        if found.height <= _KEPT:
            self._known[place] = found
        return found


def by_pattern(rule: FieldRule, column: Column) -> bool:
    """Whether a column is read by patterns, so that its texts are better looked up."""
    return rule.how in _BY_PATTERN and column.type == "text"


def _everywhere(column: pl.Series) -> pl.Expr | None:
    """Return what is said of every text: most remarks are made of none, and need no column of the rows."""
    if column.null_count() == column.len():
        return pl.lit(None, column.dtype)
    if column.dtype == pl.Boolean() and not column.null_count() and not column.any():
        return pl.lit(value=False)
    return None
