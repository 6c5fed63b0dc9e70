# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The study gives the same tables from a PostgreSQL hospital as from SQLite, byte for byte, inside the zone and out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rwe import pipeline, plugins, provenance
from rwe.store import Store

HOSPITAL = plugins.hospital("breast")
STAGES = ("3-select", "4-analyse", "5-compare", "6-reimburse", "release")


@pytest.fixture(scope="module")
def server(demo: Any, postgres: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> pipeline.RunSummary:
    """Run the study on a PostgreSQL hospital, under the pseudonyms of the demo's home."""
    url, home = postgres(), tmp_path_factory.mktemp("server")
    shutil.copytree(demo.home / "key", home / "key")
    assert HOSPITAL.build(url)["patient"] == 2982
    return pipeline.run(HOSPITAL.study, home=home, site_urls={HOSPITAL.site: as_reader(url)}, lang=("en",))


def as_reader(url: str) -> str:
    """Make an account that may only read; another would be refused."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE demo_reader LOGIN")
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO demo_reader")
    engine.dispose()
    return engine.url.set(username="demo_reader").render_as_string(hide_password=False)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for stage in STAGES
        for path in (folder / stage).rglob("*")
        if path.is_file()
    }


def test_every_table_is_the_same_to_the_byte(demo: Any, server: pipeline.RunSummary) -> None:
    ours, theirs = files(demo.summary.folder), files(server.folder)

    assert {"3-select/subjects.parquet", "6-reimburse/lines.csv", "release/context.json"} <= set(ours)
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == {"release/context.json"}


def test_what_a_dossier_is_told_differs_in_name_time_and_seals_of_the_run_only(
    demo: Any, server: pipeline.RunSummary
) -> None:
    told = [
        json.loads((folder / "release" / "context.json").read_text("utf-8"))
        for folder in (demo.summary.folder, server.folder)
    ]

    for context in told:
        origin = context["provenance"]
        del origin["run_id"], origin["started"], origin["seals"]
        for stream in origin["data"].values():
            del stream["sha256"]  # of the file, which names its batch
    assert told[0] == told[1]


def test_the_landing_tables_hold_the_same_rows(demo: Any, server: pipeline.RunSummary) -> None:
    homes = [demo.home, server.folder.parents[1]]

    assert server.landed == demo.summary.landed
    for name in server.landed:
        site, _, stream = name.partition("/")
        ours, theirs = (Store(home / "store").table(f"{site}/landing/{stream}").current().collect() for home in homes)
        # the batch is named by the cursor, which each database writes in its own form
        assert ours.drop("_batch").equals(theirs.drop("_batch")), name


def test_the_server_run_is_sealed_too(server: pipeline.RunSummary) -> None:
    provenance.verify(server.folder)
