# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Conventions of OHDSI Themis on persons, deaths, observation and records, each as one test."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.cohort import build_cohort
from rwe.errors import NoValidAnswer
from rwe.harmonise import Harmonised, harmonise
from rwe.spec.mapping import CONCEPT_COLUMNS, FIELD_COLUMNS, Mapping, load_mapping
from tests.semantics import test_cohort as cohort
from tests.semantics.district import done, edited
from tests.semantics.test_harmonise import ANN, CONCEPTS, FIELDS, SEEN, SOURCE, account, landing
from tests.semantics.test_harmonise_codes import HISTORY, MANY

DAY = date(2001, 2, 1)


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Mapping:
    folder = tmp_path_factory.mktemp("mapping")
    (folder / "source.yaml").write_text(SOURCE, "utf-8")
    (folder / "fields.csv").write_text(",".join(FIELD_COLUMNS) + FIELDS, "utf-8")
    (folder / "concepts.csv").write_text(",".join(CONCEPT_COLUMNS) + CONCEPTS, "utf-8")
    return load_mapping(folder)


def one(made: Harmonised, table: str, field: str) -> Any:
    return made.rows(table)[field].item()


def test_a_person_has_one_death_date(mapping: Mapping) -> None:
    deaths = [(str(i), "p-ann", date(2001, 3, i)) for i in (1, 2, 3)]

    made = harmonise(landing(registry=deaths), mapping, "north")

    assert one(made, "death", "death_date") == date(2001, 3, 3)


def test_a_death_with_activity_more_than_60_days_after_it_is_dropped(mapping: Mapping) -> None:
    events = [SEEN, ("2", "p-ann", "03.04.2001", "A", "1")]

    made = harmonise(landing(event=events, registry=[("1", "p-ann", DAY)]), mapping, "north")

    assert made.rows("death").is_empty()
    assert made.rows("measurement").height == 2


def test_death_ends_the_observation_period(mapping: Mapping) -> None:
    events = [SEEN, ("2", "p-ann", "02.04.2001", "A", "1")]

    made = harmonise(landing(event=events, registry=[("1", "p-ann", DAY)]), mapping, "north")

    assert one(made, "observation_period", "observation_period_end_date") == DAY


def test_records_may_lie_outside_observation(mapping: Mapping) -> None:
    events = [SEEN, ("2", "p-ann", "02.04.2001", "A", "1")]

    made = harmonise(landing(event=events, registry=[("1", "p-ann", DAY)]), mapping, "north")

    assert made.rows("measurement")["measurement_date"].max() == date(2001, 4, 2)


def test_a_record_outside_observation_is_no_index_date() -> None:
    index = {"record": "surgery", "start": cohort.d("1990-01-01"), "end": cohort.d("1993-12-31"), "observed": 0}
    late = pl.LazyFrame(
        {
            "person_id": [1, 2, 3, 4],
            "observation_period_start_date": [cohort.d("1995-01-01")] * 4,
            "observation_period_end_date": [cohort.d("1999-01-01")] * 4,
        }
    )

    with pytest.raises(NoValidAnswer, match="nobody has the index record"):
        build_cohort(cohort.model(observation_period=late), cohort.study(index=index))


def test_observation_does_not_begin_before_birth(mapping: Mapping) -> None:
    events = [SEEN, ("2", "p-ann", "31.12.1949", "A", "1")]

    made = harmonise(landing(event=events), mapping, "north")

    assert made.rows("observation_period").is_empty()
    assert account(made, "event")["event_before_birth", "rejected"] == 1


@pytest.mark.parametrize(
    ("since", "begins"),
    [
        (None, date(1995, 1, 1)),
        (date(1990, 1, 1), date(1995, 1, 1)),
        (date(2000, 6, 1), date(2000, 6, 1)),
        (DAY, DAY),
        (date(2001, 2, 2), None),
    ],
)
def test_observation_does_not_begin_before_the_records_of_the_hospital(
    mapping: Mapping, since: date | None, begins: date | None
) -> None:
    told = ("2", "p-ann", "01.01.1995", "A", "1")  # what the patient told when first seen

    made = harmonise(landing(event=[SEEN, told]), mapping, "north", since=since)

    periods = made.rows("observation_period")["observation_period_start_date"].to_list()
    assert periods == ([begins] if begins else [])
    assert made.rows("measurement").height == 2


def test_nobody_is_without_a_year_of_birth(mapping: Mapping) -> None:
    made = harmonise(landing(patient=[(*ANN[:3], None, *ANN[4:])]), mapping, "north")

    assert made.rows("person").is_empty()
    assert account(made, "patient") == {("missing_required", "rejected"): 1}


def test_a_record_goes_only_where_its_concept_belongs() -> None:
    diagnosis = [("ann", None, "C34.1")]
    stays = done(diagnosis=diagnosis).rows("condition_occurrence")
    domains = dict.fromkeys(stays["condition_concept_id"].to_list(), "Observation")

    moved = done(domains=domains, diagnosis=diagnosis)

    assert stays.height == 1
    assert moved.rows("condition_occurrence").is_empty()


def test_one_source_code_may_give_two_rows(tmp_path: Path) -> None:
    many = edited(tmp_path / "m", source=MANY, concepts=("C34.1,", HISTORY))

    made = done(many, diagnosis=[("ann", None, "C34.1"), ("ann", None, "C34")])

    assert made.rows("condition_occurrence").height == 3


def test_a_negative_measurement_has_no_number() -> None:
    made = done(result=[("ann", None, "ХЕМ", "-3", "г/л")])

    assert one(made, "measurement", "measurement_concept_id") == 3000963
    assert one(made, "measurement", "value_as_number") is None
    assert one(done(result=[("ann", None, "ХЕМ", "130", "г/л")]), "measurement", "value_as_number") == 13  # g/dL


def test_an_exposure_has_an_end_and_says_that_it_was_inferred() -> None:
    made = done(medicine=[("ann", None, "A10BA02")])

    exposure = made.rows("drug_exposure").row(0, named=True)
    assert exposure["drug_exposure_end_date"] == exposure["drug_exposure_start_date"]
    rules = made.accounting.filter(stream="medicine", record="dose")["rule"].to_list()
    assert "drug_exposure_end_date_inferred" in rules
