# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`build_cohort`: the people of a study, each with a day zero, a baseline and endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import polars as pl

from rwe.cdm import Cdm
from rwe.cohort import attrition
from rwe.cohort.baseline import baseline
from rwe.cohort.endpoint import endpoint
from rwe.cohort.records import last_seen, records
from rwe.errors import NoValidAnswer
from rwe.result import Result, tidy
from rwe.spec.study import Study

Read = Callable[[str], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Cohort:
    """People of a study.

    Parameters
    ----------
    subjects
        One row a person: ``person_id``, ``index_date``, baseline variables, ``<endpoint>_days``
        (whole days from the index date), ``<endpoint>_event`` and ``in_<population>``.
    attrition
        Persons remaining after and excluded by each criterion, for each population.
    """

    subjects: pl.DataFrame
    attrition: Result

    def of(self, population: str) -> pl.DataFrame:
        """Return the people of one population."""
        return self.subjects.filter(pl.col(f"in_{population}"))


def build_cohort(cdm: Cdm, study: Study) -> Cohort:
    """Select the people of `study` from the common model.

    Raises
    ------
    NoValidAnswer
        If nobody has the index record, or a criterion leaves nobody.
    """

    @cache
    def read(name: str) -> pl.DataFrame:
        return records(cdm, study.records[name], study.as_of)

    everyone = cdm.table("person").select("person_id", "year_of_birth").collect()
    people = _with_endpoints(_index(everyone, study, read), cdm, study, read)
    people = baseline(people, study.baseline, read).drop("year_of_birth", "last_seen").sort("person_id")
    shared = [("event_free_at_index", pl.col("_event_free"))]
    shared += [(c.name, attrition.keep(c, [*study.endpoints])) for c in study.eligibility]
    start = tidy(
        [
            {"outcome": "everyone", "estimand": "remaining", "n": everyone.height},
            {"outcome": "index", "estimand": "excluded", "n": everyone.height - people.height},
            {"outcome": "index", "estimand": "remaining", "n": people.height},
        ],
        analysis="attrition",
    )
    subjects, counts = people, []
    for name, population in study.populations.items():
        steps = shared + [(c.name, attrition.keep(c, [*study.endpoints])) for c in population.criteria]
        members, table = attrition.apply(people, steps, name)
        counts += [start.with_columns(pl.lit(name).alias("population")), table]
        subjects = subjects.with_columns(pl.col("person_id").is_in(members["person_id"].implode()).alias(f"in_{name}"))
    eligible = subjects.filter(pl.any_horizontal(pl.col(f"in_{p}") for p in study.populations)).drop("_event_free")
    return Cohort(eligible, Result(pl.concat(counts), {"as_of": str(study.as_of)}))


def _index(everyone: pl.DataFrame, study: Study, read: Read) -> pl.DataFrame:
    """Return the people with an index record in the period, and the day of the first."""
    first = (
        read(study.index.record)
        .filter(pl.col("day").is_between(study.index.start, study.index.end))
        .group_by("person_id")
        .agg(pl.col("day").min().alias("index_date"))
    )
    if first.is_empty():
        raise NoValidAnswer(
            f"nobody has the index record '{study.index.record}' between {study.index.start} and {study.index.end}; "
            "check its concepts in the study file and what was rejected or unmapped"
        )
    return everyone.join(first, on="person_id", validate="1:1")


def _with_endpoints(people: pl.DataFrame, cdm: Cdm, study: Study, read: Read) -> pl.DataFrame:
    people = people.join(last_seen(cdm, study.as_of), on="person_id", how="left", validate="1:1")
    for name, spec in study.endpoints.items():
        people = endpoint(people, name, spec, read, lambda r: study.records[r].table == "death")
    # An event before day zero is an error of time zero, never a survival time below nought.
    free = pl.all_horizontal(pl.col(f"{e}_days") >= 0 for e in study.endpoints).fill_null(value=False)
    return people.with_columns(free.alias("_event_free"))
