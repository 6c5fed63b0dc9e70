# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Why practice differs from the trial: patients it would not have taken, case mix, and the rest."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.figures import Caption, ForestRow, ForestWords, forest
from rwe.report.blocks import Block, Figure, Line, Prose, Section, Table
from rwe.report.page import Page, Row

SIDES = ("trial", "aligned", "eligible", "ineligible", "all")
PARTS = ("total", "ineligible", "case_mix", "residual")
WHOLE = {"total": "all", "residual": "aligned"}
FORMS = {"milestone": ("percent", "points"), "rmst": ("months", "months_more")}


def gap(page: Page) -> Section | None:
    """Return the chapter, None where no gap was split."""
    rows = page.rows("gap")
    if not rows:
        return None
    analyses = list(dict.fromkeys(str(row["id"]) for row in rows))
    blocks = [block for name in analyses for block in _blocks(page, [row for row in rows if row["id"] == name])]
    return Section("gap", page.words("gap.title"), blocks)


def _blocks(page: Page, own: list[Row]) -> Iterator[Block]:
    endpoint, asked = page.endpoint(str(own[0]["outcome"])), _asked(own)
    yield Prose([_lead(page, own)])
    yield _figure(page, own, endpoint)
    level = page.level("gap")
    head = [page.words("gap.measure"), *(page.words(f"gap.{side}") for side in SIDES)]
    sides = [
        Line((_measure(page, *one), *(page.value(_side(own, s, one), FORMS[one[0]][0]) for s in SIDES)))
        for one in asked
    ]
    yield Table(page.words("gap.sides", endpoint=endpoint), head, sides)
    head = [page.words("gap.measure"), *(page.words(f"gap.part_{part}") for part in PARTS)]
    parts = [
        Line((_measure(page, *one), *(page.estimate(_part(own, p, one), FORMS[one[0]][1]) for p in PARTS)))
        for one in asked
    ]
    yield Table(page.words("gap.parts", level=level), head, parts, page.words("gap.note"))


def _asked(own: list[Row]) -> list[tuple[str, int]]:
    """Return the measures, each with its day."""
    found = [(str(row["estimand"]), int(row["time"])) for row in own if row["group"] == "registry"]
    return list(dict.fromkeys(found))


def _found(own: list[Row], estimand: str, time: int, **labels: str) -> Row | None:
    wanted = {**labels, "estimand": estimand, "time": time}
    return next((row for row in own if all(row[key] == value for key, value in wanted.items())), None)


def _side(own: list[Row], side: str, asked: tuple[str, int]) -> Row | None:
    if side == "trial":
        return _found(own, *asked, group="trial")
    return _found(own, *asked, group="registry", stratum=side)


def _part(own: list[Row], part: str, asked: tuple[str, int]) -> Row | None:
    """Return a part: the whole and the rest are differences from the trial, the others differences within practice."""
    if part in WHOLE:
        return _found(own, *asked, group="difference", stratum=WHOLE[part])
    return _found(own, f"gap_{asked[0]}", asked[1], group=part)


def _measure(page: Page, estimand: str, time: int) -> str:
    if estimand == "rmst":
        return page.words("measure.rmst", months=page.numbers.months(time))
    return page.words("measure.milestone", at=page.years(time))


def _lead(page: Page, own: list[Row]) -> str:
    day = _main(page, own)
    counts = {side: page.value(_side(own, side, ("milestone", day)), "count", "n") for side in SIDES}
    return page.words("gap.lead", **{name: counts[name] for name in ("all", "ineligible", "eligible")})


def _main(page: Page, own: list[Row]) -> int:
    """Return the day that the dossier speaks of first, or else the last that was asked for."""
    days = [time for estimand, time in _asked(own) if estimand == "milestone"]
    return page.context.focus.milestone if page.context.focus.milestone in days else days[-1]


def _figure(page: Page, own: list[Row], endpoint: str) -> Figure:
    day = _main(page, own)
    found = {part: _part(own, part, ("milestone", day)) for part in PARTS}
    rows = [_bar(page, part, row) for part, row in found.items() if row]
    words = ForestWords(
        page.words("gap.axis"), page.words("gap.column", level=page.level("gap")), page.words("gap.less"),
        page.words("gap.more"), lambda value: page.numbers.decimal(100 * value, 0, signed=True),
    )  # fmt: skip
    title = page.words("gap.figure", endpoint=endpoint, at=page.years(day))
    caption = Caption(f"fig-gap-{own[0]['id']}", title, page.words("gap.description"))
    return Figure(title, forest(rows, words, caption, "difference"), page.words("gap.figure_note"))


def _bar(page: Page, part: str, row: Row) -> ForestRow:
    limits = page.interval(row, "points")
    value = page.value(row, "points")
    return ForestRow(
        page.words(f"gap.part_{part}"), row["estimate"], row["conf_low"], row["conf_high"],
        f"{value} ({limits})" if limits else value,
    )  # fmt: skip
