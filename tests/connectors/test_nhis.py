# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""NHIS messages land as their newest version says; what cannot be read is named, kept and holds up nothing."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.nhis import NhisConnector, connect
from connectors.nhis_message import ZONE, read_message
from connectors.nhis_plan import plans
from connectors.nhis_xml import Malformed
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.ports import Batch, Cursor
from rwe.spec.base import Text, read
from rwe.spec.site import Site
from rwe.spec.source import Source
from rwe.store import Store
from synthetic.nhis import Node, Sent, Tree, envelope, messages, truth

SOURCE = read(Path(__file__).parents[2] / "configs/mappings/nhis/source.yaml", Source)
PLANS = plans(SOURCE, ZONE)
ID = "32ece600-4180-4141-a500-{:012d}"


@dataclass(frozen=True)
class Clinic:
    """A drop folder, and landing tables as extraction fills them."""

    home: Path
    page_rows: int = 50
    options: dict[str, Any] | None = None
    source: Source = SOURCE

    @property
    def folder(self) -> Path:
        """Where the messages are."""
        return self.home / "drops"

    def put(self, *sent: Sent) -> None:
        """Put messages there, one file each."""
        for one in sent:
            self.drop(one.name, one.data)

    def drop(self, name: str, data: bytes) -> Path:
        """Put a file there."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def open(self) -> NhisConnector:
        """Return a connector on it."""
        self.folder.mkdir(exist_ok=True)
        title, url = Text(en="Clinic", bg="Клиника"), "file:///{home}/drops"
        site = Site(
            site="clinic", title=title, connector="nhis", url=url, mapping=".", page_rows=self.page_rows,
            options=self.options or {},
        )  # fmt: skip
        return connect(site, self.source, self.home)

    def land(self, *streams: str) -> list[str]:
        """Extract once; return what the streams complained of."""
        connector, faults = self.open(), []
        for name in streams or connector.streams():
            table = Store(self.home / "store").table(name)
            try:
                for batch in connector.read(name, table.cursor(), frozenset(seal.batch for seal in table.seals())):
                    table.append(batch.rows, batch=batch.id or "empty", cursor=batch.cursor)
            except DataError as exc:
                faults.append(str(exc))
        connector.close()
        return faults

    def landed(self, stream: str = "hospitalization") -> pl.DataFrame:
        """Return the current rows of a stream."""
        return Store(self.home / "store").table(stream).current().sort("_key").collect()

    def batches(self, since: Cursor | None = None) -> tuple[list[Batch], str]:
        """Read the stays after a cursor, and what the reading complained of."""
        connector, read = self.open(), list[Batch]()
        try:
            read.extend(connector.read("hospitalization", since))
        except DataError as exc:
            return read, str(exc)
        finally:
            connector.close()
        return read, ""


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def stay(number: str, n: int, made: str = "2024-05-01T10:00:00Z", **told: Node) -> bytes:
    """Return a message about a stay."""
    contents: Tree = {
        "hospitalization": {"nrnHospitalization": number, "status": "2", "admissionDate": "2024-04-01", **told},
        "subject": {"identifier": "7523169263", "birthDate": "1975-03-16"},
    }
    return envelope("H002", contents, message_id=ID.format(n), created_on=made)


def expect(sent: Iterable[Sent]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return what must stand in the landing: number and outcome of stays, key and code of diagnoses."""
    left = truth(list(sent))
    codes = [(f"{number}/{i}", code) for number, one in left.items() for i, code in enumerate(one.diagnoses, 1)]
    return sorted((number, one.outcome) for number, one in left.items()), sorted(codes)


def stands(clinic: Clinic) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    return (
        clinic.landed().select("_key", "outcome").rows(),
        clinic.landed("hospital_diagnosis").select("_key", "code").rows(),
    )


@pytest.mark.parametrize("page_rows", [9, 1000])
def test_landing_is_what_the_newest_messages_say(tmp_path: Path, page_rows: int) -> None:
    clinic, sent = Clinic(tmp_path, page_rows), list(messages(40, seed=5))
    clinic.put(*sent)

    faults = clinic.land()

    assert faults == []
    assert stands(clinic) == expect(sent)
    assert any(one.stay.void for one in sent)
    assert {"Храбър", "Щерьо", "Цветана"} & set(clinic.landed()["given_name"])


