# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A site's vocabulary and its map: where records belong, and which concepts stand below a concept."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from rwe.cdm import Cdm
from rwe.cdm.athena import TABLES
from rwe.cdm.concepts import tree, with_descendants
from rwe.cli.app import main
from rwe.cohort import build_cohort
from rwe.errors import DefinitionError
from rwe.pipeline.planning import load_plan, load_source
from rwe.pipeline.vocabulary import domains_of, expanded, hashes_of
from rwe.spec.mapping import load_mapping
from rwe.spec.omop import cdm_fields
from rwe.store import Store
from tests.semantics.district import FOLDER

LUNG, UPPER_LOBE, METFORMIN, TAMOXIFEN = 2_000_000_101, 2_000_000_102, 2_000_000_113, 2_000_000_112
ELSEWHERE = 2_000_000_777
CONCEPT = "{id}\tИзмислено\t{domain}\tOURS\tDisease\tS\tX{id}\t19700101\t20991231\t"
SITE = """
site: district
title: {{en: District, bg: Областна}}
connector: sql
url: "sqlite:///{database}"
mapping: {mapping}
vocabulary: bundle
"""
HOSPITAL = """
CREATE TABLE patient (id INTEGER PRIMARY KEY, changed TIMESTAMP, number TEXT, egn TEXT, born DATE, sex TEXT);
CREATE TABLE diagnosis (id INTEGER PRIMARY KEY, changed TIMESTAMP, number TEXT, day DATE, code TEXT);
CREATE TABLE medicine (id INTEGER PRIMARY KEY, changed TIMESTAMP, number TEXT, day DATE, code TEXT);
CREATE TABLE result (id INTEGER PRIMARY KEY, changed TIMESTAMP, number TEXT, day DATE, test TEXT, value TEXT,
    unit TEXT);
INSERT INTO patient VALUES (1, '2026-01-01 10:00:00', 'P1', '7523169263', '1975-03-16', 'М');
INSERT INTO patient VALUES (2, '2026-01-01 10:00:00', 'P2', '7111042925', '1971-11-04', 'Ж');
INSERT INTO diagnosis VALUES (1, '2026-01-01 10:00:00', 'P1', '2020-05-01', 'с34.1');
INSERT INTO diagnosis VALUES (2, '2026-01-01 10:00:00', 'P1', '2020-05-01', 'C50.9');
INSERT INTO diagnosis VALUES (3, '2026-01-01 10:00:00', 'P1', '2020-05-01', 'Z99');
INSERT INTO diagnosis VALUES (4, '2026-01-01 10:00:00', 'P2', '2020-05-01', 'Z99');
INSERT INTO medicine VALUES (1, '2026-01-01 10:00:00', 'P1', '2020-05-01', 'L02BA01');
INSERT INTO result VALUES (1, '2026-01-01 10:00:00', 'P1', '2020-05-01', 'ХЕМ', '135', 'г/л');
"""


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """Return a folder with a hospital's database, its site file, and a vocabulary of invented concepts."""
    with closing(sqlite3.connect(tmp_path / "district.db")) as database, database:
        database.executescript(HOSPITAL)
    (tmp_path / "site.yaml").write_text(SITE.format(database=tmp_path / "district.db", mapping=FOLDER), "utf-8")
    (tmp_path / "bundle").mkdir()
    domains = {LUNG: "Condition", UPPER_LOBE: "Condition", 4_112_853: "Observation", ELSEWHERE: "Condition"}
    rows = {
        "concept": [CONCEPT.format(id=concept, domain=domain) for concept, domain in domains.items()],
        "concept_ancestor": [f"{METFORMIN}\t{below}\t1\t1" for below in (METFORMIN, ELSEWHERE)],
    }
    for name in TABLES:
        lines = ["\t".join(cdm_fields()[name]), *rows.get(name, ()), ""]
        (tmp_path / "bundle" / f"{name.upper()}.csv").write_text("\n".join(lines), "utf-8", newline="")
    return tmp_path


