# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is not decided yet: reserved for open patients, and when it may come back."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Block, Line, Prose, Section, Table
from rwe.report.page import Page

SUMS = ("settled", "reserve", "reserve_naive")


def reserve(page: Page) -> Section | None:
    """Return the chapter, None where nobody is open."""
    if not page.rows("reserve"):
        return None
    agreement = page.context.agreement
    currency = agreement.currency if agreement else ""
    level = page.level("reserve")
    head = [page.words(f"reserve.{name}") for name in ("part", "patients", "amount")]
    head.append(page.words("reserve.interval", level=level))
    lines = [_sum(page, name) for name in SUMS]
    blocks: list[Block] = [
        Prose(list(_paragraphs(page))),
        Table(page.words("reserve.table", currency=currency), head, lines, page.words("reserve.note")),
    ]
    if page.rows("forecast", estimand="forecast"):
        blocks.append(_periods(page, currency))
    return Section("reserve", page.words("reserve.title"), blocks)


def _paragraphs(page: Page) -> Iterator[str]:
    row = page.row("reserve", estimand="failure_rate")
    yield page.words("reserve.lead", rate=page.value(row, "share"), failures=page.value(row, "count", "n_event"),
                     treated=page.value(row, "count", "n"))  # fmt: skip
    if page.context.settings.get("reserve", {}).get("played"):
        yield page.words("reserve.narrow")
    yield page.words("reserve.overdue", n=page.value(page.row("reserve", estimand="overdue"), "count", "n"))


def _sum(page: Page, estimand: str) -> Line:
    row = page.row("reserve", estimand=estimand)
    cells = (page.value(row, "count", "n"), page.value(row, "money"), page.interval(row, "money"))
    return Line((page.words(f"reserve.{estimand}"), *cells))


def _periods(page: Page, currency: str) -> Table:
    """Return the expected payback by period."""
    rows = page.rows("forecast", estimand="forecast")
    names = ("period", "payback")
    head = [page.words(f"reserve.{name}") for name in names]
    head.append(page.words("reserve.interval", level=page.level("forecast")))
    lines = [
        Line(
            (
                page.words("reserve.all") if row["stratum"] == "all" else row["stratum"],
                page.value(row, "money"),
                page.interval(row, "money"),
            ),
            "total" if row["stratum"] == "all" else "",
        )
        for row in rows
    ]
    return Table(page.words("reserve.ahead", currency=currency), head, lines, page.words("reserve.ahead_note"))