def test_messages_that_come_day_by_day_land_as_if_they_came_at_once(clinic: Clinic) -> None:
    sent = list(messages(40, seed=5))

    for part in (sent[:9], sent[9:10], [], sent[10:]):
        clinic.put(*part)
        assert clinic.land() == []

    assert stands(clinic) == expect(sent)


def test_an_older_message_that_comes_late_does_not_replace_a_newer_one(clinic: Clinic) -> None:
    clinic.drop("new.xml", stay("A", 2, "2024-05-02T10:00:00Z", outcome="2"))
    clinic.land("hospitalization")
    clinic.drop("old.xml", stay("A", 1, "2024-05-01T10:00:00Z", outcome="1"))
    clinic.drop("other.xml", stay("B", 3, "2024-01-01T10:00:00Z", outcome="3"))

    clinic.land("hospitalization")

    assert clinic.landed().select("_key", "outcome").rows() == [("A", "2"), ("B", "3")]


def test_messages_about_one_stay_that_come_together_land_as_the_last_of_them(clinic: Clinic) -> None:
    many: list[Node] = [{"code": code} for code in ("C34.1", "I10", "E11.9")]
    clinic.drop("1.xml", stay("A", 1, "2024-05-01T10:00:00Z", diagnosis=many))
    clinic.drop("2.xml", stay("A", 2, "2024-05-02T10:00:00Z", diagnosis=many[:1]))
    clinic.drop("3.xml", stay("B", 3, "2024-05-01T11:00:00Z", diagnosis=many))
    clinic.drop("4.xml", stay("B", 4, "2024-05-03T11:00:00Z", status="4", diagnosis=many))

    clinic.land("hospital_diagnosis")

    assert clinic.landed("hospital_diagnosis").select("_key", "code").rows() == [("A/1", "C34.1")]
    assert len(Store(clinic.home / "store").table("hospital_diagnosis").seals()) == 1


def test_a_cancelled_stay_is_gone_and_a_correction_brings_it_back(clinic: Clinic) -> None:
    diagnoses: list[Node] = [{"code": "C34.1"}, {"code": "I10"}]
    clinic.drop("1.xml", stay("A", 1, diagnosis=diagnoses))
    clinic.land("hospitalization", "hospital_diagnosis")
    clinic.drop("2.xml", stay("A", 2, "2024-05-02T10:00:00Z", status="4"))
    clinic.land("hospitalization", "hospital_diagnosis")
    gone = clinic.landed().height, clinic.landed("hospital_diagnosis").height
    clinic.drop("3.xml", stay("A", 3, "2024-05-03T10:00:00Z", diagnosis=diagnoses[:1]))

    clinic.land("hospitalization", "hospital_diagnosis")

    assert gone == (0, 0)
    assert clinic.landed()["_key"].to_list() == ["A"]
    assert clinic.landed("hospital_diagnosis").select("_key", "code").rows() == [("A/1", "C34.1")]


def test_several_reasons_of_a_correction_are_rows(clinic: Clinic) -> None:
    clinic.drop("1.xml", stay("A", 1, correctionReason=["грешна дата", 'код "КП" & МКБ <C>']))

    clinic.land("hospital_correction")

    assert clinic.landed("hospital_correction")["reason"].to_list() == ["грешна дата", 'код "КП" & МКБ <C>']


def test_an_answer_with_many_results_is_many_rows(clinic: Clinic) -> None:
    results: list[Node] = [
        {"hospitalization": {"nrnHospitalization": f"N{i}"}, "subject": {"identifier": f"P{i}"}} for i in range(3)
    ]
    contents: Tree = {"foundNumber": "3", "results": results}
    clinic.drop("1.xml", envelope("H002", contents, message_id=ID.format(1), created_on="2024-05-01T10:00:00Z"))

    clinic.land("hospitalization")

    assert clinic.landed().select("nrn", "patient_no").rows() == [("N0", "P0"), ("N1", "P1"), ("N2", "P2")]


