# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens of a column are HMAC-SHA-256 as the standard library has it, text by text."""

from __future__ import annotations

import hmac

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rwe.tokens import tokens

_TEXTS = st.lists(st.none() | st.text(max_size=60) | st.text("0123456789", max_size=300), max_size=150)


def _plain(key: bytes, domain: str, text: str | None) -> str | None:
    return None if text is None else hmac.digest(key, f"{domain}\x00{text}".encode(), "sha256")[:16].hex()


@given(st.binary(max_size=64), st.text(max_size=80), _TEXTS)
def test_tokens_are_hmac_of_domain_and_text(key: bytes, domain: str, texts: list[str | None]) -> None:
    made = tokens(key, domain, pl.Series(texts, dtype=pl.String()))

    assert made.to_list() == [_plain(key, domain, text) for text in texts]


def test_texts_of_every_length_around_a_block_of_the_hash() -> None:
    texts = ["я" * (n // 2) + "x" * (n % 2) for n in range(200)]

    made = tokens(b"k" * 32, "d", pl.Series(texts))

    assert made.to_list() == [_plain(b"k" * 32, "d", text) for text in texts]


def test_a_part_of_a_longer_column() -> None:
    texts = pl.Series([None if n % 7 == 0 else f"№ {n}" for n in range(300)])

    assert tokens(b"k", "d", texts[100:233]).to_list() == tokens(b"k", "d", texts)[100:233].to_list()
