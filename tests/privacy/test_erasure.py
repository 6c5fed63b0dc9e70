# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A person is erased from a home: store, runs and exports; it holds when machines stop and rows come again."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock

from connectors.sql import SqlConnector, connect
from rwe import provenance
from rwe.errors import Busy, DataError
from rwe.linkage import load_or_make_key
from rwe.pipeline import erasure
from rwe.pipeline.erased_people import NOTE, barred
from rwe.pipeline.extract import extract, extract_from
from rwe.ports import Batch, Cursor
from rwe.store import Store
from synthetic.invented import INVENTED
from synthetic.rows import rows

TABLES = ("patient", "stay", "dose")
WHO = rows("patient", 1, first=7).row(0, named=True)
RUN = "20260301T000000Z-study"


class Killed(BaseException):
    """Stands for the power cut: nothing of ours may catch it."""


def _extract(home: Path) -> int:
    site, key = INVENTED.site(home / "hospital.db"), load_or_make_key(home)
    taken = extract(site, INVENTED.source(TABLES), Store(home / "store"), home, key)
    assert not [read.fault for read in taken.reads if read.fault]
    return sum(read.landed for read in taken.reads)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home of 50 people with a run that read them and an export of their stays."""
    INVENTED.build(tmp_path / "hospital.db", TABLES, rows=500, people=50)
    _extract(tmp_path)
    store = Store(tmp_path / "store")
    stays = store.table("invented/landing/stay").current().collect()
    people = [
        int(token[:15], 16) for token in store.table("invented/landing/patient").current().collect()["national_token"]
    ]
    run = tmp_path / "runs" / RUN
    for folder in (run / "2-harmonise", run / "3-select", run / "release", tmp_path / "exports"):
        folder.mkdir(parents=True)
    pl.DataFrame({"person_id": people, "age": 50}).write_parquet(run / "3-select" / "subjects.parquet")
    refused = stays.select(
        pl.lit("stay").alias("stream"), pl.lit("").alias("record"), "_key", pl.lit("r").alias("rule")
    )
    refused.write_csv(run / "2-harmonise" / "invented-rejected.csv")
    (run / "2-harmonise" / "empty.csv").write_text("\n")
    pl.DataFrame({"n": [50]}).write_csv(run / "release" / "01-n.csv")
    data = {"invented/stay": {"commit": 1, "log_sha256": ""}}
    provenance.write_manifest(run, (), {"data": data})
    stays.write_parquet(tmp_path / "exports" / "stays.parquet")
    stays.select("_key", "ward").write_csv(tmp_path / "exports" / "wards.csv")
    return tmp_path


def _mentions(home: Path, person: erasure.Person) -> set[str]:
    """Return every file under a home, but the hospital's, in which the person stands."""
    texts = {*person.tokens, *map(str, person.columns["person_id"])}
    found = set()
    for path in home.rglob("*"):
        if not path.is_file() or path.name == "hospital.db":
            continue
        if ".parquet" in path.name:
            frame = pl.read_parquet(path, hive_partitioning=False)
            flat = [frame[n].explode() if frame.schema[n] == pl.List(pl.String) else frame[n] for n in frame.columns]
            said = {text for series in flat for text in series.cast(pl.String).to_list()}
        else:
            said = {text for text in texts if text.encode() in path.read_bytes()}
        found |= {path.relative_to(home).parts[0]} if said & texts else set()
    return found


def _find(home: Path) -> erasure.Person:
    return erasure.find(erasure.tokens_of(WHO["national_no"], home), home)


def test_nothing_is_left_and_what_the_hospital_sends_again_does_not_land(home: Path) -> None:
    person = _find(home)
    stays, doses = (Store(home / "store").table(f"invented/landing/{name}") for name in ("stay", "dose"))
    others = stays.current().filter(~pl.col("person_token").is_in(person.tokens)).sort("_key").collect()
    assert _mentions(home, person) == {"store", "runs", "exports"}

    done = erasure.erase(person, home)

    assert _mentions(home, person) == set()
    assert set(done.tables) == {f"invented/landing/{name}" for name in TABLES}
    assert done.tables["invented/landing/stay"] == 500 - others.height
    assert stays.current().sort("_key").collect().equals(others)
    assert stays.current(as_of=1).collect().height == others.height
    assert (done.runs, len(done.files)) == ((RUN,), 3)
    assert {path.name for path in (home / "exports").iterdir()} == {"wards.csv"}
    INVENTED.build(home / "again.db", TABLES, rows=700, people=50)
    (home / "again.db").replace(home / "hospital.db")
    assert _extract(home) > 300
    assert _mentions(home, person) == set()
    assert doses.current().collect().height > done.tables["invented/landing/dose"]


def test_the_run_keeps_its_other_rows_is_marked_and_still_verifies(home: Path) -> None:
    done = erasure.erase(_find(home), home)

    run = home / "runs" / RUN
    provenance.verify(run)
    provenance.verify(run, "release/")
    assert [entry["reference"] for entry in provenance.erased(run)] == [done.reference]
    assert pl.read_parquet(run / "3-select" / "subjects.parquet").height == 49
    refused = pl.read_csv(run / "2-harmonise" / "invented-rejected.csv")
    assert refused.height == 500 - done.tables["invented/landing/stay"]
    assert refused.columns == ["stream", "record", "_key", "rule"]


