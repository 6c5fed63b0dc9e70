# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who remains after each criterion by hospital and by arm, where every number of a division may be shown."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Line, Table
from rwe.report.context import GroupRow
from rwe.report.page import Page


def divisions(page: Page) -> Iterator[Table]:
    """Yield a table a division of the population that the study is about: who remains in each group."""
    population = page.context.focus.trial_like
    kept = [row for row in page.context.by_group if row.population == population]
    for by in dict.fromkeys(map(_column, kept)):
        rows = [row for row in kept if _column(row) == by]
        groups = list(dict.fromkeys(row.group for row in rows))
        cells = {(row.criterion, row.group): row.n for row in rows}
        head = [page.words("population.criterion"), *(_title(page, group) for group in groups)]
        lines = [
            Line((page.step(step), *(page.count(cells.get((step, group))) for group in groups)))
            for step in dict.fromkeys(row.criterion for row in rows)
        ]
        caption = page.words("population.divided", population=page.population(population))
        yield Table(caption, head, lines, page.words("population.divided_note"))


def _column(row: GroupRow) -> str:
    return row.group.partition("=")[0]


def _title(page: Page, group: str) -> str:
    column, _, value = group.partition("=")
    return page.site_names([value]) if column == "site" else page.group(group)
