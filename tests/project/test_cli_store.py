# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`rwe store` as a person types it: what it says, what it writes, and the code it ends with."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.chain import Chain
from rwe.cli.app import main
from rwe.linkage import load_or_make_key
from rwe.pipeline.extract import extract
from rwe.store import Store
from synthetic.invented import INVENTED
from synthetic.rows import rows

WHO = rows("patient", 1, first=3).row(0, named=True)
STAY = "invented/landing/stay"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home of two extractions: 100 stays, and then 20 more."""
    home = tmp_path_factory.mktemp("home")
    for n in (100, 120):
        (home / "h.db").unlink(missing_ok=True)
        INVENTED.build(home / "h.db", ["patient", "stay"], rows=n, people=30)
        site, key = INVENTED.site(home / "h.db"), load_or_make_key(home)
        extract(site, INVENTED.source(["patient", "stay"]), Store(home / "store"), home, key)
    return home


def _say(capsys: pytest.CaptureFixture[str], home: Path, *line: str) -> tuple[int, list[dict[str, Any]], str]:
    """Return code, events and words of one command."""
    code = main(["store", *line, "--json", "--home", str(home)])
    said = capsys.readouterr()
    return code, [json.loads(event) for event in said.out.splitlines()], said.err


def test_verify_counts_what_it_read(capsys: pytest.CaptureFixture[str], made: Path) -> None:
    code, events, words = _say(capsys, made, "verify")

    assert (code, events[-2]["bad"]) == (0, 0)
    tables = {event["table"]: event["files"] for event in events if event["event"] == "table"}
    assert (tables[STAY], tables["invented/landing/patient"]) == (5, 3)
    assert f"Whole: {sum(tables.values())} files" in words


def test_verify_reads_the_chains_beside_the_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    chain = Chain(tmp_path / "store" / "erased.jsonl")
    chain.path.parent.mkdir()
    chain.append({"kind": "erased", "references": []})
    chain.path.write_bytes(chain.path.read_bytes().replace(b"erased", b"erasee"))

    code, _, words = _say(capsys, tmp_path, "verify")

    assert code == 3
    assert "entry 1 is damaged" in words


def test_verify_names_the_first_bad_file_and_ends_with_3(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("a/landing/t", "b/landing/t"):
        Store(tmp_path / "store").table(name).append(pl.DataFrame({"_key": ["1"]}), batch="1")
    (bad,) = tmp_path.glob("store/a/landing/t/part-*.parquet")
    bad.write_bytes(bad.read_bytes()[:-1] + b"?")

    code, events, words = _say(capsys, tmp_path, "verify")

    assert code == 3
    assert [event["good"] for event in events if event["event"] == "table"] == [False, True]
    assert bad.name in words


def test_history_lists_tables_commits_and_differences(capsys: pytest.CaptureFixture[str], made: Path) -> None:
    _, tables, _ = _say(capsys, made, "history")
    _, commits, words = _say(capsys, made, "history", STAY)
    _, between, _ = _say(capsys, made, "history", STAY, "--from", "1", "--keys")

    assert {event["table"]: event["commits"] for event in tables[:-1]} == {STAY: 2, "invented/landing/patient": 1}
    assert [(event["rows"], event["new"], event["late"]) for event in commits[:-1]] == [(100, 100, 0), (20, 17, 3)]
    assert "CORRECTED" in words
    assert [between[0][name] for name in ("before", "after", "new", "late")] == [1, 2, 17, 3]
    assert sorted(int(event["key"]) for event in between[1:-1]) == list(range(101, 121))


def test_as_of_writes_the_same_bytes_for_the_same_state(capsys: pytest.CaptureFixture[str], made: Path) -> None:
    at = Store(made / "store").table(STAY).seals()[0].utc

    written = [_say(capsys, made, "as-of", STAY, when, "--file", f"{n}.csv")[1][0] for n, when in enumerate(["1", at])]
    _, events, _ = _say(capsys, made, "as-of", STAY, "2")

    assert [event["rows"] for event in written] == [100, 100]
    first, second = (Path(event["path"]) for event in written)
    assert first.read_bytes() == second.read_bytes()
    assert Path(events[0]["path"]).name == "invented.landing.stay-2.csv"
    assert pl.read_csv(events[0]["path"]).height == 120


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["as-of", STAY, "1", "--file", "../out.csv"], 7, "inside the zone"),
        (["as-of", STAY, "soon"], 2, "2026-03-01T09:30"),
        (["as-of", STAY, "9"], 3, "no commit 9"),
        (["as-of", STAY, "2001-01-01"], 3, "nothing was sealed by 2001-01-01 23:59:59 UTC"),
        (["history", "invented/landing/stey"], 2, f"did you mean '{STAY}'"),
        (["erase", "7901010001"], 2, "stdin"),
        (["erase", "0" * 32], 3, "nothing was erased"),
    ],
)
def test_what_cannot_be_done_is_said(
    capsys: pytest.CaptureFixture[str], made: Path, line: list[str], code: int, said: str
) -> None:
    ended, _, words = _say(capsys, made, *line)

    assert ended == code
    assert said in words
    assert "7901010001" not in words


def test_a_person_is_shown_first_and_erased_when_sure(
    capsys: pytest.CaptureFixture[str], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{WHO['national_no']}\n" * 2))
    code, events, words = _say(capsys, made, "erase")
    shown = events[0]["tables"]

    _, done, _ = _say(capsys, made, "erase", "--yes")

    assert (code, events[0]["numbers"], events[0]["nationals"]) == (0, 1, 1)
    assert "--yes" in words
    assert done[1]["tables"] == shown
    assert _say(capsys, made, "verify")[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert _say(capsys, made, "erase")[0] == 2
