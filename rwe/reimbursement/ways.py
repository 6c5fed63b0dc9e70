# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Ways to fail: terms that ask for the same failures share one curve and one word for what is to come."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.reimbursement.followed import COURSE, first_doses
from rwe.reimbursement.settlement import Settlement
from rwe.spec.agreement import Agreement, JudgedTerm, OutcomeGuarantee
from rwe.spec.agreement_patient import CostSharing, DeathRebate, Discount, DoseCap, Instalments, TimeCap
from rwe.spec.agreement_words import DEATHS, FAILURES

ALONE = (JudgedTerm, Discount, CostSharing, DeathRebate, DoseCap, Instalments, TimeCap)  # look at one patient only
LOST = 365  # days before the settlement: who was seen last earlier is not followed any more
Asked = JudgedTerm | DeathRebate | Instalments | OutcomeGuarantee


@dataclass(frozen=True, slots=True)
class Way:
    """A failure to come: what an assessment calls it, its curve, the terms that ask for it, and all words for it."""

    event: str
    curve: Any
    terms: tuple[str, ...]
    words: tuple[str, ...]


def asked(agreement: Agreement) -> list[Asked]:
    """Return the terms that ask whether patients fail: of each course, or of all together."""
    return [
        term
        for term in agreement.terms
        if isinstance(term, Asked) and not (isinstance(term, Instalments) and not _conditions(term))
    ]


def failures(term: Asked, others: Sequence[Asked] = ()) -> tuple[str, ...]:
    """Return the outcomes that are failures under a term.

    The endpoint of a guarantee ends with what the first of the other terms calls a failure, with any failure where
    there is none.
    """
    if isinstance(term, OutcomeGuarantee):
        own = (failures(other) for other in others if not isinstance(other, OutcomeGuarantee))
        return next(own, FAILURES)
    if isinstance(term, DeathRebate):
        return term.deaths
    if isinstance(term, Instalments):
        return term.failure if "response" in _conditions(term) else DEATHS
    return term.failure


def ways(terms: Sequence[Asked], curve: Any, event: str | None) -> list[Way]:
    """Return how patients may fail under terms: by one curve for all, or by one for each term's id.

    Terms with the same failures share the curve that looks furthest ahead. A failure is called what no term with
    other failures lists, where there is such a word: a death to come is no progression.
    """
    words = {term.id: failures(term, terms) for term in terms}
    if not isinstance(curve, Mapping):
        word = event or words[terms[0].id][0]
        mine = tuple(term.id for term in terms if word in words[term.id])
        return [Way(word, curve, mine, words[mine[0]])] if mine else []
    groups: dict[frozenset[str], list[Asked]] = {}
    for term in terms:
        groups.setdefault(frozenset(words[term.id]), []).append(term)
    found = []
    for listed, group in groups.items():
        known = [term for term in group if term.id in curve]
        others = {word for other in groups if other != listed for word in other}
        if known:
            mine = words[group[0].id]
            named = [word for word in mine if word not in others]
            furthest = curve[max(known, key=horizon).id]
            found.append(Way((named or mine)[0], furthest, tuple(term.id for term in group), mine))
    return found


def foreseen(agreement: Agreement, by_way: Collection[str]) -> tuple[Agreement, tuple[str, ...]]:
    """Return the agreement with the terms that can be foreseen, and the ids of the others."""
    if not by_way:
        raise DefinitionError("no term asks for the failure of which a curve is given: name it by event")
    asking = {term.id for term in asked(agreement)}
    kept = tuple(term for term in agreement.terms if term.id in by_way or term.id not in asking)
    left_out = tuple(term.id for term in agreement.terms if term not in kept)
    return agreement.model_copy(update={"terms": kept}), left_out


