# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Landing rows as harmonisation reads them: whose they are in place of tokens, and no column that it does not need."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.errors import DataError
from rwe.harmonise.people import NATIONAL, NUMBER, OWN, Identities, own_id
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


def read(landing: Landing, stream: str, mapping: SourceMapping, who: Identities) -> pl.LazyFrame:
    """Return the rows of a stream with ``_key``, ``_commit``, perhaps ``_known``, ``_person`` and the declared columns.

    Rows of the person stream have the id that they give themselves too, whether they have a number of the hospital's
    (``_named``) and a national one (``_numbered``).
    """
    rows = stream_of(landing, stream)
    columns = rows.collect_schema().names()
    declared = {name for name, column in mapping.stream(stream).columns.items() if column.role is None}
    kept = ["_key", "_commit", *(name for name in columns if name in declared or name in ("birth_year", "_known"))]
    if stream != mapping.person[0]:
        return who.named(rows.select(*kept, NUMBER)).drop(NUMBER)
    national = pl.col(NATIONAL).is_not_null() if NATIONAL in columns else pl.lit(value=False)
    marks = {OWN: own_id(columns), "_named": pl.col(NUMBER).is_not_null(), "_numbered": national}
    return who.named(rows.select(*kept, NUMBER, **marks)).drop(NUMBER)
