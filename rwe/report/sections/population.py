# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who the people are: how many remained after each criterion, and their characteristics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from rwe.report.blocks import Block, Flow, Line, Section, Step, Table
from rwe.report.page import Page, Row
from rwe.report.sections.divisions import divisions


def population(page: Page) -> Section:
    """Return the chapter."""
    blocks = [*_flows(page), *divisions(page), *_tables(page)]
    return Section("population", page.words("population.title"), blocks)


def _flows(page: Page) -> Iterator[Block]:
    left = page.rows(analysis="attrition", estimand="remaining")
    first = max((row["n"] or 0 for row in left), default=0)
    shown: list[tuple[str, int | None]] = []
    for name in dict.fromkeys(row["population"] for row in left):
        rows = [row for row in left if row["population"] == name]
        steps = [(row["outcome"], row["n"]) for row in rows]
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(steps, shown, strict=False)))
        # steps that stand in the table before are not told again; the last of them is where this one starts
        rows, shown = rows[max(same - 1, 0) :], steps
        head = [page.words(f"population.{column}") for column in ("criterion", "remaining", "excluded")]
        caption = page.words("population.flow", population=page.population(name))
        yield Flow(caption, head, [_step(page, row, first) for row in rows])


def upper_first(text: str) -> str:
    """Return `text` as it begins a line."""
    return text[:1].upper() + text[1:]


def _step(page: Page, row: Row, first: int) -> Step:
    labels = {"analysis": "attrition", "population": row["population"], "outcome": row["outcome"]}
    lost = page.row(**labels, estimand="excluded")
    name = page.step(row["outcome"])
    share = 100 * row["n"] / first if row["n"] and first else 0.0
    return Step(name, page.value(row, "count", "n"), page.value(lost, "count", "n") if lost else "", share)


def _tables(page: Page) -> Iterator[Table]:
    rows = page.rows(analysis="characteristics")
    for name in dict.fromkeys(row["population"] for row in rows):
        yield _table(page, [row for row in rows if row["population"] == name], page.population(name))


def _table(page: Page, rows: list[Row], name: str) -> Table:
    groups = list(dict.fromkeys(row["group"] for row in rows if row["estimand"] != "smd"))
    smd = any(row["estimand"] == "smd" for row in rows)
    head = [page.words("population.characteristic"), *(page.group(group) for group in groups)]
    lines = [
        line for v in dict.fromkeys(row["outcome"] for row in rows) for line in _lines(page, rows, v, groups, smd=smd)
    ]
    note = page.words("population.note") + (" " + page.words("population.smd_note") if smd else "")
    return Table(
        page.words("population.table", population=name),
        [*head, *([page.words("population.smd")] if smd else [])],
        lines,
        note,
    )


def _lines(page: Page, rows: list[Row], variable: str, groups: list[str], *, smd: bool) -> Iterator[Line]:
    """Yield the lines of one variable: its levels, or its median and mean."""
    own = [row for row in rows if row["outcome"] == variable]
    cells = {(row["group"], row["stratum"], row["estimand"]): row for row in own}
    difference = next((row for row in own if row["estimand"] == "smd"), None)
    last = [page.value(difference, "signed")] if smd else []
    yield Line((page.variable(variable), *[""] * len(groups), *last), "head")
    tail = [""] if smd else []
    if any(row["estimand"] == "median" for row in own):
        yield Line((page.words("population.median"), *(_quartiles(page, cells, g) for g in groups), *tail), "level")
        yield Line((page.words("population.mean"), *(_moments(page, cells, g) for g in groups), *tail), "level")
    levels = {row["stratum"] for row in own if row["estimand"] in ("proportion", "count")}
    for level in sorted(levels, key=lambda name: page.level_order(variable, name)):
        counted = (_counted(page, cells, g, level) for g in groups)
        yield Line((page.level_name(variable, level), *counted, *tail), "level")


Cells = dict[tuple[str, str, str], Row]


def _quartiles(page: Page, cells: Cells, group: str) -> str:
    middle, low, high = (page.value(cells.get((group, "", name)), "one") for name in ("median", "q1", "q3"))
    return page.words("population.quartiles", median=middle, q1=low, q3=high)


def _moments(page: Page, cells: Cells, group: str) -> str:
    mean, sd = (page.value(cells.get((group, "", name)), "one") for name in ("mean", "sd"))
    return page.words("population.moments", mean=mean, sd=sd)


def _counted(page: Page, cells: Cells, group: str, level: str) -> str:
    row = cells.get((group, level, "proportion")) or cells.get((group, level, "count"))
    if row is None or row["n"] is None or row["estimate"] is None:
        return page.value(row, "count", "n")
    return page.words("population.counted", n=page.value(row, "count", "n"), share=page.value(row, "percent"))
