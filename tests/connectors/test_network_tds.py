# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Hospital C of the network, named in Cyrillic, is read through SQL Server's protocol as its file is.

The server that speaks it has no dates: days stand as text on both sides.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest

from connectors.sql import connect
from rwe.pipeline.planning import load_source
from rwe.spec.site import Site
from rwe.spec.source import Source
from tests.connectors.servers import Missing, odbc_driver
from tests.connectors.tds import PASSWORD, TdsServer, serving
from tests.connectors.test_network_servers import SITES, same, write

KINDS = {"INTEGER": int, "BIGINT": int, "DOUBLE": float}


def serve(server: TdsServer, file: Path) -> None:
    """Put every table of a hospital's file into the server."""
    with closing(sqlite3.connect(file)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            columns = {row[1]: KINDS.get(row[2], str) for row in database.execute(f'PRAGMA table_info("{name}")')}
            server.put(name, columns, database.execute(f'SELECT * FROM "{name}"').fetchall())


def unborn(source: Source, days: str) -> Source:
    """Return a source without days of birth, of which only the year is kept; other days are of the type `days`."""
    streams = {}
    for name, stream in source.streams.items():
        columns = {
            column: one.model_copy(update={"type": days}) if one.type == "date" else one
            for column, one in stream.columns.items()
            if one.role != "birth_date"
        }
        streams[name] = stream.model_copy(update={"columns": columns})
    return source.model_copy(update={"streams": streams})


def read(site: Site, source: Source, url: str, home: Path) -> dict[str, pl.DataFrame]:
    """Return what the connector reads, by stream."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RWE_TEST_NETWORK_URL", url)
        with closing(connect(site, source, home)) as connector:
            return {
                name: pl.concat(batch.rows for batch in connector.read(name, None)).sort("_key")
                for name in connector.streams()
            }


@pytest.mark.ci
def test_hospital_c_through_the_protocol_of_sql_server(tmp_path: Path) -> None:
    try:
        driver = odbc_driver("FreeTDS", "tdsodbc")
    except Missing as exc:
        pytest.skip(str(exc))
    write(tmp_path / "files", {})
    file, source = tmp_path / "files" / "c.db", load_source(SITES / "network_c.yaml")
    site = source.site.model_copy(update={"url_env": "RWE_TEST_NETWORK_URL"})
    as_text, typed = (unborn(source.mapping.source, days) for days in ("text", "date"))

    with serving() as server:
        serve(server, file)
        where = f"reader:{quote(PASSWORD)}@127.0.0.1:{server.port}/master"
        theirs = read(site, as_text, f"mssql+pyodbc://{where}?driver={driver}", tmp_path)

    ours = read(site, typed, f"sqlite:///{file}", tmp_path)
    same({name: rows.with_columns(pl.selectors.date().cast(pl.String)) for name, rows in ours.items()}, theirs)
