# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Page`: the released rows, the context and one language, and how a value of them is printed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from rwe.errors import DataError
from rwe.report.blocks import Block
from rwe.report.context import Context
from rwe.report.numbers import Numbers
from rwe.report.priced import read_chapter
from rwe.report.released import file_names, read_context, read_tables
from rwe.report.scorecards import GateCard
from rwe.report.words import Words, load_words
from rwe.spec.base import Text

Row = dict[str, Any]
NONE = "—"
USUAL_LEVEL = 0.95  # of an analysis that names none
PLAIN_LEVELS = ("yes", "no", "unknown")
BETWEEN = " & "  # the variables of a joint table, and one level of each
OF_NUMBERS = ("mean", "sd", "median")
BARE = {"percent": "hundredths"}  # the sign stands once, at the estimate
SIGNED = ("points", "months_more", "signed")


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that a section is made from.

    `index` holds its rows by analysis and estimand, `priced` the chapter on the medicine's worth.
    """

    context: Context
    table: pl.DataFrame
    index: dict[tuple[str, str], list[Row]]
    files: tuple[str, ...]
    words: Words
    numbers: Numbers
    priced: Sequence[Block] = ()

    def rows(self, analysis: str, **labels: str | int) -> list[Row]:
        """Return the released rows with these labels, in released order."""
        asked, estimand = labels.items(), labels.get("estimand", "")
        near = self.index.get((analysis, str(estimand)), ())
        return [row for row in near if all(row[key] == value for key, value in asked)]

    def part(self, **labels: str | int) -> pl.DataFrame:
        """Return the released rows with these labels as a frame."""
        return self.table.filter(**labels)

    def row(self, analysis: str, **labels: str | int) -> Row | None:
        """Return the one row with these labels, None if there is none.

        Raises
        ------
        DataError
            If there are several: the labels do not name one figure.
        """
        found = self.rows(analysis, **labels)
        if len(found) > 1:
            raise DataError(f"{len(found)} released rows of {analysis} where one is expected: {labels}")
        return found[0] if found else None

    def say(self, text: Text) -> str:
        """Return the words of the study in the page's language."""
        return str(getattr(text, self.words.lang))

    @property
    def marker(self) -> str:
        """What stands in the place of a masked value, without its link."""
        return f"[<{self.context.policy.threshold + 1}]"

    def value(self, row: Row | None, form: str, column: str = "estimate") -> str:
        """Return a cell: the formatted value, the marker if it was masked, a dash if there is none."""
        if row is None:
            return NONE
        if column in row["masked"].split(","):
            return Markup('<a class="masked" href="#note-masked">{}</a>').format(self.marker)
        if row[column] is None:
            return NONE
        return self.format(row[column], form)

    def count(self, n: int | None) -> str:
        """Return a count of the context, which is None where it was masked."""
        return self.value({"masked": "n" if n is None else "", "n": n}, "count", "n")

    def format(self, value: float, form: str) -> str:
        """Return `value` in the named form of `Numbers`, money in the agreement's currency."""
        if form == "money" and self.context.agreement:
            return self.numbers.money(value, self.context.agreement.currency)
        if form == "signed":
            return self.numbers.decimal(value, 2, signed=True)
        return str(getattr(self.numbers, form)(value))

    def interval(self, row: Row | None, form: str) -> str:
        """Return the limits of an estimate, "" if it has none."""
        if row is None or row["conf_low"] is None or row["conf_high"] is None:
            return ""
        shape = "range.signed" if form in SIGNED else "range.plain"
        form = BARE.get(form, form)
        return self.words(shape, low=self.format(row["conf_low"], form), high=self.format(row["conf_high"], form))

    def estimate(self, row: Row | None, form: str) -> str:
        """Return an estimate with its limits in brackets."""
        limits = self.interval(row, form)
        value = self.value(row, form)
        return Markup("{} <span class=ci>({})</span>").format(value, limits) if limits else value

    def site_names(self, names: Iterable[str]) -> str:
        """Return the titles of hospitals."""
        titles = {site.name: self.say(site.title) for site in self.context.sites}
        return ", ".join(titles.get(name, name) for name in names)

    def red_gates(self, analysis: str, name: str | None = None) -> list[GateCard]:
        """Return the gates whose check failed and on which an analysis rests; `name` is its id where one is meant."""
        return [
            gate
            for gate in self.context.gates
            if gate.verdict == "red" and (name in gate.analyses if name else analysis in gate.analyses.values())
        ]

    def level(self, analysis: str) -> str:
        """Return the level of confidence of an analysis with its sign, for example 95%."""
        return self.numbers.share(self.context.methods.conf_level.get(analysis, USUAL_LEVEL))

    def variable(self, name: str) -> str:
        """Return the title of a baseline variable with its unit."""
        if BETWEEN in name:
            return " × ".join(self.variable(one) for one in name.split(BETWEEN))
        card = self.context.variables.get(name)
        if card is None:
            raise DataError(f"release/context.json has no variable '{name}', which a released table names")
        return self.say(card.title) + (f", {self.say(card.unit)}" if card.unit else "")

    def level_name(self, variable: str, level: str) -> str:
        """Return the name of a level, with typographic signs where it has no words."""
        if BETWEEN in variable:
            pairs = zip(variable.split(BETWEEN), level.split(BETWEEN), strict=True)
            return " × ".join(self.level_name(*pair) for pair in pairs)
        card = self.context.variables.get(variable)
        if card and level in card.levels:
            return self.say(card.levels[level])
        if level in OF_NUMBERS:
            return self.words(f"balance.{level}")
        return self.words(f"level.{level}") if level in PLAIN_LEVELS else _signs(level)

    def level_order(self, variable: str, level: str) -> tuple[float, str]:
        """Return a key that puts levels in the order of the study, classes by their bounds, the unknown last."""
        card = self.context.variables.get(variable)
        if card and level in card.levels:
            return float(list(card.levels).index(level)), level
        bound = re.search(r"\d+(\.\d+)?", level)
        beside = {"<": -0.5, ">": 0.5}.get(level[:1], 0.0)
        return (math.inf if level == "unknown" else float(bound[0]) + beside if bound else 0.0), level

    def term(self, name: str, model: str = "") -> tuple[str, str]:
        """Return the variable and the level (or "") that a term names, in the words of its model where it has some."""
        own = self.context.settings.get(model, {}).get("terms", ())
        if titles := [term["title"] for term in own if term["term"] == name and term["title"]]:
            return self.say(Text(**titles[0])), ""
        if name in self.context.terms:
            return self.say(self.context.terms[name]), ""
        variable, level = split_term(name)
        pieces, card = name.split(":"), self.context.variables.get(variable)
        if card and (len(pieces) == 1 or level in card.levels):
            return self.variable(variable), self.level_name(variable, level) if level else ""
        if len(pieces) > 1 and all(split_term(piece)[0] in self.context.variables for piece in pieces):
            return " × ".join(": ".join(filter(None, self.term(piece, model))) for piece in pieces), ""
        return name, ""  # a calculation of a formula is its own name

    def group(self, name: str) -> str:
        """Return the words of a group label such as ``overall`` or ``hormonal=yes``."""
        variable, _, level = name.partition("=")
        if not level:
            return self.words(f"group.{name}")
        return f"{self.say(self.context.variables[variable].title)}: {self.level_name(variable, level)}"

    def endpoint(self, name: str) -> str:
        """Return the title of an endpoint, which may be a cause of another."""
        return self.say(self.context.endpoints[name].title)

    def population(self, name: str) -> str:
        """Return the title of a population; "" is everyone with an index date."""
        known = self.context.populations.get(name)
        return self.say(known) if known else self.words("population.all")

    def step(self, name: str) -> str:
        """Return the title of a step of the attrition."""
        known = self.context.criteria.get(name)
        return self.say(known) if known else self.words(f"step.{name}")

    def outcome(self, name: str) -> str:
        """Return the title of an outcome with its unit, of a stretch of the pathway, or of an endpoint."""
        card = self.context.outcomes.get(name)
        if card is None:
            return self.endpoint(name)
        return self.say(card.title) + (f", {self.say(card.unit)}" if card.unit else "")

    def years(self, days: int) -> str:
        """Return a milestone in whole years where it is one, else in months."""
        if abs(days / 365.25 - round(days / 365.25)) < 0.01:
            count = round(days / 365.25)
            return self.words("time.year" if count == 1 else "time.years", n=count)
        return self.words("time.months", n=self.numbers.months(days))


