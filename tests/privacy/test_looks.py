# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Attrition by group leaves whole or not at all; whom a look past day zero concerns leaves as any count does."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from rwe.cdm import Cdm
from rwe.cohort import Cohort, build_cohort
from rwe.disclosure import Policy
from rwe.pipeline.looks import by_group, looks
from rwe.spec.study import Study

FIRST = date(2020, 1, 1)


def words() -> dict[str, str]:
    return {"en": "x", "bg": "x"}


def study() -> Study:
    """Return a study with a criterion, an arm known late, and follow-up asked for."""
    return Study.model_validate(
        {
            "study": "s",
            "version": "1",
            **dict.fromkeys(("title", "question", "medicine", "indication", "time_zero"), words()),
            "sites": ["x.yaml"],
            "as_of": date(2022, 1, 1),
            "records": {
                "visit": {"table": "visit_occurrence"},
                "drug": {"table": "procedure_occurrence"},
                "death": {"table": "death"},
            },
            "index": {"record": "visit", "start": FIRST, "end": FIRST},
            "baseline": {
                "age": {"title": words(), "kind": "age"},
                "arm": {"title": words(), "kind": "exists", "record": "drug", "window": [0, 60]},
            },
            "eligibility": [
                {"name": "adult", "title": words(), "variable": "age", "at_least": 18.0},
                {"name": "followed", "title": words(), "min_follow_up": 30},
            ],
            "looks_ahead": [{"names": ["arm"], "why": words()}],
            "populations": {"all": {"title": words()}},
            "endpoints": {"os": {"title": words(), "definition": words(), "events": ["death"]}},
            "focus": {"everyone": "all", "trial_like": "all", "endpoint": "os", "milestone": 365, "by": "arm"},
            "analyses": [{"id": "a", "analysis": "characteristics", "population": "all"}],
        }
    )


def cohort(*, children: int, treated: int, late: int, lost: int) -> Cohort:
    """Return a cohort of two hospitals of 100: children and people lost early are of the second."""
    people = range(200)
    born = [2010 if p >= 200 - children else 1960 for p in people]
    site = ["B" if p >= 100 else "A" for p in people]
    last = [FIRST + timedelta(days=20 if 100 <= p < 100 + lost else 500) for p in people]
    given = [(p, FIRST + timedelta(days=30 if p < late else 0)) for p in range(treated)]
    tables: dict[str, Any] = {
        "person": {"person_id": people, "year_of_birth": born},
        "visit_occurrence": {"person_id": people, "visit_start_date": [FIRST] * 200, "visit_concept_id": [1] * 200},
        "observation_period": {
            "person_id": people,
            "observation_period_start_date": [FIRST] * 200,
            "observation_period_end_date": last,
        },
        "procedure_occurrence": {"person_id": [p for p, _ in given], "procedure_date": [day for _, day in given]},
    }
    frames = {name: pl.LazyFrame({k: list(v) for k, v in columns.items()}) for name, columns in tables.items()}
    for name in ("visit_occurrence", "observation_period"):
        frames[name] = frames[name].with_columns(pl.Series("_site", site))
    frames["procedure_occurrence"] = frames["procedure_occurrence"].select(
        pl.col("person_id").cast(pl.Int64), pl.col("procedure_date").cast(pl.Date), procedure_concept_id=1
    )
    return build_cohort(Cdm(frames, pl.DataFrame()), study())


def divisions(found: Cohort) -> set[str]:
    return {row.group for row in by_group(found, Policy())}


def test_a_division_leaves_whole_where_every_number_of_it_may_be_shown() -> None:
    found = cohort(children=33, treated=60, late=20, lost=21)

    rows = {(row.group, row.criterion): row.n for row in by_group(found, Policy()) if "site" in row.group}

    assert [rows["site=B", step] for step in ("index", "adult", "followed")] == [100, 65, 45]
    assert [rows["site=A", step] for step in ("index", "adult", "followed")] == [100, 100, 100]
    assert divisions(found) == {"site=A", "site=B", "arm=no", "arm=yes"}


@pytest.mark.parametrize("few", [1, 12])
def test_a_number_that_is_too_small_keeps_its_division_inside(few: int) -> None:
    assert divisions(cohort(children=few, treated=60, late=20, lost=21)) == set()
    assert divisions(cohort(children=33, treated=few, late=0, lost=21)) == {"site=A", "site=B"}


def test_a_division_into_one_is_none() -> None:
    assert divisions(cohort(children=33, treated=0, late=0, lost=21)) == {"site=A", "site=B"}


@pytest.mark.parametrize(("late", "shown"), [(0, 0), (1, None), (12, None), (13, 15), (60, 60)])
def test_whom_a_look_concerns_is_masked_and_rounded(late: int, shown: int | None) -> None:
    found = cohort(children=33, treated=60, late=late, lost=21)

    arm, followed = looks(study(), found, Policy())

    assert (arm.rule, arm.reach, arm.n, arm.why) == ("arm_after_index", 60, shown, study().looks_ahead[0].why)
    assert (followed.rule, followed.reach, followed.n, followed.why) == ("followed_for_long", 30, 20, None)
    assert (arm.within, arm.left) == (True, 20)


def test_all_but_a_few_is_masked_as_the_few_are() -> None:
    arm, _ = looks(study(), cohort(children=33, treated=195, late=195, lost=21), Policy())

    assert arm.n is None