def test_the_beginnings_of_codes_say_what_stands_above_what() -> None:
    pairs = tree(load_mapping(FOLDER))

    assert pairs.rows() == [(LUNG, UPPER_LOBE), (2_000_000_111, TAMOXIFEN)]
    assert with_descendants([LUNG, METFORMIN], [pairs.lazy()]) == (LUNG, UPPER_LOBE, METFORMIN)


def test_the_vocabulary_of_a_site_tells_the_domains_of_its_map(hospital: Path) -> None:
    source = load_source(hospital / "site.yaml")

    found = domains_of(source, hospital / "home")

    assert found == {LUNG: "Condition", UPPER_LOBE: "Condition", 4_112_853: "Observation"}


def test_a_study_may_ask_for_descendants(hospital: Path) -> None:
    study = Path(__file__).parents[2] / "configs" / "studies" / "breast_hormonal.yaml"
    text = study.read_text("utf-8").replace("../", f"{study.parents[1].as_posix()}/")
    asked = f"{{table: drug_exposure, concepts: [{METFORMIN}, 2000000111], descendants: true}}"
    text = text.replace("{table: drug_exposure, concepts: [2000000051]}", asked)
    (hospital / "study.yaml").write_text(
        text.replace(f"{study.parents[1].as_posix()}/sites/rotterdam.yaml", "site.yaml"), "utf-8"
    )

    plan = load_plan(hospital / "study.yaml")
    made = expanded(plan, hospital / "home")

    assert made.records["hormonal"].concepts == (2_000_000_111, TAMOXIFEN, METFORMIN, ELSEWHERE)
    assert made.records["chemotherapy"].concepts == plan.study.records["chemotherapy"].concepts
    with pytest.raises(DefinitionError, match="record hormonal asks for descendants"):
        build_cohort(Cdm({}, pl.DataFrame()), plan.study)


def test_the_bytes_of_a_vocabulary_are_told_by_site_and_table(hospital: Path) -> None:
    source = load_source(hospital / "site.yaml")
    domains_of(source, hospital / "home")

    found = hashes_of([source], hospital / "home")

    files = {name: hospital / "bundle" / f"{name.upper()}.csv" for name in TABLES}
    assert found == {"district": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}}


@pytest.mark.ci
def test_the_command_harmonises_what_landed_and_tells_the_codes_without_a_concept(
    hospital: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--home", str(hospital / "home"), "--json"]
    assert main(["extract", str(hospital / "site.yaml"), *where]) == 0
    capsys.readouterr()

    code = main(["harmonise", str(hospital / "site.yaml"), *where])

    said = capsys.readouterr()
    events = [json.loads(line) for line in said.out.splitlines()]
    rows = {e["stream"]: (e["accepted"], e["rejected"], e["merged"]) for e in events if e["event"] == "harmonised"}
    unmapped = [e for e in events if e["event"] == "unmapped"]
    assert code == 0
    assert rows == {"patient": (2, 0, 0), "diagnosis": (3, 1, 0), "medicine": (1, 0, 0), "result": (1, 0, 0)}
    assert [(e["field"], e["code"], e["n"], e["share"]) for e in unmapped] == [
        ("condition_concept_id", "Z99", 2, 2 / 3)
    ]
    assert "Z99" in said.err
    assert any(e["event"] == "rule" and e["rule"] == "wrong_domain" for e in events)


def test_the_store_holds_what_the_command_made(hospital: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--home", str(hospital / "home")]
    main(["extract", str(hospital / "site.yaml"), *where])
    main(["harmonise", str(hospital / "site.yaml"), *where])
    capsys.readouterr()
    table = Store(hospital / "home" / "store").table("district/cdm/measurement").current().collect()

    assert table.select("value_as_number", "unit_concept_id").rows() == [(13.5, 8713)]
