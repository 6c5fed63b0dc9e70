# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in a table is told from the few commits that brought a key again; a commit may come in parts."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rwe.errors import DataError
from rwe.store import Store

rounds = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([None, 1, 2]), max_size=4), max_size=5)


@settings(max_examples=40, deadline=None)
@given(rounds)
def test_what_stands_is_what_was_said_last(said: list[dict[str, int | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table, stands = Store(Path(folder)).table("t"), dict[str, int]()
        for number, rows in enumerate(said):
            frame = pl.DataFrame(
                {"_key": list(rows), "x": list(rows.values())}, schema={"_key": pl.String, "x": pl.Int64}
            )
            op = pl.when(pl.col("x").is_null()).then(pl.lit("delete")).otherwise(pl.lit("upsert")).alias("_op")
            table.append(frame.with_columns(op), batch=str(number))
            stands = {key: x for key, x in {**stands, **rows}.items() if x is not None}

        found = dict(table.current().select("_key", "x").collect().rows()) if said else {}

        assert found == stands


def test_only_commits_that_bring_a_key_again_are_asked(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    with table.appending() as opened:
        for key, x in (("a", 1), ("b", 1), ("a", 2)):
            opened.append(pl.DataFrame({"_key": [key], "x": [x]}), batch=f"{key}{x}")

    assert [seal.anew for seal in table.seals()] == [True, True, False]
    assert "JOIN" not in table.current(2).explain()
    assert "JOIN" in table.current().explain()


def frame(**rows: int) -> pl.DataFrame:
    return pl.DataFrame({"_key": list(rows), "x": list(rows.values()), "bucket": [ord(key) % 2 for key in rows]})


def test_a_commit_in_parts_is_one_commit(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t", partition_by="bucket")
    for number, rows in enumerate((frame(a=1, b=1, c=1, d=1), frame(a=1, b=2, d=1))):
        with table.draft(batch=str(number), kind="model") as draft:
            for place in (0, 1):
                draft.whole(rows.filter(bucket=place), "bucket", [place])

    assert [seal.rows for seal in table.seals()] == [4, 2]  # then b is said anew, c is taken out
    assert dict(table.current().select("_key", "x").collect().rows()) == {"a": 1, "b": 2, "d": 1}
    table.scrub()


def test_a_commit_of_nothing_is_none(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t", partition_by="bucket")
    with table.draft(batch="1", kind="model") as draft:
        draft.whole(frame().cast({"_key": pl.String, "x": pl.Int64, "bucket": pl.Int64}), "bucket", range(2))

    assert (table.commit, table.current().collect().height) == (0, 0)


def test_a_commit_that_fails_in_its_second_part_never_was(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t", partition_by="bucket")

    def write() -> None:
        with table.draft(batch="1", kind="model") as draft:
            draft.whole(frame(b=1), "bucket", [0])
            draft.whole(frame(a=1).with_columns(y=1), "bucket", [1])

    with pytest.raises(DataError, match="y is new"):
        write()

    assert (table.commit, table.current().collect().height) == (0, 0)
    table.mend()
    assert not list(table.folder.rglob("*.parquet"))
