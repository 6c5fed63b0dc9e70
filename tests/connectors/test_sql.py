# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The SQL connector on sources that are wrong, hostile, locked or gone: named, counted, never quoted."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
import sqlalchemy as sa

from connectors.conformance import SOURCE, VISIT, visits
from connectors.sql import connect
from connectors.sql_session import refuse_writer
from rwe.errors import DataError, DefinitionError, Refused, RweError, SourceUnreachable
from rwe.ports import Cursor
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Column, Source, Stream
from tests.connectors.tiers import databases

SECRET = "s3cret-marker"


def _read(clinic: Any, since: Cursor | None = None, stream: str = "visit", **changes: Any) -> pl.DataFrame:
    with closing(clinic.open(**changes)) as connector:
        return pl.concat([batch.rows for batch in connector.read(stream, since)])


def _source(**changes: Any) -> Source:
    return Source(source="clinic", streams={"visit": VISIT.model_copy(update=changes)})


def test_a_renamed_column_is_named_with_its_nearest(clinic: Any) -> None:
    clinic.run("ALTER TABLE visit RENAME COLUMN seen_on TO seen_om", "ALTER TABLE visit RENAME COLUMN modified_at TO m")

    with pytest.raises(DataError) as caught, closing(clinic.open()) as connector:
        connector.check()

    assert "stream 'visit': table 'visit' has no column 'seen_on'; did you mean 'seen_om'?" in str(caught.value)
    assert "table 'visit' has no column 'modified_at'" in str(caught.value)
    assert "visit_empty" not in str(caught.value)


def test_a_missing_table_is_named_with_its_nearest(clinic: Any) -> None:
    clinic.run("ALTER TABLE visit RENAME TO visits")

    with pytest.raises(DataError, match="no table 'visit'; did you mean 'visits'"):
        _read(clinic)


def test_a_column_of_another_type_is_named(clinic: Any) -> None:
    columns = {**VISIT.columns, "score": Column(type="text"), "note": Column(type="integer")}

    with pytest.raises(DataError) as caught:
        _read(clinic, source=_source(columns=columns))

    assert "column 'score' is declared text, the source has BIGINT()" in str(caught.value)
    assert "column 'note' is declared integer, the source has TEXT()" in str(caught.value)


def test_rows_that_cannot_be_ordered_are_counted(clinic: Any) -> None:
    clinic.write([*visits(3), {**visits(1)[0], "row_id": 9, "modified_at": None}])

    with pytest.raises(DataError, match="'visit': 1 rows have no 'row_id' or no 'modified_at'"):
        _read(clinic)


def test_a_key_that_repeats_is_counted(clinic: Any) -> None:
    clinic.run("CREATE VIEW twice AS SELECT * FROM visit UNION ALL SELECT * FROM visit")
    clinic.write(visits(3))

    with pytest.raises(DataError, match=r"visit\.row_id: 3 values repeat"):
        _read(clinic, source=_source(table="twice"))


def test_an_optional_column_is_read_where_it_is(clinic: Any) -> None:
    clinic.run("ALTER TABLE visit ADD COLUMN ward TEXT")
    clinic.write([{**visits(1)[0], "ward": "7"}])

    assert _read(clinic)["ward"].to_list() == ["7"]


def test_large_keys_and_a_text_cursor_page_exactly(clinic: Any) -> None:
    rows = [{**row, "row_id": 2**40 + row["row_id"], "note": f"{i // 3:04d}"} for i, row in enumerate(visits(11))]
    clinic.write(rows)

    got = _read(clinic, page_rows=2, source=_source(cursor="note"))

    assert got["_key"].to_list() == [str(row["row_id"]) for row in rows]


