# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Several appends while one lock is held leave what the same appends one by one leave."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pyarrow import parquet

from rwe.errors import Busy, DataError
from rwe.store import Landed, Store, Table
from rwe.store.keys import Keys


def _rows(first: int, last: int, *, x: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"_key": [str(i) for i in range(first, last)], "x": [x] * (last - first)})


_BATCHES = [_rows(0, 50), _rows(40, 90), _rows(80, 120, x=1), _rows(0, 10, x=2), _rows(0, 10, x=2), _rows(120, 200)]


def _kept(table: Table) -> pl.DataFrame:
    return table.rows().drop("_batch").sort("_commit", "_key").collect()


@pytest.mark.parametrize("already", [0, 3])
def test_a_session_lands_what_single_appends_land(tmp_path: Path, already: int) -> None:
    one, many = (Store(tmp_path / name).table("t") for name in ("one", "many"))
    for i, rows in enumerate(_BATCHES[:already]):
        many.append(rows, batch=str(i))
    singly = [one.append(rows, batch=str(i)) for i, rows in enumerate(_BATCHES)]

    with many.appending() as opened:
        together = [opened.append(rows, batch=str(i)) for i, rows in enumerate(_BATCHES)]

    assert together[already:] == singly[already:]
    assert together[:already] == [Landed(50, 0, 50, None), Landed(50, 0, 50, None), Landed(40, 0, 40, None)][:already]
    assert_frame_equal(_kept(many), _kept(one))


def test_an_append_that_fails_leaves_the_session_as_if_it_had_not_been(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")

    with table.appending() as opened:
        opened.append(_rows(0, 50), batch="a")
        with pytest.raises(DataError, match="y is new"):
            opened.append(_rows(50, 60).with_columns(y=1), batch="b")
        again = opened.append(_rows(40, 60), batch="b")

    assert (again.landed, again.unchanged, again.commit) == (10, 10, 2)
    assert table.current().collect().height == 60


def test_a_session_holds_the_lock(tmp_path: Path) -> None:
    table = Store(tmp_path, patience=0.1).table("t")

    with table.appending(), pytest.raises(Busy):
        table.append(_rows(0, 1), batch="a")

    assert table.append(_rows(0, 1), batch="a").landed == 1


def test_keys_are_known_whatever_the_sets_they_lie_in() -> None:
    keys = Keys()
    numbers = pl.Series(range(1_000_000)).cast(pl.String)

    for i in range(0, 1_000_000, 70_000):
        keys.add(numbers.slice(i, 70_000))

    assert all(keys.may_hold(numbers.slice(i, 1)) for i in range(0, 1_000_000, 1_999))
    assert not keys.may_hold("x" + numbers)


def test_keys_that_come_sorted_and_many_at_once_crowd_no_set() -> None:
    keys = Keys()
    numbers = pl.Series(range(1_500_000)).cast(pl.String)

    keys.add(numbers.slice(0, 700_000))
    began = time.process_time()
    keys.add(numbers.slice(700_000))

    assert time.process_time() - began < 10  # a part of them in the rest of a set took minutes
    assert all(keys.may_hold(numbers.slice(i, 1)) for i in range(0, 1_500_000, 1_999))
    assert not keys.may_hold("x" + numbers)


def test_an_append_after_one_that_brought_nothing_new_remembers_its_own_keys(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")

    with table.appending() as opened:
        opened.append(_rows(0, 10), batch="a")
        opened.append(_rows(10, 20), batch="b")
        opened.append(_rows(0, 10), batch="c")
        opened.append(_rows(0, 30), batch="d", whole=True)
        last = opened.append(_rows(20, 30), batch="e")

    assert (last.landed, last.unchanged) == (0, 10)


def test_a_data_file_has_dictionaries_only_where_values_come_again(tmp_path: Path) -> None:
    rows = _rows(0, 1000).with_columns(pl.lit("g/L").alias("unit"))
    table = Store(tmp_path).table("t")

    table.append(rows, batch="a")

    (file,) = table.folder.glob("*.parquet")
    written = parquet.ParquetFile(file).metadata.row_group(0)
    columns = {written.column(i).path_in_schema: written.column(i) for i in range(written.num_columns)}
    assert {name for name, column in columns.items() if column.has_dictionary_page} >= {"unit", "_op", "_batch"}
    assert not columns["_key"].has_dictionary_page
    assert not any(column.is_stats_set for column in columns.values())