@pytest.mark.parametrize(
    ("kind", "contents", "stream", "key"),
    [
        ("R001", {"referral": {"nrnReferral": "R1", "category": "R3"}}, "referral", "R1"),
        ("X013", {"examination": {"nrnExamination": "X1", "purpose": "2"}}, "examination", "X1"),
        (
            "P001",
            {"prescription": {"nrnPrescription": "P1", "group": [{"medication": [{"medicationCode": "7"}]}]}},
            "prescribed_medicine",
            "P1/1",
        ),
    ],
)
def test_other_families_have_their_streams(clinic: Clinic, kind: str, contents: Any, stream: str, key: str) -> None:
    contents = {**contents, "subject": {"identifier": "1"}}
    clinic.drop("1.xml", envelope(kind, contents, message_id=ID.format(1), created_on="2024-05-01T10:00:00Z"))

    faults = clinic.land()

    assert faults == []
    assert clinic.landed(stream)["_key"].to_list() == [key]
    assert clinic.landed().is_empty()


def test_archives_are_read_like_folders(clinic: Clinic) -> None:
    sent = list(messages(30, seed=8))
    clinic.folder.mkdir()
    with zipfile.ZipFile(clinic.folder / "january.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sent[:20]:
            archive.writestr(f"out/{one.name}", one.data)
    (clinic.folder / "ward").mkdir()
    for one in sent[20:]:
        (clinic.folder / "ward" / one.name).write_bytes(one.data)

    assert clinic.land() == []
    assert stands(clinic) == expect(sent)


SIGNED = (
    '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignatureValue>AAAA</ds:SignatureValue>'
    "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
)


def test_a_signature_is_noted(clinic: Clinic) -> None:
    contents: Tree = {"hospitalization": {"nrnHospitalization": "S"}, "subject": {"identifier": "1"}}
    made: dict[str, Any] = {"message_id": ID.format(2), "created_on": "2024-05-01T10:00:00Z"}
    clinic.drop("1.xml", envelope("H002", contents, signature=SIGNED.format("QUJD\nREVG"), **made))
    clinic.drop("2.xml", stay("U", 1))

    clinic.land("hospitalization")

    connector = clinic.open()
    assert clinic.landed().select("_key", "signed").rows() == [("S", "yes"), ("U", "no")]
    assert connector.session["messages"] == "2"
    assert connector.session["signed"] == "1"
    assert "not verified" in connector.session["signatures"]
    connector.close()


GOOD = stay("A", 1).decode()
FOREIGN = '<x:status xmlns:x="urn:x" value="1"/>'
SYSTEM = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
SECOND_ID = '<nhis:messageId value="x"/>'
UNSIGNED = SIGNED.format("?")
TWO = '<nhis:outcome value="1"/>' * 2
BOMB = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY a{i} "&a{i - 1 or ""};&a{i - 1 or ""};">' for i in range(1, 30)
)
ZOO: dict[str, tuple[bytes, str]] = {
    "billion laughs": (f"{BOMB}]>{GOOD.partition('?>')[2]}".encode(), "DTD"),
    "external entity": (GOOD.replace("?>", f"?>{SYSTEM}", 1).encode(), "DTD"),
    "external DTD": (GOOD.replace("?>", '?><!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">', 1).encode(), "DTD"),
    "entity without DTD": (GOOD.replace('value="A"', 'value="&x;"').encode(), "not well formed"),
    "long value": (GOOD.replace('value="A"', f'value="{"A" * 200_000}"').encode(), "longer than"),
    "100 MB": (GOOD.replace('value="A"', f'value="{"A" * 100_000_000}"').encode(), "larger than"),
    "many elements": (GOOD.replace("<nhis:status", "<nhis:a/>" * 200_001 + "<nhis:status").encode(), "elements"),
    "many attributes": (
        GOOD.replace('value="A"', "".join(f'a{i}="" ' for i in range(99)) + 'value="A"').encode(), "attributes",
    ),
    "deep nesting": (GOOD.replace("<nhis:status", "<nhis:a>" * 5000 + "<nhis:status").encode(), "nested deeper"),
    "UTF-8 under another name": (
        GOOD.replace("utf-8", "windows-1251").replace('value="A"', 'value="Ж"').encode(), "written in UTF-8",
    ),
    "windows-1251 under another name": (GOOD.replace('value="A"', 'value="Ж"').encode("cp1251"), "not well formed"),
    "UTF-16": (GOOD.encode("utf-16"), "neither utf-8 nor"),
    "another encoding": (GOOD.replace("utf-8", "iso-8859-5").encode(), "encoding other than"),
    "truncated": (GOOD[: len(GOOD) // 2].encode(), "not well formed"),
    "empty": (b"", "not well formed"),
    "two roots": ((GOOD + GOOD.partition("?>")[2]).encode(), "not well formed"),
    "another root namespace": (GOOD.replace("https://www.his.bg\"", "https://example.org\"", 1).encode(), "root"),
    "two namespaces": (
        GOOD.replace("<nhis:status", f"{FOREIGN}<nhis:status").encode(), "outside the namespace",
    ),
    "text between tags": (GOOD.replace("<nhis:status", "lost<nhis:status").encode(), "text between tags"),
    "no messageId": (GOOD.replace("messageId", "messageIdent").encode(), "0 elements messageId"),
    "two messageIds": (GOOD.replace("<nhis:messageType", f"{SECOND_ID}<nhis:messageType").encode(), "2 elements"),
    "strange messageId": (GOOD.replace('messageId value="', 'messageId value="../').encode(), "not an identifier"),
    "strange type": (GOOD.replace('value="H002"', 'value="Z999"').encode(), "no family"),
    "no time": (GOOD.replace("2024-05-01T10:00:00Z", "1.5.2024").encode(), "createdOn is not a time"),
    "no number": (GOOD.replace('nrnHospitalization value="A"', 'nrnHospitalization value=""').encode(), "lacks 'nrn'"),
    "no person": (GOOD.replace('identifier value="7523169263"', 'identifier value=""').encode(), "lacks 'patient_no'"),
    "a date that is none": (GOOD.replace("2024-04-01", "2024-02-30").encode(), "'admission_date' is not of type date"),
    "two values": (GOOD.replace("<nhis:status", f"{TWO}<nhis:status").encode(), "several values"),
    "a broken certificate": (GOOD.replace("</nhis:message>", f"{UNSIGNED}</nhis:message>").encode(), "base64"),
}  # fmt: skip


_SLOW = ("many elements", "100 MB")


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.ci] if one in _SLOW else []) for one in ZOO])
def test_what_cannot_be_read_is_named_and_loses_nothing(clinic: Clinic, name: str) -> None:
    data, reason = ZOO[name]
    clinic.drop("1-before.xml", stay("B", 2, "2024-05-01T09:00:00Z"))
    bad = clinic.drop("2 bad 7523169263.xml", data)
    clinic.drop("3-after.xml", stay("C", 3, "2024-05-01T11:00:00Z"))

    (batch,), fault = clinic.batches()
    nothing, again = clinic.batches(batch.cursor)

    assert batch.rows["_key"].to_list() == ["B", "C"]
    assert nothing == []
    assert "1 files or messages" in fault
    assert reason in fault
    assert "2 bad **********.xml" in fault
    assert "7523169263" not in fault
    assert again == fault
    assert bad.read_bytes() == data
    bad.write_bytes(stay("A", 9))
    (mended,), silence = clinic.batches(batch.cursor)
    assert mended.rows["_key"].to_list() == ["A"]
    assert silence == ""


