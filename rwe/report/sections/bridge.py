# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How the ledger of closed periods came to what it holds, reason by reason."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Line, Table
from rwe.report.page import Page

HELD = ("payable", "disputed", "barred")


def bridge(page: Page, currency: str) -> Iterator[Table]:
    """Yield the table of what closing each period posted; nothing where none was closed or too few patients moved."""
    closes = dict.fromkeys(row["group"] for row in page.rows(analysis="bridge", estimand="patients"))
    if not closes:
        return
    head = [page.words(f"bridge.{name}") for name in ("closed", "patients", "payable")]
    lines = [line for close in closes for line in _lines(page, close)]
    yield Table(page.words("bridge.table", currency=currency), head, lines, page.words("bridge.note"))


def _lines(page: Page, close: str) -> Iterator[Line]:
    """Yield what one close posted by reason and in all, and what stands after it."""
    yield Line((page.words("bridge.close", period=close.replace(" ", ", ")), "", ""), "head")
    for row in page.rows(analysis="bridge", group=close, estimand="patients"):
        money = page.row(analysis="bridge", group=close, outcome=row["outcome"], estimand="payback")
        cells = (page.words(f"bridge.{row['outcome']}"), page.value(row, "count", "n"), page.value(money, "money"))
        yield Line(cells, "level")
    for name in HELD:
        after = page.row(analysis="bridge", group=close, outcome="all", estimand=f"{name}_after")
        if after and after["n"] != 0:
            cells = (page.words(f"bridge.{name}_after"), page.value(after, "count", "n"), page.value(after, "money"))
            yield Line(cells, "total")
