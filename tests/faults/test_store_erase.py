# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A person is erased: gone from every file of a table, whatever stops the machine; all others stay as they were."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from filelock import FileLock

from rwe.errors import Busy, DataError, TornStore
from rwe.store import Store, Table
from rwe.store.seal import seal_log

WHO = {"person_token": ["p1"], "person_id": [1]}
MARK = b"marker of the person"


class Killed(BaseException):
    """Stands for the power cut: nothing of ours may catch it."""


def _rows(keys: dict[str, str | None], note: str = "") -> pl.DataFrame:
    rows = [{"_key": key, "person_token": who, "note": f"{MARK.decode()}{note}" if who == "p1" else note}
            for key, who in keys.items()]  # fmt: skip
    schema = {"_key": pl.String, "person_token": pl.String, "note": pl.String, "bucket": pl.Int64}
    return pl.DataFrame([{**row, "bucket": len(row["_key"])} for row in rows], schema=schema)


def _table(root: Path, split: str | None = None) -> Table:
    """Return a table of three commits: the person in the first two, in one of two files each."""
    table = Store(root, patience=0.1).table("site/landing/t", partition_by=split)
    table.append(_rows({"a": "p1", "b": "p2", "cc": "p2"}), batch="b1")
    table.append(_rows({"a": "p1", "d": "p1", "e": "p3"}, "again"), batch="b2")
    table.append(_rows({"ff": "p2"}), batch="b3")
    return table


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def _plain(folder: Path) -> bool:
    """Tell whether any data file under a folder, named by a commit or not, holds the person."""
    found = [path for path in folder.rglob("*") if path.is_file() and ".parquet" in path.name]
    return any(MARK.decode() in "".join(pl.read_parquet(path)["note"]) for path in found)


@pytest.mark.parametrize("split", [None, "bucket"])
def test_a_person_is_gone_and_everybody_else_is_as_of_any_commit_what_they_were(
    tmp_path: Path, split: str | None
) -> None:
    table = _table(tmp_path, split)
    before = [table.current(as_of=n).filter(pl.col("person_token") != "p1").sort("_key").collect() for n in range(4)]
    assert _plain(table.folder)

    done = table.erase(WHO, "reference")

    after = [table.current(as_of=n).sort("_key").collect() for n in range(4)]
    assert (done.rows, done.commits, table.commit) == (3, 2, 3)
    assert all(one.equals(other) for one, other in zip(before, after, strict=True))
    assert not _plain(table.folder)
    assert MARK not in _bytes(table.folder)
    assert (
        pl.read_delta(str(table.folder)).sort("_key", "_commit").equals(table.rows().sort("_key", "_commit").collect())
    )
    assert DeltaTable(table.folder).version() == 3
    table.scrub()
    assert seal_log(table.folder).entries()[-1].payload["reference"] == "reference"


def test_the_untouched_files_of_a_commit_stay_as_they_are(tmp_path: Path) -> None:
    table = _table(tmp_path, "bucket")
    before = {file.path for seal in table.seals() for file in seal.files}

    table.erase(WHO, "r")

    after = {file.path for seal in table.seals() for file in seal.files}
    assert {path.partition("/")[0] for path in before - after} == {"bucket=1"}
    assert len(before & after) == 2


def test_an_erased_table_goes_on_and_an_erased_batch_is_not_landed_again(tmp_path: Path) -> None:
    table = _table(tmp_path)
    table.erase(WHO, "r")

    assert table.append(_rows({"a": "p1"}), batch="b1").commit is None
    assert table.append(_rows({"g": "p4"}), batch="b4").commit == 4
    assert table.erase(WHO, "r").rows == 0
    assert table.erase({"person_token": ["p4"]}, "s").rows == 1
    assert table.append(_rows({"h": "p5"}), batch="b5").landed == 1


