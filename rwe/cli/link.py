# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands over persons of several hospitals: what was linked by which rule, what to look at, and decisions on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from rwe.cli.options import Common, Talk
from rwe.cli.voice import Voice
from rwe.cli.words import word

if TYPE_CHECKING:
    import polars as pl

    from rwe.link.register import Register

ALL = Common()
SHOWN = 20  # the pairs most worth a look; --json has them all
Hospitals = Annotated[Path, Parameter(name="FILE", help=word("help.hospitals"))]
Pair = Annotated[str, Parameter(name="PAIR", help=word("help.pair"))]
Said = Annotated[Literal["same", "apart"], Parameter(name="SAID", help=word("help.said"))]
Number = Annotated[int, Parameter(name="NUMBER", help=word("help.decision"))]
By = Annotated[str, Parameter(help=word("help.by"))]
Why = Annotated[str, Parameter(help=word("help.why"))]


def show(file: Hospitals, /, *, common: Common = ALL, voice: Talk) -> int:
    """Link the persons of what has landed, and say how it went."""
    from rwe.pipeline.realign import relink

    found = relink(file, home=common.place, progress=voice.progress)
    for site, n in found.units.items():
        voice.event("units", site=site, n=n)
        voice.say("link.site", site=site, n=n)
    counts = found.linked.counts
    voice.event("linked", **counts, passed_over=found.linked.passed_over)
    rules = [[word(f"link.rule.{rule}"), str(counts[rule])] for rule in ("decided", *_RULES, "alone")]
    voice.table([[word("link.head.rule"), word("link.head.rows")], *rules], ["strong"])
    voice.say("link.persons", persons=counts["persons"])
    for line in found.linked.weights.table.iter_rows(named=True):
        voice.event("weight", **line)
    _show_review(voice, found.linked.review)
    return 0


_RULES = ("same_number", "hospital_number", "weighed")


def _show_review(voice: Voice, review: pl.DataFrame) -> None:
    """Say which pairs a person should look at, without anything that tells who they are."""
    for line in review.iter_rows(named=True):
        voice.event("review", **line)
    if review.is_empty():
        voice.say("link.nothing")
        return
    voice.say("link.review", count=review.height)
    names = ("pair", "site", "other_site", "number", "birth", "names", "probability", "reason")
    cells = [
        [f"{line[name]:.3f}" if name == "probability" and line[name] is not None else str(line[name]) for name in names]
        for line in review.head(SHOWN).iter_rows(named=True)
    ]
    voice.table([[word(f"link.head.{name}") for name in names], *cells], ["strong"])


def decide(pair: Pair, said: Said, /, *, by: By, why: Why, common: Common = ALL, voice: Talk) -> int:
    """Say of a pair that it is one person, or two; it counts from the next linking on."""
    number = _register(common).decide(pair, said, by, why)
    voice.event("decided", number=number, pair=pair, said=said)
    voice.say("link.decided", number=number)
    return 0


def undo(number: Number, /, *, by: By, why: Why, common: Common = ALL, voice: Talk) -> int:
    """Undo a decision; it counts from the next linking on."""
    _register(common).undo(number, by, why)
    voice.event("undone", number=number)
    voice.say("link.undone", number=number)
    return 0


def decisions(*, common: Common = ALL, voice: Talk) -> int:
    """Show who decided what, why and when, and what was undone."""
    found = _register(common).decisions()
    for one in found:
        facts = {"number": one.number, "pair": "-".join(one.pair), "said": one.said, "by": one.by, "why": one.why}
        voice.event("decision", **facts, utc=one.utc, undone=one.undone)
    if not found:
        voice.say("link.no_decisions")
        return 0
    names = ("number", "pair", "said", "by", "why", "utc", "undone")
    cells = [
        [str(o.number), "-".join(o.pair), o.said, o.by, o.why, o.utc[:19].replace("T", " "), str(o.undone or "")]
        for o in found
    ]
    voice.table([[word(f"link.head.{name}") for name in names], *cells], ["strong"])
    return 0


def _register(common: Common) -> Register:
    from rwe.link.register import Register

    return Register(common.place / "store")
