# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Row hashes are SipHash-2-4-128 of the message that is written down, by the authors' vectors and word by word."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rwe.store.row_hash import row_hashes

_MASK = 2**64 - 1
_SCHEMA = {
    "b": pl.Boolean(),
    "d": pl.Date(),
    "f": pl.Float64(),
    "i": pl.Int64(),
    "l": pl.List(pl.String()),
    "t": pl.String(),
    "u": pl.Datetime("us", "UTC"),
}


def _siphash(key: bytes, message: bytes) -> bytes:
    """SipHash-2-4 with 128 bits of output, from the paper, a byte string at a time."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(n: int) -> None:
        for _ in range(n):
            for a, b, left, up in ((0, 1, 13, 32), (2, 3, 16, 0), (0, 3, 21, 0), (2, 1, 17, 32)):
                v[a] = (v[a] + v[b]) & _MASK
                v[b] = ((v[b] << left | v[b] >> 64 - left) & _MASK) ^ v[a]
                v[a] = (v[a] << up | v[a] >> 64 - up) & _MASK if up else v[a]

    padded = message.ljust(len(message) // 8 * 8 + 7, b"\0") + bytes([len(message) % 256])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xEE
    rounds(4)
    first = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    rounds(4)
    return struct.pack("<QQ", first, v[0] ^ v[1] ^ v[2] ^ v[3])


def _said(value: Any) -> list[bytes]:
    texts = value if isinstance(value, list) else [value] if isinstance(value, str) else None
    if texts is not None:
        said = [struct.pack("<Q", len(texts))] if isinstance(value, list) else []
        for text in (text.encode() for text in texts):
            said += [struct.pack("<Q", len(text)), text.ljust(-(-len(text) // 8) * 8, b"\0")]
        return said
    if isinstance(value, float):
        return [struct.pack("<d", value)]
    if isinstance(value, datetime):
        value = (value - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    elif isinstance(value, date):
        value = value.toordinal() - date(1970, 1, 1).toordinal()
    return [struct.pack("<q", value)]


def _message(row: dict[str, Any]) -> bytes:
    parts: list[bytes] = []
    for name in sorted(row):
        if row[name] is not None:
            parts += [hashlib.blake2b(name.encode(), digest_size=8).digest(), *_said(row[name])]
    return b"".join(parts)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "a3817f04ba25a8e66df67214c7550293"),
        (1, "da87c1d86b99af44347659119b22fc45"),
        (2, "8177228da4a45dc7fca38bdef60affe4"),
        (3, "9c70b60c5267a94e5f33b6b02985ed51"),
    ],
)
def test_the_reference_of_this_test_gives_the_vectors_of_the_authors(length: int, expected: str) -> None:
    assert _siphash(bytes(range(16)), bytes(range(length))).hex() == expected


_VALUES = {
    "b": st.booleans(),
    "d": st.dates(),
    "f": st.floats(allow_nan=False),
    "i": st.integers(-(2**63), 2**63 - 1),
    "l": st.lists(st.text(max_size=20), max_size=3),
    "t": st.text(max_size=40),
    "u": st.datetimes(timezones=st.just(UTC)),
}


@given(st.lists(st.fixed_dictionaries({name: st.none() | some for name, some in _VALUES.items()}), max_size=5))
def test_the_hash_of_a_row_is_siphash_of_its_message(rows: list[dict[str, Any]]) -> None:
    hashes = row_hashes(pl.DataFrame(rows, schema=_SCHEMA))

    assert hashes.to_list() == [_siphash(b"rwe row content.", _message(row)).hex() for row in rows]


def test_the_hash_ignores_batch_order_and_columns_without_values() -> None:
    frame = pl.DataFrame({"t": ["а" * i for i in range(50)], "i": range(50)})
    later = frame.with_columns(pl.lit(None, pl.String).alias("later")).select("later", "i", "t")

    assert row_hashes(later[20:30]).to_list() == row_hashes(frame)[20:30].to_list()


def test_values_that_look_alike_have_other_hashes() -> None:
    cells: list[dict[str, Any]] = [{"t": ""}, {"t": None}, {"t": "\x00"}, {"l": []}, {"l": [""]}, {"i": 0}, {"f": 0.0}]
    cells += [{"f": -0.0}, {"b": False}, {"t": "a", "l": ["b"]}, {"t": "ab", "l": []}, {"d": date(1970, 1, 1)}]
    cells += [{"l": ["ab", "c"]}, {"l": ["a", "bc"]}]

    hashes = row_hashes(pl.DataFrame(cells, schema=_SCHEMA))

    assert hashes.n_unique() == len(cells)


def test_the_hash_that_is_stored_never_changes() -> None:
    row = {"i": 7, "t": "Иванов № 5", "f": 0.1, "d": date(1981, 3, 29), "l": ["x"], "b": True}

    assert row_hashes(pl.DataFrame([row], schema=_SCHEMA)).to_list() == ["d6a4e1018a5a7f6f21d2340d3170ab8d"]
