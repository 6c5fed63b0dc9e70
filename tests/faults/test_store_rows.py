# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Appending: nothing lands twice, what changed lands once, and any commit can be read again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rwe.errors import DataError
from rwe.ports import Cursor
from rwe.store import Store


def _rows(**values: list[object]) -> pl.DataFrame:
    return pl.DataFrame({"_key": ["1", "2", "3"], "x": [1, 2, 3], "t": ["a", None, "c"], **values})


def test_rows_and_cursor_come_back(tmp_path: Path) -> None:
    table = Store(tmp_path).table("site/landing/patient")

    landed = table.append(_rows(), batch="b1", cursor=Cursor("2020-01-01", "3"))

    assert (landed.received, landed.landed, landed.unchanged, landed.commit) == (3, 3, 0, 1)
    assert table.cursor() == Cursor("2020-01-01", "3")
    assert table.commit == 1
    back = table.current().collect().sort("_key")
    assert_frame_equal(back.select("_key", "x", "t"), _rows())
    assert back["_commit"].to_list() == [1, 1, 1]
    assert set(back["_batch"]) == {"b1"}
    assert set(back["_op"]) == {"upsert"}


def test_a_batch_sent_again_is_a_no_op(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    table.append(_rows(), batch="b1", cursor=Cursor("1", "1"))

    again = table.append(_rows(x=[9, 9, 9]), batch="b1", cursor=Cursor("2", "2"))

    assert (again.landed, again.unchanged, again.commit) == (0, 3, None)
    assert (table.commit, table.cursor()) == (1, Cursor("1", "1"))


def test_one_corrected_row_lands_one_new_row(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    table.append(_rows(), batch="b1", cursor=Cursor("1", "3"))

    landed = table.append(_rows(x=[1, 20, 3]), batch="b2", cursor=Cursor("2", "2"))

    assert (landed.landed, landed.unchanged, landed.commit) == (1, 2, 2)
    assert table.current().collect().sort("_key")["x"].to_list() == [1, 20, 3]
    assert table.current(as_of=1).collect().sort("_key")["x"].to_list() == [1, 2, 3]
    assert table.rows().collect().height == 4


def test_a_row_that_returns_to_what_it_was_lands_again(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    for batch, x in (("b1", 1), ("b2", 2), ("b3", 1)):
        table.append(pl.DataFrame({"_key": ["1"], "x": [x]}), batch=batch)

    assert table.rows().sort("_commit").collect()["x"].to_list() == [1, 2, 1]
    assert table.current().collect()["x"].to_list() == [1]


def test_unchanged_rows_still_move_the_cursor(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    table.append(_rows(), batch="b1", cursor=Cursor("1", "3"))

    landed = table.append(_rows(), batch="b2", cursor=Cursor("2", "3"))

    assert (landed.landed, landed.unchanged, landed.commit) == (0, 3, 2)
    assert table.cursor() == Cursor("2", "3")
    assert table.append(_rows(), batch="b3").commit is None


def test_an_empty_stream_leaves_an_empty_table_with_its_columns(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")

    landed = table.append(_rows().clear(), batch="b1", cursor=Cursor("", ""))

    assert (landed.received, landed.commit, table.commit, table.cursor()) == (0, None, 0, None)
    assert table.current().collect().select("_key", "x", "t").schema == _rows().schema


def test_whole_content_deletes_what_is_no_longer_there(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t", partition_by="bucket")
    first = _rows(bucket=[0, 1, 1])
    table.append(first, batch="b1", whole=True)

    landed = table.append(first.filter(pl.col("_key") != "2"), batch="b2", whole=True)
    third = table.append(first, batch="b1", whole=True)

    assert (landed.landed, landed.deleted, landed.unchanged) == (0, 1, 2)
    assert (third.landed, third.unchanged, third.commit) == (1, 2, 3)
    assert sorted(table.current(as_of=2).collect()["_key"]) == ["1", "3"]
    assert sorted(table.current().collect()["_key"]) == ["1", "2", "3"]


def test_rows_of_one_key_change_together(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    table.append(pl.DataFrame({"_key": ["p", "p", "q"], "x": [1, 2, 3]}), batch="b1")

    landed = table.append(pl.DataFrame({"_key": ["p", "q"], "x": [1, 3]}), batch="b2")

    assert (landed.landed, landed.unchanged) == (1, 1)
    assert table.current().collect().sort("_key")["x"].to_list() == [1, 3]


def test_every_type_survives_and_any_delta_reader_sees_the_same(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t", partition_by="bucket")
    frame = pl.DataFrame(
        {
            "_key": ["1", "2"],
            "s": ["Иван \x1f", None],
            "i": pl.Series([1, None], dtype=pl.Int32),
            "f": [0.1, None],
            "b": [True, None],
            "d": [date(1978, 2, 3), None],
            "naive": [datetime(1978, 2, 3, 4, 5, 6, 7), None],
            "utc": pl.Series([datetime(1978, 2, 3, 4, 5, 6, 7, tzinfo=UTC), None]),
            "l": [["x", "y"], None],
            "bucket": [7, 63],
        },
    )

    table.append(frame, batch="b1", whole=True)

    ours = table.current().collect().sort("_key")
    assert_frame_equal(ours.select(frame.columns), frame)
    theirs = pl.read_delta(str(table.folder)).sort("_key")
    assert_frame_equal(ours, theirs, check_column_order=False)
    assert {path.name for path in table.folder.glob("bucket=*")} == {"bucket=7", "bucket=63"}


def test_the_hash_ignores_the_order_of_columns_and_tells_null_from_text(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    table.append(_rows(), batch="b1")

    same = table.append(_rows().select("t", "x", "_key"), batch="b2")
    other = table.append(_rows(t=["a", "null", "c"]), batch="b3")

    assert (same.landed, other.landed) == (0, 1)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (_rows().with_columns(y=pl.lit(1)), "y is new"),
        (_rows().drop("t"), "t is missing"),
        (_rows().with_columns(pl.col("x").cast(pl.String)), "x was Int64, is String"),
        (_rows().with_columns(pl.col("x").cast(pl.UInt8)), r"x \(UInt8\)"),
        (_rows().drop("_key"), "_key"),
    ],
)
def test_rows_of_another_shape_are_refused_by_column(tmp_path: Path, frame: pl.DataFrame, said: str) -> None:
    table = Store(tmp_path).table("t")
    table.append(_rows(), batch="b1")

    with pytest.raises(DataError, match=said):
        table.append(frame, batch="b2")

    assert table.commit == 1


def test_rows_without_a_bucket_are_counted_and_refused(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t", partition_by="bucket")

    with pytest.raises(DataError, match="2 rows have no bucket"):
        table.append(_rows(bucket=[1, None, None]), batch="b1")


def test_a_table_that_was_never_written_or_a_commit_that_never_was_is_named(tmp_path: Path) -> None:
    table = Store(tmp_path).table("site/landing/death")

    with pytest.raises(DataError, match="site/landing/death: this table was never written"):
        table.current()
    table.append(_rows(), batch="b1")
    with pytest.raises(DataError, match="no commit 2; the newest is 1"):
        table.current(as_of=2)


def test_the_delta_log_names_no_clinical_value_and_is_kept_for_ever(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")

    table.append(_rows(t=["marker-value", None, None]), batch="b1")

    logs = [path.read_text() for path in sorted(table.folder.glob("_delta_log/*.json"))]
    assert not any("marker-value" in text for text in logs)
    assert '"delta.enableExpiredLogCleanup":"false"' in logs[0].replace("\\", "")


def test_rows_that_say_a_key_is_gone_delete_it_once(tmp_path: Path) -> None:
    table = Store(tmp_path).table("a/landing/s")
    table.append(pl.DataFrame({"_key": ["1", "2"], "x": [1, 2]}), batch="a")
    gone = pl.DataFrame(
        {"_key": ["1", "9"], "x": [1, None], "_op": ["delete", "delete"]}, schema_overrides={"x": pl.Int64}
    )
    more = pl.DataFrame({"_key": ["2", "3"], "x": [7, 3], "_op": ["upsert", "upsert"]})

    first, again, changed = table.append(gone, batch="b"), table.append(gone, batch="c"), table.append(more, batch="d")

    assert (first.landed, first.deleted, first.corrected, first.unchanged) == (1, 1, 0, 1)
    assert (again.landed, again.unchanged) == (0, 2)
    assert (changed.landed, changed.corrected, changed.deleted) == (2, 1, 0)
    assert table.current().select("_key", "x").collect().sort("_key").rows() == [("2", 7), ("3", 3)]
