# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Criteria as tests over columns of people; what they count in the records is read beside the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from rwe.cdm import Cdm
from rwe.cohort.follow_up import observed
from rwe.cohort.records import Derived, Read, in_observation, of_any, periods, since_index
from rwe.spec.base import Where
from rwe.spec.population import Counted, Criterion
from rwe.spec.study import Study
from rwe.spec.study_names import criteria_of

Test = tuple[str, pl.Expr]


@dataclass(frozen=True, slots=True)
class Criteria:
    """Tests by their place in the study file, and what they rest on."""

    tests: Mapping[Where, Test]
    derived: Derived

    def steps(self, population: str) -> list[Test]:
        """Return the tests of all people, then those of one population."""
        own = ("populations", population)
        return [test for where, test in self.tests.items() if where[0] == "eligibility" or where[:2] == own]


def criteria(cdm: Cdm, study: Study, index: pl.DataFrame, read: Read) -> Criteria:
    """Return the criteria of a study; a missing value fails a test, and no record is a count of nought."""
    frames: list[pl.LazyFrame] = []
    days = index.lazy().select("person_id", pl.col("index_date").alias("day"))
    spans = periods(cdm, study.cut).join(days, on="person_id").filter(pl.col("day").is_between("start", "end"))

    def test(criterion: Criterion) -> Test:
        name = f"_criterion/{len(frames)}"
        if criterion.records:
            frames.append(_count(criterion.records, index, read, name, spans))
            return criterion.name, _between(pl.col(name).fill_null(0), criterion.records)
        if criterion.observed:
            frames.append(observed(criterion.observed, cdm, study, index, name))
            return criterion.name, pl.col(name).fill_null(value=False)
        return criterion.name, _of_columns(criterion, [*study.endpoints])

    placed = {(*at, i): test(one) for at, part in criteria_of(study) for i, one in enumerate(part)}
    return Criteria(placed, Derived([], frames))


def _count(asked: Counted, index: pl.DataFrame, read: Read, name: str, spans: pl.LazyFrame) -> pl.LazyFrame:
    low, high = asked.window
    found = of_any(asked.of, read)
    rows = since_index(in_observation(found, spans) if asked.observed else found, index)
    if low is not None:
        rows = rows.filter(pl.col("gap") >= low)
    if high is not None:
        rows = rows.filter(pl.col("gap") <= high)
    many = pl.len() if asked.count == "records" else pl.col("day").n_unique()
    return rows.group_by("person_id").agg(many.cast(pl.Int64).alias(name))


def _between(count: pl.Expr, asked: Counted) -> pl.Expr:
    enough = count >= asked.at_least if asked.at_least is not None else pl.lit(value=True)
    few = count <= asked.at_most if asked.at_most is not None else pl.lit(value=True)
    return enough & few


def _of_columns(criterion: Criterion, endpoints: Sequence[str]) -> pl.Expr:
    """Return a test of baseline variables or of the time followed."""
    if criterion.known:
        return pl.all_horizontal(pl.col(v).is_not_null() for v in criterion.known)
    if criterion.min_follow_up is not None:
        followed = pl.all_horizontal(pl.col(f"{e}_days") >= criterion.min_follow_up for e in endpoints)
        return followed.fill_null(value=False)
    value = pl.col(criterion.variable or "")
    if criterion.one_of:
        return value.is_in(criterion.one_of).fill_null(value=False)
    above = value >= criterion.at_least if criterion.at_least is not None else pl.lit(value=True)
    below = value <= criterion.at_most if criterion.at_most is not None else pl.lit(value=True)
    return (above & below).fill_null(value=False)