def test_the_same_person_is_found_by_every_name(home: Path) -> None:
    names = (WHO["patient_no"], f" {WHO['patient_no'].lower()} ", WHO["national_no"])
    found = [erasure.find(erasure.tokens_of(name, home), home) for name in names]
    found += [erasure.find([token], home) for token in found[0].tokens]

    assert all(one == found[0] for one in found)
    assert (len(found[0].numbers), len(found[0].nationals), len(found[0].keys)) == (1, 1, 3)
    for unknown in (["0" * 32], []):
        with pytest.raises(DataError, match="no row"):
            erasure.find(unknown, home)


def test_the_chain_names_nobody_without_the_key(home: Path) -> None:
    person = _find(home)

    done = erasure.erase(person, home)

    text = (home / "store" / "erased.jsonl").read_text()
    assert done.reference in text
    assert not any(token in text for token in person.tokens)
    assert [len(json.loads(line)["payload"]["references"]) for line in text.splitlines()] == [2]


def test_two_do_not_erase_at_once(home: Path) -> None:
    with FileLock(home / "store" / "erasing.lock"), pytest.raises(Busy, match="erasing"):
        erasure.erase(_find(home), home)


def test_nobody_is_erased_while_a_study_runs(home: Path) -> None:
    person = _find(home)

    with FileLock(home / ".breast.lock"), pytest.raises(Busy, match="study 'breast' is being run"):
        erasure.erase(person, home)

    assert erasure.erase(person, home).tables


def test_a_draft_of_the_note_is_not_left(home: Path) -> None:
    draft = home / "store" / "erasing.draft"
    draft.write_text("half a no")

    assert erasure.resume(home) is None
    assert not draft.exists()


POINTS = (
    "rwe.pipeline.erasure._note",
    "rwe.pipeline.erasure.chain_of",
    "rwe.store.erase.seal_log",
    "rwe.store.erase.finish",
    "rwe.pipeline.erasure.clear_runs",
    "rwe.provenance.mark_erased",
    "rwe.pipeline.erased_files._clear",
    "rwe.pipeline.erasure.clear_exports",
    "pathlib.Path.unlink",
)


@pytest.mark.parametrize("point", POINTS)
def test_an_erasure_stopped_anywhere_is_finished_by_the_next_that_reads(
    home: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    person = _find(home)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(point, killed)
        with pytest.raises(Killed):
            erasure.erase(person, home)
    note = home / "store" / NOTE
    noted = note.exists()
    assert not noted or stat.S_IMODE(note.stat().st_mode) == 0o600

    _extract(home)

    assert (_mentions(home, person) == set()) == noted
    assert not note.exists()
    assert erasure.resume(home) is None


_ERASE = """
import sys
from pathlib import Path
from rwe.pipeline import erasure
home = Path(sys.argv[1])
erasure.erase(erasure.find(erasure.tokens_of(sys.argv[2], home), home), home)
"""


class _ErasesMeanwhile:
    """A source in whose stream somebody is erased by another process, once the reading of it has begun."""

    def __init__(self, real: SqlConnector, home: Path, stream: str) -> None:
        self._real, self._home, self._stream = real, home, stream

    def streams(self) -> Sequence[str]:
        return self._real.streams()

    def check(self) -> None:
        self._real.check()

    def columns(self, stream: str) -> Mapping[str, str]:
        """Be asked between the opening of the contract and the lock of the landing table."""
        if stream == self._stream:
            command = [sys.executable, "-c", _ERASE, str(self._home), WHO["national_no"]]
            subprocess.run(command, check=True, timeout=120)
        return self._real.columns(stream)

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        return self._real.read(stream, since, known)

    def keys(self, stream: str) -> Iterator[pl.Series] | None:
        return self._real.keys(stream)

    def close(self) -> None:
        self._real.close()


@pytest.mark.ci
def test_who_is_erased_while_a_stream_is_being_opened_does_not_land(home: Path) -> None:
    person = _find(home)
    INVENTED.build(home / "again.db", TABLES, rows=700, people=50)
    (home / "again.db").replace(home / "hospital.db")
    site, source, key = INVENTED.site(home / "hospital.db"), INVENTED.source(TABLES), load_or_make_key(home)

    with closing(connect(site, source, home)) as real:
        taken = extract_from(_ErasesMeanwhile(real, home, "stay"), site, source, Store(home / "store"), key)

    assert [read.fault for read in taken.reads] == [""] * 3
    assert _mentions(home, person) == set()


@pytest.mark.ci
def test_who_is_erased_while_rows_land_is_erased_from_these_too(home: Path) -> None:
    person = _find(home)
    table = Store(home / "store").table("invented/landing/begun")
    row = pl.DataFrame({"_key": ["1"], "person_token": [person.numbers[0]]})

    with table.appending() as opened:
        admitted = barred(table.store, load_or_make_key(home))(row)
        other = subprocess.Popen([sys.executable, "-c", _ERASE, str(home), WHO["national_no"]])
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=4)
        opened.append(admitted, batch="1")

    assert other.wait(timeout=60) == 0
    assert _mentions(home, person) == set()
