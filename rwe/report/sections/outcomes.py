# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured once a person: responses with their rate, also against the trial's, and changes of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rwe.report.blocks import Block, Line, Prose, Section, Table
from rwe.report.page import Page, Row
from rwe.spec.base import Text

NAME, AGAINST, UNASSESSED = "outcomes", "response_comparison", "not_assessed"


def outcomes(page: Page) -> Section | None:
    """Return the chapter, None where nothing of the kind was asked."""
    rows = page.rows(NAME)
    told = dict.fromkeys((row["id"], row["outcome"]) for row in rows)
    tables = [_table(page, [row for row in rows if (row["id"], row["outcome"]) == key]) for key in told]
    blocks: list[Block] = [*tables, *_against(page)]
    return Section("outcomes", page.words("outcomes.title"), blocks) if blocks else None


def _against(page: Page) -> Iterator[Block]:
    """Yield each response beside the trial's published rate, and whether both mean the same by it."""
    rows = page.rows(AGAINST)
    for name in dict.fromkeys(row["id"] for row in rows):
        own = [row for row in rows if row["id"] == name]
        titles = {"outcome": page.outcome(own[0]["outcome"]), "population": page.population(own[0]["population"])}
        heads = ("way", "n", "practice", "trial", "difference", "risk_ratio", "effective")
        yield Table(
            page.words("outcomes.against", **titles, level=page.level(AGAINST)),
            [page.words(f"outcomes.{head}") for head in heads],
            [_beside(page, [row for row in own if row["stratum"] == way]) for way in groups_of(own, "stratum")],
            page.words("outcomes.against_note"),
        )
        yield Prose([*_definitions(page, page.context.settings.get(name, {}))], small=True)


def _beside(page: Page, rows: list[Row]) -> Line:
    cells = {(row["group"], row["estimand"]): row for row in rows}
    ours = cells.get(("registry", "response"))
    way = rows[0]["stratum"]
    known = f"stratum.{way}" in page.words.entries
    return Line(
        (
            page.words(f"stratum.{way}") if known else way,
            page.value(ours, "count", "n"),
            page.estimate(ours, "percent"),
            page.estimate(cells.get(("trial", "response")), "percent"),
            page.estimate(cells.get(("difference", "response")), "points"),
            page.estimate(cells.get(("difference", "risk_ratio")), "ratio"),
            page.value(cells.get(("registry", "effective_sample_size")), "count"),
        )
    )


def _definitions(page: Page, said: dict[str, Any]) -> Iterator[str]:
    told, apart = said.get("trial_definition"), said.get("definition_differs")
    yield (
        page.words("outcomes.defined", definition=page.say(Text(**told)))
        if told
        else page.words("outcomes.definition_unknown")
    )
    if apart:
        yield page.words("outcomes.definition_differs", apart=page.say(Text(**apart)))
    else:
        same = said.get("definition") == "same"
        yield page.words("outcomes.definition_same" if same else "outcomes.definition_unstated")


def groups_of(rows: Iterable[Row], label: str = "group") -> list[str]:
    """Return the groups, or another label, that rows tell apart, in their order."""
    return list(dict.fromkeys(row[label] for row in rows))


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
