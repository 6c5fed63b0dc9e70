# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Beyond the data: fitted curves over the observed one, life-years by family, and what no curve may say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rwe.figures import Caption
from rwe.figures.lines import Axis, Line, lines
from rwe.figures.scales import even_ticks
from rwe.report.blocks import Block, Figure, Item, Items, Prose, Section, Table
from rwe.report.blocks import Line as Cells
from rwe.report.families import family_name
from rwe.report.page import Page, Row
from rwe.report.sections.extrapolation_hazard import hazards
from rwe.report.sections.population import upper_first

YEAR = 365.25
DRAWN = 5  # families of the chart, the best by AIC
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
AVERAGED, WANED = "averaged", "waned"


def extrapolation(page: Page) -> Section | None:
    """Return the chapter, None where nothing was extrapolated."""
    rows = page.rows("extrapolation")
    analyses = list(dict.fromkeys(str(row["id"]) for row in rows))
    blocks = [block for name in analyses for block in _blocks(page, [row for row in rows if row["id"] == name])]
    return Section("extrapolation", page.words("extrapolation.title"), blocks) if blocks else None


def _blocks(page: Page, own: list[Row]) -> Iterator[Block]:
    asked = page.context.settings.get(own[0]["id"], {})
    for group in dict.fromkeys(str(row["group"]) for row in own if row["group"] != "difference"):
        rows = [row for row in own if row["group"] == group]
        yield Prose([_lead(page, rows, asked)])
        if _known(rows, "extrapolated_survival"):
            yield _figure(page, rows)
        if len(_known(rows, "smoothed_hazard")) > 1:
            yield hazards(page, rows, _families(rows)[:DRAWN])
        yield _table(page, rows, asked)
        if items := list(_flags(page, rows)):
            yield Items(page.words("extrapolation.flags"), items)
    if gain := list(_gain(page, own, asked)):
        yield Prose(gain)
    if failed := list(_failed(page, asked)):
        yield Prose(failed, small=True)


def _known(rows: list[Row], estimand: str) -> list[Row]:
    return [row for row in rows if row["estimand"] == estimand and row["estimate"] is not None]


def _of(rows: list[Row], family: str, estimand: str, time: int | None = None) -> Row | None:
    found = (row for row in rows if row["stratum"] == family and row["estimand"] == estimand)
    return next((row for row in found if time is None or row["time"] == time), None)


def _families(rows: list[Row]) -> list[str]:
    """Return the families, the best by AIC first as the analysis has them."""
    return [str(row["stratum"]) for row in rows if row["estimand"] == "aic"]


def _lead(page: Page, rows: list[Row], asked: dict[str, Any]) -> str:
    mean, families, group = _of(rows, AVERAGED, "life_years"), _families(rows), str(rows[0]["group"])
    return page.words(
        "extrapolation.lead", group=upper_first(page.group(group)), endpoint=page.endpoint(str(rows[0]["outcome"])),
        n=page.value(mean, "count", "n"), families=len(families),
        last=page.numbers.one(asked.get("last", {}).get(group, 0) / YEAR), best=family_name(page, families[0]),
        years=page.estimate(mean, "one"), horizon=page.numbers.count(asked.get("horizon", 0) / YEAR),
        beyond=page.value(_of(rows, AVERAGED, "beyond_data"), "share"),
    )  # fmt: skip


def _figure(page: Page, rows: list[Row]) -> Figure:
    endpoint, group = str(rows[0]["outcome"]), str(rows[0]["group"])
    seen = _known(rows, "survival")
    drawn = [_line(page.words("extrapolation.observed"), seen)] if seen else []
    for family in [*_families(rows)[:DRAWN], AVERAGED]:
        told = [row for row in _known(rows, "extrapolated_survival") if row["stratum"] == family]
        drawn += [_line(family_name(page, family), told)]
    end = max(line.x[-1] for line in drawn)
    x = Axis(page.words("extrapolation.years"), 0.0, end, lambda v: page.numbers.decimal(v, 0), even_ticks(end))
    y = Axis(page.endpoint(endpoint), 0.0, 1.0, page.numbers.share, QUARTERS)
    title = page.words("extrapolation.figure", endpoint=page.endpoint(endpoint), group=page.group(group))
    names = ", ".join(line.label for line in drawn)
    key = f"fig-extrapolation-{rows[0]['id']}-{re.sub('[^a-z0-9]+', '-', group)}"
    caption = Caption(key, title, page.words("extrapolation.description", curves=names))
    return Figure(title, lines(drawn, x, y, caption), page.words("extrapolation.figure_note"))


