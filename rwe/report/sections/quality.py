# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What became of the rows that were read: accepted, rejected, merged, unmapped, repaired, by rule."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Block, Line, Prose, Section, Table
from rwe.report.context import QualityRow
from rwe.report.page import NONE, Page
from rwe.report.sections.scorecard import scorecard

TOTALS = ("accepted", "rejected", "merged")


def quality(page: Page) -> Section:
    """Return the chapter."""
    rows = page.context.quality
    blocks: list[Block] = [Prose([page.words("quality.lead")]), _streams(page, rows), *_by_rule(page, rows)]
    blocks += scorecard(page)
    return Section("quality", page.words("quality.title"), blocks)


def _streams(page: Page, rows: tuple[QualityRow, ...]) -> Table:
    """Return what became of each stream's rows, for each kind of record made from them."""
    head = [page.words(f"quality.{name}") for name in ("stream", "read", *TOTALS)]
    lines = []
    for stream in dict.fromkeys(row.stream for row in rows):
        read = [card.rows for name, card in page.context.provenance.data.items() if name.split("/")[-1] == stream]
        lines.append(Line((stream, _sum(page, read) if read else NONE, "", "", ""), "head"))
        own = [row for row in rows if row.stream == stream]
        for record in dict.fromkeys(row.record for row in own if row.outcome in TOTALS):
            counts = [[r.n for r in own if (r.record, r.outcome) == (record, outcome)] for outcome in TOTALS]
            lines.append(Line((record or stream, "", *(_sum(page, n) for n in counts)), "level"))
    return Table(page.words("quality.table"), head, lines, page.words("quality.note"))


def _sum(page: Page, counts: list[int | None]) -> str:
    known = [n for n in counts if n is not None]
    return page.count(sum(known) if len(known) == len(counts) else None)


def _by_rule(page: Page, rows: tuple[QualityRow, ...]) -> Iterator[Table]:
    told = [row for row in rows if row.outcome != "accepted"]
    if not told:
        return
    head = [page.words(f"quality.{name}") for name in ("rule", "record", "outcome", "rows")]
    lines = [
        Line(
            (
                row.rule,
                f"{row.stream} → {row.record}" if row.record else row.stream,
                _outcome(page, row),
                page.count(row.n),
            )
        )
        for row in told
    ]
    yield Table(page.words("quality.rules"), head, lines, words=(1, 2))


def _outcome(page: Page, row: QualityRow) -> str:
    return page.words(f"quality.{row.outcome}")
