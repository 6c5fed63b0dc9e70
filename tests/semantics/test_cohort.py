# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Small common models in, people with a day zero, endpoints and an attrition out."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from rwe.cdm import Cdm
from rwe.cohort import Cohort, build_cohort
from rwe.errors import NoValidAnswer
from rwe.spec.study import Study

SURGERY, NODES, STATE, PRE, POST, RECURRENCE, CHECK, HORMONE = range(2_000_000_001, 2_000_000_009)


def words(text: str) -> dict[str, str]:
    return {"en": text, "bg": text}


def study(**changes: Any) -> Study:
    rfs = {"title": words("RFS"), "definition": words(""), "events": ["recurrence", "death"], "check": "check"}
    nodes = {"title": words("nodes"), "kind": "number", "record": "nodes", "window": [0, 60]}
    levels = {"pre": [PRE], "post": [POST]}
    settings: dict[str, Any] = {
        "study": "s",
        "version": "1",
        **dict.fromkeys(("title", "question", "medicine", "indication", "time_zero"), words("x")),
        "sites": ["x.yaml"],
        "as_of": date(2000, 1, 1),
        "records": {
            "surgery": {"table": "procedure_occurrence", "concepts": [SURGERY]},
            "nodes": {"table": "measurement", "concepts": [NODES]},
            "state": {"table": "observation", "concepts": [STATE]},
            "hormone": {"table": "drug_exposure", "concepts": [HORMONE]},
            "recurrence": {"table": "episode", "concepts": [RECURRENCE]},
            "check": {"table": "visit_occurrence", "concepts": [CHECK]},
            "death": {"table": "death"},
        },
        "index": {"record": "surgery", "start": date(1990, 1, 1), "end": date(1995, 1, 1)},
        "baseline": {
            "age": {"title": words("age"), "kind": "age"},
            "nodes": nodes,
            "state": {"title": words("state"), "kind": "level", "record": "state", "levels": levels},
            "hormone": {"title": words("hormone"), "kind": "exists", "record": "hormone", "window": [0, 30]},
        },
        "eligibility": [{"name": "followed", "title": words("followed"), "min_follow_up": 1}],
        "populations": {
            "everyone": {"title": words("all")},
            "positive": {
                "title": words("positive"),
                "criteria": [{"name": "nodes", "title": words("nodes"), "variable": "nodes", "at_least": 1.0}],
            },
        },
        "endpoints": {
            "os": {"title": words("OS"), "definition": words(""), "events": ["death"]},
            "rfs": rfs,
            "rfs_check": rfs | {"after_check": "censor"},
        },
        "focus": {"everyone": "everyone", "trial_like": "positive", "endpoint": "rfs", "milestone": 365},
        "analyses": [{"id": "a", "analysis": "characteristics", "population": "everyone"}],
    }
    return Study.model_validate(settings | changes)


def rows(table: str, columns: str, *values: tuple[Any, ...]) -> pl.LazyFrame:
    names = {
        "procedure_occurrence": "person_id procedure_date procedure_concept_id",
        "measurement": "person_id measurement_date measurement_concept_id value_as_number",
        "observation": "person_id observation_date observation_concept_id value_as_concept_id",
        "drug_exposure": "person_id drug_exposure_start_date drug_concept_id",
        "episode": "person_id episode_start_date episode_concept_id",
        "visit_occurrence": "person_id visit_start_date visit_concept_id",
        "death": "person_id death_date",
        "observation_period": "person_id observation_period_end_date",
        "person": "person_id year_of_birth",
    }[table]
    assert columns == names
    return pl.LazyFrame(list(values), schema=names.split(), orient="row")


def d(text: str) -> date:
    return date.fromisoformat(text)


def model(**changes: pl.LazyFrame) -> Cdm:
    """Five people: relapsed, died unseen, alive, node-negative, and one operated before the period."""
    tables = {
        "person": rows("person", "person_id year_of_birth", (1, 1940), (2, 1950), (3, 1960), (4, 1930), (5, 1930)),
        "procedure_occurrence": rows(
            "procedure_occurrence",
            "person_id procedure_date procedure_concept_id",
            *((p, d(day), SURGERY) for p, day in [(1, "1990-01-01"), (2, "1991-01-01"), (3, "1992-01-01")]),
            (1, d("1993-05-05"), SURGERY),
            (4, d("1993-01-01"), SURGERY),
            (5, d("1989-12-31"), SURGERY),
        ),
        "measurement": rows(
            "measurement",
            "person_id measurement_date measurement_concept_id value_as_number",
            (1, d("1990-01-11"), NODES, 3.0),
            (1, d("1990-01-05"), NODES, 2.0),
            (2, d("1991-01-01"), NODES, 1.0),
            (3, d("1992-03-02"), NODES, 9.0),
            (4, d("1993-01-01"), NODES, 0.0),
        ),
        "observation": rows(
            "observation",
            "person_id observation_date observation_concept_id value_as_concept_id",
            (1, d("1990-01-01"), STATE, PRE),
            (2, d("1991-01-01"), STATE, POST),
            (3, d("1992-01-01"), STATE, 7),
        ),
        "drug_exposure": rows(
            "drug_exposure",
            "person_id drug_exposure_start_date drug_concept_id",
            (1, d("1990-01-31"), HORMONE),
            (2, d("1991-02-01"), HORMONE),
        ),
        "episode": rows("episode", "person_id episode_start_date episode_concept_id", (1, d("1990-04-11"), RECURRENCE)),
        "visit_occurrence": rows(
            "visit_occurrence",
            "person_id visit_start_date visit_concept_id",
            (2, d("1991-04-11"), CHECK),
            (3, d("1992-04-10"), CHECK),
            (4, d("1993-04-11"), CHECK),
        ),
        "death": rows("death", "person_id death_date", (1, d("1991-01-01")), (2, d("1991-07-20"))),
        "observation_period": rows(
            "observation_period",
            "person_id observation_period_end_date",
            *((p, d(day)) for p, day in [(1, "1991-01-01"), (2, "1991-07-20"), (3, "2001-01-01"), (4, "1993-04-11")]),
            (5, d("1995-01-01")),
        ),
    }
    return Cdm(tables | changes, pl.DataFrame())