def split_term(name: str) -> tuple[str, str]:
    """Return variable and level of ``variable``, ``variable=level`` or ``variable[T.level]``.

    Examples
    --------
    >>> split_term("size=21-50")
    ('size', '21-50')
    >>> split_term("size[T.>50]")
    ('size', '>50')
    """
    found = re.fullmatch(r"(\w+)(?:=(.+)|\[(?:T\.)?(.+)\])?", name)
    return (found[1], found[2] or found[3] or "") if found else (name, "")


def _signs(level: str) -> str:
    """Return a level such as ``<=20`` or ``21-50`` with the signs of print."""
    level = level.replace("<=", "≤\N{NO-BREAK SPACE}").replace(">=", "≥\N{NO-BREAK SPACE}")
    level = re.sub(r"^([<>])(?=\d)", "\\1\N{NO-BREAK SPACE}", level)
    return re.sub(r"(?<=\d)-(?=\d)", "–", level)


def open_page(release: Path, lang: str) -> Page:
    """Read ``release/`` for a dossier in `lang`."""
    context, table = read_context(release), read_tables(release)
    index: dict[tuple[str, str], list[Row]] = {}
    for row in table.iter_rows(named=True):
        for estimand in ("", row["estimand"]):  # "" for look-ups that name none
            index.setdefault((row["analysis"], estimand), []).append(row)
    files, priced = tuple(file_names(release)), read_chapter(release, lang)
    return Page(context, table, index, files, load_words(lang), Numbers(lang), priced)
