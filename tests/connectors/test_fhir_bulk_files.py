# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The Bulk Data client, points 10 to 12 and 14: files as they come, addresses that die, values, new members."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.fhir import connect
from connectors.fhir_state import erase
from connectors.fhir_view import View
from rwe.errors import DataError, SourceUnreachable
from rwe.ports import Batch, Cursor
from rwe.spec.source import Source
from tests.connectors.faulty_fhir import FaultyServer, Say, faulty_server
from tests.connectors.fhir_clinic import CONDITION, condition, ndjson, site, stream

SECRET = "s3cret-marker"
SOURCE = Source(source="clinic", streams={"condition": CONDITION})
NDJSON = {"Content-Type": "application/fhir+ndjson"}


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as made:
        made.write(*(condition(str(i)) for i in range(3)))
        yield made


def _read(server: FaultyServer, home: Path, since: Cursor | None = None, **options: Any) -> list[Batch]:
    options = {"pause_seconds": 0.01, "tries": 3, **options}
    source = options.pop("source", SOURCE)
    page = options.pop("page_rows", 100)
    with closing(connect(site(server.base, page, **options), source, home)) as connector:
        return list(connector.read("condition", since))


def test_an_erasure_deletes_downloads_and_the_next_reading_exports_anew(server: FaultyServer, tmp_path: Path) -> None:
    before = _ids(_read(server, tmp_path))  # nothing says that these rows landed: the files stay
    kept = [path for path in (tmp_path / "fhir").rglob("*") if path.suffix == ".ndjson"]

    gone = erase(tmp_path, {})

    left = [path.name for path in (tmp_path / "fhir").rglob("*") if path.is_file()]
    assert kept
    assert {"fhir/clinic/state.json", *(path.relative_to(tmp_path).as_posix() for path in kept)} <= set(gone)
    assert left == ["lock"]
    assert _ids(_read(server, tmp_path)) == before
    assert erase(tmp_path / "elsewhere", {}) == []


def _refused(server: FaultyServer, home: Path, **options: Any) -> tuple[list[Batch], str]:
    """Return what came before the fault, and its words."""
    told: list[Batch] = []
    connector = connect(site(server.base, pause_seconds=0.01, tries=2, **options), SOURCE, home)
    with closing(connector), pytest.raises(DataError) as caught:
        told.extend(connector.read("condition", None))
    assert SECRET not in str(caught.value)
    return told, str(caught.value)


def _ids(batches: list[Batch]) -> list[str]:
    return pl.concat([batch.rows for batch in batches], how="diagonal")["_key"].to_list()


@pytest.mark.parametrize("kind", ["application/fhir+ndjson", "application/ndjson", "application/octet-stream", ""])
def test_point_10_every_content_type_of_ndjson_is_taken(server: FaultyServer, tmp_path: Path, kind: str) -> None:
    rows = ndjson([condition(str(i)) for i in range(3)])
    server.say("file", Say(200, rows, {"Content-Type": kind} if kind else {}))

    assert len(_ids(_read(server, tmp_path))) == 3


def test_point_10_gzip_on_the_way(server: FaultyServer, tmp_path: Path) -> None:
    body = gzip.compress(ndjson([condition(str(i)) for i in range(3)]))
    server.say("file", Say(200, body, {**NDJSON, "Content-Encoding": "gzip"}))

    assert len(_ids(_read(server, tmp_path))) == 3


def test_point_10_gzip_that_is_torn_is_fetched_again(server: FaultyServer, tmp_path: Path) -> None:
    body = gzip.compress(ndjson([condition(str(i)) for i in range(3)]))
    server.say("file", Say(200, body[:-25], {**NDJSON, "Content-Encoding": "gzip"}))

    assert len(_ids(_read(server, tmp_path))) == 3
    assert len(server.of("file")) == 2