def _line(label: str, rows: list[Row]) -> Line:
    told = sorted((row["time"] / YEAR, row["estimate"]) for row in rows if row["time"])
    return Line([0.0, *(at for at, _ in told)], [1.0, *(value for _, value in told)], label)


def _table(page: Page, rows: list[Row], asked: dict[str, Any]) -> Table:
    days, level = asked.get("landmarks", []), page.level("extrapolation")
    head = [page.words(f"extrapolation.{name}") for name in ("family", "aic", "weight")]
    head += [page.words("extrapolation.at", at=page.years(day)) for day in days]
    head += [page.words(f"extrapolation.{name}", level=level) for name in ("life_years", "beyond")]
    body = [Cells(_cells(page, rows, family, days)) for family in _families(rows)]
    means = [name for name in (AVERAGED, WANED) if _of(rows, name, "life_years")]
    body += [Cells(_cells(page, rows, name, days), "total") for name in means]
    title = page.words(
        "extrapolation.table", endpoint=page.endpoint(str(rows[0]["outcome"])), group=page.group(str(rows[0]["group"]))
    )
    return Table(title, head, body, page.words(f"extrapolation.note_{asked.get('background', 'none')}", level=level))


def _cells(page: Page, rows: list[Row], family: str, days: list[int]) -> tuple[str, ...]:
    return (
        family_name(page, family),
        page.value(_of(rows, family, "aic"), "one"),
        page.value(_of(rows, family, "aic_weight"), "ratio"),
        *(page.estimate(_of(rows, family, "extrapolated_survival", day), "percent") for day in days),
        page.estimate(_of(rows, family, "life_years"), "ratio"),
        page.value(_of(rows, family, "beyond_data"), "share"),
    )


def _gain(page: Page, own: list[Row], asked: dict[str, Any]) -> Iterator[str]:
    """Yield what the treated have more than the others, whole and where the effect fades."""
    between = [row for row in own if row["group"] == "difference"]
    whole, fading = (_of(between, kind, "life_years_gained") for kind in (AVERAGED, WANED))
    if whole and fading:
        treated = next(str(row["group"]) for row in own if row["stratum"] == WANED and row["group"] != "difference")
        begin, end = (page.numbers.one(day / YEAR) for day in asked["wane"])
        yield page.words(
            "extrapolation.gain", treated=page.group(treated), years=page.estimate(whole, "ratio"),
            fading=page.estimate(fading, "ratio"), begin=begin, end=end, level=page.level("extrapolation"),
        )  # fmt: skip


def _flags(page: Page, rows: list[Row]) -> Iterator[Item]:
    """Yield what is implausible, each fault with the families that show it and since when."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if str(row["estimand"]).startswith("flag_"):
            name = family_name(page, str(row["stratum"]))
            since = page.words("extrapolation.since", at=page.numbers.one(row["time"] / YEAR)) if row["time"] else ""
            found.setdefault(str(row["estimand"]), []).append(f"{name} {since}".strip())
    for flag, families in found.items():
        yield Item(page.words(f"extrapolation.{flag}"), ", ".join(families), "red")


def _failed(page: Page, asked: dict[str, Any]) -> Iterator[str]:
    for group, families in asked.get("failed", {}).items():
        names = ", ".join(family_name(page, family) for family in families)
        yield page.words("extrapolation.failed", group=upper_first(page.group(group)), families=names)
    for group in asked.get("empty", []):
        yield page.words("extrapolation.empty", group=upper_first(page.group(group)))
