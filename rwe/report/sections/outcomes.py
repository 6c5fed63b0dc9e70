# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured once a person: responses with their rate, and changes of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rwe.report.blocks import Line, Section, Table
from rwe.report.page import Page, Row

NAME, UNASSESSED = "outcomes", "not_assessed"


def outcomes(page: Page) -> Section | None:
    """Return the chapter, None where nothing of the kind was asked."""
    rows = page.rows(NAME)
    told = dict.fromkeys((row["id"], row["outcome"]) for row in rows)
    tables = [_table(page, [row for row in rows if (row["id"], row["outcome"]) == key]) for key in told]
    return Section("outcomes", page.words("outcomes.title"), tables) if tables else None


def groups_of(rows: Iterable[Row]) -> list[str]:
    """Return the groups that rows tell apart, in their order."""
    return list(dict.fromkeys(row["group"] for row in rows))


def counted(page: Page, row: Row | None) -> str:
    """Return persons and their share."""
    if row is None or row["n"] is None or row["estimate"] is None:
        return page.value(row, "count", "n")
    return page.words("population.counted", n=page.value(row, "count", "n"), share=page.value(row, "percent"))


def _table(page: Page, rows: list[Row]) -> Table:
    rated = any(row["estimand"] == "response" for row in rows)
    title = page.outcome(rows[0]["outcome"])
    population = page.population(rows[0]["population"])
    caption = page.words("outcomes.table", outcome=title, population=population, level=page.level(NAME))
    head, lines = _responses(page, rows) if rated else _changes(page, rows)
    return Table(caption, head, list(lines), page.words("outcomes.rate_note" if rated else "outcomes.change_note"))


def _responses(page: Page, rows: list[Row]) -> tuple[list[str], Iterator[Line]]:
    cells = {(row["group"], row["estimand"], row["stratum"]): row for row in rows}
    levels = list(dict.fromkeys(row["stratum"] for row in rows if row["estimand"] == "proportion"))
    levels.sort(key=lambda level: level == UNASSESSED)
    names = [page.words("outcomes.not_assessed") if level == UNASSESSED else level for level in levels]
    head = [page.words("survival.who"), page.words("survival.n"), *names, page.words("outcomes.rate")]

    def lines() -> Iterator[Line]:
        for group in groups_of(rows):
            rate = cells.get((group, "response", ""))
            shares = (counted(page, cells.get((group, "proportion", level))) for level in levels)
            yield Line((page.group(group), page.value(rate, "count", "n"), *shares, page.estimate(rate, "percent")))

    return head, lines()


def _changes(page: Page, rows: list[Row]) -> tuple[list[str], Iterator[Line]]:
    cells = {(row["group"], row["estimand"]): row for row in rows}
    head = [page.words(f"outcomes.{name}") for name in ("measured", "mean_change", "unmeasured")]

    def lines() -> Iterator[Line]:
        for group in groups_of(rows):
            mean, without = cells.get((group, "mean_change")), cells.get((group, "proportion"))
            measured = page.value(mean, "count", "n")
            yield Line((page.group(group), measured, page.estimate(mean, "signed"), counted(page, without)))

    return [page.words("survival.who"), *head], lines()
