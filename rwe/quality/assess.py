# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`assess`: the checks of a table in as few passes over it as memory allows, the verdict by the rules of the dashboard.

What is joined to a row is asked apart: until a join has seen both its sides it holds millions of rows, so those are
of the columns that are asked of it, not of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

import polars as pl

from rwe.cdm import Cdm
from rwe.errors import DataError
from rwe.quality import concepts, distinct, lookups, people, rules
from rwe.quality.around import Tables, read_people, with_people, with_visits
from rwe.quality.checks import Check
from rwe.quality.scorecard import Counted, Scorecard, Seen, scorecard
from rwe.spec.omop import dated_by

NEWEST = 0.99  # a few records of the future must not make a feed look fresh
Answers = dict[Check, Counted]


def assess(
    cdm: Cdm, checks: Iterable[Check], *, as_of: date, reference: Mapping[str, pl.LazyFrame] | None = None
) -> Scorecard:
    """Put checks to the records of one hospital.

    Parameters
    ----------
    cdm
        Tables of the common model. A table that is not among them is missing, which is itself a finding.
    checks
        What to ask (`dqd_checks`).
    as_of
        The day that "now" means: records after the next day are of the future.
    reference
        Tables that records point to and the engine does not hold, by OMOP name: ``concept`` and ``concept_ancestor``
        of a vocabulary, ``provider``, ``care_site`` and so on. What needs one that is not given is not applicable.

    Returns
    -------
    Scorecard
        Each check with the rows that break it, the rows asked, and passed, failed or not applicable.

    Raises
    ------
    DataError
        If there is no table of persons.
    """
    if "person" not in cdm.tables:
        raise DataError("the records have no table 'person': harmonise them first")
    by_table: dict[str, list[Check]] = {}
    for check in checks:
        by_table.setdefault(check.table, []).append(check)
    given = {**(reference or {}), **cdm.tables, **read_people(cdm.tables)}
    held = {table: _pass(table, asked, cdm.tables, given) for table, asked in by_table.items() if table in cdm.tables}
    return scorecard(by_table, {table: one.read(as_of) for table, one in held.items()})