def test_the_same_id_with_other_content_is_refused_even_when_the_first_is_gone(clinic: Clinic) -> None:
    first = clinic.drop("1.xml", stay("A", 1, outcome="1"))
    clinic.land("hospitalization")
    first.unlink()
    clinic.drop("2.xml", stay("A", 1, outcome="2"))

    (fault,) = clinic.land("hospitalization")

    assert "2.xml: its messageId came before with other content" in fault
    assert clinic.landed()["outcome"].to_list() == ["1"]


def test_a_message_taken_away_before_its_turn_is_told_once_and_lands_when_it_returns(clinic: Clinic) -> None:
    data = stay("A", 1)
    path = clinic.drop("1.xml", data)
    clinic.drop("2.xml", stay("B", 2))
    connector = clinic.open()
    connector.check()
    connector.close()
    path.unlink()

    (fault,) = clinic.land("hospitalization")
    second = clinic.land("hospitalization")
    clinic.drop("back.xml", data)
    third = clinic.land("hospitalization")

    assert "1.xml: it is no longer in the folder" in fault
    assert second == third == []
    assert clinic.landed()["_key"].to_list() == ["A", "B"]


def test_the_same_message_twice_is_one(clinic: Clinic) -> None:
    clinic.drop("1.xml", stay("A", 1))
    clinic.land("hospitalization")
    (clinic.folder / "1.xml").rename(clinic.folder / "moved.xml")
    clinic.drop("copy.xml", stay("A", 1))

    assert clinic.land("hospitalization") == []
    assert len(Store(clinic.home / "store").table("hospitalization").seals()) == 1


