# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of FHIR files: each content once, Bundles, deletions, partial dates by rule, faults counted, not shown."""

from __future__ import annotations

import gzip
import json
import logging
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.fhir import connect
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.ports import Batch, Cursor
from rwe.spec.source import Source, Stream
from tests.connectors.fhir_clinic import CONDITION, condition, ndjson, site, stream

SECRET = "s3cret-marker"


def _read(
    folder: Path, one: Stream = CONDITION, since: Cursor | None = None, known: Any = (), **how: Any
) -> list[Batch]:
    source = Source(source="clinic", streams={"it": one})
    with closing(connect(site(folder.as_uri(), **how), source, folder)) as connector:
        return list(connector.read("it", since, known))


def _rows(folder: Path, one: Stream = CONDITION, **how: Any) -> pl.DataFrame:
    return pl.concat([batch.rows for batch in _read(folder, one, **how)], how="diagonal")


def test_ndjson_with_bom_crlf_blank_lines_and_no_last_newline(tmp_path: Path) -> None:
    lines = ndjson([condition("1", note=[{"text": "Ирина"}]), condition("2")]).splitlines()
    (tmp_path / "a.ndjson").write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n  \r\n".join(lines))
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(ndjson([condition("3")])))
    (tmp_path / "empty.ndjson").write_bytes(b"")
    (tmp_path / ".part.ndjson").write_bytes(ndjson([condition("4")]))

    rows = _rows(tmp_path)

    assert rows["_key"].to_list() == ["1", "2", "3"]
    assert rows["onset"].to_list() == [date(2020, 2, 29)] * 3


def test_a_bundle_is_read_with_its_own_references_and_deletions(tmp_path: Path) -> None:
    patient = {"fullUrl": "urn:uuid:aa", "resource": {"resourceType": "Patient", "id": "p9"}}
    new = condition("x", subject={"reference": "urn:uuid:aa"})
    without_id = {key: value for key, value in new.items() if key != "id"}
    deleted = {"request": {"method": "DELETE", "url": "Condition/7"}}
    entry = [patient, {"fullUrl": "urn:uuid:bb", "resource": new}, {"fullUrl": "urn:uuid:cc", "resource": without_id}]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [*entry, deleted]}
    (tmp_path / "a.json").write_text(json.dumps(bundle, indent=1), "utf-8")

    rows = _rows(tmp_path)

    assert rows.select("_key", "patient_no", "_op").rows() == [
        ("x", "p9", "upsert"),
        ("cc", "p9", "upsert"),
        ("7", None, "delete"),
    ]


def test_the_newest_of_a_history_is_kept(tmp_path: Path) -> None:
    versions = [condition("1", code=code, meta={"versionId": str(n)}) for n, code in ((3, "C"), (2, "B"), (1, "A"))]
    bundle = {"resourceType": "Bundle", "type": "history", "entry": [{"resource": one} for one in versions]}
    (tmp_path / "a.json").write_text(json.dumps(bundle), "utf-8")

    assert _rows(tmp_path)["code"].to_list() == ["C"]


def test_a_resource_that_stands_twice_counts_once_by_its_last_change(tmp_path: Path) -> None:
    times = [("2024-05-02T00:30:00Z", "new"), ("2024-05-02T02:00:00+03:00", "old")]
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition("1", code=c, meta={"lastUpdated": at}) for at, c in times]))

    assert _rows(tmp_path)["code"].to_list() == ["new"]


def test_a_file_lands_once_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition(str(i)) for i in range(5)]))
    first = _read(tmp_path, page_rows=2)
    (tmp_path / "b.ndjson").write_bytes((tmp_path / "a.ndjson").read_bytes())
    (tmp_path / "0.ndjson").write_bytes(ndjson([condition("late")]))

    again = _read(tmp_path, since=first[-1].cursor, known={batch.id for batch in first}, page_rows=2)

    assert [batch.rows.height for batch in first] == [2, 2, 1]
    assert [batch.rows["_key"].to_list() for batch in again] == [["late"]]


