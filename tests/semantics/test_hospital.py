# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The breast hospital holds exactly what the registry says, in a shape that no analysis wants."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rwe.errors import DataError, DefinitionError, MachineError, SourceUnreachable
from synthetic.breast import HOSPITAL, main
from synthetic.breast_rows import REGISTRY, surgery_date
from synthetic.breast_tables import TABLES
from synthetic.people import patient_number

Tables = dict[str, list[dict[str, Any]]]

ROWS = {
    "patient": 2982,
    "surgery": 2982,
    "pathology": 2982,
    "treatment": 339 + 580,
    "contact": 2982 - 1518,
    "recurrence": 1518,
    "death": 1272,
    "last_contact": 2982,
}


def content(url: str) -> Tables:
    """Read every table in the order of its key, instants as UTC without their zone."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        tables = {
            t.name: [dict(r) for r in connection.execute(sa.select(t).order_by("row_id")).mappings()] for t in TABLES
        }
    engine.dispose()
    for row in (row for rows in tables.values() for row in rows):
        if row["modified_at"].tzinfo:
            row["modified_at"] = row["modified_at"].astimezone(UTC).replace(tzinfo=None)
    return tables


def by_patient(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["patient_no"]: row for row in rows}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = f"sqlite:///{tmp_path_factory.mktemp('home') / 'hospitals' / 'breast.db'}"
    HOSPITAL.build(place)
    return place


@pytest.fixture(scope="module")
def tables(url: str) -> Tables:
    return content(url)


@pytest.fixture(scope="module")
def registry() -> list[dict[str, str]]:
    with REGISTRY.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_counts(tables: Tables) -> None:
    assert {name: len(rows) for name, rows in tables.items()} == ROWS
    assert Counter(row["kind_code"] for row in tables["treatment"]) == {"HT": 339, "CT": 580}


def test_deaths_after_the_last_check(tables: Tables) -> None:
    checked = {row["patient_no"]: row["contact_date"] for row in tables["contact"]}

    late = [
        row for row in tables["death"] if row["patient_no"] in checked and checked[row["patient_no"]] < row["died_on"]
    ]

    assert len(late) == 43


def restored(pid: int, hospital: dict[str, dict[str, dict[str, Any]]], treated: set[tuple[str, str]]) -> dict[str, str]:
    """Put one patient of the registry together again from the hospital's tables."""
    no = patient_number(pid)
    report, operated, last = (
        hospital["pathology"][no],
        hospital["surgery"][no]["surgery_date"],
        hospital["last_contact"][no],
    )
    recurrence, check = hospital["recurrence"].get(no), hospital["contact"].get(no)
    followed = recurrence["found_on"] if recurrence else check["contact_date"] if check else date.min
    assert datetime.strptime(report["report_date"], "%d.%m.%Y").date() == operated
    return {
        "pid": str(pid),
        "year": str(operated.year),
        "age": str(operated.year - hospital["patient"][no]["birth_date"].year),
        "meno": {"PRE": "0", "POST": "1"}[hospital["surgery"][no]["menopause"]],
        "size": {"S1": "<=20", "S2": "20-50", "S3": ">50"}[report["size_code"]],
        "grade": report["grade_code"].removeprefix("G"),
        "nodes": str(report["nodes_positive"]),
        "pgr": report["pgr"],
        "er": report["er"],
        "hormon": str(int((no, "HT") in treated)),
        "chemo": str(int((no, "CT") in treated)),
        "rtime": str((followed - operated).days),
        "recur": str(int(recurrence is not None)),
        "dtime": str((last["seen_on"] - operated).days),
        "death": str(int(no in hospital["death"])),
    }


def test_round_trip_is_exact_for_every_patient(tables: Tables, registry: list[dict[str, str]]) -> None:
    hospital = {name: by_patient(rows) for name, rows in tables.items()}
    treated = {(row["patient_no"], row["kind_code"]) for row in tables["treatment"]}

    back = [restored(int(row["pid"]), hospital, treated) for row in registry]

    assert back == registry


def test_last_contact_agrees_with_death(tables: Tables) -> None:
    dead = {row["patient_no"]: row["died_on"] for row in tables["death"]}

    seen = {row["patient_no"]: row["seen_on"] for row in tables["last_contact"] if row["status_code"] == "D"}

    assert seen == dead


