# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is recalled is what would be made anew, whatever came before and however much of it."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rwe.recall import Recall

_TEXTS = st.lists(st.none() | st.sampled_from(["", "a", "\x00", "я" * 40]) | st.text(max_size=30), max_size=40)


def _shown(texts: pl.Series) -> pl.Series:
    return "<" + texts + ">"


@given(st.lists(_TEXTS, max_size=6))
def test_batch_after_batch_gives_what_is_made_of_each_text(batches: list[list[str | None]]) -> None:
    known = Recall(_shown)

    made = [known(pl.Series(batch, dtype=pl.String())).to_list() for batch in batches]

    assert made == [[None if text is None else f"<{text}>" for text in batch] for batch in batches]


def test_a_text_is_made_once_until_there_is_no_room() -> None:
    asked: list[str] = []

    def told(texts: pl.Series) -> pl.Series:
        asked.extend(texts)
        return _shown(texts)

    known = Recall(told)
    for first in (0, 0, 2_000, 4_000, 6_000, 8_000, 0, 10_000, 0):
        texts = pl.Series([f"№ {n}" for n in range(first, first + 2_000)] * 2)

        assert known(texts).to_list() == _shown(texts).to_list()

    assert len(asked) == 7 * 2_000  # six that are new, and the first again after all was forgotten for the sixth


def test_what_could_not_be_made_is_asked_for_again() -> None:
    faults = [ValueError("once")]

    def told(texts: pl.Series) -> pl.Series:
        if faults:
            raise faults.pop()
        return _shown(texts)

    known, texts = Recall(told), pl.Series(["a", "b"])

    with pytest.raises(ValueError, match="once"):
        known(texts)
    assert known(texts).to_list() == ["<a>", "<b>"]
