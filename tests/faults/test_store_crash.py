# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A machine stops, a disk lies, another program writes: the store has the old state, the new one, or an error."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake
from filelock import FileLock

from rwe.errors import Busy, MachineError, RweError, TornStore
from rwe.ports import Cursor
from rwe.store import Store, Table


class Killed(BaseException):
    """Stands for the power cut: nothing of ours may catch it."""


def _rows(n: int = 50) -> pl.DataFrame:
    return pl.DataFrame({"_key": [str(i) for i in range(n)], "x": range(n), "bucket": [i % 2 for i in range(n)]})


def _table(root: Path, *, partition_by: str | None = None) -> Table:
    return Store(root, patience=0.1).table("site/landing/t", partition_by=partition_by)


def _two_commits(root: Path) -> Table:
    table = _table(root)
    table.append(_rows(40), batch="b1", cursor=Cursor("1", "40"))
    table.append(_rows(50), batch="b2", cursor=Cursor("2", "50"))
    return table


def _unsealed(root: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """Return a table whose second commit stands in the Delta log but was never sealed."""
    table = _table(root)
    table.append(_rows(40), batch="b1", cursor=Cursor("1", "40"))
    with monkeypatch.context() as patch:
        _kill_at(patch, "rwe.store.appending.write_seal")
        with pytest.raises(Killed):
            table.append(_rows(50), batch="b2", cursor=Cursor("2", "50"))
    return table


def _kill_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(name, killed)


def _log(table: Table, commit: int) -> Path:
    return table.folder / "_delta_log" / f"{commit:020d}.json"


def _keys(table: Table) -> int:
    return table.current().collect().height


def _parquet(table: Table) -> list[Path]:
    return sorted(table.folder.rglob("*.parquet*"))


@pytest.mark.parametrize("partition_by", [None, "bucket"])
@pytest.mark.parametrize(
    ("point", "kept"),
    [
        ("rwe.store.commit.fsync", 40),
        ("rwe.store.delta_log.add_line", 40),
        ("rwe.store.delta_log.os.link", 40),
        ("rwe.store.delta_log.commit", 40),
        ("rwe.store.delta_log._settle", 50),
        ("rwe.store.appending.write_seal", 50),
        ("rwe.chain.Chain._write", 50),
    ],
)
def test_a_kill_leaves_the_old_or_the_new_state_and_a_rerun_the_exact_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, kept: int, partition_by: str | None
) -> None:
    table = _table(tmp_path, partition_by=partition_by)
    table.append(_rows(40), batch="b1", whole=True)
    with monkeypatch.context() as patch:
        _kill_at(patch, point)
        with pytest.raises(Killed):
            table.append(_rows(50), batch="b2")

    seen = _keys(table)
    again = table.append(_rows(50), batch="b2")

    assert seen == kept
    assert again.landed == 50 - kept
    assert table.rows().collect().height == 50
    assert table.commit == 2
    assert len(_parquet(table)) == sum(len(seal.files) for seal in table.seals())


@pytest.mark.parametrize(
    "point", ["rwe.store.delta_log.create", "rwe.store.delta_log._settle", "rwe.chain.Chain._write"]
)
def test_a_kill_while_the_table_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    with monkeypatch.context() as patch:
        _kill_at(patch, point)
        with pytest.raises(Killed):
            _table(tmp_path).append(_rows(), batch="b1")

    assert _table(tmp_path).append(_rows(), batch="b1").landed == 50
    assert _keys(_table(tmp_path)) == 50


def test_a_newest_commit_torn_at_any_byte_is_whole_or_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _unsealed(tmp_path, monkeypatch)
    text = _log(table, 2).read_bytes()
    seals = (table.folder / "_seal" / "log.jsonl").read_bytes()
    states = set()

    for end in (*range(0, len(text), 7), len(text)):
        (table.folder / "_seal" / "log.jsonl").write_bytes(seals)
        _log(table, 2).write_bytes(text[:end])
        states.add((_table(tmp_path).commit, _keys(table)))

    assert states == {(1, 40), (2, 50)}


@pytest.mark.parametrize("size", [0, 4096])
def test_an_empty_or_zero_filled_newest_commit_is_set_aside_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    table = _unsealed(tmp_path, monkeypatch)
    _log(table, 2).write_bytes(bytes(size))

    assert _keys(table) == 40
    assert table.cursor() == Cursor("1", "40")
    assert table.store.notices == [
        f"{table.folder}: commit 2 is {'torn' if size else 'empty'}; set aside as aside-00000002-00000002.json, "
        "its batch counts as not landed"
    ]
    assert table.append(_rows(50), batch="b2", cursor=Cursor("2", "50")).landed == 10
    assert pl.read_delta(str(table.folder)).height == 50


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _truncate(path: Path) -> None:
    os.truncate(path, 100)


@pytest.mark.parametrize("harm", [_zeros, _truncate, Path.unlink])
def test_an_unsealed_commit_with_harmed_files_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]
) -> None:
    table = _unsealed(tmp_path, monkeypatch)
    harm(next(path for path in _parquet(table) if "part-00000002-" in path.name))

    assert _keys(table) == 40
    assert "counts as not landed" in table.store.notices[0]
    assert table.append(_rows(50), batch="b2", cursor=Cursor("2", "50")).landed == 10


