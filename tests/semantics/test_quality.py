# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The checks of the Data Quality Dashboard on rows written by hand: what breaks a rule, what is not asked at all."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from rwe.cdm import TABLES, Cdm
from rwe.errors import DataError, DefinitionError
from rwe.quality import Check, Scorecard, assess, dqd_checks
from rwe.quality.rules import bound

TODAY = date(2026, 3, 1)
PEOPLE: list[dict[str, Any]] = [
    {"person_id": 1, "year_of_birth": 1950, "gender_concept_id": 8507},
    {"person_id": 2, "year_of_birth": 1960, "gender_concept_id": 8532},
]


def table(name: str, rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """Return rows as a table of the common model; what is not given is null."""
    schema = {column: kind.dtype for column, kind in TABLES[name].columns().items()}
    return pl.DataFrame(rows, schema=schema).lazy()


def cdm(**tables: list[dict[str, Any]]) -> Cdm:
    people = {"person": table("person", tables.pop("person", PEOPLE))}
    return Cdm(people | {name: table(name, rows) for name, rows in tables.items()}, pl.DataFrame())


def asked(check: str, where: str, field: str = "") -> list[Check]:
    found = [c for c in dqd_checks() if (c.name, c.table) == (check, where) and field in ("", c.field)]
    assert found
    return found


def line(card: Scorecard) -> tuple[int, int, str, str]:
    [(violated, rows, status, reason)] = card.lines.select("violated", "rows", "status", "reason").iter_rows()
    return violated, rows, status, reason


def drug(day: date, person: int = 1, **more: Any) -> dict[str, Any]:
    return {"person_id": person, "drug_exposure_start_date": day, **more}


def test_twenty_five_of_the_twenty_seven_types_are_asked_of_our_tables() -> None:
    assert len({c.name for c in dqd_checks()}) == 25
    assert len(dqd_checks()) == 1411
    assert {c.table for c in dqd_checks()} == set(TABLES)


def test_records_before_birth_are_counted_among_those_with_a_day() -> None:
    rows = [drug(date(1949, 12, 31)), drug(date(1950, 1, 1)), drug(date(2020, 1, 1), person=9)]

    found = assess(
        cdm(drug_exposure=rows), asked("plausibleAfterBirth", "drug_exposure", "drug_exposure_start_date"), as_of=TODAY
    )

    assert line(found) == (1, 3, "failed", "")


@pytest.mark.parametrize(("month", "day", "broken"), [(None, None, 1), (3, None, 1), (1, 31, 1), (2, 31, 0)])
def test_a_day_of_birth_is_made_of_what_is_known_of_it(month: int | None, day: int | None, broken: int) -> None:
    people = [{"person_id": 1, "year_of_birth": 1950, "month_of_birth": month, "day_of_birth": day}]
    records = cdm(person=people, drug_exposure=[drug(date(1949, 6, 1))])

    found = assess(records, asked("plausibleAfterBirth", "drug_exposure", "drug_exposure_start_date"), as_of=TODAY)

    assert line(found)[0] == broken  # the 31st of February is no day: nothing can be said


def test_records_more_than_sixty_days_after_death_break_the_rule_of_those_who_died() -> None:
    dead = [{"person_id": 1, "death_date": date(2020, 1, 1)}, {"person_id": 1, "death_date": date(2021, 1, 1)}]
    rows = [drug(date(2020, 3, 1)), drug(date(2020, 3, 2)), drug(date(2025, 1, 1), person=2)]

    found = assess(
        cdm(drug_exposure=rows, death=dead),
        asked("plausibleBeforeDeath", "drug_exposure", "drug_exposure_start_date"),
        as_of=TODAY,
    )

    assert line(found) == (1, 2, "failed", "")


def test_a_share_at_the_threshold_passes_and_one_above_it_fails() -> None:
    check = asked("plausibleValueHigh", "drug_exposure", "days_supply")
    good = [drug(date(2020, 1, 1), days_supply=30) for _ in range(99)]
    bad = drug(date(2020, 1, 1), days_supply=400)

    at, above = (assess(cdm(drug_exposure=[*rows, bad]), check, as_of=TODAY) for rows in (good, good[1:]))

    assert check[0].threshold == 1
    assert line(at) == (1, 100, "passed", "")
    assert line(above) == (1, 99, "failed", "")


def test_the_day_after_the_assessment_is_not_yet_the_future() -> None:
    rows = [drug(date(2026, 3, 2)), drug(date(2026, 3, 3))]

    found = assess(
        cdm(drug_exposure=rows), asked("plausibleValueHigh", "drug_exposure", "drug_exposure_start_date"), as_of=TODAY
    )

    assert line(found)[:2] == (1, 2)


def test_what_cannot_be_asked_is_neither_passed_nor_failed() -> None:
    fields = pl.LazyFrame({"person_id": [1]})
    records = Cdm({"person": table("person", PEOPLE), "death": fields, "episode": table("episode", [])}, pl.DataFrame())
    checks = [
        *asked("isRequired", "visit_occurrence", "person_id"),
        *asked("cdmField", "visit_occurrence", "person_id"),
        *asked("cdmTable", "visit_occurrence"),
        *asked("isRequired", "death", "death_date"),
        *asked("cdmField", "death", "death_date"),
        *asked("isRequired", "episode", "person_id"),
        *asked("isForeignKey", "person", "gender_concept_id"),
        *asked("measureValueCompleteness", "person", "race_source_value"),
        *asked("plausibleValueLow", "person", "month_of_birth"),
        *asked("cdmTable", "person"),
    ]

    lines = assess(records, checks, as_of=TODAY).lines

    assert lines.select("table", "check", "status", "reason").rows() == [
        ("visit_occurrence", "isRequired", "not_applicable", "table_missing"),
        ("visit_occurrence", "cdmField", "not_applicable", "table_missing"),
        ("visit_occurrence", "cdmTable", "failed", ""),
        ("death", "isRequired", "not_applicable", "field_missing"),
        ("death", "cdmField", "failed", ""),
        ("episode", "isRequired", "not_applicable", "table_empty"),
        ("person", "isForeignKey", "not_applicable", "not_given concept"),
        ("person", "measureValueCompleteness", "passed", ""),
        ("person", "plausibleValueLow", "not_applicable", "field_empty"),
        ("person", "cdmTable", "passed", ""),
    ]


@pytest.mark.parametrize(
    ("values", "broken"), [([1, 2], 0), ([1.0, 2.5], 1), (["7", "x"], 1), ([date(2020, 1, 1), None], 1)]
)
def test_an_integer_is_told_by_its_value_where_the_column_is_of_another_type(values: list[Any], broken: int) -> None:
    records = Cdm({"person": pl.LazyFrame({"person_id": [1, 2], "day_of_birth": values})}, pl.DataFrame())

    found = assess(records, asked("cdmDatatype", "person", "day_of_birth"), as_of=TODAY)

    assert line(found)[:2] == (broken, 2)


def test_periods_that_overlap_or_touch_are_counted_by_person() -> None:
    def period(person: int, start: date, end: date) -> dict[str, Any]:
        return {"person_id": person, "observation_period_start_date": start, "observation_period_end_date": end}

    periods = [
        period(1, date(2020, 1, 1), date(2020, 12, 31)),
        period(1, date(2020, 2, 1), date(2020, 3, 1)),
        period(1, date(2021, 1, 1), date(2021, 2, 1)),  # the day after the first ends, though not after the second
        period(2, date(2020, 1, 1), date(2020, 1, 31)),
        period(2, date(2020, 2, 2), date(2020, 3, 1)),
    ]

    found = assess(
        cdm(observation_period=periods), asked("measureObservationPeriodOverlap", "observation_period"), as_of=TODAY
    )

    assert line(found) == (1, 2, "failed", "")


def test_a_concept_that_is_not_standard_or_no_longer_valid_is_not_a_standard_valid_one() -> None:
    concepts = pl.LazyFrame(
        {
            "concept_id": [0, 10, 11, 12],
            "domain_id": ["Metadata", "Drug", "Drug", "Condition"],
            "standard_concept": [None, "S", None, "S"],
            "invalid_reason": [None, None, None, "U"],
        }
    )
    rows = [drug(date(2020, 1, 1), drug_concept_id=c) for c in (0, 10, 11, 12, 99)]
    checks = [
        *asked("isStandardValidConcept", "drug_exposure", "drug_concept_id"),
        *asked("fkDomain", "drug_exposure", "drug_concept_id"),
        *asked("isForeignKey", "drug_exposure", "drug_concept_id"),
    ]

    lines = assess(cdm(drug_exposure=rows), checks, as_of=TODAY, reference={"concept": concepts}).lines

    assert lines.select("check", "violated", "rows").rows() == [
        ("isStandardValidConcept", 2, 5),
        ("fkDomain", 1, 5),
        ("isForeignKey", 1, 5),
    ]


def test_the_scorecard_adds_up_by_category_and_tells_codes_and_age_of_the_feed() -> None:
    rows = [drug(date(2026, 1, 30), drug_concept_id=c, drug_source_value=v) for c, v in ((0, "a"), (5, "b"), (5, "b"))]
    card = assess(cdm(drug_exposure=rows), dqd_checks(), as_of=TODAY)

    table = card.to_result("north").table

    counts = table.filter(estimand="checks")
    assert counts["estimate"].sum() == 1411 == card.lines.height
    assert counts.filter(outcome="failed")["estimate"].sum() == card.failed.height
    assert table.filter(estimand="lag_days", group="drug_exposure")["estimate"].to_list() == [30]
    mapped = table.filter(estimand="mapped", group="drug_exposure")
    assert mapped.filter(stratum="drug_concept_id").select("n", "n_event").rows() == [(3, 2)]
    assert mapped.filter(stratum="drug_source_value").select("outcome", "n", "estimate").rows() == [
        ("codes", None, 0.5)
    ]
    assert set(table["population"]) == {"north"}


@pytest.mark.parametrize("n", [1, 2, 50, 51, 52, 101, 151, 250])
def test_of_a_hundred_records_the_ninety_ninth_stands_for_the_newest(n: int) -> None:
    days = pl.Series([date(2024, 1, 1) + timedelta(days=i * i % 40) for i in range(n)])

    card = assess(
        cdm(person=[{"person_id": 1}], drug_exposure=[drug(day) for day in days]), dqd_checks(), as_of=date(2025, 1, 1)
    )

    lags = (pl.Series([date(2025, 1, 1)]) - days).dt.total_days()
    assert card.feeds["drug_exposure"].lag_days == lags.quantile(0.01, "nearest")


def test_ids_that_stand_twice_are_all_counted_and_those_without_are_none() -> None:
    ids = [1, 2, 2, 3, 3, 3, None, None]
    people = [{"person_id": one} for one in ids]

    card = assess(cdm(person=people), asked("isPrimaryKey", "person", "person_id"), as_of=date(2025, 1, 1))

    assert line(card)[:2] == (5, 8)


def test_values_that_were_never_mapped_are_counted_once_and_no_value_is_one() -> None:
    said = [("a", 0), ("a", 5), ("b", 5), (None, 0), (None, 0), ("c", None)]
    rows = [drug(date(2024, 1, 1), drug_source_value=value, drug_concept_id=concept) for value, concept in said]

    card = assess(
        cdm(person=[{"person_id": 1}], drug_exposure=rows),
        asked("sourceValueCompleteness", "drug_exposure", "drug_source_value"),
        as_of=date(2025, 1, 1),
    )

    assert line(card)[:2] == (2, 4)


def test_a_bound_that_is_not_understood_is_refused() -> None:
    with pytest.raises(DefinitionError, match="neither a number nor a day"):
        bound("NOW()", TODAY)


def test_without_a_table_of_persons_nothing_is_assessed() -> None:
    with pytest.raises(DataError, match="no table 'person'"):
        assess(Cdm({}, pl.DataFrame()), dqd_checks(), as_of=TODAY)


def test_a_birth_with_its_hour_is_the_day_of_birth() -> None:
    people = [{"person_id": 1, "year_of_birth": 1950, "birth_datetime": datetime(1950, 5, 5, 23, 59)}]
    rows = [drug(date(1950, 5, 4)), drug(date(1950, 5, 5))]

    found = assess(
        cdm(person=people, drug_exposure=rows),
        asked("plausibleTemporalAfter", "drug_exposure", "drug_exposure_start_date"),
        as_of=TODAY,
    )

    assert line(found)[:2] == (1, 2)