def test_birthday_is_not_after_the_day_of_surgery(tables: Tables) -> None:
    operated = by_patient(tables["surgery"])

    pairs = [(row["birth_date"], operated[row["patient_no"]]["surgery_date"]) for row in tables["patient"]]

    assert all((born.month, born.day) <= (day.month, day.day) for born, day in pairs)


def test_surgery_rule_stays_in_its_year() -> None:
    assert surgery_date(1992, 1) == date(1992, 5, 11)
    assert {surgery_date(1984, pid).year for pid in range(366)} == {1984}


def test_national_numbers_cannot_be_real(tables: Tables) -> None:
    numbers = [row["national_no"] for row in tables["patient"]]

    assert len(set(numbers)) == 2982
    assert all(len(number) == 10 and number.isdecimal() for number in numbers)
    assert all(61 <= int(number[2:4]) <= 72 for number in numbers)  # real months: 1-12, 21-32, 41-52


def test_the_registry_number_is_nowhere(tables: Tables, registry: list[dict[str, str]]) -> None:
    pid = {patient_number(int(row["pid"])): int(row["pid"]) for row in registry}

    same = sum(row["row_id"] == pid[row["patient_no"]] for row in tables["patient"])

    assert len(pid) == 2982
    assert same <= 5  # by chance, in an order of days and not of registry numbers
    assert not {column.name for table in TABLES for column in table.columns} & {"pid", "year", "age"}


def test_names_are_cyrillic(tables: Tables) -> None:
    names = {row[part] for row in tables["patient"] for part in ("given_name", "family_name")}

    assert all("а" <= letter <= "я" for name in names for letter in name.lower())


def test_same_content_in_sqlite_and_postgresql(tables: Tables, postgres: Callable[[], str]) -> None:
    url = postgres()

    built = HOSPITAL.build(url)

    assert built == ROWS
    assert content(url) == tables
    assert HOSPITAL.build(url) == ROWS


def test_two_builds_are_alike_to_the_byte(url: str, tmp_path: Path) -> None:
    HOSPITAL.build(f"sqlite:///{tmp_path / 'again.db'}")

    assert (tmp_path / "again.db").read_bytes() == Path(url.removeprefix("sqlite:///")).read_bytes()


def test_a_correction_survives_a_second_build(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'breast.db'}"
    HOSPITAL.build(url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE pathology SET nodes_positive = 99 WHERE row_id = 7"))
        connection.execute(sa.text("DELETE FROM death WHERE row_id = 1"))
    engine.dispose()

    rows = HOSPITAL.build(url)

    assert rows == ROWS | {"death": 1271}
    assert content(url)["pathology"][6]["nodes_positive"] == 99


def test_a_build_that_was_cut_off_is_completed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'breast.db'}"
    engine = sa.create_engine(url)
    TABLES[0].create(engine)
    engine.dispose()

    assert HOSPITAL.build(url) == ROWS


def test_tables_of_another_system_are_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE patient (id INTEGER)"))
        connection.execute(sa.text("INSERT INTO patient VALUES (1)"))
    engine.dispose()

    with pytest.raises(DataError, match="table patient holds rows"):
        HOSPITAL.build(url)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database, only long enough to be looked at " * 40)

    with pytest.raises(DataError, match="not a hospital database of ours"):
        HOSPITAL.build(f"sqlite:///{tmp_path / 'notes.db'}")


def test_unwritable_places(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(MachineError, match="cannot be created"):
        HOSPITAL.build(f"sqlite:///{tmp_path / 'file' / 'breast.db'}")
    with pytest.raises(MachineError, match="cannot be written"):
        HOSPITAL.build(f"sqlite:///{tmp_path}")


def test_unreachable_server_and_no_password_in_the_message() -> None:
    with pytest.raises(SourceUnreachable, match="does not answer") as caught:
        HOSPITAL.build("postgresql://clerk:secret@127.0.0.1:1/hospital")

    assert "secret" not in str(caught.value)


def test_not_a_url() -> None:
    with pytest.raises(DefinitionError, match="not an SQLAlchemy URL"):
        HOSPITAL.build("breast.db")


def test_what_the_engine_finds() -> None:
    assert (HOSPITAL.name, HOSPITAL.site, HOSPITAL.study.name) == ("breast", "rotterdam", "breast_hormonal.yaml")


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = main([f"sqlite:///{tmp_path / 'breast.db'}"])
    refused = main(["breast.db"])

    out, err = capsys.readouterr()
    assert (done, refused) == (0, 2)
    assert "death: 1272 rows" in out
    assert err.startswith("synthetic.breast: the hospital's url")