def table(cohort: Cohort, *columns: str) -> list[tuple[Any, ...]]:
    return cohort.subjects.select("person_id", *columns).rows()


def test_day_zero_is_the_first_index_record_in_the_period() -> None:
    cohort = build_cohort(model(), study())

    days = [(1, d("1990-01-01")), (2, d("1991-01-01")), (3, d("1992-01-01")), (4, d("1993-01-01"))]
    assert table(cohort, "index_date") == days


def test_baseline_takes_the_nearest_record_in_the_window() -> None:
    cohort = build_cohort(model(), study())

    assert table(cohort, "age", "nodes", "state", "hormone") == [
        (1, 50, 2.0, "pre", "yes"),  # the nearer of two measurements; day 30 is inside
        (2, 41, 1.0, "post", "no"),  # day 31 is outside
        (3, 32, None, None, "no"),  # day 61 is outside; a code that is no level is not known
        (4, 63, 0.0, None, "no"),
    ]


def test_overall_survival_ends_at_death_or_the_last_day_seen() -> None:
    cohort = build_cohort(model(), study())

    # person 3 was seen in 2001, after the data cut
    days = (d("2000-01-01") - d("1992-01-01")).days
    assert table(cohort, "os_days", "os_event") == [(1, 365, True), (2, 200, True), (3, days, False), (4, 100, False)]


def test_a_death_after_the_last_check_counts_at_its_date_or_is_censored_at_the_check() -> None:
    cohort = build_cohort(model(), study())

    assert table(cohort, "rfs_days", "rfs_event") == [(1, 100, True), (2, 200, True), (3, 100, False), (4, 100, False)]
    assert table(cohort, "rfs_check_days", "rfs_check_event")[1] == (2, 100, False)


def test_attrition_counts_each_step() -> None:
    cohort = build_cohort(model(), study())

    counts = cohort.attrition.table.filter(population="positive").select("outcome", "estimand", "n").rows()
    assert counts == [
        ("everyone", "remaining", 5),
        ("index", "excluded", 1),
        ("index", "remaining", 4),
        ("event_free_at_index", "excluded", 0),
        ("event_free_at_index", "remaining", 4),
        ("followed", "excluded", 0),
        ("followed", "remaining", 4),
        ("nodes", "excluded", 2),
        ("nodes", "remaining", 2),
    ]
    assert cohort.of("positive")["person_id"].to_list() == [1, 2]
    assert cohort.of("everyone").height == 4


def test_an_event_before_day_zero_excludes_and_is_counted() -> None:
    both = [(1, d("1990-04-11"), RECURRENCE), (2, d("1990-12-31"), RECURRENCE)]
    early = rows("episode", "person_id episode_start_date episode_concept_id", *both)

    cohort = build_cohort(model(episode=early), study())

    assert cohort.subjects["person_id"].to_list() == [1, 3, 4]


def test_records_after_the_data_cut_have_not_happened() -> None:
    cohort = build_cohort(model(), study(as_of=d("1991-07-19")))

    assert table(cohort, "os_days", "os_event") == [(1, 365, True), (2, 199, False)]


def test_an_empty_cohort_names_the_criterion_that_emptied_it() -> None:
    nobody = {"name": "old", "title": words("old"), "variable": "age", "at_least": 99.0}

    with pytest.raises(NoValidAnswer, match=r"population 'everyone': criterion 'old' leaves nobody of 4") as caught:
        build_cohort(model(), study(eligibility=[nobody]))

    assert caught.value.exit_code == 5


def test_no_index_record_is_no_valid_answer() -> None:
    with pytest.raises(NoValidAnswer, match="nobody has the index record 'surgery'"):
        build_cohort(model(), study(index={"record": "surgery", "start": d("1970-01-01"), "end": d("1971-01-01")}))
