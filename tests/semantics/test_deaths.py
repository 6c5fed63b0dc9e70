# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which death stands: by source, by what was done after it, and between hospitals that tell it of one person."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.cdm import SITE
from rwe.harmonise.deaths import between_hospitals
from rwe.pipeline.together import Together, together
from tests.semantics.two_hospitals import Hospitals, hospitals, rows

ANN = ("9963161231", "Мария Зорелова", "1975-03-16", "F")
DIED = date(2020, 3, 1)
REGISTRY, BED, CLAIM, LETTER = 32879, 32817, 32810, 32831
Told = tuple[str, date, int]


def verdicts(*told: Told, last: date | None = None) -> dict[str, tuple[str, int | None]]:
    """Return what becomes of the deaths that hospitals tell of one person, and how far each is from the one kept."""
    schema = {SITE: pl.String, "death_date": pl.Date, "death_type_concept_id": pl.Int64}
    deaths = pl.DataFrame(told, schema, orient="row").with_columns(person_id=pl.lit(1, pl.Int64))
    seen = pl.DataFrame([(1, last)] if last else [], {"person_id": pl.Int64, "last": pl.Date}, orient="row")
    found = between_hospitals(deaths, seen)
    return {site: (rule, apart) for site, rule, apart in found.select(SITE, "rule", "days_apart").iter_rows()}


@pytest.mark.parametrize(
    ("told", "stands"),
    [
        ([("a", DIED, BED), ("b", DIED + timedelta(3), REGISTRY)], "b"),
        ([("a", DIED, REGISTRY), ("b", DIED + timedelta(3), BED)], "a"),
        ([("a", DIED, CLAIM), ("b", DIED - timedelta(3), BED)], "b"),
        ([("a", DIED, LETTER), ("b", DIED - timedelta(3), CLAIM)], "b"),
        ([("a", DIED, BED), ("b", DIED + timedelta(3), BED)], "b"),  # of one kind the latest
        ([("a", DIED, BED), ("b", DIED, BED)], "a"),
    ],
)
def test_the_most_trusted_source_is_believed_and_of_one_kind_the_latest(told: list[Told], stands: str) -> None:
    found = verdicts(*told)

    (other,) = set(found) - {stands}
    days = {site: day for site, day, _ in told}
    assert found[stands] == ("", 0)
    apart = (days[other] - days[stands]).days
    assert found[other] == ("two_deaths" if apart else "duplicate_row", apart)


@pytest.mark.parametrize(("days", "rule"), [(60, ""), (61, "event_after_death")])
def test_activity_in_another_hospital_over_60_days_later_refuses_a_death(days: int, rule: str) -> None:
    assert verdicts(("a", DIED, REGISTRY), last=DIED + timedelta(days))["a"][0] == rule


def test_a_death_that_was_outlived_gives_way_to_one_that_was_not() -> None:
    late = DIED + timedelta(100)

    found = verdicts(("a", DIED, REGISTRY), ("b", late, CLAIM), last=late)

    assert found == {"a": ("event_after_death", -100), "b": ("", 0)}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hospitals:
    return hospitals(tmp_path, monkeypatch, capsys)


def seen(made: Hospitals, north: list[tuple[Any, ...]], south: list[tuple[Any, ...]], *visits: str) -> Together:
    """Return both hospitals as one: each saw the woman on 1 January 2020 and told deaths, the south saw her again."""
    for site, no, deaths in (("north", "n1", north), ("south", "s1", south)):
        made.put(site, "patient", (no, *ANN))
        made.put(site, "visit", (no, "2020-01-01"))
        made.put(site, "death", *((no, *death) for death in deaths))
    made.put("south", "visit", *(("s1", day) for day in visits))
    made.extract()
    made.aligned()
    return together(made.aligned())


def test_of_two_deaths_in_one_hospital_the_more_trusted_stands(made: Hospitals) -> None:
    whole = seen(made, [("2020-03-05", "bed"), ("2020-03-01", "registry"), ("2020-03-09", "claim")], [])

    assert rows(whole.cdm.table("death"), "death_date", "death_type_concept_id") == [(DIED, REGISTRY)]
    account = whole.cdm.accounting.filter(stream="death", record="").select("rule", "n").rows()
    assert sorted(account) == [("", 1), ("two_deaths", 2)]


def test_one_death_of_two_hospitals_stands_and_the_other_is_told(made: Hospitals) -> None:
    whole = seen(made, [("2020-03-05", "bed")], [("2020-03-01", "registry")])

    assert rows(whole.cdm.table("death"), "death_date", SITE) == [(DIED, "south")]
    told = whole.deaths.select(SITE, "rule", "days_apart").rows()
    assert told == [("north", "two_deaths", 4), ("south", "", 0)]


def test_death_in_one_hospital_ends_observation_in_the_other(made: Hospitals) -> None:
    whole = seen(made, [("2020-03-01", "registry")], [], "2020-04-01")

    ended = rows(whole.cdm.table("observation_period"), SITE, "observation_period_end_date")
    assert ended == [("north", DIED), ("south", DIED)]
    assert whole.cdm.table("visit_occurrence").collect().height == 3  # a letter after death stays, outside observation


def test_who_is_seen_in_one_hospital_long_after_death_in_another_is_alive(made: Hospitals) -> None:
    whole = seen(made, [("2020-03-01", "registry")], [], "2020-09-01")

    assert whole.cdm.table("death").collect().is_empty()
    assert whole.deaths.select(SITE, "rule", "days_apart").rows() == [("north", "event_after_death", None)]
    ended = dict(rows(whole.cdm.table("observation_period"), SITE, "observation_period_end_date"))
    assert ended["south"] == date(2020, 9, 1)
