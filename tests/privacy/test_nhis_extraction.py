# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a pushed message to the landing: by the commands a council runs, nameless, as the newest messages say."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest

from rwe.cli.app import main
from rwe.store import Store
from synthetic.nhis import Sent, messages, truth

SITE = Path(__file__).parents[2] / "configs" / "sites" / "nhis.yaml"


def test_messages_are_extracted_day_by_day_without_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sent, drops = list(messages(30, seed=21, corrected=0.4)), tmp_path / "intake" / "nhis"
    drops.mkdir(parents=True)

    for part in (sent[:20], sent[20:]):
        for one in part:
            (drops / one.name).write_bytes(one.data)
        assert main(["extract", str(SITE), "--home", str(tmp_path)]) == 0
    (drops / "torn.xml").write_bytes(sent[0].data[:-9])
    assert main(["extract", str(SITE), "--home", str(tmp_path)]) == 3

    said = "".join(capsys.readouterr())
    stays = Store(tmp_path / "store").table("nhis/landing/hospitalization").current().sort("_key").collect()
    assert dict(stays.select("_key", "outcome").rows()) == {key: one.outcome for key, one in truth(sent).items()}
    assert "torn.xml: it is not well formed" in said
    assert not [word for word in _words(sent) if word in said]
    assert [path for path in _written(tmp_path, drops) if any(w.encode() in _bytes(path) for w in _words(sent))] == []


def test_an_erased_person_goes_from_the_ledger_of_messages_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, drops = list(messages(12, seed=4)), tmp_path / "intake" / "nhis"
    drops.mkdir(parents=True)
    for one in sent:
        (drops / one.name).write_bytes(one.data)
    assert main(["extract", str(SITE), "--home", str(tmp_path)]) == 0
    who = sent[0].stay.person["national_no"]
    his = {one.stay.number for one in sent if one.stay.person["national_no"] == who}
    others = {one.stay.number for one in sent} - his
    ledger = tmp_path / "nhis" / "nhis.sqlite"
    before = ledger.read_bytes()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{who}\n"))

    code = main(["store", "erase", "--yes", "--home", str(tmp_path)])

    after = ledger.read_bytes()
    assert code == 0
    assert "nhis/nhis.sqlite" in capsys.readouterr().out
    assert all(number.encode() in before for number in his | others)
    assert not [number for number in his if number.encode() in after]
    assert all(number.encode() in after for number in others)
    assert main(["extract", str(SITE), "--home", str(tmp_path)]) == 0
    stays = Store(tmp_path / "store").table("nhis/landing/hospitalization").current().collect()
    assert set(stays["_key"]) == others


def _words(sent: list[Sent]) -> set[str]:
    """Return what says who the patients are."""
    people = [one.stay.person for one in sent]
    return {str(person[name]) for person in people for name in ("national_no", "family_name")}


def _written(home: Path, drops: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and drops not in path.parents]


def _bytes(path: Path) -> bytes:
    return pl.read_parquet(path).write_ndjson().encode() if path.suffix == ".parquet" else path.read_bytes()