@pytest.mark.ci
def test_point_10_many_tiny_files_through_429_and_502(server: FaultyServer, tmp_path: Path) -> None:
    server.write(*(condition(str(i)) for i in range(200)))
    server.rows_per_file = 1
    wait = {"Retry-After": "0"}
    server.say(
        "file", *[Say(429, headers=wait), Say(502, b"<html>"), Say(200, b"<html>", {"Content-Type": "text/html"})] * 10
    )

    assert sorted(_ids(_read(server, tmp_path, parallel=4, tries=12)), key=int) == [str(i) for i in range(200)]
    assert len(server.of("file")) == 230


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-1],
        lambda body: body.replace(b"\n", b"\r\n"),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body.replace(b"\n", b"\n\n \n"),
    ],
    ids=["no last newline", "CRLF", "BOM", "blank lines"],
)
def test_point_10_other_ways_of_writing_the_same(server: FaultyServer, tmp_path: Path, change: Any) -> None:
    server.change_file = change

    assert _ids(_read(server, tmp_path)) == ["0", "1", "2"]
    assert len(server.of("file")) == 1


def test_point_10_an_empty_file_brings_nothing(server: FaultyServer, tmp_path: Path) -> None:
    server.say("file", Say(200, b"", NDJSON))
    server.counts = False

    (batch,) = _read(server, tmp_path)

    assert batch.rows.is_empty()


def test_point_10_a_long_line_is_read(server: FaultyServer, tmp_path: Path) -> None:
    megabytes = 3  # 50 in the specification's test list: the way is the same
    server.write(condition("long", note=[{"text": "я" * (megabytes << 19)}]))

    assert _ids(_read(server, tmp_path)) == ["0", "1", "2", "long"]


@pytest.mark.parametrize("cut", [10, -5])
def test_point_10_a_line_that_goes_dead_is_fetched_again(server: FaultyServer, tmp_path: Path, cut: int) -> None:
    rows = ndjson([condition(str(i)) for i in range(3)])
    server.say("file", Say(200, rows, NDJSON, cut=cut % len(rows)))

    assert _ids(_read(server, tmp_path)) == ["0", "1", "2"]
    assert len(server.of("file")) == 2


def test_point_10_a_truncated_last_line_is_fetched_again_and_in_the_end_told(
    server: FaultyServer, tmp_path: Path
) -> None:
    server.counts = False
    server.change_file = lambda body: body[:-20]

    told, said = _refused(server, tmp_path)

    assert _ids(told) == ["0", "1"]
    assert "1 of 3 lines are not JSON of a resource (the first is line 3)" in said
    assert told[-1].cursor.value == ""
    assert len(server.of("file")) == 2


def test_point_10_a_wrong_count_is_fetched_again_and_in_the_end_told(server: FaultyServer, tmp_path: Path) -> None:
    server.change_manifest = lambda manifest: manifest["output"][0].update(count=4)

    told, said = _refused(server, tmp_path)

    assert _ids(told) == ["0", "1", "2"]
    assert "the export of Condition is incomplete: 1 files where it holds 3 resources, not 4" in said
    assert told[-1].cursor.value == ""


def test_point_10_a_page_of_html_is_no_file(server: FaultyServer, tmp_path: Path) -> None:
    server.change_file = lambda _body: f"<!DOCTYPE html>{SECRET}".encode()

    with pytest.raises(SourceUnreachable, match="file 1 of an export cannot be fetched: a page of HTML") as caught:
        _read(server, tmp_path)

    assert SECRET not in str(caught.value)


def test_point_10_the_same_resource_in_two_files_is_fine_in_one_version_only(
    server: FaultyServer, tmp_path: Path
) -> None:
    one = condition("0", meta={"lastUpdated": "2024-01-01T00:00:00Z"})
    two = condition("0", code="C51", meta={"lastUpdated": "2024-02-01T00:00:00Z"})
    server.rows_per_file = 1
    server.counts = False
    server.say("file", Say(200, ndjson([one])), Say(200, ndjson([one])), Say(200, ndjson([two])))
    told, said = _refused(server, tmp_path / "two", parallel=1)
    server.say("file", *[Say(200, ndjson([one]))] * 3)

    assert _read(server, tmp_path / "one", parallel=1)[-1].cursor.key == ""
    assert _ids(told) == ["0", "0", "0"]
    assert "1 resources in two versions" in said


def test_point_10_an_unknown_type_is_passed_over_and_a_wrong_one_told(server: FaultyServer, tmp_path: Path) -> None:
    def more(manifest: dict[str, Any]) -> None:
        manifest["output"].append({"type": "Nonsense", "url": f"{server.root}/nowhere"})

    server.change_manifest = more
    assert len(_ids(_read(server, tmp_path))) == 3
    server.change_file = lambda body: body.replace(b'"Condition"', b'"Procedure"', 1)

    told, said = _refused(server, tmp_path)

    assert _ids(told) == ["1", "2"]
    assert "1 of 3 lines hold resources of another type" in said


