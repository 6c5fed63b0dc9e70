# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""SQL Server's protocol, by FreeTDS over ODBC and by Microsoft's driver for Python.

The server has no dates and times of 1/300 second only, so that the conformance suite, which asks for
microseconds, runs on times kept as text; times of its own page a stream below. It has no snapshot isolation and
no write to refuse other than all of them: those are not shown here.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest

from connectors.conformance import CHECKS, SCHEMA, SOURCE, VISIT
from connectors.sql import SqlConnector, connect
from rwe.errors import DefinitionError, Refused
from rwe.ports import Batch, Cursor
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Column, Source, Stream
from tests.connectors.servers import Missing, odbc_driver
from tests.connectors.tds import PASSWORD, TdsServer, serving

COLUMNS = {
    "row_id": int,
    "modified_at": str,
    "patient_no": str,
    "seen_on": str,
    "seen_at": str,
    "score": int,
    "size": float,
    "note": str,
}
PLAIN = {
    name: Column(type="text", role=c.role) if c.type in ("date", "timestamp") else c
    for name, c in VISIT.columns.items()
}
READ_AS_TEXT = VISIT.model_copy(update={"columns": PLAIN})
AS_TEXT = Source(
    source="clinic",
    streams={"visit": READ_AS_TEXT, "visit_empty": READ_AS_TEXT.model_copy(update={"table": "visit_empty"})},
)


class Typed(SqlConnector):
    """Text that holds dates and times, in their types, as the suite compares them."""

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield batches with the types of the suite."""
        for batch in super().read(stream, since, known):
            rows = batch.rows.with_columns(
                pl.col("seen_on").str.to_date(),
                pl.col("seen_at").str.to_datetime("%Y-%m-%d %H:%M:%S%.6f", time_unit="us", time_zone="UTC"),
            )
            yield Batch(stream, rows.cast({"seen_at": SCHEMA["seen_at"]}), batch.cursor, batch.id)


@dataclass
class Clinic:
    """A case of the suite."""

    server: TdsServer
    site: Site
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Put rows into the server's memory."""
        self.rows |= {row["row_id"]: row for row in rows}
        self.server.put("visit", COLUMNS, [[_plain(row[name]) for name in COLUMNS] for row in self.rows.values()])

    def open(self, page_rows: int, source: Source = AS_TEXT) -> SqlConnector:
        """Return a connector on it."""
        made = connect(self.site.model_copy(update={"page_rows": page_rows}), source, Path())
        if source is AS_TEXT:
            made.__class__ = Typed
        return made


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ", "microseconds")
    return value if isinstance(value, int | float | str | None) else value.isoformat()


@pytest.fixture(scope="module")
def server() -> Iterator[TdsServer]:
    """Return the running server."""
    with serving() as found:
        yield found


@pytest.fixture(params=["freetds", "mssqlpython"])
def clinic(request: pytest.FixtureRequest, server: TdsServer, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """Return an empty clinic, once by each driver."""
    where = f"reader:{quote(PASSWORD)}@127.0.0.1:{server.port}/master"
    url = f"mssql+mssqlpython://{where}?Encrypt=Optional&TrustServerCertificate=yes"
    if request.param == "freetds":
        try:
            url = f"mssql+pyodbc://{where}?driver={odbc_driver('FreeTDS', 'tdsodbc')}"
        except Missing as exc:
            pytest.skip(str(exc))
    monkeypatch.setenv("RWE_TEST_TDS_URL", url)
    for table in ("visit", "visit_empty"):
        server.put(table, COLUMNS, [])
    title = Text(en="Clinic", bg="Клиника")
    options = {"overlap_days": 0, "retry_seconds": 0}
    return Clinic(
        server,
        Site(site="clinic", title=title, connector="sql", url_env="RWE_TEST_TDS_URL", mapping=".", options=options),
    )


@pytest.mark.ci
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check: Callable[[Any], None], clinic: Clinic) -> None:
    check(clinic)


def test_times_of_the_server_page_exactly_by_their_text(clinic: Clinic) -> None:
    times = [datetime(2024, 1, 1, 0, 0, 0, 10_000 * (i // 2)) for i in range(7)]
    clinic.server.put("stay", {"id": int, "at": "time", "no": str}, [[i, at, "a"] for i, at in enumerate(times)])
    stay = Stream(table="stay", key="id", cursor="at", columns={"no": Column(type="text", role="person")})

    with closing(clinic.open(2, Source(source="clinic", streams={"stay": stay}))) as connector:
        batches = list(connector.read("stay", None))

    assert [key for batch in batches for key in batch.rows["_key"]] == [str(i) for i in range(7)]
    assert batches[0].cursor == Cursor("2024-01-01 00:00:00.000", "1")


def test_nothing_but_reading_reaches_the_server(clinic: Clinic) -> None:
    clinic.server.statements.clear()

    with closing(clinic.open(2)) as connector:
        list(connector.read("visit", None))
        for page in connector.keys("visit"):
            assert page.is_empty()

    asked = {statement.split()[0].upper() for statement in clinic.server.statements}
    writes = [s for s in clinic.server.statements if "rwe_probe_" in s]
    assert asked <= {"SELECT", "SET", "BEGIN", "ROLLBACK", "CREATE", "EXEC", "WITH", "IF", "USE", "DECLARE"}
    assert all(s.startswith(("CREATE TABLE rwe_probe_", "EXEC")) for s in writes)
    assert connector.session["snapshot"].startswith("none")
    assert connector.session["database"] == "mssql"


@pytest.mark.parametrize("role", ["db_datawriter", "db_owner", "sysadmin"])
def test_a_role_that_may_write_is_refused(clinic: Clinic, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clinic.server, "roles", {"db_datareader", role})

    with pytest.raises(Refused, match=rf"its account may write to the source \(role {role}\)"):
        clinic.open(2).check()


def test_a_wrong_password_is_no_reason_to_try_again_and_is_not_told(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = clinic.site.address()
    monkeypatch.setenv("RWE_TEST_TDS_URL", address.replace(quote(PASSWORD), "wr0ng-marker"))

    with pytest.raises(DefinitionError, match="does not let this account in") as caught:
        clinic.open(2, SOURCE).check()

    assert "wr0ng-marker" not in f"{caught.value!r}{caught.value.__context__!r}"
