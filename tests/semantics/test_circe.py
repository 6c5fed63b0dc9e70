# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Definitions of ATLAS mean the same as a study and by OHDSI's own SQL; what has no equal is refused by name."""

from __future__ import annotations

import importlib
import importlib.util
import json
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import polars as pl
import pytest

from rwe.cdm import TABLES
from rwe.cli.app import main
from rwe.cohort.build import select
from rwe.errors import DefinitionError
from rwe.spec.circe import read_circe
from rwe.spec.study import Study, load_study
from tests.semantics import atlas, random_cohort

AS_OF = random_cohort.AS_OF
DEFINITIONS = [atlas.new_users, atlas.tested_patients, atlas.repeat_testing]
Tables = dict[str, list[dict[str, Any]]]


def written(folder: Path, definition: atlas.Json) -> Path:
    file = folder / "definition.json"
    file.write_text(json.dumps({"name": "Някои хора / Some people", "expression": definition}), "utf-8")
    return file


def study(folder: Path, definition: atlas.Json) -> Study:
    """Return a definition as a study; the vocabulary of these tests has no descendants."""
    values = read_circe(written(folder, definition), ["x.yaml"], AS_OF)
    for record in values["records"].values():
        record["descendants"] = False
    return Study.model_validate(values)


def hospital(seed: int) -> Tables:
    """Return records that the SQL can read: nobody dies, one period a person, nothing after the data cut."""
    made = random_cohort.tables(Random(seed), people=300)
    made["death"] = []
    periods = {row["person_id"]: row for row in made["observation_period"]}
    end = "observation_period_end_date"
    made["observation_period"] = [row | {end: min(row[end], AS_OF)} for row in periods.values()]
    for name in ("drug_exposure", "measurement", "procedure_occurrence"):
        made[name] = [row for row in made[name] if row[next(c for c in row if c.endswith("_date"))] <= AS_OF]
    return made


def by_sql(rows: Tables, definition: atlas.Json) -> set[tuple[int, date, date]]:
    """Return person, first and last day of the cohort as OHDSI's SQL finds them in DuckDB."""
    api, render = (importlib.import_module(name) for name in ("circe.api", "circe.sqlrender"))
    options = importlib.import_module("circe.cohortdefinition").BuildExpressionQueryOptions()
    asked = api.build_cohort_query(api.cohort_expression_from_json(json.dumps(definition)), options)
    schemas = ("cdm_database_schema", "vocabulary_database_schema", "target_database_schema", "results_database_schema")
    filled = render.render(asked, **dict.fromkeys(schemas, "main"), target_cohort_table="cohort", target_cohort_id=1)
    with duckdb.connect() as base:
        for name, schema in TABLES.items():
            held = pl.DataFrame(rows.get(name, []), infer_schema_length=None)
            held = held if name == "person" else held.with_row_index(f"{name}_id")
            frame = pl.concat([schema.create_empty(), held], how="diagonal_relaxed")
            base.register("frame", frame.to_arrow())
            base.execute(f"create table {name} as select * from frame")
        base.execute("create table concept as select unnest(range(1, 10)) as concept_id, null as invalid_reason")
        base.execute("create table cohort (cohort_definition_id int, subject_id bigint, cohort_start_date date, "
                     "cohort_end_date date)")  # fmt: skip
        base.execute(render.translate(filled, "duckdb"))
        return set(base.execute("select subject_id, cohort_start_date, cohort_end_date from cohort").fetchall())


def by_study(rows: Tables, asked: Study) -> set[tuple[int, date, date]]:
    """Return the same as the engine finds it."""
    people = select(random_cohort.model(rows), asked).people.filter("in_cohort")
    columns = people.select("person_id", "index_date", "in_cohort_days").rows()
    return {(person, day, day + timedelta(days=n)) for person, day, n in columns}


@pytest.mark.ci
def test_definitions_mean_what_ohdsi_sql_does(tmp_path: Path) -> None:
    if importlib.util.find_spec("circe") is None:
        pytest.skip("ohdsi-circepy is not installed: it makes the SQL to compare with")
    found = {make.__name__: 0 for make in DEFINITIONS}

    for make in DEFINITIONS:
        definition = make()
        for seed in range(2):
            rows = hospital(seed)
            expected = by_sql(rows, definition)
            assert by_study(rows, study(tmp_path, definition)) == expected
            found[make.__name__] += len(expected)

    assert min(found.values()) > 10


def test_an_import_is_a_study(tmp_path: Path) -> None:
    values = read_circe(written(tmp_path, atlas.new_users()), ["x.yaml"], AS_OF)

    assert values["records"]["metformin"] == {"table": "drug_exposure", "concepts": [1], "descendants": False}
    assert [criterion["name"] for criterion in values["eligibility"]] == [
        "no_earlier_event",
        "adults",
        "no_other_medicine_in_half_a_year",
        "at_most_two_operations_before",
    ]
    assert values["endpoints"]["in_cohort"]["until"] == 365
    assert values["study"] == "some_people"
    assert Study.model_validate(values).index.observed == 120