def test_a_message_set_aside_lands_when_the_declaration_is_mended(clinic: Clinic, tmp_path: Path) -> None:
    clinic.drop("1.xml", stay("A", 1, daysHospitalized="2,5"))
    clinic.drop("2.xml", stay("B", 2, daysHospitalized="2"))
    (fault,) = clinic.land("hospitalization")
    stream = SOURCE.streams["hospitalization"]
    paths = {**stream.options["paths"], "days": "hospitalization/lrn"}  # where this hospital has none
    mended = stream.model_copy(update={"options": {**stream.options, "paths": paths}})

    clinic = Clinic(tmp_path, source=SOURCE.model_copy(update={"streams": {"hospitalization": mended}}))

    assert "'days' is not of type integer" in fault
    assert clinic.land() == []
    assert clinic.landed()["_key"].to_list() == ["A", "B"]
    assert clinic.land() == []


def test_a_message_set_aside_is_forgotten_when_the_sender_mends_it(clinic: Clinic) -> None:
    clinic.drop("1.xml", stay("A", 1, daysHospitalized="many"))
    clinic.drop("0.xml", stay("B", 3, "2024-04-01T10:00:00Z"))
    clinic.land("hospitalization")
    clinic.drop("2.xml", stay("A", 2, "2024-05-02T10:00:00Z", daysHospitalized="2"))

    assert clinic.land("hospitalization") == []
    assert clinic.landed().select("_key", "days").rows() == [("A", 2), ("B", None)]


def test_a_lost_ledger_costs_no_row(clinic: Clinic) -> None:
    sent = list(messages(20, seed=2))
    clinic.put(*sent[:15])
    clinic.land()
    (clinic.home / "nhis" / "clinic.sqlite").unlink()
    clinic.put(*sent[15:])

    assert clinic.land() == []
    assert stands(clinic) == expect(sent)


def test_the_ledger_is_for_its_owner_only(clinic: Clinic) -> None:
    clinic.land("hospitalization")

    assert (clinic.home / "nhis").stat().st_mode & 0o777 == 0o700
    assert (clinic.home / "nhis" / "clinic.sqlite").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("torn.zip", lambda path: path.write_bytes(b"PK\x03\x04 torn"), "not a zip archive"),
        ("link.xml", lambda path: path.symlink_to("/etc/hostname"), "a link"),
    ],
)
def test_archives_and_links_that_are_none(clinic: Clinic, name: str, make: Any, reason: str) -> None:
    clinic.drop("1.xml", stay("A", 1))
    make(clinic.folder / name)

    (fault,) = clinic.land("hospitalization")

    assert reason in fault
    assert clinic.landed().height == 1


def test_one_bad_file_in_an_archive_is_named(clinic: Clinic) -> None:
    clinic.folder.mkdir()
    with zipfile.ZipFile(clinic.folder / "a.zip", "w") as archive:
        archive.writestr("good.xml", stay("A", 1))
        archive.writestr("bad.xml", b"<a>")

    (fault,) = clinic.land("hospitalization")

    assert "a.zip/bad.xml: it is not well formed" in fault
    assert clinic.landed().height == 1


def test_no_value_of_a_record_is_told(clinic: Clinic) -> None:
    secret = "ТАЙНА4711"
    for i, told in enumerate(({"admissionDate": secret}, {"daysHospitalized": secret}, {"outcome": [secret, secret]})):
        clinic.drop(f"{i}.xml", stay("A", i, **told))
    clinic.drop("9.xml", stay(secret, 9)[:-20])

    said = " ".join(clinic.land())

    assert "4 files or messages" in said
    assert secret not in said