def test_a_seal_torn_at_any_byte_is_written_again(tmp_path: Path) -> None:
    table = _two_commits(tmp_path)
    log = table.folder / "_seal" / "log.jsonl"
    text = log.read_bytes()
    start = text.rstrip(b"\n").rfind(b"\n") + 1

    for end in range(start, len(text), 29):
        log.write_bytes(text[:end])
        assert (_table(tmp_path).commit, _keys(table)) == (2, 50)


@pytest.mark.parametrize("harm", [_zeros, _truncate, Path.unlink])
@pytest.mark.parametrize("pattern", ["part-00000001-*.parquet", "_delta_log/*1.json", "_delta_log/*2.json"])
def test_a_sealed_file_that_is_harmed_is_refused_by_name(
    tmp_path: Path, pattern: str, harm: Callable[[Path], None]
) -> None:
    table = _two_commits(tmp_path)
    (path,) = table.folder.glob(pattern)
    harm(path)

    with pytest.raises(TornStore, match="restore"):
        table.current()
    with pytest.raises(TornStore, match="restore"):
        table.append(_rows(60), batch="b3")


def test_random_bit_flips_are_found_or_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = _two_commits(tmp_path)
    files = [path for path in table.folder.rglob("*") if path.is_file() and path.name != "lock"]
    draw = random.Random(20260601)
    silent = 0

    for _ in range(300):
        path = draw.choice(files)
        before = path.read_bytes()
        flipped = bytearray(before)
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        monkeypatch.setattr("rwe.store.seal._seen", {})
        with contextlib.suppress(TornStore):
            silent += table.current().collect().sort("x")["x"].to_list() != list(range(50))
        path.write_bytes(before)

    assert silent == 0


def test_a_commit_of_another_program_is_not_taken_for_ours(tmp_path: Path) -> None:
    table = _two_commits(tmp_path)
    foreign = pl.read_delta(str(table.folder)).head(1)
    write_deltalake(table.folder, foreign, mode="append")

    assert _keys(table) == 50
    assert "commit 3 was not written by this store" in table.store.notices[0]
    for _ in range(2):
        write_deltalake(table.folder, foreign, mode="append")
    with pytest.raises(TornStore, match="commits 3 to 4 have no seal"):
        table.current()


def test_a_second_writer_waits_and_then_is_told(tmp_path: Path) -> None:
    table = _two_commits(tmp_path)

    with FileLock(table.folder / "_seal" / "lock"), pytest.raises(Busy, match="site/landing/t: another process"):
        table.append(_rows(60), batch="b3")

    assert table.append(_rows(60), batch="b3").landed == 10


def test_a_reader_beside_a_writer_reads_what_is_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = _unsealed(tmp_path, monkeypatch)

    with FileLock(table.folder / "_seal" / "lock"):
        assert (_keys(table), table.commit, table.store.notices) == (40, 1, [])

    assert (_keys(table), table.commit) == (50, 2)


_WRITER = """
import sys
from pathlib import Path
import polars as pl
from rwe.store import Store
table = Store(Path(sys.argv[1]), patience=60).table("site/landing/t")
for batch in range(int(sys.argv[3])):
    keys = [f"{sys.argv[2]}-{batch}-{i}" for i in range(100)]
    table.append(pl.DataFrame({"_key": keys, "x": range(100)}), batch=f"{sys.argv[2]}-{batch}")
    print(batch, flush=True)
"""


def _writer(root: Path, name: str, batches: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, str(root), name, str(batches)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_append_and_nothing_is_lost(tmp_path: Path) -> None:
    writers = [_writer(tmp_path, name, 8) for name in ("a", "b")]

    assert [(writer.communicate(timeout=60), writer.returncode)[1] for writer in writers] == [0, 0]
    table = _table(tmp_path)
    assert table.commit == 16
    assert table.rows().collect()["_key"].n_unique() == table.rows().collect().height == 1600


@pytest.mark.ci
def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path) -> None:
    for kill in range(2):
        with _writer(tmp_path, "a", 30) as writer:
            assert writer.stdout is not None
            while int(writer.stdout.readline()) < 5 + 7 * kill:
                pass
            writer.send_signal(signal.SIGKILL)
    with _writer(tmp_path, "a", 30) as writer:
        writer.communicate(timeout=60)

    table = _table(tmp_path)
    rows = table.rows().collect()
    assert (rows.height, rows["_key"].n_unique(), table.commit) == (3000, 3000, 30)
    assert len(_parquet(table)) == 30


def test_a_root_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(MachineError, match=str(tmp_path / "file")):
        Store(tmp_path / "file" / "store").table("t").append(_rows(), batch="b1")


def test_a_full_disk_leaves_the_old_state_and_a_rerun_the_exact_rows(tmp_path: Path) -> None:
    table = _two_commits(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    failures = 0

    for limit in (10, 500, 3_000, 20_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            table.append(_rows(5000), batch="b3")
        except RweError as exc:
            failures += isinstance(exc, MachineError) and str(table.folder) in str(exc)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert _keys(table) in (50, 5000)

    table.append(_rows(5000), batch="b3")
    assert failures >= 3
    assert (_keys(table), table.rows().collect().height) == (5000, 5000)
