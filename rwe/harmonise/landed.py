# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Landing rows as harmonisation reads them: whose they are in place of tokens, and no column that it does not need."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.errors import DataError
from rwe.harmonise.people import LINKED, NATIONAL, NUMBER, OWN, Identities, own_id
from rwe.spec.mapping import Mapping as SourceMapping

Landing = Mapping[str, pl.LazyFrame]


def stream_of(landing: Landing, stream: str) -> pl.LazyFrame:
    """Return the rows of a stream.

    Raises
    ------
    DataError
        If it never landed.
    """
    if stream not in landing:
        raise DataError(f"stream '{stream}' of the mapping has no landing table; extract it first")
    return landing[stream]


def linked(rows: pl.LazyFrame, persons: pl.DataFrame) -> pl.LazyFrame:
    """Add to the rows of the person stream whose each is, by ``_key`` and ``person_id`` of `persons`."""
    whose = persons.lazy().select("_key", pl.col("person_id").alias(LINKED))
    return rows.join(whose, on="_key", how="left", validate="m:1", maintain_order="left")


def needed(landing: Landing, stream: str, mapping: SourceMapping) -> pl.LazyFrame:
    """Return the rows of a stream with the columns that harmonisation reads, and the tokens that say whose they are."""
    rows = stream_of(landing, stream)
    declared = {name for name, column in mapping.stream(stream).columns.items() if column.role is None}
    wanted = declared | {"_key", "_commit", "_known", "birth_year", NUMBER, LINKED}
    wanted |= {NATIONAL} if stream == mapping.person[0] else set()
    return rows.select(name for name in rows.collect_schema().names() if name in wanted)


def read(landing: Landing, stream: str, mapping: SourceMapping, who: Identities) -> pl.LazyFrame:
    """Return the rows of a stream with ``_key``, ``_commit``, perhaps ``_known``, ``_person`` and the declared columns.

    Rows of the person stream have the id that they give themselves too, whether they have a number of the hospital's
    (``_named``) and a national one (``_numbered``).
    """
    rows = needed(landing, stream, mapping)
    columns = rows.collect_schema().names()
    if stream == mapping.person[0]:
        national = pl.col(NATIONAL).is_not_null() if NATIONAL in columns else pl.lit(value=False)
        marks = {OWN: own_id(columns), "_named": pl.col(NUMBER).is_not_null(), "_numbered": national}
        rows = rows.with_columns(**marks)
    return who.named(rows).drop(NUMBER, NATIONAL, LINKED, strict=False)
