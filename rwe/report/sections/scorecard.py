# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Gates, and the scorecards of the hospitals: checks by category, those that failed, how fresh and how coded it is."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Block, Item, Items, Line, Table
from rwe.report.page import Page
from rwe.report.scorecards import FailedCard, GateCard

MARKS = {"green": "met", "red": "not_met", "not_asked": "undetermined"}


def scorecard(page: Page) -> Iterator[Block]:
    """Yield the gates of the study and the tables of every hospital's scorecard."""
    if page.context.gates:
        yield Items(page.words("quality.gates"), [_gate(page, gate) for gate in page.context.gates])
    told = page.context.scorecard
    if told.checks:
        yield _checks(page)
    if told.failed:
        yield _failed(page)
    if told.feeds:
        yield _feeds(page)
    if told.coded:
        yield _coded(page)


def check_name(page: Page, gate: GateCard | FailedCard) -> str:
    """Return what a check asks, in words, with its place in the common model."""
    place = ".".join(filter(None, (gate.table, gate.field)))
    return f"{page.words(f'quality.check.{gate.check}')}" + (f" ({place})" if place else "")


def _gate(page: Page, gate: GateCard) -> Item:
    stands = page.words(f"quality.{gate.verdict}", sites=page.site_names(gate.sites))
    what = page.words(f"quality.{gate.action}", analyses=", ".join(gate.analyses))
    return Item(check_name(page, gate), f"{stands} {what} {page.say(gate.reason)}", MARKS[gate.verdict])


def _checks(page: Page) -> Table:
    columns = ("passed", "failed", "not_applicable")
    lines = []
    for site in dict.fromkeys(card.site for card in page.context.scorecard.checks):
        lines.append(Line((page.site_names([site]), "", "", ""), "head"))
        for card in (card for card in page.context.scorecard.checks if card.site == site):
            counts = (page.numbers.count(getattr(card, name)) for name in columns)
            lines.append(Line((page.words(f"quality.{card.category}"), *counts), "level"))
    head = [page.words(f"quality.{name}") for name in ("category", *columns)]
    return Table(page.words("quality.scorecard"), head, lines, page.words("quality.scorecard_note"))


def _failed(page: Page) -> Table:
    lines = []
    for site in dict.fromkeys(card.site for card in page.context.scorecard.failed):
        lines.append(Line((page.site_names([site]), "", ""), "head"))
        for card in (card for card in page.context.scorecard.failed if card.site == site):
            name = check_name(page, card) + (f" [{card.concept}]" if card.concept else "")
            lines.append(Line((name, _share(page, card.share), page.numbers.percent(card.threshold / 100)), "level"))
    head = [page.words(f"quality.{name}") for name in ("check_column", "share", "threshold")]
    return Table(page.words("quality.failures"), head, lines)


def _feeds(page: Page) -> Table:
    cards = page.context.scorecard.feeds
    lines = [Line((f"{page.site_names([c.site])}: {c.table}", page.count(c.lag_months))) for c in cards]
    head = [page.words(f"quality.{name}") for name in ("table_column", "lag")]
    return Table(page.words("quality.feeds"), head, lines, page.words("quality.feeds_note"))


def _coded(page: Page) -> Table:
    cards = page.context.scorecard.coded
    lines = [
        Line((f"{page.site_names([c.site])}: {c.table}.{c.field}", _share(page, c.rows), _share(page, c.codes)))
        for c in cards
    ]
    head = [page.words(f"quality.{name}") for name in ("field_column", "rows_mapped", "codes_mapped")]
    return Table(page.words("quality.coded"), head, lines)


def _share(page: Page, share: float | None) -> str:
    return page.value({"masked": "share" if share is None else "", "share": share}, "percent", "share")
