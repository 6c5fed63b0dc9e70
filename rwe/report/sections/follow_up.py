# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How follow-up ended and how complete it was, stretches of the pathway, and what looks past day zero."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Block, Line, Section, Table
from rwe.report.page import NONE, Page, Row
from rwe.report.sections.outcomes import counted, groups_of

NAME = "follow_up"
COMPLETENESS = ("completeness", "completeness_simplified")


def follow_up(page: Page) -> Section | None:
    """Return the chapter, None where neither was asked nor anything looks ahead."""
    blocks = [*_analyses(page), *_looks(page)]
    return Section("follow_up", page.words("follow_up.title"), blocks) if blocks else None


def _analyses(page: Page) -> Iterator[Block]:
    rows = page.rows(NAME)
    for key in dict.fromkeys((row["id"], row["outcome"]) for row in rows):
        own = [row for row in rows if (row["id"], row["outcome"]) == key]
        yield _table(page, own)


def _table(page: Page, rows: list[Row]) -> Table:
    """Return who left why; of endpoints how complete follow-up was, of stretches how many had come to the end."""
    title, population = page.outcome(rows[0]["outcome"]), page.population(rows[0]["population"])
    reasons = list(dict.fromkeys(row["stratum"] for row in rows if row["estimand"] == "proportion"))
    ends = list(dict.fromkeys((row["time"], row["stratum"]) for row in rows if row["estimand"] == "milestone"))
    head = [page.words("survival.who"), *(_reason(page, reason) for reason in reasons)]
    shares = [name for name in COMPLETENESS if any(row["estimand"] == name for row in rows)]
    head += [page.words(f"follow_up.{name}") for name in shares]
    head += [page.words(f"follow_up.{cause}", at=page.years(day)) for day, cause in ends]
    cells = {(row["group"], row["estimand"], row["time"], row["stratum"]): row for row in rows}
    lines = [
        Line(
            (
                page.group(group),
                *(counted(page, cells.get((group, "proportion", None, reason))) for reason in reasons),
                *(page.estimate(cells.get((group, name, None, "")), "percent") for name in shares),
                *(page.estimate(cells.get((group, "milestone", *end)), "percent") for end in ends),
            )
        )
        for group in groups_of(rows)
    ]
    caption = page.words("follow_up.table", outcome=title, population=population)
    note = page.words("follow_up.note")
    return Table(caption, head, lines, f"{note} {page.words('follow_up.complete')}" if shares else note)


def _reason(page: Page, name: str) -> str:
    """Return the words of a reason; one that the study names has its own name."""
    key = f"left.{name}"
    return page.words(key) if key in page.words.entries else name.replace("_", " ")


def _days(page: Page, reach: int | None) -> str:
    return NONE if reach is None else page.numbers.count(reach)


def _looks(page: Page) -> Iterator[Table]:
    """Yield what of the definition looks past day zero, whom it concerns, and why it may."""
    looks = page.context.time_zero
    if not looks:
        return
    head = [page.words(f"time_zero.{name}") for name in ("what", "how", "concerned", "left", "why")]
    lines = [
        Line(
            (
                page.say(look.title),
                page.words(f"time_zero.{look.rule}", days=_days(page, look.reach)),
                page.count(look.n),
                page.count(look.left) if look.within else "",
                page.say(look.why) if look.why else page.words("time_zero.no_reason"),
            )
        )
        for look in looks
    ]
    zero = page.say(page.context.study.time_zero)
    yield Table(page.words("time_zero.table", zero=zero), head, lines, page.words("time_zero.note"), words=(1, 4))
