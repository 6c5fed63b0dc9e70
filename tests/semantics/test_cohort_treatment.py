# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Courses of treatment in a study: lines as index, criterion and variable; time to the next and to the end of one."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.cdm import Cdm
from rwe.cohort import build_cohort, differences
from rwe.errors import DefinitionError
from rwe.spec.examples import Examples
from rwe.spec.study import Study, load_study
from rwe.spec.time_zero import findings

FIRST = date(2020, 1, 1)
CARBO, PACLI, IMMUNO, PARP = range(1, 5)
PAIR, SINGLE = 2_000_000_101, 2_000_000_102


def words(text: str = "x") -> dict[str, str]:
    return {"en": text, "bg": text}


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def settings(**changes: Any) -> dict[str, Any]:
    """Return a study of women whose second line begins: how long until the third, how long until it stops."""
    names = {"carboplatin": CARBO, "paclitaxel": PACLI, "immuno": IMMUNO, "parp": PARP}
    ingredients = {
        name: {"concept": 100 + c, "gap": 30, "products": {"any": {"concepts": [c], "quantity": "mg"}}, "days": 21}
        for name, c in names.items()
    }
    regimens = {
        "pair": {"of": ["carboplatin", "paclitaxel"], "concept": PAIR},
        "single": {"of": ["immuno"], "concept": SINGLE},
    }
    line = {"table": "episode", "concepts": [32531]}
    chosen = {"title": words(), "definition": words()}
    return {
        "study": "s",
        "version": "1",
        **dict.fromkeys(("title", "question", "medicine", "indication", "time_zero"), words()),
        "sites": ["x.yaml"],
        "as_of": day(1000),
        "records": {
            "line": line,
            "second_line": line | {"numbers": [2]},
            "dose": {"table": "dose_era", "concepts": [100 + IMMUNO]},
            "immuno_era": {"table": "drug_era", "concepts": [100 + IMMUNO]},
            "immuno_pack": {"table": "drug_exposure", "concepts": [IMMUNO]},
            "death": {"table": "death"},
        },
        "treatment": {
            "ingredients": ingredients,
            "lines": {"of": [*names], "window": 28, "gap": 90, "regimens": regimens},
        },
        "index": {"record": "line", "start": day(0), "end": day(900)},
        "baseline": {
            "age": {"title": words(), "kind": "age"},
            "number": {"title": words(), "kind": "number", "record": "line"},
            "regimen": {
                "title": words(),
                "kind": "level",
                "record": "line",
                "levels": {"pair": [PAIR], "immuno": [SINGLE], "other": [0]},
            },
            "dose": {"title": words(), "kind": "number", "record": "dose", "window": [0, 30]},
        },
        "populations": {"all": {"title": words()}},
        "endpoints": {
            "ttnt": chosen | {"events": ["line", "death"], "since": 1},
            "ttd": chosen | {"stops": {"of": ["immuno_era"], "gap": 60}, "events": ["death"]},
        },
        "focus": {"everyone": "all", "trial_like": "all", "endpoint": "ttnt", "milestone": 365, "by": "regimen"},
        "looks_ahead": [{"names": ["dose"], "why": words()}],
        "analyses": [{"id": "a", "analysis": "characteristics", "population": "all"}],
    } | changes


def model() -> Cdm:
    """Return two people: carboplatin with paclitaxel, then immunotherapy, stopped or until death; a third untreated."""
    given = [(1, n, c, 100.0) for n in (0, 21, 42) for c in (CARBO, PACLI)]
    given += [(1, n, IMMUNO, 200.0) for n in (120, 141, 162)]
    given += [(2, 10, CARBO, 100.0), (2, 11, PACLI, 100.0), (2, 60, IMMUNO, 240.0), (2, 200, PARP, 5.0)]
    table = pl.LazyFrame(
        [(i, p, c, day(n), q) for i, (p, n, c, q) in enumerate(given)],
        schema=["drug_exposure_id", "person_id", "drug_concept_id", "drug_exposure_start_date", "quantity"],
        orient="row",
    )
    spans = {"person_id": [1, 2, 3], "observation_period_end_date": [day(900), day(400), day(500)]}
    return Cdm(
        {
            "person": pl.LazyFrame({"person_id": [1, 2, 3], "year_of_birth": [1950, 1960, 1970]}),
            "drug_exposure": table,
            "observation_period": pl.LazyFrame(spans),
            "death": pl.LazyFrame({"person_id": [2], "death_date": [day(400)]}),
        },
        pl.DataFrame(),
    )


