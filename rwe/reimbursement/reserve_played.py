# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The reserve of contracts that pay at a result too: futures of the open patients, settled by the terms themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.people import people as read_people
from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8
from rwe.reimbursement.chances import too_short
from rwe.reimbursement.followed import COURSE
from rwe.reimbursement.futures import Ahead, blocks, drawn_of
from rwe.reimbursement.invent import DOSE, SIGHT
from rwe.reimbursement.money import half_up
from rwe.reimbursement.reserved import Naive, Reserve
from rwe.reimbursement.settle import settle
from rwe.reimbursement.settlement import Settlement
from rwe.reimbursement.ways import ALONE, Asked, asked, followed, foreseen, histories, horizon, ways
from rwe.result import Result
from rwe.spec.agreement import JudgedTerm, OutcomeGuarantee

FUTURES, FEWEST, PATIENTS = 400, 100, 2_000_000  # played, and the patients settled in all of them
ROW = ("person", "course", "term")


def played(
    settlement: Settlement, doses: Any, assessments: Any, curve: Any, *, day: date, people: Any,
    evidence: Result | None, conf_level: float, draws: int, seed: int,
) -> Reserve:  # fmt: skip
    """Return the reserve as the mean change of the payback over futures in which every open course is judged.

    A course is paid at its result where the contract says so: less comes back then, and its reserve is below 0.
    Guarantees stand on what is known now. See `rwe.reimbursement.reserve.reserve` for the arguments.
    """
    of = settlement.agreement
    judging = [term for term in asked(of) if not isinstance(term, OutcomeGuarantee)]
    found = ways(judging, curve, None)
    resting = {term.id for term in of.terms if isinstance(term, OutcomeGuarantee)}
    kept, left_out = foreseen(of, {name for way in found for name in way.terms} | resting)
    given, seen = read_people(doses), read_people(assessments)
    now = settle(kept, given, seen, as_of=settlement.as_of, evidence=evidence)
    courses = histories(now, given, seen, found)
    mine = followed(now, courses, found, dosed=False)
    mine = mine.with_columns(after=(pl.lit(day) - pl.col("first")).dt.total_days().clip(0))
    if all(isinstance(term, ALONE) for term in kept.terms):
        opened = now.lines.filter(outcome="open").select(COURSE).unique()
        courses = courses.join(opened, on=COURSE, how="semi", maintain_order="left")
    futures = max(FEWEST, min(draws, FUTURES, PATIENTS // courses.height))
    until = settlement.as_of + timedelta(days=_longest(judging))
    drawn = [drawn_of(way, mine, people, until, futures, seed) for way in found]
    for way, part in zip(found, drawn, strict=True):
        last = max(horizon(term) for term in judging if term.id in way.terms)
        if (reach := part.survival.shape[1] - 1) < last:
            raise NoValidAnswer(too_short(last, reach))
    known = given.select(*DOSE).filter(pl.col("administered_on") <= settlement.as_of)
    sights = seen.select(*SIGHT).filter(pl.col("assessed_on") <= settlement.as_of)
    ahead = Ahead(kept, known, sights, mine, courses, settlement.as_of, until, None, 0.0, drawn, seed)
    stood = _stood(now, courses)
    change, totals = _changes(ahead, stood, evidence, futures)
    table = _table(now, change, courses, judging, day)
    tails = np.quantile(totals, [(1 - conf_level) / 2, (1 + conf_level) / 2], method="inverted_cdf")
    low, high = (half_up(Fraction(float(tail)), of.rounding.quantum) for tail in tails)
    terms = tuple(term.id for term in judging if term.id not in left_out)
    return Reserve(
        settlement, day, table.drop("failing", "free"), _naive(now, terms, table), low, high, conf_level, futures, seed,
        terms, left_out,
    )  # fmt: skip


def _longest(terms: Sequence[Asked]) -> int:
    """Return the days after which every course that has begun is judged, rules that wait included."""
    waits = [0]
    for term in terms:
        rules = term.missing.values() if isinstance(term, JudgedTerm) else ()
        waits += [int(found[1]) for rule in rules if (found := re.search(r"_days_(\d+)$", rule))]
    return max(horizon(term) for term in terms) + max(waits) + 1


def _stood(now: Settlement, courses: pl.DataFrame) -> pl.DataFrame:
    """Return what each course and term has brought back by now; a person is its place among those of the futures."""
    place = courses.select("person_id").unique(maintain_order=True).with_row_index("person")
    lines = now.lines.join(place.with_columns(pl.col("person").cast(pl.Int64)), on="person_id")
    lines = lines.group_by(ROW).agg(
        pl.col("person_id").first(),
        pl.col("outcome", "base", "rule", "decided_on").first(),
        pl.col("amount").sum().cast(pl.Float64),
    )
    return lines.sort(ROW)


def _changes(ahead: Ahead, stood: pl.DataFrame, evidence: Result | None, futures: int) -> tuple[pl.DataFrame, F8]:
    """Return the mean change of each course and term, in all and by how it was judged; and that of each future."""
    parts, totals = [], []
    for block in blocks(futures, ahead.courses.height):
        drawn = [ahead.future(number) for number in block]
        lines = ahead.lines(drawn, ahead.until, dict.fromkeys(block, evidence))
        lines = lines.with_columns(person=pl.col("person_id") % ahead.stride, failed=pl.col("outcome") == "failure")
        sums = lines.group_by("simulation", *ROW).agg(pl.col("amount").sum(), pl.col("failed").any())
        amount, failed = pl.col("amount"), pl.col("failed")
        parts.append(
            sums.group_by(ROW).agg(
                whole=amount.sum(), lost=amount.filter(failed).sum(), failures=failed.sum().cast(pl.Int64)
            )
        )
        each = sums.group_by("simulation").agg(pl.col("amount").sum()).sort("simulation")["amount"]
        totals.append(each.to_numpy() - float(stood["amount"].sum()))
    summed = pl.concat(parts).group_by(ROW).sum()
    both = stood.join(summed, on=ROW, how="full", coalesce=True).with_columns(
        pl.col("amount", "whole", "lost").fill_null(0.0), pl.col("failures").fill_null(0)
    )
    kept = futures - pl.col("failures")
    return both.with_columns(
        change=pl.col("whole") / futures - pl.col("amount"),
        chance=pl.col("failures") / futures,
        failing=pl.when(pl.col("failures") > 0).then(pl.col("lost") / pl.col("failures") - pl.col("amount")),
        free=pl.when(kept > 0).then((pl.col("whole") - pl.col("lost")) / kept - pl.col("amount")),
    ).sort(ROW), np.concatenate(totals)


def _table(
    now: Settlement, change: pl.DataFrame, courses: pl.DataFrame, judging: Sequence[Asked], day: date
) -> pl.DataFrame:
    """Return the open courses of each term, and a row without person for what changes of each other term."""
    quantum, kind = now.agreement.rounding.quantum, now.lines.schema["amount"]
    opened = pl.col("outcome").fill_null("") == "open"
    due = {term.id: term.assess_day if isinstance(term, JudgedTerm) else horizon(term) for term in judging}
    days = pl.col("term").replace_strict(due, default=None, return_dtype=pl.Int64)
    last = {term.id: horizon(term) for term in judging}
    rows = change.filter(opened).join(courses.select(*COURSE, "first"), on=COURSE, how="left")
    rows = rows.select(
        *COURSE, "base", "term", "chance", "change", "failing", "free",
        since=(pl.lit(day) - pl.col("first")).dt.total_days().clip(0),
        until=pl.col("term").replace_strict(last, default=None, return_dtype=pl.Int64),
        by_rule=pl.col("rule").str.starts_with("missing"),
        due=pl.col("first") + pl.duration(days=days),
    )  # fmt: skip
    others = change.filter(~opened).group_by("term", maintain_order=True).agg(pl.col("change").sum())
    whole = pl.concat([rows, others.filter(pl.col("change").abs() > float(quantum) / 2)], how="diagonal_relaxed")
    owed = [half_up(Fraction(value), quantum) for value in whole["change"]]
    return whole.with_columns(pl.Series("reserve", owed, dtype=kind)).drop("change")


def _naive(now: Settlement, terms: tuple[str, ...], table: pl.DataFrame) -> Naive:
    """Return what failures over treated would reserve: each course fails at the rate of all, and is free otherwise."""
    mine = now.lines.filter(pl.col("term").is_in(terms))
    treated, failures = mine.height, mine.filter(outcome="failure").height
    rate = failures / treated if treated else 0.0
    stake = rate * float(table["failing"].fill_null(0.0).sum()) + (1 - rate) * float(table["free"].fill_null(0.0).sum())
    coming = (failures + float(table["chance"].fill_null(0.0).sum())) / treated if treated else 0.0
    return Naive(treated, failures, rate, coming, half_up(Fraction(stake), now.agreement.rounding.quantum))
