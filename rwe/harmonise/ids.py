# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Ids that stay the same however often the same source rows are harmonised.

A person's id is the first 60 bits of the token of the national number, so it is the same in every
hospital; where there is no such number it is the first 60 bits of the hospital's own person token.
The id of an event is 60 bits of BLAKE2b over (site, stream, source key), exclusive-or 60 bits of
BLAKE2b over the record's name: any record of a row knows the ids of its siblings.
"""

from __future__ import annotations

from hashlib import blake2b

import polars as pl

from rwe.cdm import BUCKETS
from rwe.errors import DataError

_BITS = 60
_HEX = _BITS // 4


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> (64 - _BITS)


def row_ids(site: str, stream: str, keys: pl.Series) -> pl.Series:
    """Return the part of an event's id that its source row gives."""
    head = f"{site}\x1f{stream}\x1f"
    return pl.Series("_row_id", [_hash(head + key) for key in keys], dtype=pl.Int64)


def event_id(record: str, parts: int = 1) -> pl.Expr:
    """Return the id of the row that `record` makes from a source row; of each of `parts`, where ``_part`` counts them.

    The first part has the id that the record has alone, so that links to it hold.
    """
    if parts == 1:
        return pl.col("_row_id").xor(pl.lit(_hash(record), dtype=pl.Int64))
    own = {part: _hash(f"{record}\x1f{part}" if part else record) for part in range(parts)}
    return pl.col("_row_id").xor(pl.col("_part").replace_strict(own, return_dtype=pl.Int64))


def bucket(person_id: pl.Expr) -> pl.Expr:
    """Return the partition of a person: the id is itself a keyed hash, so its remainder is even."""
    return person_id % BUCKETS


def person_ids(rows: pl.DataFrame, stream: str) -> pl.Series:
    """Return the person id of each row of the person stream; null where it holds no token.

    Raises
    ------
    DataError
        If a token is not hexadecimal, or two different tokens give the same id.
    """
    token = pl.coalesce("national_token", "person_token")
    frame = rows.select(token.alias("token"))
    frame = frame.with_columns(
        pl.col("token").str.slice(0, _HEX).str.to_integer(base=16, dtype=pl.Int64, strict=False).alias("_person")
    )
    unread = frame.filter(pl.col("token").is_not_null() & pl.col("_person").is_null()).height
    if unread:
        raise DataError(f"stream '{stream}': {unread} person tokens are not hexadecimal; extract it again")
    clash = frame.drop_nulls().unique().group_by("_person").len().filter(pl.col("len") > 1).height
    if clash:
        raise DataError(f"stream '{stream}': {clash} pairs of people share the first {_BITS} bits of their tokens")
    return frame["_person"]