def test_an_integer_cursor_and_a_text_key_page_exactly(clinic: Any) -> None:
    rows = [{**row, "score": 2**40 + i // 3, "note": f"{i:04d}"} for i, row in enumerate(visits(11))]
    clinic.write(rows)

    got = _read(clinic, page_rows=2, source=_source(cursor="score", key="note"))

    assert got["_key"].to_list() == [row["note"] for row in rows]


def test_a_date_cursor_pages_exactly(clinic: Any) -> None:
    clinic.write(visits(9))

    got = _read(clinic, page_rows=2, source=_source(cursor="seen_on"))

    assert got["seen_on"].to_list() == [row["seen_on"] for row in visits(9)]


def test_no_statement_of_a_session_can_write(clinic: Any) -> None:
    clinic.write(visits(1))
    connector = clinic.open()

    for statement in ("DELETE FROM visit", "UPDATE visit SET score = 1", "CREATE TABLE more (x INTEGER)"):
        with pytest.raises(sa.exc.DBAPIError), connector._database.session() as opened:
            opened.connection.exec_driver_sql(statement)

    assert _read(clinic).height == 1


def test_a_session_that_can_write_is_refused(clinic: Any) -> None:
    with pytest.raises(Refused, match=r"site 'clinic': a write to the source would succeed \(a table was made"):
        refuse_writer("a table was made", clinic.site)


@pytest.mark.parametrize("clinic", ["postgresql"], indirect=True)
def test_an_account_that_can_write_is_refused_and_nothing_is_left(clinic: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("RWE_TEST_CLINIC_URL", clinic.engine.url.render_as_string(hide_password=False))

    with pytest.raises(Refused, match=r"its account may write to the source \(DELETE, .*role superuser"):
        clinic.open().check()

    assert set(sa.inspect(clinic.engine).get_table_names()) == {"visit", "visit_empty"}


def test_a_hostile_name_is_refused_or_quoted(clinic: Any) -> None:
    hostile = 'x"; DROP TABLE visit--'
    with pytest.raises(DataError, match="no table"):
        _read(clinic, source=_source(table=hostile))
    visit = sa.Table("visit", sa.MetaData(), autoload_with=clinic.engine)
    sa.Table(hostile, sa.MetaData(), *(sa.Column(c.name, c.type) for c in visit.columns)).create(clinic.engine)

    assert _read(clinic, source=_source(table=hostile)).is_empty()
    assert sa.inspect(clinic.engine).has_table("visit")


def test_a_hostile_cursor_is_a_value(clinic: Any) -> None:
    clinic.write(visits(3))

    with pytest.raises(DataError) as caught:
        _read(clinic, Cursor("' OR 1=1--", "1"))

    assert "OR 1=1" not in str(caught.value)


def test_an_unknown_stream_is_named_with_its_nearest(clinic: Any) -> None:
    with pytest.raises(DefinitionError, match="no stream 'visits'; did you mean 'visit'"):
        _read(clinic, stream="visits")


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("sqlite:///{home}/nowhere.db", SourceUnreachable, "'clinic': there is no database file .*; 'rwe demo' makes"),
        ("sqlite:///{home}", SourceUnreachable, "no database file"),
        (
            f"postgresql://u:{SECRET}@127.0.0.1:1/d",
            SourceUnreachable,
            "the database at 127.0.0.1:1 does not answer .*; see that",
        ),
        (f"oracl://u:{SECRET}@h/d", DefinitionError, r"not 'oracl'; did you mean 'oracle'\?"),
        (f"not a url {SECRET}", DefinitionError, "not a database URL"),
    ],
)
def test_an_address_that_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, error: type[RweError], said: str
) -> None:
    monkeypatch.setenv("RWE_TEST_NOWHERE", address)
    title = Text(en="Clinic", bg="Клиника")
    site = Site(site="clinic", title=title, connector="sql", url_env="RWE_TEST_NOWHERE", mapping=".", timeout_seconds=2)

    with pytest.raises(error, match=said) as caught:
        connect(site, SOURCE, tmp_path).check()

    assert SECRET not in f"{caught.value!r}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("clinic", ["sqlite"], indirect=True)
