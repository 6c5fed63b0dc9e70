# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Statements: registered files are read as tables, each database is asked in its own words, OFFSET in none."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite

from connectors.conformance import VISIT, visits
from connectors.sql_catalogue import Plan
from connectors.sql_dialects import OdbcDialect
from connectors.sql_manners import MANNERS
from connectors.sql_pages import Pages
from connectors.sql_places import Place, floor_of
from connectors.sql_ways import plainly
from rwe.errors import DataError, DefinitionError
from rwe.spec.source import Column, Source, Stream
from tests.connectors.tiers import databases

TEXT = "SELECT row_id, modified_at, patient_no AS who -- a remark: with a colon\nFROM visit WHERE note LIKE '%Нийл%'"


def _registered(clinic: Any, text: str, digest: str = "", **changes: Any) -> Source:
    (clinic.home / "notes.sql").write_text(text, "utf-8")
    options = {"sql": "notes.sql", "sha256": digest or hashlib.sha256(text.encode()).hexdigest()}
    columns = {
        "row_id": Column(type="integer"),
        "modified_at": Column(type="timestamp"),
        "who": Column(type="text", role="person"),
    }
    asked = Stream(table="notes", key="row_id", cursor="modified_at", columns=columns, options=options)
    return Source(source="clinic", streams={"notes": asked.model_copy(update=changes)})


def test_a_registered_statement_is_paged_like_a_table(any_clinic: Any) -> None:
    any_clinic.write(visits(20, tied=3))

    with closing(any_clinic.open(4, _registered(any_clinic, TEXT))) as connector:
        batches = list(connector.read("notes", None))
        resumed = list(connector.read("notes", batches[1].cursor))
        keys = [key for page in connector.keys("notes") for key in page]

    read = [key for batch in batches for key in batch.rows["_key"]]
    assert read == [str(i + 1) for i in range(20) if i % 4]
    assert [key for batch in resumed for key in batch.rows["_key"]] == read[8:]
    assert keys == read