def test_versions_that_the_person_superseded_do_not_come_back(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    for n, who in enumerate(["p2", "p1"]):
        table.append(_rows({"k": who, "m": "p2"}, str(n)), batch=f"b{n}")
    gone = _rows({"k": None}).with_columns(_op=pl.lit("delete"))
    table.append(gone, batch="b9")

    table.erase(WHO, "r")

    assert table.rows().collect()["_key"].unique().to_list() == ["m"]


def test_a_record_that_went_to_somebody_else_stays_theirs(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    for n, who in enumerate(["p1", "p2"]):
        table.append(_rows({"k": who}, str(n)), batch=f"b{n}")

    table.erase(WHO, "r")

    assert table.current().collect()["person_token"].to_list() == ["p2"]
    assert table.current(as_of=1).collect().is_empty()


def test_nobody_is_erased_from_a_table_without_people(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    table.append(pl.DataFrame({"_key": ["1"], "x": [1]}), batch="b1")

    assert table.erase(WHO, "r").rows == 0
    assert len(seal_log(table.folder).entries()) == 2


def test_staging_files_checkpoints_and_strangers_go_too(tmp_path: Path) -> None:
    table = _table(tmp_path)
    DeltaTable(table.folder).create_checkpoint()
    (data,) = table.folder.glob("part-00000001-*.parquet")
    for name in ("part-00000-0a-c000.snappy.parquet#1", "copy.parquet", "part-00000009-0123456789ab.parquet#3"):
        (table.folder / name).write_bytes(data.read_bytes())

    table.erase(WHO, "r")

    there = sorted(path.name for path in table.folder.rglob("*") if path.is_file() and "_seal" not in path.parts)
    assert len([name for name in there if name.startswith("part-0000000")]) == len(there) - 4 == 3
    assert not _plain(table.folder)


POINTS = [
    ("rwe.store.erase.fsync", "old"),
    ("rwe.store.erase.write_file", "old"),
    ("rwe.store.erase.sha256", "old"),
    ("rwe.store.erase.seal_log", "old"),
    ("rwe.store.erase.finish", "new"),
    ("rwe.store.erase.log_file", "old"),
    ("rwe.store.erase.leftovers", "new"),
    ("rwe.store.erase.shutil.rmtree", "new"),
    ("pathlib.Path.replace", "new"),
    ("pathlib.Path.unlink", "new"),
]


@pytest.mark.parametrize("split", [None, "bucket"])
@pytest.mark.parametrize(("point", "state"), POINTS)
def test_an_erasure_killed_anywhere_is_not_begun_or_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, state: str, split: str | None
) -> None:
    table = _table(tmp_path, split)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(point, killed)
        with pytest.raises(Killed):
            table.erase(WHO, "r")

    people = set(table.current().collect()["person_token"])
    assert people == ({"p1", "p2", "p3"} if state == "old" else {"p2", "p3"})
    assert _plain(table.folder) == (state == "old")
    table.erase(WHO, "r")
    assert not _plain(table.folder)
    assert set(pl.read_delta(str(table.folder))["person_token"]) == {"p2", "p3"}
    assert not (table.folder / "_seal" / "erasing").exists()
    assert table.append(_rows({"h": "p5"}), batch="b5").landed == 1
    table.scrub()


def test_who_reads_while_an_erasure_is_at_work_is_told(tmp_path: Path) -> None:
    table = _table(tmp_path)
    (table.folder / "_seal" / "erasing").mkdir()

    with FileLock(table.folder / "_seal" / "lock"), pytest.raises(Busy):
        table.current()

    assert table.current().collect().height == 6
    assert "erasure" in table.store.notices[0]


def test_a_table_is_read_as_it_was_known_at_an_instant(tmp_path: Path) -> None:
    table = _table(tmp_path)
    times = [datetime.fromisoformat(seal.utc) for seal in table.seals()]

    assert table.current(as_of=times[1]).collect().height == 5
    assert table.current(as_of=times[1] - timedelta(microseconds=1)).collect().height == 3
    assert table.commit_at(datetime(9999, 1, 1, tzinfo=UTC)) == 3
    with pytest.raises(DataError, match="nothing was sealed by 2020-01-01"):
        table.current(as_of=datetime(2020, 1, 1, tzinfo=UTC))


def test_a_clock_set_back_does_not_change_the_order_of_what_was_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Store(tmp_path).table("t")
    clock = iter([datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (9, 10, 8, 11)])

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return next(clock).astimezone(tz)

    monkeypatch.setattr("rwe.chain.datetime", Clock)
    for n in range(3):
        table.append(_rows({str(n): "p2"}), batch=str(n))

    assert table.commit_at(datetime(2026, 3, 1, 9, 30, tzinfo=UTC)) == 0
    assert table.commit_at(datetime(2026, 3, 1, 10, 30, tzinfo=UTC)) == 2


def test_scrubbing_finds_what_was_changed_after_it_was_verified(tmp_path: Path) -> None:
    table = _table(tmp_path)
    table.current()
    files, size = table.scrub()
    (data,) = table.folder.glob("part-00000003-*.parquet")
    stat, content = data.stat(), data.read_bytes()
    data.write_bytes(content[:-1] + b"?")
    os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert (files, size > 3000) == (7, True)
    table.current()
    with pytest.raises(TornStore, match="part-00000003"):
        table.scrub()


def test_the_tables_of_a_store_are_found(tmp_path: Path) -> None:
    assert Store(tmp_path / "none").names() == []
    assert _table(tmp_path).store.names() == ["site/landing/t"]
