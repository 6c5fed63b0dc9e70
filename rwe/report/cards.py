# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The key figures: what stands at the head of the dossier and what the command line prints at its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from rwe.report.page import Page, Row, open_page
from rwe.spec.study import KeyFigure

FORMS = {
    "count": "count",
    "percent": "percent",
    "difference": "points",
    "ratio": "ratio",
    "days": "months",
    "money": "money",
    "verdict": "money",
}
LABELS = ("id", "analysis", "estimand", "population", "group", "stratum", "outcome", "time")


@dataclass(frozen=True, slots=True)
class Card:
    """A key figure in words: its name and kind in the study, title, value with its unit, what stands below."""

    name: str
    kind: str
    label: str
    value: str
    notes: tuple[str, ...]

    @property
    def plain(self) -> str:
        """The value and its notes as plain text, for a terminal."""
        value = Markup(self.value).striptags()
        return f"{value} ({Markup('; '.join(self.notes)).striptags()})" if self.notes else value


def key_figures(run: Path, lang: str) -> list[Card]:
    """Return the key figures of a finished run in `lang`.

    Parameters
    ----------
    run
        The run folder; only its ``release/`` is read.
    """
    return list(cards(open_page(run / "release", lang)))


def cards(page: Page) -> Iterator[Card]:
    """Yield a card for each key figure that the study names."""
    for figure in page.context.key_figures:
        row = page.row(**{k: v for k in LABELS if (v := getattr(figure, k)) is not None})
        form = _form(figure)
        value = page.value(row, form, _column(figure))
        if figure.kind == "verdict":
            value = _verdict(page, figure)
        elif unit := unit_of(page, form):
            value = Markup("{} <small>{}</small>").format(value, unit)
        notes = tuple(_notes(page, figure, row, form))
        yield Card(figure.name, figure.kind, page.say(figure.title), value, notes)


def _column(figure: KeyFigure) -> str:
    return "n" if figure.kind == "count" else "estimate"


def _form(figure: KeyFigure) -> str:
    """Return the form of a figure; a difference of times is in signed months."""
    if figure.kind in ("difference", "days") and figure.group == "difference" and figure.estimand in ("rmst", "median"):
        return "months_more"
    return FORMS[figure.kind]


def unit_of(page: Page, form: str) -> str:
    """Return the unit in which `form` writes a number, "" where its sign says it."""
    units = {"points": "unit.points", "months": "unit.months", "months_more": "unit.months"}
    return page.words(units[form]) if form in units else ""


def _verdict(page: Page, figure: KeyFigure) -> str:
    card = page.context.verdicts.get(figure.stratum or "")
    return page.words(f"verdict.{card.verdict}") if card else page.words("verdict.none")


def _notes(page: Page, figure: KeyFigure, row: Row | None, form: str) -> Iterator[str]:
    """Yield why a figure is withheld or marked, its limits, the trial's value, the amount of a verdict or reverse."""
    for gate in page.red_gates(figure.analysis, row["id"] if row else figure.id):
        yield page.words(f"quality.{gate.action}_note", reason=page.say(gate.reason))
    if limits := page.interval(row, form):
        yield page.words("cards.interval", level=page.level(figure.analysis), limits=limits)
    if figure.group == "registry" and row is not None:
        same = {k: row[k] for k in ("id", "analysis", "population", "stratum", "outcome", "estimand")}
        times = {"time": row["time"]} if row["time"] is not None else {}
        trial = page.row(**same, **times, group="trial")
        if trial is not None and trial[_column(figure)] is not None:
            yield page.words("cards.trial", value=page.value(trial, form, _column(figure)))
    if figure.kind == "verdict" and row is not None:
        yield page.words("cards.owed", value=page.value(row, "money"))
    if figure.kind == "money" and page.context.agreement:
        for term in page.context.agreement.terms:
            if term.id in page.context.verdicts:
                name = page.words(f"term_short.{term.type}")
                yield f"{name}: {page.words(f'verdict.{page.context.verdicts[term.id].verdict}').lower()}"
