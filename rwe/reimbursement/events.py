# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What people say about claims: disputes hold an amount, decisions stand in the place of assessments; both are undone.

An event is a signed line of the ledger with who, when and why. It counts from the next close on, and is never taken
out: to undo one is an event of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rwe.errors import DefinitionError
from rwe.reimbursement.book import Ledger
from rwe.reimbursement.entries import Held
from rwe.spec.agreement import OUTCOMES

STRUCK = "none"  # a decision that leaves no assessment in the place of those it strikes out
DECISION = "decision"
IDS = "'rwe settle --export nhif' names the ids of a closed period, lines.csv of a run those of all"


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Parameters
    ----------
    number
        Its line in the ledger.
    kind
        ``dispute``, ``decision`` or ``undo``.
    person
        Whose claims; of an undoing, those of the event that it undoes.
    term, course
        What a dispute is limited to.
    outcome, on
        What a decision says that the assessment was, and of which day; ``none`` strikes out.
    since, until
        The assessments in whose place it stands: those of these days; all of the person where left out.
    undone
        Number of the event that undid it.
    """

    number: int
    utc: str
    kind: str
    person: str
    by: str
    why: str
    term: str | None = None
    course: int | None = None
    outcome: str | None = None
    on: date | None = None
    since: date | None = None
    until: date | None = None
    undoes: int | None = None
    undone: int | None = None

    def held(self) -> Held:
        """Return the claims that a dispute holds."""
        return Held(self.person, self.term, self.course)


def events(ledger: Ledger, before: int | None = None) -> list[Event]:
    """Return the events of a ledger, or those before a line, oldest first.

    Raises
    ------
    TornStore
        If the ledger was changed.
    """
    lines = [line for line in ledger.lines() if before is None or line.seq < before]
    made = [line for line in lines if line.payload["kind"] in ("dispute", DECISION, "undo")]
    undone = {line.payload["undoes"]: line.seq for line in made if line.payload["kind"] == "undo"}
    return [_event(line.seq, line.utc, line.payload, undone.get(line.seq)) for line in made]


def _event(number: int, utc: str, said: Any, undone: int | None) -> Event:
    fields: dict[str, Any] = {name: said[name] for name in ("kind", "person", "by", "why")}
    fields |= {name: said.get(name) for name in ("term", "course", "outcome", "undoes")}
    fields |= {n: date.fromisoformat(said[n]) if said.get(n) else None for n in ("on", "since", "until")}
    return Event(number, utc, **fields, undone=undone)


def dispute(
    ledger: Ledger,
    person: str,
    *,
    by: str,
    why: str,
    term: str | None = None,
    course: int | None = None,
    treated: pl.DataFrame | None = None,
) -> int:
    """Contest what is owed for a person: from the next close on it stands on the account ``disputed``.

    Parameters
    ----------
    treated
        ``person_id`` and ``day`` of all doses of the product, where known: who is disputed before anything was closed
        must be among them.

    Raises
    ------
    DefinitionError
        If the agreement has no such term or the ledger no such line, or nobody or no reason is named.
    """
    known = [one.id for one in ledger.agreement.terms]
    if term is not None and term not in known:
        raise DefinitionError(f"the agreement has no term '{term}'; there are: {', '.join(known)}").known_as(
            "no_term", term=term, known=", ".join(known)
        )
    entries = ledger.entries()
    if entries.is_empty():
        _treated(treated, person)
    elif person not in entries["person_id"]:
        raise DefinitionError(f"nobody of that id stands in the ledger; {IDS}").known_as("not_in_ledger")
    elif entries.filter(Held(person, term, course).claims()).is_empty():
        raise DefinitionError(f"the ledger has no line of that person with this term and course; {IDS}").known_as(
            "no_line"
        )
    return _enter(ledger, "dispute", {"person": person, "term": term, "course": course}, by, why)


def decide(
    ledger: Ledger,
    person: str,
    outcome: str,
    on: date,
    *,
    by: str,
    why: str,
    since: date | None = None,
    until: date | None = None,
    treated: pl.DataFrame | None = None,
) -> int:
    """Say what the assessment of a person was, in place of what the records say; return the number of the decision.

    Parameters
    ----------
    outcome
        A word of the agreement (``response``, ``progression``, ...), or ``none``: there was no valid assessment.
    on
        The day of the assessment that it states.
    since, until
        Days of the assessments in whose place it stands; all of the person where left out.
    treated
        ``person_id`` and ``day`` of all doses of the product, where known; else the ledger tells who there is.

    Raises
    ------
    DefinitionError
        If the outcome is no word of an agreement, the days are out of order, nobody or no reason is named, or it would
        have no effect: nobody of that id was treated, or only after the day of the assessment.
    """
    if outcome not in (*OUTCOMES, STRUCK):
        there = ", ".join((*OUTCOMES, STRUCK))
        raise DefinitionError(f"'{outcome}' is no outcome; there are: {there}").known_as(
            "no_outcome", outcome=outcome, known=there
        )
    if since and until and until < since:
        raise DefinitionError("--until lies before --since").known_as("until_before_since")
    entries = ledger.entries()
    if treated is None and entries.height and person not in entries["person_id"]:
        raise DefinitionError(f"nobody of that id stands in the ledger; {IDS}").known_as("not_in_ledger")
    first = _treated(treated, person)
    if first is not None and on < first:
        raise DefinitionError("the day lies before the first dose of that person: no assessment of it counts").known_as(
            "before_first_dose"
        )
    days = {"on": str(on), "since": since and str(since), "until": until and str(until)}
    return _enter(ledger, DECISION, {"person": person, "outcome": outcome, **days}, by, why)


def undo(ledger: Ledger, number: int, *, by: str, why: str) -> int:
    """Undo a dispute or a decision from the next close on; return the number of the line that does.

    Raises
    ------
    DefinitionError
        If it stands nowhere or was undone before, or nobody or no reason is named.
    """
    standing = {one.number: one for one in events(ledger) if one.kind != "undo" and one.undone is None}
    if number not in standing:
        raise DefinitionError(f"there is no event {number} to undo; 'rwe settle events' lists them").known_as(
            "no_event", number=number
        )
    return _enter(ledger, "undo", {"undoes": number, "person": standing[number].person}, by, why)


def _treated(treated: pl.DataFrame | None, person: str) -> date | None:
    """Return the day of a person's first dose, None where nobody asks; refuse who had none."""
    if treated is None:
        return None
    first = treated.filter(pl.col("person_id").cast(pl.String) == person)["day"].min()
    if not isinstance(first, date):
        raise DefinitionError(f"nobody of that id has a dose of the product; {IDS}").known_as("not_treated")
    return first


