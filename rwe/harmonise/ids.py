# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Ids that stay the same however often the same source rows are harmonised.

A person's id is the first 60 bits of the token of the national number, so it is the same in every
hospital; where there is no such number it is the first 60 bits of the hospital's own person token.
The id of an event is 60 bits of BLAKE2b over (site, stream, source key), exclusive-or 60 bits of
BLAKE2b over the record's name: any record of a row knows the ids of its siblings.
"""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from rwe import execute
from rwe.buffers import text_words
from rwe.cdm import BUCKETS
from rwe.errors import DataError
from rwe.kernels.blake2b import ORDER, START, blake2b

_BITS = 60
_TURN = 1 << 17  # rows that one thread does at a time
_HEX = _BITS // 4


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> (64 - _BITS)


def row_ids(site: str, stream: str, keys: pl.Series) -> pl.Series:
    """Return the part of an event's id that its source row gives."""
    prefix = np.frombuffer(f"{site}\x1f{stream}\x1f".encode(), np.uint8)
    offsets, words = text_words(keys)
    digests = np.empty(keys.len(), np.uint64)

    def some(bounds: tuple[int, int]) -> None:
        blake2b(prefix, words.view(np.uint8), offsets, START, ORDER, *bounds, digests)

    execute.run(some, execute.cuts(keys.len(), _TURN))
    return pl.Series("_row_id", (digests.byteswap() >> np.uint64(64 - _BITS)).view(np.int64))


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


def person_id(token: pl.Expr) -> pl.Expr:
    """Return the id of a person from a token, null where it holds none or is not hexadecimal."""
    return token.str.slice(0, _HEX).str.to_integer(base=16, dtype=pl.Int64, strict=False)


def check_ids(persons: pl.DataFrame, stream: str) -> None:
    """Hold tokens and the ids made of them (``token``, ``_person``) against each other.

    Raises
    ------
    DataError
        If a token is not hexadecimal, or two different tokens give the same id.
    """
    unread = persons.filter(pl.col("token").is_not_null() & pl.col("_person").is_null()).height
    if unread:
        raise DataError(f"stream '{stream}': {unread} person tokens are not hexadecimal; extract it again")
    known = persons.drop_nulls().unique()
    clash = known.filter(pl.col("_person").is_duplicated())["_person"].n_unique()
    if clash:
        raise DataError(f"stream '{stream}': {clash} pairs of people share the first {_BITS} bits of their tokens")
