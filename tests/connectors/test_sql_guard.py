# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Accounts that could write, names and values that attack, passwords that must not be seen (P11, P12, P13)."""

from __future__ import annotations

import traceback
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from connectors.conformance import VISIT, visits
from connectors.sql import SqlConnector, connect
from connectors.sql_address import Hidden, address, odbc_text
from rwe.errors import DataError, DefinitionError, MachineError, Refused, RweError, SourceUnreachable
from rwe.ports import Cursor
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Column, Source, Stream

pytestmark = pytest.mark.ci
SECRET = "s3cret-marker"


def _source(**changes: Any) -> Source:
    return Source(source="clinic", streams={"visit": VISIT.model_copy(update=changes)})


@pytest.mark.parametrize("any_clinic", ["mariadb"], indirect=True)
@pytest.mark.parametrize(
    ("grant", "said"),
    [
        ("GRANT INSERT ON {name}.* TO reader@'127.0.0.1'", "INSERT"),
        ("GRANT SELECT (note), UPDATE (note) ON {name}.visit TO reader@'127.0.0.1'", "UPDATE"),
        ("GRANT ALL ON *.* TO reader@'127.0.0.1'", "ALL PRIVILEGES"),
    ],
)
def test_an_account_of_mariadb_that_may_write_is_refused(any_clinic: Any, grant: str, said: str) -> None:
    name = any_clinic.engine.connect().exec_driver_sql("SELECT DATABASE()").scalar()
    any_clinic.run(grant.format(name=name))

    with pytest.raises(Refused, match=rf"its account may write to the source \({said}"):
        any_clinic.open().check()


@pytest.mark.parametrize("any_clinic", ["mariadb"], indirect=True)
def test_a_role_that_could_be_taken_counts(any_clinic: Any) -> None:
    name = any_clinic.engine.connect().exec_driver_sql("SELECT DATABASE()").scalar()
    role = f"writers_{name}"
    any_clinic.run(f"CREATE ROLE {role}", f"GRANT DELETE ON {name}.* TO {role}", f"GRANT {role} TO reader@'127.0.0.1'")

    with pytest.raises(Refused, match="DELETE"):
        any_clinic.open().check()


@pytest.mark.parametrize("any_clinic", ["postgresql", "postgresql over odbc"], indirect=True)
def test_an_account_of_postgresql_that_may_write_one_table_is_refused(any_clinic: Any) -> None:
    any_clinic.run("GRANT TRUNCATE ON visit_empty TO reader")

    with pytest.raises(Refused, match=r"its account may write to the source \(TRUNCATE\)"):
        any_clinic.open().check()


def test_no_write_gets_through_a_session_on_any_database(any_clinic: Any) -> None:
    any_clinic.write(visits(1))
    connector = any_clinic.open()

    for statement in ("DELETE FROM visit", "UPDATE visit SET score = 1", "CREATE TABLE more (x INTEGER)"):
        with pytest.raises(RweError), connector._database.session(snapshot=True) as opened:
            connector._database.run(opened, lambda s=statement, o=opened: o.connection.exec_driver_sql(s))

    with closing(any_clinic.open()) as connector:
        assert [batch.rows.height for batch in connector.read("visit", None)] == [1]


@pytest.mark.parametrize(
    ("any_clinic", "questions", "seconds"),
    [
        ("postgresql over odbc", ("SHOW tcp_keepalives_idle", "SHOW tcp_keepalives_interval"), (60, 10)),
        ("mariadb", ("SELECT @@session.wait_timeout",), (3600,)),
    ],
    indirect=["any_clinic"],
)
def test_a_session_that_was_left_behind_ends_itself(
    any_clinic: Any, questions: tuple[str, ...], seconds: tuple[int, ...]
) -> None:
    with closing(any_clinic.open()) as connector, connector._database.session(snapshot=True) as opened:
        said = [str(opened.connection.exec_driver_sql(question).scalar_one()) for question in questions]

    assert tuple(int(text.removesuffix("s")) for text in said) == seconds