def test_another_page_size_or_view_reads_again_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition(str(i)) for i in range(5)]))
    first = _read(tmp_path, page_rows=2)[:1]
    known = {batch.id for batch in first}

    again = _read(tmp_path, since=first[0].cursor, known=known, page_rows=4)

    assert [batch.rows.height for batch in again] == [4, 1]


def test_a_view_with_rows_for_elements_keeps_them_under_one_key(tmp_path: Path) -> None:
    view = {
        "resource": "Condition",
        "select": [
            {"column": [{"name": "id", "path": "id"}, {"name": "patient_no", "path": "subject.getReferenceKey()"}]},
            {"forEach": "code.coding", "column": [{"name": "code", "path": "code"}]},
        ],
        "where": [{"path": "verificationStatus.exists().not()"}],
    }
    several = stream("Condition", {"code": "text"}, {}).model_copy(update={"options": {"view": view}})
    two = condition("1", code="x") | {"code": {"coding": [{"code": "C50"}, {"code": "254837009"}]}}
    (tmp_path / "a.ndjson").write_bytes(ndjson([two, condition("2", verificationStatus={"text": "entered in error"})]))

    rows = _rows(tmp_path, several)

    assert rows.select("_key", "code", "_op").rows() == [
        ("1", "C50", "upsert"),
        ("1", "254837009", "upsert"),
        ("2", None, "delete"),
    ]


@pytest.mark.parametrize(
    ("rule", "made"),
    [("first", [date(1980, 1, 1), date(1980, 2, 1), date(1980, 2, 3)]), ("null", [None, None, date(1980, 2, 3)])],
)
def test_partial_dates_follow_the_declared_rule_and_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rule: str, made: list[date | None]
) -> None:
    dates = ["1980", "1980-02", "1980-02-03"]
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition(str(i), onset=day) for i, day in enumerate(dates)]))
    options = {**CONDITION.options, "date_partial": rule}

    with caplog.at_level(logging.INFO, "connectors"):
        rows = _rows(tmp_path, CONDITION.model_copy(update={"options": options}))

    assert rows["onset"].to_list() == made
    assert "it.onset: partial dates" in caplog.text
    assert ": 2" in caplog.text


@pytest.mark.parametrize(
    ("onset", "said"),
    [
        ("1980", r"it\.onset: 1 of 2 values are dates with a part missing; say what they mean by date_partial"),
        ("1980-02", r"it\.onset: 1 of 2 values are dates with a part missing"),
        ("1980-02-03T10:00:00+02:00", r"it\.onset: 1 of 2 values are times, not dates; .*time_as_date: local"),
        ("1980-02-30", r"it\.onset: 1 of 2 values are not a date"),
        (SECRET, r"it\.onset: 1 of 2 values are not a date"),
    ],
)
def test_a_date_that_is_none_is_refused_by_count(tmp_path: Path, onset: str, said: str) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition("1"), condition("2", onset=onset)]))

    with pytest.raises(DataError, match=said) as caught:
        _rows(tmp_path)

    assert onset not in str(caught.value).replace("1980-02: first", "")


def test_the_day_of_a_time_is_that_of_its_writer_where_declared(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition("1", onset="2024-01-01T00:30:00+02:00")]))
    options = {**CONDITION.options, "time_as_date": "local"}

    rows = _rows(tmp_path, CONDITION.model_copy(update={"options": options}))

    assert rows["onset"].to_list() == [date(2024, 1, 1)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"resourceType": "Condition", "id": "s3cret-marker"', "1 of 3 lines are not JSON of a resource"),
        (b'{"resourceType": "Condition", "id": "2", "x": NaN}', "1 of 3 lines are not JSON of a resource"),
        (b'{"resourceType": "Condition", "id": "\xff s3cret-marker"}', "1 of 3 lines are not JSON of a resource"),
        (b'["Condition", ' * 3000, "1 of 3 lines are not JSON of a resource"),
        (b'{"resourceType": "Condition", "note": "s3cret-marker"}', "1 resources have no id"),
        (
            b'{"resourceType": "Condition", "id": "2", "code": {"coding": [{"code": "\\ud800"}]}}',
            r"it\.code: a text holds half a character",
        ),
        (b'{"resourceType": "Condition", "id": "2", "code": {"coding": [{"code": {}}]}}', "1 of 3 values are not text"),
    ],
)
def test_a_line_that_cannot_be_read_is_counted_and_not_shown(tmp_path: Path, line: bytes, said: str) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition("1")]) + line + b"\n" + ndjson([condition("3")]))

    with pytest.raises(DataError, match=said) as caught:
        _rows(tmp_path)

    assert SECRET not in str(caught.value)


