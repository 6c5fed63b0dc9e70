# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`build_cohort`: the people of a study, each with a day zero, a baseline and endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, reduce

import polars as pl

from rwe.cdm import Cdm
from rwe.cohort import attrition, time_zero
from rwe.cohort.baseline import baseline
from rwe.cohort.criteria import Test, criteria
from rwe.cohort.endpoint import endpoints
from rwe.cohort.follow_up import follow_up
from rwe.cohort.insurance import HELD, insured
from rwe.cohort.intervals import intervals
from rwe.cohort.outcomes import outcomes
from rwe.cohort.records import Read, in_observation, periods, records
from rwe.cohort.treatment import course_of
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.result import Result, tidy
from rwe.spec.base import Where
from rwe.spec.study import Study
from rwe.treatment import Course

_NOTHING = Result(tidy([]))


@dataclass(frozen=True, slots=True)
class Cohort:
    """People of a study.

    Parameters
    ----------
    subjects
        One row a person: ``person_id``, ``site`` (hospital of the index record), ``index_date``, ``index_records``
        (such records in the period), ``entry_days`` where entry is late, baseline variables, ``<endpoint>_days``
        (whole days from the index date), ``<endpoint>_event``, ``<endpoint>_reason`` (why follow-up ended), what is
        measured, intervals, and ``in_<population>``.
    attrition
        Persons remaining after and excluded by each criterion, for each population.
    by_group
        Persons and index records after each criterion, by hospital and arm; for tracing inside the zone.
    time_zero
        Whom what looks past day zero concerns (`rwe.cohort.time_zero.audit`).
    course
        Courses of treatment, where the study says how they are read.
    """

    subjects: pl.DataFrame
    attrition: Result
    by_group: Result = field(default=_NOTHING)
    time_zero: Result = field(default=_NOTHING)
    course: Course | None = None

    def of(self, population: str) -> pl.DataFrame:
        """Return the people of one population."""
        return self.subjects.filter(pl.col(f"in_{population}"))


@dataclass(frozen=True, slots=True)
class Selection:
    """Everyone with an index date, judged: ``in_<population>`` says who belongs where.

    Parameters
    ----------
    people
        As `Cohort.subjects`, with the columns that those were made from, whose names begin with ``_``.
    steps
        The tests of each population, in their order.
    stops
        For each population the number of the first test that each person failed.
    course
        Courses of treatment, where the study says how they are read.
    """

    people: pl.DataFrame
    tests: Mapping[Where, Test]
    steps: Mapping[str, list[Test]]
    stops: Mapping[str, pl.Series]
    course: Course | None


def build_cohort(cdm: Cdm, study: Study) -> Cohort:
    """Select the people of `study` from the common model.

    Raises
    ------
    DefinitionError
        If a record still asks for descendants: only the vocabularies of the sites name them, so a study comes here with
        its concepts written out.
    NoValidAnswer
        If nobody has the index record, or a criterion leaves nobody.
    """
    _written_out(study)
    everyone = cdm.table("person").select(pl.len()).collect().item()
    found = select(cdm, study)
    if found.people.is_empty():
        raise NoValidAnswer(
            f"nobody has the index record '{study.index.record}' between {study.index.start} and {study.index.end}; "
            "check its concepts in the study file and what was rejected or unmapped"
        )
    start = [
        {"outcome": "everyone", "estimand": "remaining", "n": everyone},
        {"outcome": "index", "estimand": "excluded", "n": everyone - found.people.height},
        {"outcome": "index", "estimand": "remaining", "n": found.people.height},
    ]
    tables = [
        tidy([*start, *attrition.persons(found.stops[name], steps, name)], analysis="attrition", population=name)
        for name, steps in found.steps.items()
    ]
    groups = ["site", *([study.focus.by] if study.focus.by else [])]
    grouped = [
        tidy(attrition.by_group(found.people, found.stops[name], steps, groups), analysis="attrition", population=name)
        for name, steps in found.steps.items()
    ]
    eligible = found.people.filter(pl.any_horizontal(pl.col(f"in_{name}") for name in study.populations))
    return Cohort(
        eligible.select(pl.exclude(r"^_.*$")),
        Result(pl.concat(tables), {"as_of": str(study.as_of)}),
        Result(pl.concat(grouped), {"as_of": str(study.as_of)}),
        time_zero.audit(found.people, study, found.tests),
        found.course,
    )


def select(cdm: Cdm, study: Study) -> Selection:
    """Judge everyone who has an index record; nobody need remain."""
    course = course_of(cdm, study)
    cdm = course.onto(cdm) if course else cdm

    @cache
    def read(name: str) -> pl.LazyFrame:
        return records(cdm, study.records[name], study.cut)

    index = _index(cdm, study, read)
    judged = criteria(cdm, study, index, read)
    parts = [
        follow_up(cdm, study, index),
        insured(cdm, study, index),
        *baseline(study.baseline, index, read),
        judged.derived,
        *endpoints(study, index, read),
        *outcomes(study, index, read),
        *intervals(study, read),
        time_zero.treated(study, index, read),
    ]
    frames = pl.collect_all([frame for part in parts for frame in part.frames], engine="streaming")
    people = reduce(lambda left, right: left.join(right, on="person_id", how="left", validate="1:1"), frames, index)
    people = people.with_columns(column for part in parts for column in part.columns).sort("person_id")
    steps = {name: [*_from_the_start(study), *judged.steps(name)] for name in study.populations}
    stops = {name: attrition.walk(people, tests) for name, tests in steps.items()}
    members = [(stops[name] == len(tests)).alias(f"in_{name}") for name, tests in steps.items()]
    return Selection(people.with_columns(members), judged.tests, steps, stops, course)


def _written_out(study: Study) -> None:
    products = study.treatment.products() if study.treatment else ()
    asked = [name for name, record in study.records.items() if record.descendants]
    asked += [name for _, name, product in products if product.descendants]
    if asked:
        raise DefinitionError(
            f"record {', '.join(sorted(asked))} asks for descendants and its concepts are not written out yet; `rwe "
            "run` does so by the vocabularies of the sites: give all concepts and leave out 'descendants'"
        )


def _index(cdm: Cdm, study: Study, read: Read) -> pl.DataFrame:
    """Return the people with an index record in the period: the day and hospital of the first, and how many."""
    known = cdm.table("person").select("person_id", pl.col("year_of_birth").alias("_year_of_birth"))
    rows = read(study.index.record).filter(pl.col("day").is_between(study.index.start, study.index.end))
    if study.index.observed is not None:
        rows = in_observation(rows, periods(cdm, study.cut), study.index.observed)
    first = rows.group_by("person_id").agg(
        pl.col("site").filter(pl.col("day") == pl.col("day").min()).min(),
        pl.col("day").min().alias("index_date"),
        pl.len().cast(pl.Int64).alias("index_records"),
    )
    return known.join(first, on="person_id", validate="1:1").collect(engine="streaming")


def _from_the_start(study: Study) -> list[Test]:
    """Return the tests that every study makes of its people."""
    # An event before day zero is an error of time zero, never a survival time below nought.
    tests = [("event_free_at_index", pl.all_horizontal(pl.col(f"{e}_days") >= 0 for e in study.endpoints))]
    if study.insurance:
        tests.append(("insured", pl.col(HELD)))
    if study.index.entry == "observation":
        entered = [pl.col(f"{e}_days") > pl.col("entry_days") for e in study.endpoints]
        tests.append(("entered", pl.all_horizontal(entered)))
    return tests
