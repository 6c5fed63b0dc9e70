# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""HL7 v2: the connector's conformance, code pages, repeated numbers, cancels, merges, batches, and bad messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance import SOURCE
from connectors.files import FilesConnector
from connectors.hl7v2 import connect
from rwe.errors import DataError, DefinitionError
from rwe.ports import Batch
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Column, Source, Stream
from tests.connectors.tiers import FAST_FIRST

NAME, NUMBER, HIS = "Тиха", "7523169263", "К-55"
PERSON = f"PID|1||{HIS}^^^БОЛНИЦА^PI~{NUMBER}^^^GRAO^NI||{NAME}^Искра||19750603000000|F"


def _site(folder: Path, page_rows: int) -> Site:
    title = Text(en="Ward", bg="Отделение")
    options = {"quiet_seconds": 0}
    url = f"file://{folder}"
    return Site(site="ward", title=title, connector="hl7v2", url=url, mapping=".", page_rows=page_rows, options=options)


def _message(kind: str, control: str, *segments: str, page: str = "UNICODE UTF-8") -> str:
    head = rf"MSH|^~\&|HIS|Б|RWE|С|20240301101500||{kind}|{control}|P|2.5||||||{page}"
    return "\r".join([head, *segments]) + "\r"


@dataclass
class Ward:
    """A folder into which each writing drops one file of messages."""

    folder: Path
    written: list[str] = field(default_factory=list)

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Drop a file with a message for each row, in the order they were changed."""
        name = f"visit-{len(self.written):03d}.hl7"
        ordered = sorted(rows, key=lambda row: (row["modified_at"], row["row_id"]))
        texts = [_message("ADT^A08", f"{name}-{i}", _visit(row)) for i, row in enumerate(ordered)]
        (self.folder / name).write_text("".join(texts), "utf-8", newline="")
        self.written.append(name)

    def open(self, page_rows: int) -> FilesConnector:
        """Return a connector on the folder."""
        names = ["row_id", "patient_no", "seen_on", "seen_at", "score", "size", "note"]
        options = {"messages": ["ADT^A08"], "fields": {name: f"ZVS-{i}" for i, name in enumerate(names, start=1)}}
        streams = {
            name: stream.model_copy(update={"table": f"{stream.table}-*", "options": options})
            for name, stream in SOURCE.streams.items()
        }
        return connect(_site(self.folder, page_rows), SOURCE.model_copy(update={"streams": streams}), self.folder)


def _visit(row: dict[str, Any]) -> str:
    escaped = (row["note"] or "").replace("\\", r"\E\ ".strip())
    at = row["seen_at"].strftime("%Y%m%d%H%M%S.%f+0000")
    texts = (row["row_id"], row["patient_no"], row["seen_on"].strftime("%Y%m%d"), at, row["score"], row["size"])
    return "|".join(["ZVS", *("" if text is None else str(text) for text in texts), escaped])


@pytest.mark.parametrize("check", FAST_FIRST)
def test_conformance(check: Callable[[Any], None], tmp_path: Path) -> None:
    check(Ward(tmp_path))


STAY = {
    "patient": Column(type="text", role="person"),
    "egn": Column(type="text", role="national_id"),
    "born": Column(type="date", role="birth_date"),
    "name": Column(type="text", role="name"),
    "admitted": Column(type="timestamp"),
}
STAY_OPTIONS: dict[str, Any] = {
    "messages": ["ADT^A01", "ADT^A04", "ADT^A08"],
    "time_zone": "Europe/Sofia",
    "fields": {
        "stay": "PV1-19",
        "patient": "PID-3[:PI].1",
        "egn": "PID-3[GRAO:NI].1",
        "born": "PID-7",
        "name": "PID-5",
        "admitted": "PV1-44",
    },
}
LAB = {
    "patient": Column(type="text", role="person"),
    "code": Column(type="text"),
    "value": Column(type="number"),
    "text": Column(type="text"),
    "unit": Column(type="text"),
}
LAB_OPTIONS: dict[str, Any] = {
    "messages": ["ORU^R01"],
    "rows": "OBX",
    "key_of": ["order", "code", "sub"],
    "fields": {
        "order": "OBR-3",
        "sub": "OBX-1",
        "patient": "PID-3[:PI].1",
        "code": "OBX-3.1",
        "value": "OBX-5{NM}",
        "text": "OBX-5{ST,TX,FT}",
        "unit": "OBX-6",
    },
}
MERGE = {"patient": Column(type="text", role="person"), "side": Column(type="text")}
MERGE_OPTIONS: dict[str, Any] = {
    "messages": ["ADT^A40"],
    "rows": "MRG",
    "key_of": ["control", "row", "side"],
    "fields": {"control": "@control", "row": "@row", "side": "@side", "patient": "PID-3[:PI].1"},
    "merged": {"patient": "MRG-1[:PI].1"},
}


def _stay(kind: str, control: str, stay: str = "S1", page: str = "UNICODE UTF-8") -> str:
    place = [""] * 44
    place[0], place[19 - 1], place[44 - 1] = "1", stay, "202403011015"
    return _message(kind, control, "EVN||20240301", PERSON, "|".join(["PV1", *place]), page=page)


def _read(folder: Path, columns: dict[str, Column], options: dict[str, Any], page_rows: int = 100) -> Iterable[Batch]:
    stream = Stream(table="*.hl7", key="stay", columns=columns, options=options)
    return connect(_site(folder, page_rows), Source(source="ward", streams={"s": stream}), folder).read("s", None)


def _refused(folder: Path, columns: dict[str, Column], options: dict[str, Any]) -> tuple[list[Batch], str]:
    batches: list[Batch] = []
    with pytest.raises(DataError) as told:
        batches.extend(_read(folder, columns, options))
    assert not any(secret in str(told.value) for secret in (NAME, NUMBER, HIS))
    return batches, str(told.value)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize(
    ("page", "encoding"),
    [("UNICODE UTF-8", "utf-8"), ("WINDOWS-1251", "windows-1251"), ("8859/5", "iso-8859-5"), ("", "windows-1251")],
)
def test_letters_are_those_of_the_code_page_whatever_ends_a_line(
    page: str, encoding: str, end: str, tmp_path: Path
) -> None:
    text = _stay("ADT^A01^ADT_A01", "1", page=page).replace("\r", end)
    (tmp_path / "a.hl7").write_bytes(text.encode(encoding))

    (batch,) = _read(tmp_path, STAY, STAY_OPTIONS | {"encoding": "windows-1251", "messages": ["ADT^A01"]})

    admitted = datetime(2024, 3, 1, 8, 15, tzinfo=UTC)
    assert batch.rows.rows() == [("S1", HIS, NUMBER, date(1975, 6, 3), NAME, admitted)]


def test_cancels_take_rows_back_and_the_last_word_counts(tmp_path: Path) -> None:
    said = ("A01 S1", "A01 S2", "A11 S1", "A13 S2", "A08 S3", "A23 S3")
    texts = [_stay(f"ADT^{words[:3]}", str(i), words[4:]) for i, words in enumerate(said)]
    (tmp_path / "a.hl7").write_text("".join(texts), "utf-8", newline="")

    (batch,) = _read(tmp_path, STAY, STAY_OPTIONS)
    (left,) = _read(tmp_path, STAY, STAY_OPTIONS | {"messages": ["ADT^A03"]})

    assert batch.rows.select("_key", "_op").rows() == [("S2", "upsert"), ("S1", "delete"), ("S3", "delete")]
    assert left.rows.select("_key", "_op").rows() == [("S2", "delete")]


def test_results_are_rows_by_kind_of_value(tmp_path: Path) -> None:
    order = "OBR|1||L7|57021-8^CBC^LN"
    results = [
        "OBX|1|NM|718-7^Hb^LN||121.5|g/L",
        r"OBX|2|FT|8251-1^Note^LN||А \T\ Б\.br\В \F\ \X41\ |",
        'OBX|3|NM|777-3^PLT^LN||""|10*9/L',
    ]
    (tmp_path / "a.hl7").write_text(_message("ORU^R01", "1", PERSON, order, *results), "utf-8", newline="")

    (batch,) = _read(tmp_path, LAB, LAB_OPTIONS)

    assert batch.rows.drop("patient").rows() == [
        ("L7\x1f718-7\x1f1", "718-7", 121.5, None, "g/L"),
        ("L7\x1f8251-1\x1f2", "8251-1", None, "А & Б\nВ | A ", None),
        ("L7\x1f777-3\x1f3", "777-3", None, None, "10*9/L"),
    ]


def test_a_merge_is_two_rows_each_of_one_person(tmp_path: Path) -> None:
    text = _message("ADT^A40", "m1", "EVN||20240301", PERSON, "MRG|К-12^^^БОЛНИЦА^PI")
    (tmp_path / "a.hl7").write_text(text, "utf-8", newline="")

    (batch,) = _read(tmp_path, MERGE, MERGE_OPTIONS)

    assert batch.rows.rows() == [("m1\x1f1\x1fsurviving", HIS, "surviving"), ("m1\x1f1\x1fmerged", "К-12", "merged")]


def test_framed_batches_count_what_they_bring(tmp_path: Path) -> None:
    one, two = _stay("ADT^A01", "1"), _stay("ADT^A01", "2", "S2")
    batch = f"FHS|^~\\&\rBHS|^~\\&\r{one}{two}BTS|2\rBHS|^~\\&\r{_stay('ADT^A01', '3', 'S3')}BTS|1\rFTS|2\r"
    (tmp_path / "a.hl7").write_text(f"\x0b{batch}\x1c\r", "utf-8", newline="")

    (whole,) = _read(tmp_path, STAY, STAY_OPTIONS)

    assert list(whole.rows["_key"]) == ["S1", "S2", "S3"]
    for cut, told in (
        (batch.replace(two, ""), "BTS-1 does not count the 1 messages"),
        (batch.replace("FTS|2", "FTS|3"), "FTS-1 does not count the 2 batches"),
        (batch.replace("FTS|2\r", ""), "FHS is not closed"),
        (batch[: batch.index("BTS|1")], "BHS is not closed"),
    ):
        (tmp_path / "a.hl7").write_text(cut, "utf-8", newline="")
        batches, words = _refused(tmp_path, STAY, STAY_OPTIONS)
        assert batches == []
        assert told in words


def test_bad_messages_are_set_aside_and_counted_and_good_ones_go_on(tmp_path: Path) -> None:
    texts = [
        _stay("ADT^A01", "1"),
        _stay("ADT^A01", "1", "S9"),
        _stay("ADT^A01", "3", page="KOI8-R"),
        _stay("ADT^A01", "", "S4"),
        _stay("ADT^A01", "5", "").replace("|S1|", "||"),
        _stay("ADT^A01", "6", "S6").replace("19750603", "19751303"),
        _stay("ADT^A01", "7", "S7").replace("^Искра", "^Иск\rра"),
        _stay("ADT^A01", "8", "S8").replace("GRAO^NI|", f"GRAO^NI~{NUMBER[::-1]}^^^GRAO^NI|"),
        _stay("ADT^A01", "9", "S9"),
        _stay("ADT^A01", "1"),
    ]
    spoilt = _stay("ADT^A01", "11", "S11").encode("windows-1251")
    (tmp_path / "a.hl7").write_bytes("".join(texts).encode() + spoilt)

    batches, told = _refused(tmp_path, STAY, STAY_OPTIONS)

    assert [key for batch in batches for key in batch.rows["_key"]] == ["S1", "S9"]
    for reason in (
        "1 with a control id (MSH-10) that another message has",
        "1 with a code page (MSH-18) that is not read",
        "1 with no control id (MSH-10)",
        "1 with no key",
        "1 with born not date",
        "1 with a segment without a name",
        "1 with several values of one authority in PID-3",
        "1 with letters that are not of its code page",
    ):
        assert reason in told


def test_one_message_sent_again_in_another_file_lands_once(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_text(_stay("ADT^A01", "1"), "utf-8", newline="")
    (first,) = _read(tmp_path, STAY, STAY_OPTIONS)
    (tmp_path / "b.hl7").write_text("\x0b" + _stay("ADT^A01", "1") + "\x1c\r", "utf-8", newline="")

    (again,) = _read(tmp_path, STAY, STAY_OPTIONS)

    assert again.id == first.id


def test_another_message_under_the_same_control_id_is_not_taken_for_sent(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_text(_stay("ADT^A01", "1"), "utf-8", newline="")
    (first,) = _read(tmp_path, STAY, STAY_OPTIONS)
    (tmp_path / "b.hl7").write_text(_stay("ADT^A01", "1") + "ZZZ|new\r", "utf-8", newline="")

    ids = {batch.id for batch in _read(tmp_path, STAY, STAY_OPTIONS)}

    assert len(ids) == 2
    assert first.id in ids


def test_places_are_checked_when_they_are_declared(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="stay: not a place in a message"):
        list(_read(tmp_path, STAY, STAY_OPTIONS | {"fields": {"stay": "PV1.19"}}))
