# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`rwe extract`: a fault costs its stream only, drift is set aside without loss, deletions are found and guarded."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rwe.chain import Chain
from rwe.cli.app import main
from rwe.store import Store, Table

SITE = """\
site: clinic
title: {en: Clinic, bg: Клиника}
connector: sql
url_env: RWE_TEST_CLINIC_URL
mapping: mapping
page_rows: 500
"""
SOURCE = """\
source: clinic
streams:
  lab:
    table: lab
    key: row_id
    cursor: modified_at
    columns:
      patient_no: {type: text, role: person}
      national_no: {type: text, role: national_id}
      analyte: {type: text, codes: true}
      value: {type: number}
      unit: {type: text, unit: true}
      ward: {type: text}
  visit:
    table: visit
    key: row_id
    cursor: modified_at
    columns:
      patient_no: {type: text, role: person}
      seen_on: {type: date}
"""
TABLES = """
CREATE TABLE lab (row_id INTEGER PRIMARY KEY, modified_at TIMESTAMP, patient_no TEXT, national_no TEXT, analyte TEXT,
    value REAL, unit TEXT, ward TEXT);
CREATE TABLE visit (row_id INTEGER PRIMARY KEY, modified_at TIMESTAMP, patient_no TEXT, seen_on DATE);
"""
START = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Clinic:
    """A hospital to write to, and the command line to read it by."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def store(self) -> Store:
        return Store(self.folder / "home" / "store")

    def landing(self, stream: str) -> Table:
        return self.store.table(f"clinic/landing/{stream}")

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder / "clinic.db")) as hospital, hospital:
            for statement in statements:
                hospital.execute(statement)

    def labs(self, numbers: Iterable[int], **other: Any) -> None:
        """Write rows of ``lab``; `other` says what is not as usual."""
        rows = [_lab(i) | other for i in numbers]
        with closing(sqlite3.connect(self.folder / "clinic.db")) as hospital, hospital:
            names = ", ".join(rows[0])
            marks = ", ".join("?" * len(rows[0]))
            hospital.executemany(f"INSERT INTO lab ({names}) VALUES ({marks})", [tuple(row.values()) for row in rows])

    def extract(self, *more: str) -> tuple[int, dict[str, dict[str, Any]], str]:
        """Return the exit code, what is told of each stream, and what people are told."""
        self.capture.readouterr()
        line = ["extract", str(self.folder / "site.yaml"), "--home", str(self.folder / "home"), "--json", *more]
        code = main(line)
        out, err = self.capture.readouterr()
        events = [json.loads(text) for text in out.splitlines()]
        assert events[-1] == {"event": "end", "code": code}
        return code, {event["stream"]: event for event in events if event["event"] == "stream"}, err

    def edit(self, name: str, before: str, after: str) -> None:
        path = self.folder / name
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")


def _lab(i: int) -> dict[str, Any]:
    return {
        "row_id": i,
        "modified_at": f"{START + timedelta(seconds=i):%Y-%m-%d %H:%M:%S}",
        "patient_no": f"P{i % 40}",
        "national_no": ("7523169263", "7111042925", "7523169264", "")[i % 4],
        "analyte": ("HB", "CRP", "CREA")[i % 3],
        "value": 80.0 + i % 60,
        "unit": "g/L",
        "ward": ("A", "B")[i % 2],
    }


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Clinic:
    """Return a clinic of 2,000 results and ten visits, which nobody has read yet."""
    (tmp_path / "mapping").mkdir()
    (tmp_path / "site.yaml").write_text(SITE, "utf-8")
    (tmp_path / "mapping" / "source.yaml").write_text(SOURCE, "utf-8")
    made = Clinic(tmp_path, capsys)
    monkeypatch.setenv("RWE_TEST_CLINIC_URL", f"sqlite:///{tmp_path / 'clinic.db'}")
    made.sql(*filter(str.strip, TABLES.split(";")))
    made.labs(range(1, 2_001))
    made.sql(
        *(f"INSERT INTO visit VALUES ({i}, '{START}', 'P{i}', '{date(2025, 1, i)}')" for i in range(1, 11)),
    )
    return made


def test_every_stream_comes_with_its_counts(clinic: Clinic) -> None:
    code, first, _ = clinic.extract()
    again = clinic.extract()

    assert code == 0
    assert {name: (r["received"], r["new"], r["commit"]) for name, r in first.items()} == {
        "lab": (2_000, 2_000, 4),
        "visit": (10, 10, 1),
    }
    assert first["lab"]["national"] == {"valid": 500, "foreigner": 500, "invalid": 500, "empty": 500}
    assert [r["landed"] for r in again[1].values()] == [0, 0]


def test_a_fault_costs_its_own_stream_only_and_the_exit_code_says_so(clinic: Clinic) -> None:
    clinic.sql("ALTER TABLE lab RENAME COLUMN ward TO ward_code")

    code, told, words = clinic.extract()

    assert code == 3
    assert (told["lab"]["landed"], told["visit"]["landed"]) == (0, 10)
    assert "table 'lab' has no column 'ward'; did you mean 'ward_code'?" in told["lab"]["fault"]
    assert "Not read to its end: clinic/lab" in words


def test_a_value_of_another_type_costs_its_batch_and_is_read_when_it_is_mended(clinic: Clinic) -> None:
    clinic.sql("UPDATE lab SET value = 'much' WHERE row_id = 1700")
    first, told, words = clinic.extract()
    clinic.sql("UPDATE lab SET value = 99.5 WHERE row_id = 1700")
    again, after, _ = clinic.extract()

    assert (first, again) == (3, 0)
    assert (told["lab"]["landed"], told["visit"]["landed"], after["lab"]["landed"]) == (1_500, 10, 500)
    assert "lab.value: 1 of 500 values are not a finite number" in told["lab"]["fault"]
    assert "much" not in words + json.dumps(told)


def test_a_source_that_is_gone_is_to_be_tried_again(clinic: Clinic) -> None:
    clinic.extract()
    (clinic.folder / "clinic.db").rename(clinic.folder / "moved.db")
    gone, _, words = clinic.extract()
    (clinic.folder / "moved.db").rename(clinic.folder / "clinic.db")

    assert gone == 4
    assert "clinic does not answer" in words
    assert clinic.extract()[0] == 0


@pytest.mark.parametrize(
    ("other", "sign"),
    [
        ({"value": 0.11}, "column 'value' has a median about 1000 times smaller than before"),
        ({"value": 1_080.0}, "column 'value' has a median about 10 times larger than before"),
        ({"unit": "mg/dL"}, "column 'unit' names 1 unit(s) of measure never seen before"),
        ({"analyte": "X1"}, "column 'analyte' has codes never seen before in 60 of 60 rows, more than 5%"),
        ({"ward": "Z"}, "column 'ward' has codes never seen before in 60 of 60 rows"),
        ({"ward": None}, "column 'ward' is empty in all 60 rows"),
    ],
)
def test_drift_sets_a_batch_aside_until_it_is_mended_or_accepted(
    clinic: Clinic, other: dict[str, Any], sign: str
) -> None:
    clinic.extract()
    cursor = clinic.landing("lab").cursor()
    clinic.labs(range(2_001, 2_061), **other)
    clinic.sql(f"INSERT INTO visit VALUES (11, '{START + timedelta(days=1)}', 'P1', '2025-02-01')")
    code, told, _ = clinic.extract()
    again = clinic.extract()
    kept = clinic.store.table("clinic/quarantine/lab")
    stays = clinic.landing("lab").cursor()
    accepted = clinic.extract("--accept", "lab")

    assert (code, again[0], accepted[0]) == (3, 3, 0)
    assert sign in told["lab"]["fault"]
    assert "rwe extract --accept lab" in told["lab"]["fault"]
    assert (told["lab"]["landed"], told["lab"]["aside"], told["visit"]["landed"]) == (0, 60, 1)
    assert stays == cursor
    assert (kept.commit, kept.current().collect().height) == (1, 60)
    assert "patient_no" not in kept.current().collect_schema()
    assert accepted[1]["lab"]["new"] == 60
    assert clinic.landing("lab").current().collect().height == 2_060
    assert [e.payload["kind"] for e in _log(clinic).entries()].count("accept") == 1
    assert clinic.extract()[0] == 0


def test_what_was_set_aside_and_mended_at_the_source_lands_without_a_word(clinic: Clinic) -> None:
    clinic.extract()
    clinic.labs(range(2_001, 2_061), value=0.1)
    aside = clinic.extract()[0]
    clinic.sql("UPDATE lab SET value = 100 WHERE row_id > 2000")

    code, told, _ = clinic.extract()

    assert (aside, code, told["lab"]["new"]) == (3, 0, 60)
    assert clinic.extract("--accept", "lab")[0] == 2


def test_a_few_new_codes_and_small_batches_are_no_drift(clinic: Clinic) -> None:
    clinic.extract()
    clinic.labs(range(2_001, 2_003), analyte="NEW")
    clinic.labs(range(2_003, 2_061))
    clinic.labs(range(2_061, 2_070), value=0.1)

    assert clinic.extract()[0] == 0


def test_what_landed_before_a_death_of_the_process_is_still_known_by(clinic: Clinic) -> None:
    clinic.extract()
    log = clinic.folder / "home" / "store" / "clinic" / "contract" / "lab" / "log.jsonl"
    log.write_text(log.read_text("utf-8").splitlines(keepends=True)[0], "utf-8")  # the key only: never closed
    clinic.labs(range(2_001, 2_061), value=0.11)

    assert clinic.extract()[0] == 3


def _log(clinic: Clinic) -> Chain:
    return Chain(clinic.folder / "home" / "store" / "clinic" / "contract" / "lab" / "log.jsonl")


def test_rows_deleted_at_the_source_are_deleted_in_a_commit_of_their_own(clinic: Clinic) -> None:
    clinic.extract()
    clinic.sql("DELETE FROM lab WHERE row_id <= 50")
    unasked = clinic.extract()[1]["lab"]["deleted"]

    code, told, _ = clinic.extract("--compare-keys")

    table = clinic.landing("lab")
    assert (unasked, code, told["lab"]["deleted"], told["visit"]["deleted"]) == (0, 0, 50, 0)
    assert (table.seals()[-1].kind, table.seals()[-1].rows, table.current().collect().height) == (
        "deletions",
        50,
        1_950,
    )
    assert table.current(as_of=4).collect().height == 2_000
    assert table.cursor() == table.seals()[3].cursor
    assert clinic.extract("--compare-keys")[1]["lab"]["deleted"] == 0


def test_a_half_empty_source_does_not_empty_a_table(clinic: Clinic) -> None:
    clinic.extract()
    clinic.sql("DELETE FROM lab WHERE row_id <= 1000")
    refused = clinic.extract("--compare-keys")
    stands = clinic.landing("lab").current().collect().height
    allowed = clinic.extract("--compare-keys", "--allow-deletions", "1000")

    assert (refused[0], stands, allowed[0], allowed[1]["lab"]["deleted"]) == (3, 2_000, 0, 1_000)
    assert "1000 of 2000 rows are at the source no more, over 5% at once" in refused[1]["lab"]["fault"]
    assert "--allow-deletions 1000" in refused[1]["lab"]["fault"]


def test_deletions_are_allowed_to_the_whole_extraction_and_not_to_each_stream(clinic: Clinic) -> None:
    clinic.extract()
    clinic.sql("DELETE FROM lab WHERE row_id <= 1000")
    clinic.sql("DELETE FROM visit WHERE row_id <= 6")

    code, told, _ = clinic.extract("--compare-keys", "--allow-deletions", "1003")
    again = clinic.extract("--compare-keys", "--allow-deletions", "1000")

    first, second = told.values()
    assert (code, first["fault"]) == (3, "")
    assert f"{first['deleted']} of those allowed went to other streams" in second["fault"]
    assert (again[0], first["deleted"] + again[1][second["stream"]]["deleted"]) == (0, 1_006)


def test_a_number_of_deletions_below_none_is_refused_by_name(clinic: Clinic) -> None:
    code, _, words = clinic.extract("--allow-deletions", "-5")

    assert code == 2
    assert "--allow-deletions" in words


def test_what_is_accepted_for_nothing_is_said_before_anything_is_read(clinic: Clinic) -> None:
    code, told, words = clinic.extract("--accept", "lab")

    assert (code, told) == (2, {})
    assert "clinic/lab: nothing of this stream is set aside, nothing was read" in words
    assert clinic.landing("visit").commit == 0


def test_keys_are_compared_every_so_many_extractions(clinic: Clinic) -> None:
    clinic.edit("site.yaml", "page_rows: 500", "page_rows: 500\ncompare_keys_every: 3\ndelete_share: 1.0")
    clinic.extract()
    clinic.sql("DELETE FROM visit WHERE row_id = 1")

    deleted = [clinic.extract()[1]["visit"]["deleted"] for _ in range(4)]

    assert deleted == [0, 1, 0, 0]


def test_corrected_rows_are_told_from_new_ones(clinic: Clinic) -> None:
    clinic.extract()
    clinic.sql(f"UPDATE lab SET value = 1 + value, modified_at = '{START + timedelta(days=2)}' WHERE row_id <= 7")
    clinic.labs([3_000], modified_at=f"{START + timedelta(days=3)}")

    told = clinic.extract()[1]["lab"]

    assert (told["landed"], told["new"], told["corrected"], told["late"]) == (8, 1, 7, 0)


def test_a_row_written_late_under_an_old_cursor_value_is_told_as_late_once(clinic: Clinic) -> None:
    clinic.extract()
    cursor = clinic.landing("lab").cursor()
    clinic.labs([3_000], modified_at=f"{START + timedelta(seconds=10)}")
    clinic.sql("UPDATE lab SET value = 1 + value WHERE row_id = 7")

    told, again = clinic.extract()[1]["lab"], clinic.extract()[1]["lab"]
    clinic.sql("UPDATE lab SET value = value - 1 WHERE row_id = 7")
    back = clinic.extract()[1]["lab"]

    assert (told["new"], told["late"], told["corrected"]) == (0, 1, 1)
    assert (again["landed"], back["corrected"]) == (0, 1)
    assert clinic.landing("lab").cursor() == cursor


def test_another_key_is_refused_by_its_version(clinic: Clinic) -> None:
    clinic.extract()
    path = clinic.folder / "home" / "key" / "linkage.key"
    path.unlink()
    path.write_bytes(bytes(32))
    path.chmod(0o400)

    code, _, words = clinic.extract()

    assert code == 7
    assert "its rows were pseudonymised with linkage key version" in words


def test_a_landing_under_a_new_key_and_the_old_one_make_the_map_of_their_tokens(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.extract()
    old = clinic.landing("visit").current().select("_key", old="person_token").collect()
    (clinic.folder / "home").rename(clinic.folder / "before")
    monkeypatch.setenv("RWE_LINKAGE_KEY", base64.b64encode(bytes(range(32))).decode())

    clinic.extract()

    new = clinic.landing("visit").current().select("_key", new="person_token").collect()
    both = old.join(new, on="_key")
    assert both.height == both["old"].n_unique() == both["new"].n_unique() == 10
    assert not set(both["old"]) & set(both["new"])


@pytest.mark.parametrize("name", ["clinic/laboratory", "x"])
def test_a_stream_that_is_not_there_cannot_be_accepted(clinic: Clinic, name: str) -> None:
    assert clinic.extract("--accept", name)[0] == 2