def _enter(ledger: Ledger, kind: str, said: dict[str, Any], by: str, why: str) -> int:
    if not by.strip() or not why.strip():
        raise DefinitionError("an event needs who says so (--by) and the reason (--why)").known_as("who_and_why")
    with ledger.writing():
        return ledger.add(kind, {**said, "by": by, "why": why}).seq


def idle(known: Sequence[Event], doses: pl.DataFrame) -> list[int]:
    """Return the numbers of standing decisions that change nothing: no dose of their person is settled."""
    treated = set(doses["person_id"].cast(pl.String).unique())
    standing = [one for one in known if one.kind == DECISION and one.undone is None]
    return [one.number for one in standing if one.person not in treated]


def decided(assessments: pl.DataFrame, known: Sequence[Event]) -> pl.DataFrame:
    """Return the assessments with the decisions that stand in the place of those they decide on."""
    for one in known:
        if one.kind != DECISION or one.undone is not None:
            continue
        mine = pl.col("person_id").cast(pl.String) == one.person
        mine &= pl.col("assessed_on").is_between(one.since or date.min, one.until or date.max)
        kept = assessments.filter(~mine)
        if one.outcome != STRUCK:
            said = {"assessed_on": one.on, "outcome": one.outcome, "record_id": f"{DECISION}:{one.number}"}
            row = pl.DataFrame({"person_id": [one.person], **{name: [value] for name, value in said.items()}})
            row = row.select(pl.col(name).cast(assessments.schema[name]) for name in row.columns)
            kept = pl.concat([kept, row], how="diagonal")
        assessments = kept
    return assessments.sort("person_id", "assessed_on", "outcome")
