# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command over what is paid: settle, close a period, close it again, the bridge, exports."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from rwe.cli.app import group
from rwe.cli.options import Common, Study, Talk
from rwe.cli.voice import Voice
from rwe.cli.words import known, word
from rwe.errors import DefinitionError

if TYPE_CHECKING:
    import polars as pl

    from rwe.pipeline.settling import Settling
    from rwe.reimbursement import Closed, Settlement

ALL = Common()
ACCOUNTS = ("payable", "disputed", "barred")
Day = Annotated[str | None, Parameter(name="--as-of", help=word("help.settle_as_of"))]
Period = Annotated[str | None, Parameter(help=word("help.period"))]
Close = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.close"))]
Again = Annotated[str | None, Parameter(help=word("help.again"))]
Landing = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.again_landing"))]
Over = Annotated[bool, Parameter(name="--bridge", negative="", show_default=False, help=word("help.bridge"))]
View = Annotated[Literal["nhif", "company"] | None, Parameter(help=word("help.export"))]
Form = Annotated[Literal["csv", "xlsx", "json"], Parameter(help=word("help.form"))]
Invented = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.settle_synthetic"))]


def settle(
    study: Study,
    /,
    *,
    period: Period = None,
    as_of: Day = None,
    close: Close = False,
    again: Again = None,
    landing: Landing = False,
    bridge: Over = False,
    export: View = None,
    form: Form = "csv",
    synthetic: Invented = False,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Settle from what has landed; close a period, or show what the ledger holds."""
    room = settling_room(study, common, voice, synthetic=synthetic)
    if again is not None:
        said = "settle.again_landing" if landing else "settle.again"
        return _say_closed(room.again(again, landing=landing), said, voice)
    if landing:
        raise DefinitionError(word("settle.landing_alone"))
    if close:
        if period is None:
            raise DefinitionError(word("settle.no_period"))
        return _say_closed(room.close(period, room.cut(period, told_day(as_of))), "settle.closed", voice)
    if bridge or export:
        return _from_ledger(room, period, export, form, voice, bridge=bridge)
    return _settle(room, period, room.cut(period, told_day(as_of)), voice)


def _settle(room: Settling, period: str | None, cut: date, voice: Voice) -> int:
    """Settle, and say what closing the period would post where one is named."""
    from rwe import reimbursement as rb

    if period is not None:
        rb.in_turn(room.ledger, period, cut)
    settled = room.now(cut)
    _say_settlement(settled.settlement, voice)
    _say_left_out(settled.settlement, voice)
    for number in settled.idle:
        voice.event("idle", number=number)
        voice.say("settle.idle", number=number)
    if period is not None:
        _say_entries(rb.draw_up(room.ledger, settled.settlement, period, records=settled.records), period, voice)
    return 0


SETTLE = group(
    "settle", {name: f"rwe.cli.claims:{name}" for name in ("dispute", "decide", "undo", "events")}, "settle."
)
SETTLE.default(settle)


def settling_room(study: Path, common: Common, voice: Voice, *, synthetic: bool) -> Settling:
    """Return the settlement of a study in the home of the command."""
    from rwe.pipeline.settling import settling

    return settling(study, home=common.place, synthetic=synthetic, progress=voice.progress)


def told_day(text: str | None) -> date | None:
    """Return a day as the command line writes it."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise DefinitionError(word("settle.no_day", text=text)) from None


def _say_settlement(settlement: Settlement, voice: Voice) -> None:
    """Say what each term comes to, by outcome; exact, because it stays inside the zone."""
    currency = settlement.agreement.contract.currency
    voice.event("settled", as_of=settlement.as_of, gross=settlement.gross, total=settlement.total, currency=currency)
    voice.say(
        "settle.settled", as_of=settlement.as_of, gross=settlement.gross, total=settlement.total, currency=currency
    )
    names = ("term", "outcome", "patients", "spend", "amount")
    cells = []
    for (term, outcome), part in settlement.lines.group_by("term", "outcome", maintain_order=True):
        sums = {name: sum(part[name]) for name in ("spend", "amount")}
        shown = {"term": term, "outcome": outcome, "patients": part["person_id"].n_unique(), **sums}
        voice.event("term", **shown)
        said = shown | {"outcome": known(f"settle.outcome.{outcome}", str(outcome))}
        cells.append([str(said[name]) for name in names])
    if cells:
        voice.table([[word(f"settle.head.{name}") for name in names], *cells], ["strong"])
    for pool in settlement.pools.iter_rows(named=True):
        if pool["term"] in settlement.contradicted:
            facts = {name: pool[name] for name in ("term", "spend", "stated")} | {"currency": currency}
            voice.event("contradicted", **facts)
            voice.say("settle.contradicted", **facts)


def _say_left_out(settlement: Settlement, voice: Voice) -> None:
    """Say the verdicts on terms that rest on the cohort, and which doses are not paid for."""
    for term, found in settlement.verdicts.items():
        facts = {"term": term, "verdict": found.verdict, "reason": found.reason, "threshold": found.threshold}
        voice.event("verdict", **facts, estimate=found.estimate)
        said = {"verdict": word(f"settle.verdict.{found.verdict}"), "reason": word(f"settle.why.{found.reason}")}
        voice.say("settle.verdict", term=term, **said)
    for reason, doses, patients in settlement.excluded.iter_rows():
        if doses:
            voice.event("excluded", reason=reason, doses=doses, patients=patients)
            voice.say("settle.excluded", reason=word(f"settle.left.{reason}"), doses=doses, patients=patients)
    if not settlement.rejected.is_empty():
        voice.event("rejected", doses=settlement.rejected.height)
        voice.say("settle.rejected", doses=settlement.rejected.height)


def _say_entries(entries: pl.DataFrame, period: str, voice: Voice) -> None:
    """Say what closing the period would post."""
    sums = {name: sum(entries[name]) for name in ACCOUNTS}
    voice.event("would_post", period=period, entries=entries.height, **sums)
    voice.say("settle.would_post", period=period, entries=entries.height, **sums)


def _say_closed(closed: Closed, key: str, voice: Voice) -> int:
    facts = {"period": closed.period, "as_of": closed.as_of, "entries": closed.rows, "sha256": closed.sha256}
    moved = {name: closed.moved[name] for name in ACCOUNTS}
    voice.event(key.partition(".")[2].partition("_")[0], **facts, **moved, utc=closed.utc, file=closed.file)
    voice.say(key, **facts, **moved)
    return 0


def _from_ledger(room: Settling, period: str | None, view: str | None, form: str, voice: Voice, *, bridge: bool) -> int:
    if bridge:
        _say_bridge(room, voice)
    if view:
        from rwe.pipeline.settled_files import write_export, write_left_out

        asked = (room.home, room.ledger, room.closed(period), view, form)
        for path, rows in (write_export(*asked), *write_left_out(*asked)):
            voice.event("export", view=view, path=str(path), rows=rows)
            voice.say("settle.export", path=path, rows=rows)
    return 0


def _say_bridge(room: Settling, voice: Voice) -> None:
    """Say close by close what stood before, what moved by reason, and what stands after."""
    from rwe import reimbursement as rb

    found = rb.bridge(room.ledger)
    heads = ("closed", "reason", "patients", *ACCOUNTS)
    cells = []
    for after in found.stands.iter_rows(named=True):
        voice.event("stands", **after)
        mine = [step for step in found.steps.iter_rows(named=True) if step["closed"] == after["closed"]]
        cells.append([after["closed"], word("settle.before"), "", *(str(after[f"{name}_before"]) for name in ACCOUNTS)])
        for step in mine:
            voice.event("step", **step)
            cells.append(["", word(f"settle.reason.{step['reason']}"), *(str(step[name]) for name in heads[2:])])
        cells.append(["", word("settle.after"), "", *(str(after[name]) for name in ACCOUNTS)])
    if not cells:
        voice.say("settle.nothing_closed")
        return
    voice.table([[word(f"settle.head.{name}") for name in heads], *cells], ["strong"])