def test_a_file_that_is_no_database_does_not_answer(clinic: Any) -> None:
    (clinic.home / "hospitals" / "clinic.db").write_bytes(f"{SECRET}\n".encode() * 500)

    with pytest.raises(SourceUnreachable, match="NOTADB") as caught:
        _read(clinic)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("clinic", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("seen_on", f"'{SECRET}'", r"visit\.seen_on: 1 of 3 values are not a date"),
        ("seen_on", "'2023-02-29'", r"visit\.seen_on: 1 of 3"),
        ("seen_on", "'2023-02-01 00:00:00'", r"visit\.seen_on: 1 of 3"),
        ("seen_on", "20230201", r"visit\.seen_on: 1 of 3"),
        ("seen_at", "'2023-02-01 25:00:00'", r"visit\.seen_at: 1 of 3 values are not a timestamp"),
        ("score", f"'{SECRET}'", r"visit\.score: 1 of 3 values are not an integer"),
        ("score", "1.5", r"visit\.score: 1 of 3"),
        ("size", f"'{SECRET}'", r"visit\.size: 1 of 3 values are not a finite number"),
        ("size", "9e999", r"visit\.size: 1 of 3"),
        ("note", "CAST(x'ff' AS TEXT)", r"visit\.note: 1 of 3 values are not text"),
        ("note", "x'00'", r"visit\.note: 1 of 3 values are not text"),
        ("modified_at", "'2024-01-01T00:00:00'", r"visit\.modified_at: its times are text in more than one"),
        ("modified_at", f"'{SECRET}'", r"visit\.modified_at: its times are text in more than one"),
        ("modified_at", "1700000000", r"visit\.modified_at: 1 of 3 values are not text"),
    ],
)
def test_a_value_that_sqlite_let_in_is_counted_not_shown(clinic: Any, column: str, value: str, said: str) -> None:
    clinic.write(visits(3))
    clinic.run(f"UPDATE visit SET {column} = {value} WHERE row_id = 2")

    with pytest.raises(DataError, match=said) as caught:
        _read(clinic)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("clinic", ["sqlite"], indirect=True)
def test_a_database_whose_path_holds_signs_of_urls_is_read(clinic: Any, tmp_path: Path) -> None:
    clinic.write(visits(2))
    odd = tmp_path / "a ?b#c%20" / "hospitals"
    odd.mkdir(parents=True)
    (odd / "clinic.db").write_bytes((clinic.home / "hospitals" / "clinic.db").read_bytes())

    with closing(connect(clinic.site, SOURCE, odd.parent)) as connector:
        assert [batch.rows.height for batch in connector.read("visit", None)] == [2]


@pytest.mark.parametrize("any_clinic", databases("sqlite over odbc"), indirect=True)
def test_a_sqlite_file_is_not_read_over_odbc(any_clinic: Any) -> None:
    with pytest.raises(DefinitionError, match="over ODBC a SQLite file loses microseconds; give its address as"):
        any_clinic.open().check()