def test_a_torn_line_that_names_no_type_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition("1")]) + b'{"id": "2", "resourceTy')

    with pytest.raises(DataError, match="1 of 2 lines are not JSON of a resource"):
        _rows(tmp_path)


def test_what_can_be_read_of_a_torn_file_is_told_and_its_end_comes_with_the_whole_one(tmp_path: Path) -> None:
    whole = ndjson([condition(str(i)) for i in range(3)])
    (tmp_path / "a.ndjson").write_bytes(whole[:-20])
    source = Source(source="clinic", streams={"it": CONDITION})
    told: list[Batch] = []

    with closing(connect(site(tmp_path.as_uri()), source, tmp_path)) as connector:
        with pytest.raises(DataError, match="line 3"):
            told.extend(connector.read("it", None))
        (tmp_path / "a.ndjson").write_bytes(whole)
        known = {batch.id for batch in told}
        told.extend(connector.read("it", told[-1].cursor, known))

    assert [batch.rows["_key"].to_list() for batch in told] == [["0", "1"], ["0", "1", "2"]]


def test_gzip_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(ndjson([condition(str(i)) for i in range(50)]))[:-30])

    with pytest.raises(DataError, match=r"file 'a\.ndjson\.gz': its compressed data end too early"):
        _rows(tmp_path)


def test_no_folder_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"there is no folder .*; see its address"):
        _read(tmp_path / "nowhere")


def test_files_of_other_kinds_are_remarked_once(tmp_path: Path) -> None:
    for name in ("a.ndjson", "b.json.gz", "Ива Петрова.pdf", "c.csv", "d.csv", "2024", ".hidden.txt"):
        (tmp_path / name).write_bytes(b"")
    source = Source(source="clinic", streams={"one": CONDITION, "two": CONDITION})

    with closing(connect(site(tmp_path.as_uri()), source, tmp_path)) as connector:
        told = [list(connector.remarks(name)) for name in connector.streams()]

    assert told[1] == []
    assert told[0][0].startswith("4 files are not read, because their names do not end in")
    assert told[0][0].endswith("(.csv 2, .pdf 1, no ending 1)")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"options": {"vieww": {}}}, "unknown key 'vieww'; did you mean 'view'"),
        ({"options": {}}, "view: Field required"),
        ({"options": {"view": "../../etc/passwd"}}, "is not in the mapping folder"),
        ({"options": {"view": "nothing.json"}}, r"nothing\.json: no such file"),
        ({"table": "Observation"}, "stream 'it' is of Observation, its view of Condition"),
        ({"key": "ident"}, "its view has no column 'ident'"),
        ({"options": {**CONDITION.options, "date_partial": "guess"}}, "date_partial: Input should be 'refuse'"),
    ],
)
def test_a_stream_that_does_not_fit_its_view_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        _read(tmp_path, CONDITION.model_copy(update=change), mapping=tmp_path)


def test_a_key_that_is_not_the_id_is_refused_by_count(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson([condition("1")]))

    with pytest.raises(DataError, match=r"it\.code: in 1 rows it is not the id of the resource"):
        _rows(tmp_path, CONDITION.model_copy(update={"key": "code"}))


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_view_is_a_file_of_the_mapping_folder(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"condition.view.{suffix}").write_text(json.dumps(CONDITION.options["view"]), "utf-8")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.ndjson").write_bytes(ndjson([condition("1")]))
    one = CONDITION.model_copy(update={"options": {"view": f"condition.view.{suffix}"}})

    assert _rows(tmp_path / "drop", one, mapping=tmp_path)["code"].to_list() == ["C50"]