def test_what_looks_like_a_comment_within_a_text_or_a_name_is_none(clinic: Any) -> None:
    row = visits(1)[0]
    clinic.write([row | {"row_id": 1, "note": "a--b"}, row | {"row_id": 2, "note": "a"}])
    clinic.write([row | {"row_id": 3, "note": "c/*d*/e"}, row | {"row_id": 4, "note": "c e"}])
    text = """-- SELECT of notes: /* that
/* look like ** remarks */ SELECT row_id, modified_at, patient_no AS who FROM visit
WHERE note IN ('a--b', 'c/*d*/e') AND row_id > 0 -- to the last"""

    with closing(clinic.open(4, _registered(clinic, text))) as connector:
        (batch,) = connector.read("notes", None)

    assert list(batch.rows["_key"]) == ["1", "3"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1; DROP TABLE visit", "one SELECT without a semicolon"),
        ("DELETE FROM visit", "one SELECT"),
        ("/* SELECT */ UPDATE visit SET score = 1", "one SELECT"),
        ("/* a */ UPDATE visit SET score = 1 /* b */ SELECT 1", "one SELECT"),
        ("/*! UPDATE visit SET score = 1 */ SELECT 1", "one SELECT"),
        ("-- SELECT 1", "one SELECT"),
        ("", "one SELECT"),
    ],
)
def test_a_file_that_is_not_one_select_is_refused(clinic: Any, text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        clinic.open(source=_registered(clinic, text))


def test_a_file_that_was_changed_is_refused_before_connecting(clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RWE_TEST_CLINIC_URL", "postgresql://127.0.0.1:1/nowhere")

    with pytest.raises(DefinitionError, match=r"notes\.sql: its sha256 is not the registered one"):
        clinic.open(source=_registered(clinic, TEXT, "0" * 64))
    source = _registered(clinic, TEXT)
    with pytest.raises(DefinitionError, match=r"options\.sql"):
        clinic.open(source=_named(source, "../../etc/passwd.sql"))
    with pytest.raises(DefinitionError, match="no such file in the mapping folder"):
        clinic.open(source=_named(source, "a/../../notes.sql"))


def _named(source: Source, name: str) -> Source:
    stream = source.streams["notes"]
    return Source(
        source="clinic", streams={"notes": stream.model_copy(update={"options": {**stream.options, "sql": name}})}
    )


@pytest.mark.parametrize("clinic", ["postgresql"], indirect=True)
def test_a_statement_that_writes_is_refused_by_the_session(clinic: Any) -> None:
    clinic.write(visits(3))
    text = "WITH gone AS (DELETE FROM visit RETURNING *) SELECT row_id, modified_at, patient_no AS who FROM gone"

    with pytest.raises(DataError), closing(clinic.open(4, _registered(clinic, text))) as connector:
        list(connector.read("notes", None))

    with clinic.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM visit").scalar() == 3


@pytest.mark.parametrize("any_clinic", databases("mariadb"), indirect=True)
def test_zero_dates_are_counted_and_refused_or_read_as_empty_on_request(any_clinic: Any) -> None:
    any_clinic.write(visits(5))
    any_clinic.run("SET sql_mode = ''", "UPDATE visit SET seen_on = '0000-00-00', seen_at = 0 WHERE row_id < 3")
    empty = VISIT.model_copy(update={"options": {"zero_dates": "empty"}})

    with pytest.raises(DataError, match=r"dates 0000-00-00, by column: seen_on 2, seen_at 2; mend"):
        _read(any_clinic, VISIT)

    rows, session = _read(any_clinic, empty)
    assert rows["seen_on"].null_count() == 2
    assert session["zero dates of visit"] == "seen_on 2, seen_at 2"


def _read(clinic: Any, stream: Stream) -> tuple[Any, Any]:
    with closing(clinic.open(9, Source(source="clinic", streams={"visit": stream}))) as connector:
        (batch,) = connector.read("visit", None)
        return batch.rows, connector.session


DIALECTS = {
    "oracle": (oracle.dialect(), oracle.TIMESTAMP()),
    "mssql": (mssql.dialect(), mssql.DATETIME2(7)),
    "mariadb": (mysql.dialect(), mysql.DATETIME(fsp=6)),
    "postgresql": (postgresql.dialect(), sa.DateTime(timezone=True)),
    "sqlite": (sqlite.dialect(), sa.DateTime()),
}


def _compiled(kind: str, *, text: bool = False) -> tuple[str, str]:
    first, then = (page.compile(dialect=DIALECTS[kind][0]) for page in _asked(kind, text=text))
    return " ".join(str(first).split()), " ".join(str(then).split())


def _asked(kind: str, *, text: bool = False) -> tuple[sa.Select[Any], sa.Select[Any]]:
    sql = DIALECTS[kind][1]
    spelled: Any = {"oracle": "exact", "mssql": "exact", "sqlite": "iso"}.get(kind, "")
    cursor: Any = "text" if spelled else "timestamp"
    key: Any = "text" if text else "integer"
    stream = VISIT.model_copy(update={"table": 'x"; DROP TABLE p--'})
    plan = Plan(
        "visit", stream, ("score",), "modified_at", key, cursor, spelled, times=True, sql=sql, distinct=not text
    )
    pages = Pages(plan, kind, "ward", 500)
    value = "2024-01-02 03:04:05.1234567" if spelled else "2024-01-02T03:04:05.123456+00:00"
    after = Place(value, "' OR 1=1--" if text else "7")
    return pages.page(None, floor_of(plan, value, 7), 500), pages.page(after, None, 500)


@pytest.mark.parametrize("kind", DIALECTS)
def test_statements_bind_values_quote_names_and_never_count_rows_off(kind: str) -> None:
    for statement in (*_compiled(kind), *_compiled(kind, text=True)):
        assert "OFFSET" not in statement.replace("LIMIT ? OFFSET ?", "LIMIT ?" if kind == "sqlite" else "")  # of 0
        assert "ROW_NUMBER" not in statement
        assert "OR 1=1" not in statement
        assert "2024" not in statement
        assert "DROP TABLE p--" in statement.replace('""', '"')
        assert statement.upper().startswith("SELECT")


def test_postgresql_copies_a_page_after_numbers_and_instants_and_a_text_stays_bound() -> None:
    numbers, texts = (
        plainly(_asked("postgresql", text=text)[1]).compile(dialect=DIALECTS["postgresql"][0]) for text in (False, True)
    )

    assert numbers.params == {}
    assert "CAST('2024-01-02T03:04:05.123456+00:00' AS TIMESTAMP WITH TIME ZONE)" in str(numbers)
    assert '"row_id" > 7' in str(numbers)
    assert list(texts.params.values()) == ["' OR 1=1--"]
    assert "OR 1=1" not in str(texts)


def test_oracle_is_asked_in_its_own_words() -> None:
    first, then = _compiled("oracle")

    assert "to_char(\"modified_at\", 'YYYY-MM-DD HH24:MI:SS.FF9') AS rwe_cursor" in first
    assert "\"modified_at\" >= to_timestamp(:param_1, 'YYYY-MM-DD HH24:MI:SS.FF9')" in first
    assert "FETCH FIRST" in first
    assert '"modified_at" > to_timestamp(' in then
    assert '"row_id" > :' in then
    assert MANNERS["oracle"].snapshot(lambda _question: "") == ("SET TRANSACTION READ ONLY",)
    assert MANNERS["oracle"].settings(60, "") == ("ALTER SESSION SET TIME_ZONE = '+00:00'",)


def test_sql_server_pages_by_top_in_the_type_of_the_column() -> None:
    first, then = _compiled("mssql", text=True)

    assert "SELECT TOP" in first
    assert "convert(VARCHAR(40), [modified_at], 121) AS rwe_cursor" in first
    assert "[modified_at] >= CAST(:param_2 AS DATETIME2(7))" in then
    assert "[row_id] COLLATE Latin1_General_BIN2" in then


def test_text_keys_that_may_be_equal_without_being_the_same_are_compared_byte_by_byte() -> None:
    assert "CAST(`row_id` AS BINARY)" in _compiled("mariadb", text=True)[1]
    assert '"row_id" COLLATE "BINARY"' in _compiled("sqlite", text=True)[1]
    assert "COLLATE" not in _compiled("postgresql", text=True)[1]


@pytest.mark.parametrize(
    ("dbms", "words"),
    [("PostgreSQL", "LIMIT 5"), ("Microsoft SQL Server", "TOP 5"), ("DB2/LINUX", "FETCH FIRST 5 ROWS ONLY")],
)
def test_an_odbc_source_is_bounded_in_the_words_of_its_database(dbms: str, words: str) -> None:
    dialect = OdbcDialect()
    dialect.dbms = dbms

    statement = str(sa.select(sa.column("a")).select_from(sa.table("t")).limit(5).compile(dialect=dialect))

    assert words in statement
    assert "OFFSET" not in statement


@pytest.mark.parametrize("any_clinic", databases("mariadb"), indirect=True)
def test_keys_that_differ_by_case_only_are_all_read(any_clinic: Any) -> None:
    rows = [{**row, "note": note} for row, note in zip(visits(6, tied=6), ["a", "A", "b", "B", "a ", "ä"], strict=True)]
    any_clinic.write(rows)
    source = Source(source="clinic", streams={"visit": VISIT.model_copy(update={"key": "note"})})

    with closing(any_clinic.open(2, source)) as connector:
        read = [key for batch in connector.read("visit", None) for key in batch.rows["_key"]]
        keys = [key for page in connector.keys("visit") for key in page]

    assert read == keys == ["A", "B", "a", "a ", "b", "ä"]
