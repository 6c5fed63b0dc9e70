# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Many small commits: the keys kept beside a table save reading it, and change nothing of what lands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rwe.chain import Chain, Entry
from rwe.errors import MachineError
from rwe.store import Store, Table, key_file
from rwe.store.erase import leftovers
from rwe.store.key_file import EVERY
from rwe.store.seal import _seen, forget, seal_log

_COMMITS = EVERY + 6


def _row(key: int, x: int) -> pl.DataFrame:
    return pl.DataFrame({"_key": [f"№ {key}"], "person_token": [f"p{key % 3}"], "x": [x]})


def _grown(folder: Path, commits: int = _COMMITS) -> Table:
    table = Store(folder).table("site/landing/visit")
    with table.appending() as opened:
        for n in range(commits - 1):
            opened.append(_row(n, 0), batch=str(n))
    table.append(_row(commits - 1, 0), batch="last")
    return table


def _kept(table: Table) -> list[Path]:
    return sorted((table.folder / "_seal").glob("keys-*"))


def _lose(path: Path) -> None:
    path.unlink()


def _flip(path: Path) -> None:
    said = bytearray(path.read_bytes())
    said[9] ^= 4
    path.write_bytes(said)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def test_a_new_row_is_appended_without_reading_what_came_before_the_keys_that_are_kept(tmp_path: Path) -> None:
    table = _grown(tmp_path)
    forget()

    landed = table.append(_row(1_000, 0), batch="new")

    assert (landed.landed, landed.corrected) == (1, 0)
    assert len(_seen) < 2 * EVERY < 2 * _COMMITS  # two files a commit
    assert len(_kept(table)) == 1


@pytest.mark.parametrize("damage", [None, _lose, _flip, _cut])
def test_rows_that_come_again_or_say_something_else_are_told_apart(
    tmp_path: Path, damage: Callable[[Path], None] | None
) -> None:
    table = _grown(tmp_path)
    if damage:
        damage(_kept(table)[0])
    forget()

    told = [table.append(_row(key, x), batch=f"{key} {x}") for key, x in ((5, 0), (5, 1), (_COMMITS - 1, 0), (99, 0))]

    assert [(one.landed, one.corrected, one.unchanged) for one in told] == [(0, 0, 1), (1, 1, 0), (0, 0, 1), (1, 0, 0)]
    assert table.current().collect().height == _COMMITS + 1
    assert len(_kept(table)) == 1
    assert leftovers(table.folder, table._open()) == []


def test_an_erasure_takes_the_hashes_of_keys_with_it(tmp_path: Path) -> None:
    table = _grown(tmp_path)
    before = _kept(table)

    table.erase({"person_token": ["p1"]}, "reference")

    assert before
    assert not _kept(table)
    assert table.append(_row(2, 0), batch="again").unchanged == 1
    assert table.append(_row(1, 0), batch="anew").landed == 1


def test_a_stop_between_the_file_and_its_line_leaves_what_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _grown(tmp_path, EVERY)
    write = Chain._write

    def stop(self: Chain, last: Entry | None, payload: dict[str, object]) -> Entry:
        if payload.get("kind") == key_file.KIND:
            raise MachineError("stopped")
        return write(self, last, payload)

    monkeypatch.setattr(Chain, "_write", stop)
    with pytest.raises(MachineError, match="stopped"):
        table.append(_row(500, 0), batch="500")
    monkeypatch.undo()
    orphans = _kept(table)
    landed = table.append(_row(500, 0), batch="500")

    assert len(orphans) == 1
    assert landed.landed == 1
    assert len(_kept(table)) == 1
    assert _kept(table) != orphans
    assert table.current().collect().height == EVERY + 1


def test_a_table_of_many_commits_says_what_the_same_rows_in_one_say(tmp_path: Path) -> None:
    many, one = _grown(tmp_path / "many"), Store(tmp_path / "one").table("t")
    one.append(pl.concat([_row(n, 0) for n in range(_COMMITS)]), batch="all")

    rows = [table.current().drop("_commit", "_batch").sort("_key").collect() for table in (many, one)]

    assert_frame_equal(*rows)
    through = [entry.payload["through"] for entry in seal_log(many.folder).entries() if "through" in entry.payload]
    assert through == [_COMMITS - 1]
