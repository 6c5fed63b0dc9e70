# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the agreement comes to: verdict with its reason, and who owes what."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from rwe.report.blocks import Block, Item, Items, Line, Prose, Section, Table
from rwe.report.context import AgreementCard, TermCard
from rwe.report.page import Page
from rwe.report.sections.bridge import bridge
from rwe.report.sections.term_words import term_text

OUTCOMES = ("responder", "failure", "not_evaluable", "open", "all")


def settlement(page: Page) -> Section | None:
    """Return the chapter, None for a study without an agreement."""
    agreement = page.context.agreement
    if agreement is None:
        return None
    title = page.say(agreement.title or page.context.study.title)
    lead = page.words("settlement.lead", agreement=title, id=agreement.id)
    paragraphs = [lead, *([page.say(agreement.note)] if agreement.note else [])]
    blocks: list[Block] = [Prose(paragraphs), *_verdicts(page, agreement), _table(page, agreement)]
    return Section("settlement", page.words("settlement.title"), [*blocks, *bridge(page, agreement.currency)])


def _verdicts(page: Page, agreement: AgreementCard) -> Iterator[Items]:
    """Yield each term in a sentence, with its verdict and the reason where it rests on the cohort."""
    items = [Item(page.words(f"term.{term.type}"), _said(page, term), _mark(page, term)) for term in agreement.terms]
    yield Items(page.words("settlement.terms"), items)


def _mark(page: Page, term: TermCard) -> str:
    card = page.context.verdicts.get(term.id)
    return card.verdict if card else ""


def _said(page: Page, term: TermCard) -> str:
    text = term_text(page, term)
    if term.id in page.context.settings.get("settlement", {}).get("spend_of_file_is_not_of_ledger", ()):
        text = Markup("{} {}").format(text, page.words("settlement.contradicted"))
    card = page.context.verdicts.get(term.id)
    if card is None:
        return text
    labels = {"analysis": "settlement", "stratum": term.id, "outcome": "all"}
    seen = page.estimate(page.row(**labels, estimand="milestone"), "percent")
    verdict, reason = page.words(f"verdict.{card.verdict}"), page.words(f"reason.{card.reason}")
    observed = page.words("settlement.seen", seen=seen)
    return Markup("{} <strong>{}</strong>: {} {}").format(text, verdict, reason, observed)


def _table(page: Page, agreement: AgreementCard) -> Table:
    """Return patients, spend and payback of each term by outcome, and of all terms together."""
    head = [page.words(f"settlement.{name}") for name in ("outcome", "patients", "spend", "payback")]
    lines = [line for term in agreement.terms for line in _lines(page, term.id, page.words(f"term.{term.type}"))]
    lines.append(Line((page.words("settlement.total"), *_amounts(page, "all", "all")), "total"))
    caption = page.words("settlement.table", currency=agreement.currency)
    return Table(caption, head, lines, page.words("settlement.note"))


def _lines(page: Page, term: str, name: str) -> Iterator[Line]:
    rows = page.rows(analysis="settlement", stratum=term, estimand="patients")
    yield Line((name, "", "", ""), "head")
    for outcome in sorted({row["outcome"] for row in rows}, key=OUTCOMES.index):
        yield Line((page.words(f"outcome.{outcome}"), *_amounts(page, term, outcome)), "level")


def _amounts(page: Page, term: str, outcome: str) -> tuple[str, str, str]:
    labels = {"analysis": "settlement", "stratum": term, "outcome": outcome}
    patients = page.value(page.row(**labels, estimand="patients"), "count", "n")
    spend, payback = (page.value(page.row(**labels, estimand=name), "money") for name in ("spend", "payback"))
    return patients, spend, payback
