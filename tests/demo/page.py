# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A dossier read back from its HTML, and released figures written once more by hand, to compare the two."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

Row = dict[str, Any]
VOID = {"meta", "br", "link", "img", "input", "hr"}
INLINE = {"span", "strong", "a", "code", "small", "i"}
NBSP, MINUS = "\xa0", "\u2212"
MONTH = 365.25 / 12


@dataclass
class Table:
    """A table of the page: its caption and, row by row, the name of the row and its cells."""

    caption: str = ""
    head: list[str] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)

    @property
    def cells(self) -> list[list[str]]:
        """The cells of the rows that have any."""
        return [line[1:] for line in self.lines if len(line) > 1]


@dataclass
class Figure:
    """A chart: its words and the corners of its lines in px."""

    texts: list[str] = field(default_factory=list)
    lines: list[list[tuple[float, float]]] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    circles: int = 0


class Dossier(HTMLParser):
    """The tables, charts and other texts of a page, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[Table] = []
        self.figures: list[Figure] = []
        self.prose: list[str] = []
        self.fresh = False
        self.feed(re.sub(r"\s*\n\s*", "\n", text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.tags.append((tag, facts))
        if tag in VOID:
            return
        self.stack.append(tag)
        self.fresh = self.fresh or tag not in INLINE
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr" and "tbody" in self.stack:
            self.tables[-1].lines.append([])
        elif tag in ("th", "td") and "tbody" in self.stack:
            self.tables[-1].lines[-1].append("")
        elif tag == "svg":
            self.figures.append(Figure())
        elif tag == "path" and (corners := re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", facts.get("d") or "")):
            self.figures[-1].lines.append([(float(x), float(y)) for x, y in corners])
        elif tag == "circle":
            self.figures[-1].circles += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag
        self.fresh = self.fresh or tag not in INLINE

    def handle_data(self, data: str) -> None:
        text = data.strip("\n")
        if not text.strip() or "style" in self.stack:
            return
        if "svg" in self.stack:
            figure = self.figures[-1]
            (figure.spoken if self.stack[-1] in ("title", "desc") else figure.texts).append(text)
        elif "tbody" in self.stack:
            self.tables[-1].lines[-1][-1] += text
        elif "caption" in self.stack:
            self.tables[-1].caption += text
        elif "thead" in self.stack:
            self.tables[-1].head.append(text)
        elif self.fresh or not self.prose:
            self.prose.append(text)
        else:
            self.prose[-1] += text
        self.fresh = False

    def table(self, caption: str) -> Table:
        """Return the one table whose caption begins so."""
        (found,) = [table for table in self.tables if table.caption.startswith(caption)]
        return found


@dataclass(frozen=True)
class Writer:
    """Numbers as a language writes them, by hand."""

    lang: str

    def number(self, value: float, places: int, *, signed: bool = False) -> str:
        exact = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        text = f"{abs(exact):,.{places}f}"
        if self.lang == "bg":
            text = text.replace(",", NBSP).replace(".", ",")
        return (MINUS if exact < 0 else "+" if signed and exact > 0 else "") + text

    def percent(self, value: float) -> str:
        return self.number(100 * value, 1) + (f"{NBSP}%" if self.lang == "bg" else "%")

    def hundredths(self, value: float) -> str:
        return self.number(100 * value, 1)

    def points(self, value: float) -> str:
        return self.number(100 * value, 1, signed=True)

    def months(self, value: float) -> str:
        return self.number(value / MONTH, 1)

    def months_more(self, value: float) -> str:
        return self.number(value / MONTH, 1, signed=True)

    def ratio(self, value: float) -> str:
        return self.number(value, 2)

    def smd(self, value: float) -> str:
        return self.number(value, 2, signed=True)

    def one(self, value: float) -> str:
        return self.number(value, 1)

    def count(self, value: float) -> str:
        return self.number(value, 0)

    def money(self, value: float) -> str:
        amount = self.number(abs(value), 2)
        return f"{amount}{NBSP}€" if self.lang == "bg" else f"€{amount}"

    def p(self, value: float) -> str:
        return f"<{NBSP}{self.number(0.001, 3)}" if value < 0.001 else self.number(value, 3)

    def cell(self, row: Row | None, form: str, column: str = "estimate") -> str:
        """Return a figure, the marker where it is masked, a dash where there is none."""
        if row is not None and column in row["masked"].split(","):
            return "[<13]"
        return "—" if row is None or row[column] is None else str(getattr(self, form)(row[column]))

    def limits(self, row: Row, form: str) -> str:
        bare = "hundredths" if form == "percent" else form
        low, high = (getattr(self, bare)(row[name]) for name in ("conf_low", "conf_high"))
        if form not in ("points", "months_more"):
            return f"{low}–{high}"
        return f"от {low} до {high}" if self.lang == "bg" else f"{low} to {high}"

    def estimate(self, row: Row | None, form: str) -> str:
        """Return a figure with its limits."""
        value = self.cell(row, form)
        return f"{value} ({self.limits(row, form)})" if row and row["conf_low"] is not None else value


class Book:
    """The released rows of a run and what its dossier is told."""

    def __init__(self, release: Path) -> None:
        files = sorted(release.glob("[0-9][0-9]-*.json"))
        self.names = [file.stem for file in files]
        self.rows: list[Row] = [row for file in files for row in json.loads(file.read_text("utf-8"))]
        self.context: dict[str, Any] = json.loads((release / "context.json").read_text("utf-8"))

    def all(self, analysis: str, **labels: Any) -> list[Row]:
        asked = {"analysis": analysis, **labels}.items()
        return [row for row in self.rows if all(row[key] == value for key, value in asked)]

    def one(self, analysis: str, **labels: Any) -> Row | None:
        found = self.all(analysis, **labels)
        assert len(found) < 2, labels
        return found[0] if found else None
