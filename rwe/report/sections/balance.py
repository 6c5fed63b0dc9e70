# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How alike the two populations are before and after raking, and what could not be made alike."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.figures import Caption, LoveRow, LoveWords, love
from rwe.report.blocks import Block, Figure, Item, Items, Line, Section, Table
from rwe.report.context import Refused
from rwe.report.page import OF_NUMBERS, Page, Row

STRATA = ("before", "after")


def balance(page: Page) -> Section | None:
    """Return the chapter, None where nothing was balanced."""
    rows = page.rows(analysis="balance", stratum="before", estimand="smd")
    if not rows:
        return None
    names = list(dict.fromkeys(row["outcome"] for row in rows))
    levels = {name: [row["group"] for row in rows if row["outcome"] == name] for name in names}
    blocks: list[Block] = [_figure(page, levels), _table(page, levels), *_criteria(page), *_refused(page)]
    return Section("balance", page.words("balance.title"), blocks)


def _found(page: Page, stratum: str, variable: str, level: str, estimand: str) -> Row | None:
    return page.row(analysis="balance", stratum=stratum, outcome=variable, group=level, estimand=estimand)


def _number(row: Row | None) -> float | None:
    return None if row is None else row["estimate"]


def _figure(page: Page, levels: dict[str, list[str]]) -> Figure:
    rows = []
    for variable, names in levels.items():
        rows.append(LoveRow(page.variable(variable), head=True))
        for name in names:
            before, after = (_number(_found(page, s, variable, name, "smd")) for s in STRATA)
            rows.append(LoveRow(page.level_name(variable, name), before, after))
    words, numbers = page.words, page.numbers
    look = LoveWords(words("balance.axis"), words("balance.before"), words("balance.after"), numbers.ratio)
    title = words("balance.figure")
    svg = love(rows, look, Caption("fig-balance", title, words("balance.description")))
    return Figure(title, svg, words("balance.figure_note"))


def _table(page: Page, levels: dict[str, list[str]]) -> Table:
    columns = ("level", "trial", "before", "after", "smd_before", "smd_after")
    head = [page.words(f"balance.{name}") for name in columns]
    return Table(page.words("balance.table"), head, list(_lines(page, levels)), page.words("balance.note"))


def _lines(page: Page, levels: dict[str, list[str]]) -> Iterator[Line]:
    for variable, names in levels.items():
        yield Line((page.variable(variable), *[""] * 5), "head")
        for name in names:
            what = name if name in OF_NUMBERS else "proportion"
            form = "one" if what in ("mean", "sd") else "percent"
            cells = [page.value(_found(page, "before", variable, name, f"{what}_trial"), form)]
            cells += [page.value(_found(page, s, variable, name, f"{what}_registry"), form) for s in STRATA]
            cells += [page.value(_found(page, s, variable, name, "smd"), "signed") for s in STRATA]
            yield Line((page.level_name(variable, name), *cells), "level")


def _criteria(page: Page) -> Iterator[Items]:
    trial = page.context.trial
    idle = [c for c in trial.criteria if not c.expressible] if trial else []
    if idle:
        items = [Item(page.say(c.text), page.say(c.reason) if c.reason else "", "off") for c in idle]
        yield Items(page.words("balance.criteria"), items)


def _refused(page: Page) -> Iterator[Items]:
    if refused := page.context.methods.refused:
        items = [Item(page.variable(r.variable), _why(page, r), "off") for r in refused]
        yield Items(page.words("balance.refused"), items)


def _why(page: Page, refused: Refused) -> str:
    level = page.level_name(refused.variable, refused.level)
    return page.words("balance.refused_level", level=level, n=page.numbers.count(refused.n))
