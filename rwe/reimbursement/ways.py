# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Ways to fail: terms that ask for the same failures share one curve and one word for what is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe.errors import NoValidAnswer
from rwe.reimbursement.followed import COURSE, first_doses
from rwe.reimbursement.settlement import Settlement
from rwe.spec.agreement import Agreement, JudgedTerm
from rwe.spec.agreement_patient import DeathRebate

Asked = JudgedTerm | DeathRebate


@dataclass(frozen=True, slots=True)
class Way:
    """A failure to come: what an assessment calls it, its curve, and the terms that ask for it."""

    event: str
    curve: Any
    terms: tuple[str, ...]


def asked(agreement: Agreement) -> list[Asked]:
    """Return the terms of which each course is judged, failed or not."""
    return [term for term in agreement.terms if isinstance(term, Asked)]


def failures(term: Asked) -> tuple[str, ...]:
    """Return the outcomes that are failures under a term."""
    return term.deaths if isinstance(term, DeathRebate) else term.failure


def ways(terms: Sequence[Asked], curve: Any, event: str | None) -> list[Way]:
    """Return how patients may fail under terms: by one curve for all, or by one for each term's id.

    Terms with the same failures share the curve that looks furthest ahead. A failure is called what no term with
    other failures lists, where there is such a word: a death to come is no progression.
    """
    if not isinstance(curve, Mapping):
        word = event or failures(terms[0])[0]
        mine = tuple(term.id for term in terms if word in failures(term))
        return [Way(word, curve, mine)] if mine else []
    groups: dict[frozenset[str], list[Asked]] = {}
    for term in terms:
        groups.setdefault(frozenset(failures(term)), []).append(term)
    found = []
    for words, group in groups.items():
        known = [term for term in group if term.id in curve]
        others = {word for other in groups if other != words for word in other}
        if known:
            named = [word for word in failures(group[0]) if word not in others]
            furthest = curve[max(known, key=_horizon).id]
            found.append(Way((named or failures(group[0]))[0], furthest, tuple(term.id for term in group)))
    return found


def followed(now: Settlement, doses: pl.DataFrame, found: Sequence[Way], *, dosed: bool) -> pl.DataFrame:
    """Return the courses of which something may come back: first dose, days observed, and by which ways each may fail.

    Of who was judged to respond nothing more comes back unless doses follow; who has failed is not treated any more.
    """
    judged = now.lines.filter(pl.col("term").is_in([name for way in found for name in way.terms]))
    may = pl.col("outcome").is_in(["open", "responder"] if dosed else ["open"]) & ~pl.col("rule").str.starts_with(
        "missing"
    )
    by_way = [(may & pl.col("term").is_in(way.terms)).any().alias(way.event) for way in found]
    courses = judged.group_by(COURSE).agg(*by_way, treated=(pl.col("outcome") != "failure").all())
    open_ones = courses.filter(pl.any_horizontal(way.event for way in found)).join(first_doses(now, doses), on=COURSE)
    if open_ones.is_empty():
        raise NoValidAnswer("nobody is followed who may still fail: there is nothing to forecast")
    return open_ones.with_columns(after=(pl.lit(now.as_of) - pl.col("first")).dt.total_days()).sort(COURSE)


def _horizon(term: Asked) -> int:
    return term.horizon_days if isinstance(term, DeathRebate) else term.assess_day + term.window[1]