DRUG = {"DrugExposure": {"CodesetId": 1}}
LINE = atlas.counted("DrugExposure", 1, (-30, -1), 2, 1)


def asked(event: atlas.Json = DRUG, *rules: atlas.Json, sets: Any = None, **more: Any) -> atlas.Json:
    return atlas.definition(event, sets or [atlas.concept_set(1, "A", 1)], *rules, **more)


def within(**more: Any) -> atlas.Json:
    return atlas.rule("r", LINE | more)


NESTED = atlas.rule("r", LINE)
NESTED["expression"]["Groups"] = [{"Type": "ALL", "CriteriaList": [LINE]}]
EXCLUDED = atlas.concept_set(1, "A", 1)
EXCLUDED["expression"]["items"][0]["isExcluded"] = True
TWO = asked()
TWO["PrimaryCriteria"]["CriteriaList"] = [DRUG, DRUG]
AFTER = asked()
AFTER["PrimaryCriteria"]["ObservationWindow"]["PostDays"] = 30
ERA = {"CustomEra": {"DrugCodesetId": 1, "GapDays": 30, "Offset": 0}}
OTHER = atlas.counted("DrugExposure", 1, (-9, 0), 2, 1)
REFUSED = [
    (asked({"DrugEra": {"CodesetId": 1}}), "PrimaryCriteria.CriteriaList.0.DrugEra: records of this kind"),
    (asked({"DrugExposure": {"CodesetId": 1, "Gender": [{"CONCEPT_ID": 8507}]}}), "DrugExposure.Gender: has no equal"),
    (asked({"DrugExposure": {"CodesetId": 1, "Age": {"Value": 18, "Op": "gte"}}}), "DrugExposure.Age: it would choose"),
    (asked({"DrugExposure": {"CodesetId": 7}}), "there is no set 7"),
    (asked(limit="All"), "PrimaryCriteriaLimit: each event of a person would be judged"),
    (asked(EndStrategy=ERA), "EndStrategy.CustomEra: write an endpoint with `stops`"),
    (asked(AdditionalCriteria={"Type": "ALL", "CriteriaList": [LINE]}), "AdditionalCriteria: it would choose"),
    (asked(CensorWindow={"StartDate": "2010-01-01"}), "CensorWindow: has no equal"),
    (
        asked(DRUG, atlas.rule("r", LINE, LINE | {"StartWindow": atlas.window(0, 9)}, how="ANY")),
        "Type: ANY: of alternatives only",
    ),
    (asked(DRUG, atlas.rule("r", LINE, LINE, how="AT_LEAST")), "Type: AT_LEAST: of alternatives only"),
    (asked(DRUG, NESTED), "InclusionRules.0.expression.Groups: groups within groups"),
    (asked(DRUG, within(RestrictVisit=True)), "CriteriaList.0.RestrictVisit: has no equal"),
    (asked(DRUG, within(EndWindow=atlas.window(0, 9))), "CriteriaList.0.EndWindow: has no equal"),
    (asked(sets=[EXCLUDED]), "ConceptSets.0.expression: excluded and mapped concepts"),
    (TWO, "one kind of primary event is expected"),
    (AFTER, "ObservationWindow.PostDays: has no equal"),
]


@pytest.mark.parametrize(("definition", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_has_no_equal_is_refused_by_name(tmp_path: Path, definition: atlas.Json, said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_circe(written(tmp_path, definition), ["x.yaml"], AS_OF)

    assert said in str(refused.value)


def test_everything_is_refused_at_once(tmp_path: Path) -> None:
    definition = asked(DRUG, within(RestrictVisit=True), EndStrategy=ERA, limit="All")

    with pytest.raises(DefinitionError) as refused:
        read_circe(written(tmp_path, definition), ["x.yaml"], AS_OF)

    assert len(refused.value.problems) == 3


def test_the_command_writes_a_study_that_can_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    definition = written(tmp_path, atlas.new_users())
    (tmp_path / "x.yaml").touch()
    line = ["cohort", "import", str(definition), "--site", "x.yaml", "--as-of", "2012-12-31"]

    assert main([*line, "--out", str(tmp_path / "study.yaml")]) == 0
    assert load_study(tmp_path / "study.yaml").index.start == date(2010, 6, 1)
    assert main([*line, "--out", str(tmp_path / "study.yaml")]) == DefinitionError.exit_code
    assert "4 criteria, 4 kinds of records" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{", "[]", '{"expression": {"ConceptSets": []}}'])
def test_what_is_no_definition_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text, "utf-8")

    with pytest.raises(DefinitionError, match=r"not JSON|no cohort definition of Circe"):
        read_circe(file, ["x.yaml"], AS_OF)
