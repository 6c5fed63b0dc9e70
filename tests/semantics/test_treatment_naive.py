# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Random rules of treatment mean the same to the engine and to a plain reading of their words."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rwe.spec.treatment import Treatment
from rwe.treatment import Course
from tests.semantics import naive_treatment, random_treatment
from tests.semantics.naive_treatment import Given, Row

CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]


def eras(found: Course, person: int) -> list[tuple[Any, ...]]:
    columns = ("drug_concept_id", "drug_era_start_date", "drug_era_end_date", "drug_exposure_count", "gap_days")
    return sorted(found.tables["drug_era"].filter(person_id=person).select(columns).rows())


def lines(found: Course, person: int, rules: Treatment) -> list[tuple[Any, ...]]:
    episodes = found.tables["episode"].filter(pl.col("person_id") == person, pl.col("episode_number").is_not_null())
    events = found.tables["episode_event"]
    ids = {e: events.filter(episode_id=e)["event_id"].sort().to_list() for e in episodes["episode_id"]}
    columns = ("episode_number", "episode_start_date", "episode_end_date", "episode_source_value")
    rows = episodes.sort("episode_number").select(*columns, "episode_id", "episode_object_concept_id").rows()
    concepts = {" + ".join(sorted(r.of)): r.concept for r in rules.lines.regimens.values()} if rules.lines else {}
    assert all(concept == concepts.get(said, 0) for *_, said, _, concept in rows)
    return [(number, start, end, said.split(" + "), ids[e]) for number, start, end, said, e, _ in rows]


def agree(
    people: list[list[Row]], rules: Treatment, sizes: dict[str, list[Row]], since: date | None, until: date
) -> None:
    found = random_treatment.course(people, rules, sizes=sizes, since=since, until=until)

    assert rules.lines is not None
    whole: list[Given] = []
    for person, rows in enumerate(people):
        plain = naive_treatment.exposures(rows, rules, sizes)
        whole += plain
        assert eras(found, person) == naive_treatment.eras(plain, rules)
        assert lines(found, person, rules) == naive_treatment.lines(plain, rules.lines, since)
        for spec in rules.changes.values():
            days = found.tables["episode"].filter(person_id=person, episode_concept_id=spec.concept)
            expected = naive_treatment.changed(plain, spec, until)
            assert days["episode_start_date"].sort().to_list() == expected
    told = found.account.filter(about="dose").select("ingredient", "outcome", "n").rows()
    assert {(drug, why): n for drug, why, n in told} == Counter((g.drug, g.why) for g in whole)
    assert found.exposures["mg"].sum() == pytest.approx(sum(g.mg for g in whole if g.mg is not None))


CASE = (random_treatment.everyone(), random_treatment.treatments(), random_treatment.sizes)


@given(*CASE, st.none() | random_treatment.days, random_treatment.days)
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=CALM, phases=[Phase.generate])
def test_engine_and_words_agree(
    people: list[list[Row]], rules: Treatment, sizes: dict[str, list[Row]], since: date | None, until: date
) -> None:
    agree(people, rules, sizes, since, until)


@pytest.mark.ci
@given(*CASE, st.none() | random_treatment.days, random_treatment.days)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=CALM, phases=[Phase.generate])
def test_engine_and_words_agree_on_many(
    people: list[list[Row]], rules: Treatment, sizes: dict[str, list[Row]], since: date | None, until: date
) -> None:
    agree(people, rules, sizes, since, until)
