# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands by which people contest or decide claims of a settlement, and undo what they said."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from cyclopts import Parameter

from rwe.cli.options import Common, Study, Talk
from rwe.cli.settle import ALL, Invented, settling_room, told_day
from rwe.cli.voice import Voice
from rwe.cli.words import known, word
from rwe.errors import DefinitionError

Person = Annotated[str, Parameter(name="PERSON", help=word("help.person"))]
Term = Annotated[str | None, Parameter(help=word("help.term"))]
Course = Annotated[int | None, Parameter(help=word("help.course"))]
Outcome = Annotated[str, Parameter(name="OUTCOME", help=word("help.outcome"))]
On = Annotated[str, Parameter(name="DAY", help=word("help.decided_day"))]
Since = Annotated[str | None, Parameter(help=word("help.decided_since"))]
Until = Annotated[str | None, Parameter(help=word("help.decided_until"))]
Number = Annotated[int, Parameter(name="NUMBER", help=word("help.event"))]
By = Annotated[str, Parameter(help=word("help.by"))]
Why = Annotated[str, Parameter(help=word("help.why"))]


def dispute(
    study: Study,
    person: Person,
    /,
    *,
    by: By,
    why: Why,
    term: Term = None,
    course: Course = None,
    synthetic: Invented = False,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Contest what is owed for a person; it is held from the next close on."""
    from rwe import reimbursement as rb

    room = settling_room(study, common, voice, synthetic=synthetic)
    treated = None if room.ledger.closes() else room.treated()
    number = rb.dispute(room.ledger, person, by=by, why=why, term=term, course=course, treated=treated)
    return _say_event(number, "dispute", voice)


def decide(
    study: Study,
    person: Person,
    outcome: Outcome,
    on: On,
    /,
    *,
    by: By,
    why: Why,
    since: Since = None,
    until: Until = None,
    synthetic: Invented = False,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Say what the assessment of a person was, in place of what the records say."""
    from rwe import reimbursement as rb

    room, day = settling_room(study, common, voice, synthetic=synthetic), told_day(on)
    if day is None:
        raise DefinitionError(word("settle.no_day", text=on))
    days = {"since": told_day(since), "until": told_day(until)}
    number = rb.decide(room.ledger, person, outcome, day, by=by, why=why, treated=room.treated(), **days)
    return _say_event(number, "decision", voice)


def undo(
    study: Study,
    number: Number,
    /,
    *,
    by: By,
    why: Why,
    synthetic: Invented = False,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Undo a dispute or a decision."""
    from rwe import reimbursement as rb

    ledger = settling_room(study, common, voice, synthetic=synthetic).ledger
    return _say_event(rb.undo(ledger, number, by=by, why=why), "undo", voice)


def events(study: Study, /, *, synthetic: Invented = False, common: Common = ALL, voice: Talk) -> int:
    """Show who contested or decided what, why and when, and what was undone."""
    from rwe import reimbursement as rb

    found = rb.events(settling_room(study, common, voice, synthetic=synthetic).ledger)
    for one in found:
        voice.event("event", **asdict(one))
    if not found:
        voice.say("settle.no_events")
        return 0
    names = ("number", "kind", "person", "outcome", "on", "by", "why", "utc", "undone")
    cells = [[_told(name, getattr(one, name)) for name in names] for one in found]
    voice.table([[word(f"settle.head.{name}") for name in names], *cells], ["strong"])
    return 0


def _told(name: str, value: Any) -> str:
    """Return a fact of an event as people read it; instants to the second."""
    if value is None:
        return ""
    if name in ("kind", "outcome"):
        return known(f"settle.said.{value}", str(value))
    return str(value)[:19].replace("T", " ") if name == "utc" else str(value)[:60]


def _say_event(number: int, kind: str, voice: Voice) -> int:
    voice.event("entered", number=number, kind=kind)
    voice.say("settle.entered", number=number)
    return 0
