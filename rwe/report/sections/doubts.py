# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a comparison if those who left were others, and if what is on record is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.figures import Caption, ForestRow, ForestWords, forest
from rwe.report.blocks import Figure, Line, Table
from rwe.report.page import Page, Row

DRAWS = ("conventional", "systematic", "total")


def doubts(page: Page, own: list[Row], main: Row | None) -> Iterator[Figure | Table]:
    """Yield the table of informative censoring and that of the bias analysis, where they were asked for."""
    found = {(row["stratum"], row["estimand"], row["group"]): row for row in own}
    left = found.get(("censoring", "left", ""))
    if left is not None:
        yield from _figure(page, own, main)
        yield _censoring(page, own, left, main, found.get(("censoring", "tipping_delta", "")))
    draws = [(name, found.get(("bias", "hazard_ratio", name))) for name in DRAWS]
    if draws[0][1] is not None:
        head = [page.words("robustness.assumed"), page.words("robustness.ratio", level=page.level("robustness"))]
        lines = [Line((page.words(f"robustness.{name}"), page.estimate(row, "ratio"))) for name, row in draws]
        asked = page.context.settings.get(own[0]["id"], {}).get("bias", {})
        note = page.words("robustness.bias_note", draws=page.numbers.count(asked.get("draws", 0)))
        yield Table(page.words("robustness.bias_table", level=page.level("robustness")), head, lines, note)


def _figure(page: Page, own: list[Row], main: Row | None) -> Iterator[Figure]:
    """Yield the ratio under each assumption about those who left, where it may be shown."""
    rows = [row for row in own if row["stratum"] == "censoring" and row["estimand"] == "hazard_ratio"]
    if any(row["estimate"] is None for row in rows):
        return
    named = [(_assumption(page, str(row["group"])), row) for row in rows]
    every = [(page.words("robustness.main"), main), *named] if main and main["estimate"] is not None else named
    bars = [
        ForestRow(
            name, row["estimate"], row["conf_low"], row["conf_high"],
            f"{page.value(row, 'ratio')} ({page.interval(row, 'ratio')})",
        )
        for name, row in every
    ]  # fmt: skip
    words = ForestWords(
        page.words("robustness.axis"), page.words("robustness.column", level=page.level("robustness")),
        page.words("robustness.lower"), page.words("robustness.higher"), page.numbers.ratio,
    )  # fmt: skip
    title = page.words("robustness.censoring_figure")
    caption = Caption(f"fig-censoring-{own[0]['id']}", title, page.words("robustness.censoring_description"))
    yield Figure(title, forest(bars, words, caption))


def _censoring(page: Page, own: list[Row], left: Row, main: Row | None, tips: Row | None) -> Table:
    level = page.level("robustness")
    rows = [row for row in own if row["stratum"] == "censoring" and row["estimand"] == "hazard_ratio"]
    head = [page.words("robustness.assumption"), page.words("robustness.ratio", level=level)]
    lines = [Line((_assumption(page, str(row["group"])), turned(page, row, main))) for row in rows]
    n = page.marker if left["n"] is None else page.value(left, "count", "n")  # a caption holds no link
    caption = page.words("robustness.censoring_table", n=n, level=level)
    at = None if tips is None else tips["estimate"]
    if at is None:
        said = page.words("robustness.tips_never") if tips is None or not tips["masked"] else ""
    else:
        said = page.words("robustness.tips_at", delta=page.numbers.ratio(at))
    months = page.numbers.months(page.context.settings.get(own[0]["id"], {}).get("tau", 0))
    return Table(caption, head, lines, page.words("robustness.censoring_note", months=months, tips=said).strip())


def _assumption(page: Page, name: str) -> str:
    if name == "reference":
        return page.words("robustness.reference")
    if float(name) == 1:
        return page.words("robustness.as_stayed")
    return page.words("robustness.times", delta=page.numbers.ratio(float(name)))


def turned(page: Page, row: Row, main: Row | None) -> str:
    """Return a ratio, with a sign where it lies on another side of no difference than the main one."""
    told = page.estimate(row, "ratio")
    known = main is not None and row["estimate"] is not None
    return page.words("robustness.turned", ratio=told) if known and _side(row) != _side(main) else told


def _side(row: Row | None) -> int:
    """Return the side of no difference on which the whole interval lies, 0 where it holds it."""
    if row is None or row["conf_low"] is None or row["conf_high"] is None:
        return 0
    return 1 if row["conf_low"] > 1 else -1 if row["conf_high"] < 1 else 0