@dataclass(frozen=True, slots=True)
class _Pass:
    """One table and what is asked of it, by the way it is answered."""

    table: str
    rows: pl.LazyFrame
    given: Tables
    kinds: Mapping[str, pl.DataType]
    lacking: Mapping[Check, str]
    counted: Sequence[Check]
    looked: Mapping[tuple[str, str], Sequence[Check]]
    listed: Mapping[str, Sequence[Check]]
    values: Sequence[Check]
    persons: Sequence[Check]

    def read(self, today: date) -> Seen:
        """Read the table for all that is asked of it, a plan at a time: together they would hold each other's rows."""
        told = _answer(self._facts()).row(0, named=True)
        answers = {check: pair for some, rows in self._around() for check, pair in self._counted(some, rows, today)}
        plans = [
            lookups.plan(self.rows, [check.field for check in some], self.given[found_in], key)
            for (found_in, key), some in self.looked.items()
        ]
        plans += [concepts.plan(self.rows, self.given, some) for some in self.listed.values()]
        plans += [distinct.plan(check, self.rows) for check in self.values]
        plans += [people.plan(check, self.given) for check in self.persons]
        answers |= self._others(map(_answer, plans), told["rows"])
        empty = frozenset(name for name in self.kinds if told[f"nulls {name}"] == told["rows"])
        return Seen(answers, self.lacking, told["rows"], frozenset(self.kinds), empty, self._lag(today))

    def _facts(self) -> pl.LazyFrame:
        nulls = [pl.col(name).null_count().alias(f"nulls {name}") for name in self.kinds]
        return self.rows.select(pl.len().alias("rows"), *nulls)

    def _around(self) -> Iterator[tuple[list[Check], pl.LazyFrame]]:
        """Yield the checks that are counted by what must stand around a row for them, with the rows so."""
        visit = [check for check in self.counted if rules.table_asked(check) == "visit_occurrence"]
        person = [check for check in self.counted if rules.people_asked(check)]
        plain = [check for check in self.counted if check not in {*visit, *person}]
        yield plain, self.rows
        if person:
            yield person, with_people(self.rows, self.given)
        if visit:
            yield visit, with_visits(self.rows, self.given)

    def _counted(self, some: list[Check], rows: pl.LazyFrame, today: date) -> Iterator[tuple[Check, Counted]]:
        pairs = [rules.pair(check, self.kinds[check.field], today) for check in some]
        sums = [broken.alias(f"broken {i}") for i, (broken, _) in enumerate(pairs)]
        told = _answer(rows.select(pl.len(), *sums, *(of.alias(f"asked {i}") for i, (_, of) in enumerate(pairs))))
        return ((check, (told[f"broken {i}"].item(), told[f"asked {i}"].item())) for i, check in enumerate(some))

    def _lag(self, today: date) -> int | None:
        """Return the days since the newest records but for a few; by how many rows there are of each day."""
        day = dated_by(self.table)
        if day not in self.kinds or self.table == "observation_period":  # a period says nothing of when it was written
            return None
        since = (pl.lit(today) - pl.col(day)).dt.total_days().alias("since")
        days = _answer(self.rows.select(since).drop_nulls().group_by("since").len()).sort("since")
        upto = list(accumulate(days["len"].to_list()))
        place = round((upto[-1] - 1) * (1 - NEWEST)) if upto else 0
        return next((int(lag) for lag, rows in zip(days["since"], upto, strict=True) if rows > place), None)

    def _others(self, frames: Iterator[pl.DataFrame], rows: int) -> Answers:
        """Return the answers of the other plans, in the order in which `read` asked for them."""
        found: Answers = {}
        for some in self.looked.values():
            kinds = next(frames)
            found |= {check: (lookups.broken(check, kinds), rows) for check in some}
        for some in self.listed.values():
            kinds, below = next(frames), concepts.families(some, self.given)
            found |= {check: concepts.count(check, kinds, below) for check in some}
        for check in (*self.values, *self.persons):
            violated, asked = next(frames).row(0)
            found[check] = (violated, asked)
        return found


def _pass(table: str, asked: Sequence[Check], held: Tables, given: Tables) -> _Pass:
    """Sort the checks of a table by the way they are answered; those without their fields have no answer."""
    kinds = dict(held[table].collect_schema())
    lacking = {check: lack for check in asked if (lack := _needs(check)) and lack not in given}
    checks = [check for check in asked if check not in lacking and _fields(check) <= kinds.keys()]
    looked: dict[tuple[str, str], list[Check]] = {}
    listed: dict[str, list[Check]] = {}
    for check in checks:
        if lookups.known(check):
            looked.setdefault(lookups.target(check), []).append(check)
        elif concepts.known(check):
            listed.setdefault(check.field, []).append(check)
    counted = [check for check in checks if rules.known(check)]
    values = [check for check in checks if distinct.known(check)]
    persons = [check for check in checks if people.known(check)]
    return _Pass(table, held[table], given, kinds, lacking, counted, looked, listed, values, persons)


def _answer(plan: pl.LazyFrame) -> pl.DataFrame:
    return plan.collect(engine="streaming")


def _needs(check: Check) -> str:
    """Return the other table that a check cannot be answered without, ``""`` if there is none."""
    if lookups.known(check):
        return lookups.target(check)[0]
    if check.name == "plausibleGenderUseDescendants":
        return concepts.ANCESTOR
    return rules.table_asked(check)


def _fields(check: Check) -> set[str]:
    """Return the fields of its own table that a check reads."""
    beside = {"sourceValueCompleteness", "plausibleStartBeforeEnd"}
    return {name for name in (check.field, check.argument if check.name in beside else "") if name}