@pytest.mark.parametrize("status", [403, 404, 410])
def test_point_11_dead_addresses_are_asked_for_anew(server: FaultyServer, tmp_path: Path, status: int) -> None:
    server.say("file", Say(status))

    assert len(_ids(_read(server, tmp_path))) == 3
    assert len(server.of("status")) == 2
    assert len(server.of("kickoff")) == 1


def test_point_11_addresses_past_their_time_are_not_tried(server: FaultyServer, tmp_path: Path) -> None:
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    manifest = {"transactionTime": "2024-01-01T00:00:00Z", "output": [{"type": "Condition", "url": "/dead"}]}
    server.counts = False
    server.say("status", Say(200, json.dumps(manifest).encode(), {"Expires": past}))
    server.change_manifest = lambda told: told.update(transactionTime="2024-01-01T00:00:00Z", deleted=[], error=[])

    assert len(_ids(_read(server, tmp_path))) == 3
    assert [one.path for one in server.of("file")] == ["/file/0/0"]


def test_point_11_an_export_that_is_gone_with_its_addresses_begins_anew(server: FaultyServer, tmp_path: Path) -> None:
    def forget() -> None:
        server.jobs[0] = None

    server.say("file", Say(410, then=forget))

    assert len(_ids(_read(server, tmp_path))) == 3
    assert len(server.of("kickoff")) == 2


def test_point_11_addresses_that_stay_dead_are_told(server: FaultyServer, tmp_path: Path) -> None:
    server.say("file", *[Say(403)] * 20)

    with pytest.raises(SourceUnreachable, match="file 1 of an export cannot be fetched: dead"):
        _read(server, tmp_path)


@pytest.mark.parametrize(
    ("kind", "path", "value", "expected"),
    [
        ("Quantity", "Quantity).value", {"value": Decimal("7.40"), "unit": "mg/dL"}, Decimal("7.40")),
        ("CodeableConcept", "CodeableConcept).coding.code", {"coding": [{"code": "LA6576-8"}]}, "LA6576-8"),
        ("String", "string)", "отрицателен", "отрицателен"),
        ("Boolean", "boolean)", False, False),
        ("Integer", "integer)", 3, 3),
        ("Range", "Range).high.value", {"low": {"value": 1}, "high": {"value": 2}}, 2),
        ("Ratio", "Ratio).denominator.value", {"numerator": {"value": 1}, "denominator": {"value": 128}}, 128),
        ("SampledData", "SampledData).data", {"data": "1 2 3"}, "1 2 3"),
        ("Time", "time)", "12:30:00", "12:30:00"),
        ("DateTime", "dateTime)", "2024-05", "2024-05"),
        ("Period", "Period).start", {"start": "2024-05-01"}, "2024-05-01"),
    ],
)
def test_point_12_value_x_of_all_kinds(kind: str, path: str, value: Any, expected: Any) -> None:
    paths = {"it": f"value.ofType({path}", "other": "value.ofType(Attachment).url", "any": "value.exists()"}
    view = View({"resource": "Observation", "select": [{"column": [{"name": n, "path": p} for n, p in paths.items()]}]})

    (row,) = view.rows({"resourceType": "Observation", "id": "1", f"value{kind}": value})

    assert row == {"it": expected, "other": None, "any": True}


def test_point_12_references_and_times_of_every_length_over_the_wire(server: FaultyServer, tmp_path: Path) -> None:
    paths = {"patient_no": "subject.getReferenceKey(Patient)", "onset": "onset.ofType(dateTime)", "day": "recordedDate"}
    one = stream("Condition", {"onset": "timestamp", "day": "date"}, paths, date_partial="null", time_as_date="local")
    subjects = [
        "Patient/a",
        f"{server.base}/Patient/a",
        "urn:uuid:a",
        "#p",
        "Group/a",
        "https://other.example/Patient/a",
    ]
    onsets = ["2024", "2024-05", "2024-05-06", "2024-05-06T10:00:00+03:00", "2024-05-06T07:00:00.123Z", "1904-01-01"]
    server.write(
        *(
            condition(str(i), onset=onset, subject={"reference": subject}, recordedDate=onset)
            for i, (subject, onset) in enumerate(zip(subjects, onsets, strict=True))
        )
    )

    rows = pl.concat([b.rows for b in _read(server, tmp_path, source=Source(source="s", streams={"condition": one}))])

    assert rows["patient_no"].to_list() == ["a", "a", "a", None, None, "https://other.example/Patient/a"]
    when = datetime(2024, 5, 6, 7, tzinfo=UTC)
    assert rows["onset"].to_list() == [None, None, None, when, when.replace(microsecond=123_000), None]
    assert rows["day"].to_list() == [None, None, date(2024, 5, 6), date(2024, 5, 6), date(2024, 5, 6), date(1904, 1, 1)]