def followed(now: Settlement, courses: pl.DataFrame, found: Sequence[Way], *, dosed: bool) -> pl.DataFrame:
    """Return the courses of which something may come back: first dose, days observed, and by which ways each may fail.

    `courses` are those of `histories`.
    Of who was judged to respond nothing more comes back unless doses follow, or a guarantee looks at all who have not
    failed; who has failed is not treated any more.
    """
    judged = now.lines.filter(
        pl.col("term").is_in([name for way in found for name in way.terms]), pl.col("outcome") != "all"
    )
    may = pl.col("outcome").is_in(["open", "responder"] if dosed else ["open"]) & ~pl.col("rule").str.starts_with(
        "missing"
    )
    by_way = [(may & pl.col("term").is_in(way.terms)).any().alias(way.event) for way in found]
    asked_of = judged.group_by(COURSE).agg(*by_way, treated=(pl.col("outcome") != "failure").all())
    courses = courses.join(asked_of, on=COURSE, how="left")
    rests = set(now.verdicts)
    free = [
        (pl.col(way.event).fill_null(value=False) | (_unfailed(way) & bool(rests & {*way.terms}))).alias(way.event)
        for way in found
    ]
    unfailed = pl.all_horizontal(_unfailed(way) for way in found)
    courses = courses.with_columns(*free, treated=pl.coalesce("treated", unfailed))
    open_ones = courses.filter(pl.any_horizontal(way.event for way in found)).drop(
        "lost", *[failed(way) for way in found]
    )
    if open_ones.is_empty():
        raise NoValidAnswer("nobody is followed who may still fail: there is nothing to forecast")
    return open_ones.with_columns(after=(pl.lit(now.as_of) - pl.col("first")).dt.total_days()).sort(COURSE)


def histories(
    now: Settlement, doses: pl.DataFrame, seen: pl.DataFrame, found: Sequence[Way], people: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return all courses with what is known of their failures.

    Returns
    -------
    DataFrame
        ``person_id``, ``course``, ``first``, for each way the day of the first failure known (null for none; see
        `failed`), and ``lost``, the last day known of who is not followed any more.

        Failures are those of the assessments; for a guarantee those of its own endpoint where `people` say when it
        ended (``<endpoint>_days``, ``<endpoint>_event``): it is what the evidence is made of.
    """
    courses = first_doses(now, doses).with_columns(lost=pl.lit(None, pl.Int64))
    known = seen.filter(pl.col("assessed_on") <= now.as_of).join(courses, on="person_id")
    for way in found:
        mine = known.filter(pl.col("outcome").is_in(way.words), pl.col("assessed_on") >= pl.col("first"))
        day = (pl.col("assessed_on").min() - pl.col("first").first()).dt.total_days().alias(failed(way))
        courses = courses.join(mine.group_by(COURSE).agg(day), on=COURSE, how="left")
        courses = _observed(now, courses, way, people)
    return courses.sort(COURSE)


def _observed(now: Settlement, courses: pl.DataFrame, way: Way, people: pl.DataFrame | None) -> pl.DataFrame:
    """Return the courses with the follow-up of a guarantee's own endpoint, where it is known."""
    ends = [t.endpoint for t in now.agreement.terms if isinstance(t, OutcomeGuarantee) and t.id in way.terms]
    if people is None or not ends or f"{ends[0]}_days" not in people.columns:
        return courses
    event = pl.col(f"{ends[0]}_event").cast(pl.Boolean)
    told = people.select("person_id", _days=pl.col(f"{ends[0]}_days").cast(pl.Int64), _event=event)
    followed_to = pl.lit(now.as_of) - pl.col("first") - pl.duration(days=LOST)
    away = ~pl.col("_event") & (pl.col("_days") < followed_to.dt.total_days())
    failing = pl.when("_event").then("_days").when(pl.col("_event").is_null()).then(failed(way)).alias(failed(way))
    both = courses.join(told, on="person_id", how="left")
    return both.with_columns(failing, lost=pl.when(away).then("_days").otherwise("lost")).drop("_days", "_event")


def _unfailed(way: Way) -> pl.Expr:
    """Tell who has not failed in a way, and is still followed."""
    return pl.col(failed(way)).is_null() & pl.col("lost").is_null()


def failed(way: Way) -> str:
    """Return the column of the day on which a way's failure is known."""
    return f"{way.event} day"


def horizon(term: Asked) -> int:
    """Return the last day after the first dose on which a term still asks for failures."""
    if isinstance(term, OutcomeGuarantee):
        return term.at_day
    if isinstance(term, Instalments):
        return term.parts[-1].day + term.window[1]
    return term.horizon_days if isinstance(term, DeathRebate) else term.assess_day + term.window[1]


def _conditions(term: Instalments) -> set[str]:
    return {str(part.if_) for part in term.parts} - {"given"}
