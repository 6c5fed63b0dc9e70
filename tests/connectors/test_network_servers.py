# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A hospital of the network on a real server is read as its file is: PostgreSQL for A, MariaDB for B."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from connectors.sql import connect
from rwe.pipeline.planning import load_source
from synthetic.network.blocks import records, truth
from synthetic.network.entries import entries
from synthetic.network.houses import database
from synthetic.network.houses.network import Houses
from tests.connectors.servers import MariaDb

SITES = Path(__file__).parents[2] / "configs" / "sites"
SEED, PATIENTS = 3, 60


def write(folder: Path, urls: Mapping[str, str]) -> None:
    found = truth(SEED, 0, PATIENTS)
    houses = Houses(folder, urls)
    houses.write(0, entries(SEED, found["persons"], records(SEED, found["courses"])))
    houses.finish()


def read(hospital: str, url: str, home: Path) -> dict[str, pl.DataFrame]:
    """Return what the connector reads of a hospital, by stream."""
    source = load_source(SITES / f"network_{hospital}.yaml")
    site = source.site.model_copy(update={"url_env": "RWE_TEST_NETWORK_URL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RWE_TEST_NETWORK_URL", url)
        with closing(connect(site, source.mapping.source, home)) as connector:
            return {
                name: pl.concat(batch.rows for batch in connector.read(name, None)).sort("_key")
                for name in connector.streams()
            }


def same(ours: dict[str, pl.DataFrame], theirs: dict[str, pl.DataFrame]) -> None:
    assert ours.keys() == theirs.keys()
    for name, rows in ours.items():
        assert rows.height > 10, name
        assert_frame_equal(theirs[name], rows)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write(folder, {})
    return folder


@pytest.mark.ci
def test_hospital_a_on_postgresql(postgres: Callable[[], str], files: Path, tmp_path: Path) -> None:
    owner = sa.make_url(postgres())
    write(tmp_path / "out", {"a": owner.render_as_string(hide_password=False)})
    engine = sa.create_engine(owner)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE network_reader LOGIN")
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO network_reader")
    engine.dispose()

    theirs = read("a", owner.set(username="network_reader").render_as_string(hide_password=False), tmp_path)

    same(read("a", f"sqlite:///{files}/a.db", tmp_path), theirs)
    assert not (tmp_path / "out" / "a.db").exists()


@pytest.mark.ci
def test_hospital_b_on_mariadb(mariadb: MariaDb, files: Path, tmp_path: Path) -> None:
    name = mariadb.database()
    write(tmp_path / "out", {"b": f"mariadb+pyodbc:///?odbc_connect={quote(mariadb.odbc(name))}"})
    with mariadb.connect(name) as owner:
        owner.execute("CREATE OR REPLACE USER network@'127.0.0.1' IDENTIFIED BY 'network-secret'")
        owner.execute(f"GRANT SELECT ON {name}.* TO network@'127.0.0.1'")

    theirs = read("b", mariadb.url(name, "network", "network-secret"), tmp_path)

    same(read("b", f"sqlite:///{files}/b.db", tmp_path), theirs)


def test_rows_and_columns_make_the_same_file(files: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "find_spec", lambda _: None)
        write(tmp_path / "rows", {})

    for hospital in "ac":
        ours, theirs = (
            read(hospital, f"sqlite:///{place}/{hospital}.db", tmp_path) for place in (files, tmp_path / "rows")
        )
        same(ours, theirs)