GROUP = {"export": "group", "group": "g"}


@pytest.mark.parametrize("takes_patients", ["yes", "no"])
def test_point_14_new_members_bring_their_history(server: FaultyServer, tmp_path: Path, takes_patients: str) -> None:
    server.write(condition("old", person="p2"))
    server.group = ["p1"]
    first = _read(server, tmp_path, **GROUP)
    server.group = ["p1", "p2"]
    server.write(condition("new", person="p1"))
    server.takes_post = takes_patients == "yes"

    second = _read(server, tmp_path, first[-1].cursor, **GROUP)
    third = _read(server, tmp_path, second[-1].cursor, **GROUP)

    assert sorted(_ids(first)) == ["0", "1", "2"]
    assert sorted(set(_ids(second))) == (["new", "old"] if takes_patients == "yes" else ["0", "1", "2", "new", "old"])
    assert third == []
    changes, history = server.of("kickoff")[1:3]
    assert changes.parameters["_since"] == [first[-1].cursor.value]
    assert "_since" not in history.parameters


def test_point_14_members_are_kept_as_salted_hashes_once_their_records_landed(
    server: FaultyServer, tmp_path: Path
) -> None:
    server.group = ["p1"]

    first = _read(server, tmp_path, **GROUP)
    told = (tmp_path / "fhir" / "clinic" / "state.json").read_text()
    _read(server, tmp_path, first[-1].cursor, **GROUP)
    landed = (tmp_path / "fhir" / "clinic" / "state.json").read_text()

    assert [len(json.loads(state)["members"]) for state in (told, landed)] == [0, 1]
    assert '"p1"' not in told + landed


def test_what_was_told_and_did_not_land_is_asked_for_anew(server: FaultyServer, tmp_path: Path) -> None:
    _read(server, tmp_path)
    server.write(condition("1", code="mended"))

    (again,) = _read(server, tmp_path)

    assert again.rows.filter(pl.col("_key") == "1")["code"].to_list() == ["mended"]
    assert len(list((tmp_path / "fhir" / "clinic").glob("*/"))) == 1


def test_files_go_once_the_cursor_says_that_they_landed(server: FaultyServer, tmp_path: Path) -> None:
    first = _read(server, tmp_path)
    here = list((tmp_path / "fhir" / "clinic").glob("*/*.ndjson"))

    assert _read(server, tmp_path, first[-1].cursor) == []
    assert here
    assert list((tmp_path / "fhir" / "clinic").glob("*/")) == []


def test_point_14_history_may_be_left(server: FaultyServer, tmp_path: Path) -> None:
    first = _read(server, tmp_path, new_members="leave", **GROUP)

    assert _read(server, tmp_path, first[-1].cursor, new_members="leave", **GROUP) == []
    assert server.of("group") == []


def test_point_14_a_group_that_is_not_told_is_refused_with_the_way_out(server: FaultyServer, tmp_path: Path) -> None:
    server.say("group", Say(403))

    with pytest.raises(DataError, match=r"does not tell who is in the group.*new_members: leave"):
        _read(server, tmp_path, **GROUP)


def test_two_readers_of_one_site_do_not_meet(server: FaultyServer, tmp_path: Path) -> None:
    gate = threading.Event()
    server.say("status", Say(202, headers={"Retry-After": "0"}, then=gate.set), Say(202, headers={"Retry-After": "1"}))
    told: list[list[Batch]] = []
    thread = threading.Thread(target=lambda: told.append(_read(server, tmp_path)))
    thread.start()
    gate.wait(20)

    with pytest.raises(Exception, match="another process reads this site"):
        _read(server, tmp_path)

    thread.join(30)
    assert len(_ids(told[0])) == 3