def test_a_folder_that_is_not_there_is_unreachable(clinic: Clinic) -> None:
    connector = clinic.open()
    clinic.folder.rmdir()

    with pytest.raises(SourceUnreachable, match="cannot be read"):
        connector.check()
    connector.close()


@pytest.mark.parametrize(
    ("options", "changes", "said"),
    [
        ({"zne": "Europe/Sofia"}, {}, "did you mean 'zone'"),
        ({"zone": "Europe/Plovdiv"}, {}, "no such time zone"),
        ({}, {"pths": {}}, "did you mean 'paths'"),
        ({}, {"each": None}, "name it in 'each'"),
        ({}, {"messages": ["Z001"]}, "messages"),
        ({}, {"codes": {"cde": "CL011"}}, "did you mean 'code'"),
        ({}, {"paths": {"nrn": "hospitalization/nrnHospitalization"}}, "no path for 'patient_no'"),
    ],
)
def test_options_are_a_closed_grammar(
    tmp_path: Path, options: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    stream = SOURCE.streams["hospital_diagnosis"]
    stream = stream.model_copy(update={"options": {**stream.options, **changes}})
    clinic = Clinic(
        tmp_path, options=options, source=SOURCE.model_copy(update={"streams": {"hospital_diagnosis": stream}})
    )

    with pytest.raises(DefinitionError, match=said):
        clinic.open()


def test_times_without_a_zone_are_local(clinic: Clinic) -> None:
    clinic.drop("1.xml", stay("A", 1, authoredOn="2024-07-01T10:00:00.1234567"))
    clinic.drop("2.xml", stay("B", 2, authoredOn="2024-10-27T03:30:00"))

    (fault,) = clinic.land("hospitalization")

    assert clinic.landed()["authored_on"].dt.strftime("%F %T%.6f").to_list() == ["2024-07-01 07:00:00.123456"]
    assert "2.xml: its value for 'authored_on' is not of type timestamp" in fault


def test_what_is_cut_or_passed_over_is_remarked(clinic: Clinic) -> None:
    clinic.drop("1.xml", stay("A", 1, authoredOn="2024-07-01T10:00:00.1234567"))
    clinic.drop("2.xml", stay("B", 2, authoredOn="2024-07-01T10:00:00.1234560"))
    clinic.drop("7523169263.txt", b"")
    connector = clinic.open()

    before = connector.remarks("hospitalization")
    rows = [batch.rows.height for batch in connector.read("hospitalization", None)]
    after, others = (connector.remarks(name) for name in ("hospitalization", "hospital_diagnosis"))
    connector.close()

    assert rows == [2]
    assert before == ["1 files are not read, because their names do not end in .xml, .zip (.txt 1)"]
    assert after == [*before, "times in authored_on are given finer than a microsecond; what is finer was cut off"]
    assert others == []


def test_a_repeated_reading_without_a_commit_says_the_same(clinic: Clinic) -> None:
    clinic.put(*messages(25, seed=4))

    (first, _), (second, _) = clinic.batches(), clinic.batches()

    assert [one.id for one in first] == [one.id for one in second]
    assert pl.concat(b.rows for b in first).equals(pl.concat(b.rows for b in second))


@pytest.mark.parametrize("n", [300, pytest.param(20_000, marks=pytest.mark.ci)])
def test_whatever_bytes_come_are_a_message_or_malformed(n: int) -> None:
    chance, good = random.Random(n), [one.data for one in messages(10, seed=6)] + [data for data, _ in ZOO.values()]
    good = [data for data in good if len(data) < 5_000]
    read = refused = 0

    for _ in range(n):
        data = bytearray(chance.choice(good))
        for _ in range(chance.randrange(4)):
            place, length = chance.randrange(len(data) + 1), chance.randrange(1, 30)
            data[place : place + length * chance.randrange(2)] = chance.randbytes(chance.randrange(length))
        try:
            message = read_message(bytes(data))
            for plan in PLANS.values():
                plan.documents(message)
            read += 1
        except Malformed:
            refused += 1

    assert read > n / 20
    assert refused > n / 20