@pytest.mark.parametrize("clinic", ["postgresql"], indirect=True)
def test_an_account_that_may_only_read_suffices(clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.write(visits(5))
    role = f"reader_{clinic.engine.url.database}"
    clinic.run(f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    address = clinic.engine.url.set(username=role).render_as_string(hide_password=False)
    monkeypatch.setenv("RWE_TEST_CLINIC_URL", address)

    assert _read(clinic, page_rows=2).height == 5


@pytest.mark.parametrize(
    ("grants", "word"),
    [
        (["GRANT UPDATE (note) ON visit TO {role}"], "UPDATE"),
        (["CREATE ROLE {role}_w", "GRANT DELETE ON visit TO {role}_w", "GRANT {role}_w TO {role}"], "DELETE"),
        (["GRANT pg_execute_server_program TO {role}"], "role pg_execute_server_program"),
    ],
)
@pytest.mark.parametrize("clinic", ["postgresql"], indirect=True)
def test_an_account_that_could_come_to_write_is_refused(
    clinic: Any, grants: list[str], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a right on a column, by a role that it may take, by programs of the server."""
    role = f"taker_{uuid4().hex[:12]}"  # roles are of the server, not of a database
    clinic.run(f"CREATE ROLE {role} LOGIN NOINHERIT", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    clinic.run(*(grant.format(role=role) for grant in grants))
    address = clinic.engine.url.set(username=role).render_as_string(hide_password=False)
    monkeypatch.setenv("RWE_TEST_CLINIC_URL", address)

    with closing(clinic.open()) as connector, pytest.raises(Refused, match=word):
        connector.check()


@pytest.mark.parametrize("clinic", ["postgresql"], indirect=True)
def test_a_source_that_does_not_answer_in_time_is_named(clinic: Any) -> None:
    clinic.write(visits(1))
    with clinic.engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE visit IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(SourceUnreachable, match="57014"):
            _read(clinic, timeout_seconds=1)


@pytest.mark.parametrize("clinic", ["postgresql"], indirect=True)
def test_a_date_without_end_is_refused_without_a_value(clinic: Any) -> None:
    clinic.write(visits(1))
    clinic.run("UPDATE visit SET seen_on = 'infinity'")

    with pytest.raises(DataError, match="a value that cannot be read"):
        _read(clinic)


@pytest.mark.parametrize("clinic", ["postgresql"], indirect=True)
def test_times_without_a_zone_are_utc_whatever_the_server_thinks(clinic: Any) -> None:
    clinic.run(
        f"ALTER DATABASE {clinic.engine.url.database} SET timezone = 'Europe/Sofia'",
        "CREATE SCHEMA ward",
        "CREATE TABLE ward.stay (row_id bigint, modified_at timestamp, at timestamp, no text)",
        "INSERT INTO ward.stay SELECT i, '2024-03-31 03:30'::timestamp + i * interval '1 us', '1981-03-29 03:30', 'a' "
        "FROM generate_series(1, 5) i",
        "GRANT USAGE ON SCHEMA ward TO reader",
    )
    columns = {"no": Column(type="text", role="person"), "at": Column(type="timestamp")}
    stay = Stream(table="stay", key="row_id", cursor="modified_at", columns=columns)
    source = Source(source="clinic", streams={"visit": stay})

    with closing(clinic.open(2, source, schema_name="ward")) as connector:
        batches = list(connector.read("visit", None))

    assert [batch.rows.height for batch in batches] == [2, 2, 1]
    assert set(batches[0].rows["at"]) == {datetime(1981, 3, 29, 3, 30, tzinfo=UTC)}
    assert batches[-1].cursor == Cursor("2024-03-31T03:30:00.000005+00:00", "5")


def test_streams_that_cannot_be_declared() -> None:
    fine = {"no": Column(type="text", role="person")}
    faults = {
        "exactly one column has role person": {"columns": {"a": Column(type="text")}},
        "cannot have a role": {"columns": fine, "key": "no"},
        "at most one column has role birth_date": {
            "columns": {**fine, **{c: Column(type="date", role="birth_date") for c in ("b", "c")}}
        },
        "bear names that the tokens": {"columns": {**fine, "person_token": Column(type="text")}},
    }

    for said, changes in faults.items():
        with pytest.raises(ValueError, match=said):
            Stream(**{"table": "t", "key": "k", "cursor": "m", **changes})
    with pytest.raises(ValueError, match="role birth_date needs type date, not text"):
        Column(type="text", role="birth_date")


@pytest.mark.parametrize("any_clinic", databases("postgresql", "postgresql over odbc", "mariadb"), indirect=True)
def test_decimals_that_a_double_would_change_are_refused_by_column_and_count(any_clinic: Any) -> None:
    any_clinic.write(visits(3))
    kind = "DECIMAL(20, 2)"
    any_clinic.run(f"ALTER TABLE visit ADD COLUMN cost {kind}", "UPDATE visit SET cost = 9007199254740993.25")
    any_clinic.run("UPDATE visit SET cost = 1.25 WHERE row_id = 2")
    columns = VISIT.columns | {"cost": Column(type="number")}
    source = Source(source="clinic", streams={"visit": VISIT.model_copy(update={"columns": columns})})

    with closing(any_clinic.open(9, source)) as connector, pytest.raises(DataError) as told:
        list(connector.read("visit", None))

    assert "visit.cost: 2 of 3 values are not a finite number" in str(told.value)


@pytest.mark.parametrize("clinic", ["postgresql"], indirect=True)
def test_a_catalogue_that_may_not_be_read_is_a_fault_of_the_source(clinic: Any) -> None:
    clinic.run("REVOKE SELECT ON pg_catalog.pg_roles FROM public")

    try:
        with (
            closing(clinic.open()) as connector,
            pytest.raises(DataError, match="the account may not read what is declared"),
        ):
            list(connector.read("visit", None))
    finally:
        clinic.run("GRANT SELECT ON pg_catalog.pg_roles TO public")