@pytest.mark.parametrize(
    "name", ["x; DROP TABLE visit--", 'x"]', "x`; DROP TABLE visit", "vіsit", "visit\u200b", "VISIT "]
)
def test_a_hostile_name_is_looked_for_and_not_found(any_clinic: Any, name: str) -> None:
    any_clinic.write(visits(2))

    for changes in ({"table": name}, {"key": name}, {"cursor": name}):
        with pytest.raises(DataError, match="has no"):
            any_clinic.open(source=_source(**changes)).check()

    with closing(any_clinic.open()) as connector:
        assert [batch.rows.height for batch in connector.read("visit", None)] == [2]


def test_a_name_of_10000_characters_is_refused_by_the_grammar() -> None:
    columns = {"no": Column(type="text", role="person")}
    with pytest.raises(ValueError, match="pattern"):
        Stream(table="x" * 10_000, key="k", cursor="c", columns=columns)


def test_hostile_values_are_bound(any_clinic: Any) -> None:
    any_clinic.write(visits(4)[1:])
    with closing(any_clinic.open(source=_source(key="note", cursor="row_id"))) as connector:
        assert list(connector.read("visit", Cursor("9", "' OR 1=1--"))) == []

    with closing(any_clinic.open()) as connector, pytest.raises(DataError) as caught:
        list(connector.read("visit", Cursor("' OR 1=1--", "1")))
    assert "OR 1=1" not in str(caught.value)


def _site(monkeypatch: pytest.MonkeyPatch, url: str) -> Site:
    monkeypatch.setenv("RWE_TEST_ADDRESS", url)
    title = Text(en="Clinic", bg="Клиника")
    return Site(site="clinic", title=title, connector="sql", url_env="RWE_TEST_ADDRESS", mapping=".", timeout_seconds=1)


def _odbc(url: str) -> str:
    return f"{url}:///?odbc_connect=" + quote_plus(
        f"DRIVER={{PostgreSQL Unicode}};Servername=127.0.0.1;Port=1;PWD={SECRET}"
    )


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@127.0.0.1:1/d",
        f"mariadb://u:{SECRET}@127.0.0.1:1/d",
        f"mssql+mssqlpython://u:{SECRET}@127.0.0.1:1/d",
        f"odbc://u:{SECRET}@127.0.0.1:1/d?driver=PostgreSQL+Unicode",
        _odbc("odbc"),
        _odbc("mssql+pyodbc"),
        f"oracle://u:{SECRET}@127.0.0.1:1/d",
        f"postgresql://u@127.0.0.1:1/d?no_such_setting={SECRET}",
        f"odbc://u:{SECRET}@h/d?driver=Nobody",
        f"odbc://u:{SECRET}@h/d",
        f"db2://u:{SECRET}@h/d",
        f"postgresql://u:{SECRET}@127.0.0.1:port/d",
    ],
)
def test_an_address_is_never_told(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site = _site(monkeypatch, url)

    with pytest.raises((SourceUnreachable, DefinitionError, DataError, MachineError)) as caught:
        _checked(connect(site, _source(), tmp_path))

    error = caught.value
    told = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    assert SECRET not in f"{error!r}{error}{told}"


def _checked(connector: SqlConnector) -> None:
    database = connector._database
    shown = f"{connector!r}{database!r}{database.engine!r}{database._address!r}{vars(connector)}{vars(database)}"
    assert SECRET not in shown
    connector.check()


def test_a_hidden_text_shows_nothing() -> None:
    assert f"{Hidden(SECRET)!r}{Hidden(SECRET)}" == "******"


def test_values_of_a_connection_string_cannot_add_keys() -> None:
    assert odbc_text({"UID": "a;PWD=b", "PWD": "x}y", "PORT": ""}) == "UID={a;PWD=b};PWD={x}}y}"


def test_sql_server_is_asked_for_a_session_that_only_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    found = address(_site(monkeypatch, "mssql+mssqlpython://u:p@h:1433/d"))

    assert "ApplicationIntent=ReadOnly" in found.text.reveal()
    assert "SERVER=h,1433" in found.text.reveal()