def people(study: Study) -> dict[int, dict[str, Any]]:
    return {row["person_id"]: row for row in build_cohort(model(), study).subjects.iter_rows(named=True)}


def test_time_to_the_next_line() -> None:
    found = people(Study.model_validate(settings()))

    assert [found[p]["index_date"] for p in (1, 2)] == [day(0), day(10)]
    assert [(found[p]["ttnt_days"], found[p]["ttnt_event"]) for p in (1, 2)] == [(120, True), (50, True)]
    assert [(found[p]["number"], found[p]["regimen"]) for p in (1, 2)] == [(1.0, "pair"), (1.0, "pair")]


def test_the_second_line_as_index_its_end_and_its_dose() -> None:
    index = {"record": "second_line", "start": day(0), "end": day(900)}
    found = people(Study.model_validate(settings(index=index)))

    assert [found[p]["index_date"] for p in (1, 2)] == [day(120), day(60)]
    assert [found[p]["regimen"] for p in (1, 2)] == ["immuno", "immuno"]
    assert [found[p]["dose"] for p in (1, 2)] == [pytest.approx(200 / 21, 1e-5), pytest.approx(240 / 21, 1e-5)]
    # the last day covered is 20 days after the last infusion, and that it was the last is known 60 days later
    assert [(found[p]["ttd_days"], found[p]["ttd_reason"]) for p in (1, 2)] == [(42 + 80, "event"), (80, "event")]
    assert [(found[p]["ttnt_days"], found[p]["ttnt_reason"]) for p in (1, 2)] == [(780, "end_of_data"), (140, "event")]


def test_the_line_as_a_criterion() -> None:
    index = {"record": "immuno_pack", "start": day(0), "end": day(900)}
    second = {"name": "second", "title": words(), "variable": "number", "at_least": 2.0}
    earlier = {"of": ["line"], "window": [None, -1], "at_least": 1}
    before = {"name": "treated_before", "title": words(), "records": earlier}

    found = people(Study.model_validate(settings(index=index, eligibility=[second, before])))

    assert [found[p]["number"] for p in (1, 2)] == [2.0, 2.0]


def test_a_regimen_is_known_when_its_window_is_over() -> None:
    study = Study.model_validate(settings())

    asked = {finding.name: (finding.rule, finding.reach) for finding in findings(study)}
    table = build_cohort(model(), study).time_zero.table

    assert asked["regimen"] == ("arm_after_index", 28)
    assert table.filter(outcome="regimen", estimand="arm_after_index")["n"].to_list() == [2]


def test_example_patients_are_treated_too() -> None:
    patient = {
        "born": 1950,
        "observed": [[day(0), day(900)]],
        "records": [["immuno_pack", day(0), 240], ["immuno_pack", day(21), 240], ["immuno_pack", day(200), 240]],
        "expect": {
            "index_date": day(0),
            "populations": ["all"],
            "values": {"ttnt_days": 200, "ttd_days": 101, "regimen": "immuno", "dose": 11.4286},
        },
    }
    made = {"born": 1950, "observed": [], "records": [["immuno_era", day(0)]], "expect": {"index_date": None}}
    study = Study.model_validate(settings())

    assert differences(study, Examples.model_validate({"patients": {"one": patient}})) == []
    refused = differences(study, Examples.model_validate({"patients": {"one": made}}))
    assert [message for _, message in refused] == ["records 'immuno_era' are made of exposures; give those"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"treatment": None}, "records dose, immuno_era are made of exposures: say under treatment how"),
        ({"treatment.body_size": {"rule": "du_bois", "height": "hight", "weight": "line"}}, "unknown name 'hight'"),
        ({"treatment.lines.since": "immuno_era"}, "unknown name 'immuno_era'"),
        ({"records.death.numbers": [1]}, "numbers are those of episodes"),
    ],
)
def test_what_a_study_cannot_ask_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    (tmp_path / "x.yaml").touch()
    whole = json.loads(json.dumps(settings(), default=str))
    for where, value in changes.items():
        *way, last = where.split(".")
        node = whole
        for step in way:
            node = node[step]
        node[last] = value
    file = tmp_path / "study.yaml"
    file.write_text(json.dumps(whole), "utf-8")

    with pytest.raises(DefinitionError, match=said):
        load_study(file)
