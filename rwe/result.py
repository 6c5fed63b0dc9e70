# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Result`: the one long tidy table in which every estimate of the engine travels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from rwe.errors import DefinitionError

SCHEMA: dict[str, pl.DataType] = {
    "analysis": pl.String(),
    "population": pl.String(),
    "group": pl.String(),
    "stratum": pl.String(),
    "outcome": pl.String(),
    "estimand": pl.String(),
    "time": pl.Int64(),
    "n": pl.Int64(),
    "n_event": pl.Int64(),
    "estimate": pl.Float64(),
    "std_error": pl.Float64(),
    "conf_low": pl.Float64(),
    "conf_high": pl.Float64(),
    "statistic": pl.Float64(),
    "p_value": pl.Float64(),
}
LABELS = ("analysis", "population", "group", "stratum", "outcome", "estimand")


@dataclass(frozen=True, slots=True)
class Result:
    """Estimates of one analysis, aggregate by construction, with the settings that made them.

    Parameters
    ----------
    table
        One row an estimate, with exactly the columns of `SCHEMA`: labels (text, never null, ``""``
        where a label does not apply), ``time`` in days from the index date, ``n`` persons,
        ``n_event`` persons with the event, and the estimate with its error, limits and test.
    settings
        Plain values (text, numbers, booleans, lists of them) that a reader needs to repeat it.

    Raises
    ------
    TypeError
        If the table has other columns or types: a patient's row does not fit this shape.
    """

    table: pl.DataFrame
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if dict(self.table.schema) != SCHEMA:
            odd = set(self.table.columns) ^ set(SCHEMA)
            raise TypeError(f"a Result has exactly the columns of result.SCHEMA; differs in {sorted(odd) or 'types'}")
        empty = [name for name in LABELS if self.table[name].null_count()]
        if empty:
            raise TypeError(f'labels {empty} hold nulls; write "" where a label does not apply')


def tidy(rows: pl.DataFrame | Iterable[Mapping[str, Any]], **labels: str) -> pl.DataFrame:
    """Return `rows` in the shape of `SCHEMA`: missing labels become ``""``, missing numbers null.

    Parameters
    ----------
    rows
        Frame or mappings with any of the columns of `SCHEMA`; other columns are refused.
    **labels
        Labels that hold for every row, for example ``analysis="cox"``.
    """
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(list(rows), infer_schema_length=None)
    if not frame.width:
        return pl.DataFrame(schema=SCHEMA)
    if unknown := set(frame.columns) - set(SCHEMA):
        raise TypeError(f"columns {sorted(unknown)} do not belong in a Result")
    frame = frame.with_columns(pl.lit(value).alias(name) for name, value in labels.items())
    absent = [
        pl.lit("" if name in LABELS else None, dtype=SCHEMA[name]).alias(name)
        for name in SCHEMA
        if name not in frame.columns
    ]
    frame = frame.with_columns(absent).select(pl.col(name).cast(SCHEMA[name]) for name in SCHEMA)
    return frame.with_columns(pl.col(LABELS).fill_null(""))


def bind(results: Iterable[Result]) -> Result:
    """Stack several results into one; notes are joined, a setting that several name must be the same in all.

    Raises
    ------
    DefinitionError
        If results were made by different settings of one name: one line of settings would be wrong for some.
    """
    tables, settings = [pl.DataFrame(schema=SCHEMA)], dict[str, Any]()
    for result in results:
        tables.append(result.table)
        for key, value in result.settings.items():
            if key == "notes":
                settings[key] = list(dict.fromkeys([*settings.get(key, []), *value]))
            elif settings.setdefault(key, value) != value:
                raise DefinitionError(f"results made with different settings of '{key}' cannot be bound into one")
    return Result(pl.concat(tables), settings)
