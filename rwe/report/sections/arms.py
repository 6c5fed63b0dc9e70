# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Treated against untreated: one forest of the ways, how alike they make the arms, overlap and weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rwe.figures import Bars, Caption, ForestRow, ForestWords, LoveRow, LoveWords, bars, forest, love
from rwe.figures.scales import linear_ticks
from rwe.report.blocks import Block, Figure, Item, Items, Line, Prose, Section, Table
from rwe.report.page import NONE, Page, Row
from rwe.report.sections.doubts import DRAWS
from rwe.report.words import failure
from rwe.spec.base import Text

PLAIN = "unadjusted"
ARMS = ("treated", "control")


def arms(page: Page) -> Section | None:
    """Return the chapter, None where no arms were compared."""
    rows = page.rows("arm_comparison")
    if not rows:
        return None
    analyses = list(dict.fromkeys(str(row["id"]) for row in rows))
    blocks = [block for name in analyses for block in _blocks(page, [row for row in rows if row["id"] == name])]
    return Section("arms", page.words("arms.title"), blocks)


def _blocks(page: Page, own: list[Row]) -> Iterator[Block]:
    told = _settings(page, own)
    yield Prose([_lead(page, own, told)])
    if any(_found(own, way, "hazard_ratio") for way in _ways(told)):
        yield _forest(page, own, told)
    yield _table(page, own, told)
    if failed := told.get("failed", {}):
        codes = told["failed_codes"]
        items = [Item(_title(page, told, name), failure(page.words, codes[name], why)) for name, why in failed.items()]
        yield Items(page.words("arms.failed"), items)
    yield from _misclassified(page, own, told)
    yield _overlap(page, own)
    yield from _balance(page, own, told)
    yield from (_weights(page, own, told, way) for way in _ways(told) if _bins(own, "weight", way))


def _settings(page: Page, own: list[Row]) -> dict[str, Any]:
    return dict(page.context.settings.get(own[0]["id"], {}))


def _ways(told: dict[str, Any]) -> list[str]:
    return [PLAIN, *(way["name"] for way in told["ways"])]


def _title(page: Page, told: dict[str, Any], name: str) -> str:
    titles = {way["name"]: page.say(Text(**way["title"])) for way in told["ways"]}
    return titles.get(name) or page.words("arms.misclassified" if name == "misclassified" else "arms.unadjusted")


def _found(own: list[Row], way: str, estimand: str, group: str = "difference", time: int | None = None) -> Row | None:
    wanted = {"stratum": way, "estimand": estimand, "group": group} | ({} if time is None else {"time": time})
    return next((row for row in own if all(row[key] == value for key, value in wanted.items())), None)


def _lead(page: Page, own: list[Row], told: dict[str, Any]) -> str:
    sizes = {arm: page.value(_found(own, PLAIN, "events", arm), "count", "n") for arm in ARMS}
    names = ", ".join(_within(page.say(page.context.variables[name].title)) for name in told["covariates"])
    what = page.say(page.context.variables[told["treatment"]].title)
    left = next((row for row in own if row["estimand"] == "not_complete"), None)
    return page.words(
        "arms.lead", treatment=what, variables=names, left=page.value(left, "count", "n"), **sizes,
        endpoint=page.endpoint(str(told["endpoint"])), population=page.population(str(own[0]["population"])),
    )  # fmt: skip


def _within(title: str) -> str:
    """Return a title as it stands within a sentence: ECOG keeps its capitals."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _forest(page: Page, own: list[Row], told: dict[str, Any]) -> Figure:
    rows = [
        _bar(page, _title(page, told, way), row) for way in _ways(told) if (row := _found(own, way, "hazard_ratio"))
    ]
    words = ForestWords(
        page.words("arms.axis"), page.words("arms.ratio", level=page.level("arm_comparison")),
        page.words("arms.lower"), page.words("arms.higher"), page.numbers.ratio,
    )  # fmt: skip
    title = page.words("arms.figure", endpoint=page.endpoint(str(told["endpoint"])))
    caption = Caption(f"fig-arms-{own[0]['id']}", title, page.words("arms.description"))
    return Figure(title, forest(rows, words, caption), page.words("arms.figure_note"))


def _bar(page: Page, label: str, row: Row) -> ForestRow:
    if row["estimate"] is None:
        text = page.marker if row["masked"] else page.words("arms.none")
    else:
        text = f"{page.value(row, 'ratio')} ({page.interval(row, 'ratio')})"
    return ForestRow(label, row["estimate"], row["conf_low"], row["conf_high"], text)


def _table(page: Page, own: list[Row], told: dict[str, Any]) -> Table:
    level = page.level("arm_comparison")
    days = [int(day) for day in told["milestones"]]
    names = ("way", "worth_treated", "worth_control", "ratio")
    head = [page.words(f"arms.{name}", level=level) for name in names]
    head += [page.words("arms.rmst", months=page.numbers.months(told["tau"]), level=level)]
    head += [page.words("arms.at", at=page.years(day), level=level) for day in days]
    lines = [Line((_title(page, told, way), *_cells(page, own, way, days))) for way in _ways(told)]
    caption = page.words("arms.table", endpoint=page.endpoint(str(told["endpoint"])))
    return Table(caption, head, lines, page.words("arms.note"))


def _cells(page: Page, own: list[Row], way: str, days: list[int]) -> Iterator[str]:
    for arm in ARMS:
        yield page.value(_found(own, way, "effective_sample_size", arm), "count")
    yield page.estimate(_found(own, way, "hazard_ratio"), "ratio")
    yield page.estimate(_found(own, way, "rmst"), "months_more")
    for day in days:
        yield page.estimate(_found(own, way, "milestone", time=day), "points")


def _misclassified(page: Page, own: list[Row], told: dict[str, Any]) -> Iterator[Table]:
    """Yield the ratio of risks with treatment or outcome put right, where that was asked for."""
    found = {row["group"]: row for row in own if row["stratum"] == "bias"}
    if not found:
        return
    asked, level = told["misclassified"], page.level("arm_comparison")
    facts = {"at": page.years(asked["at"]), "way": _title(page, told, asked["way"])}
    head = [page.words("robustness.assumed"), page.words("arms.risk_ratio", level=level)]
    lines = [Line((page.words(f"robustness.{name}"), page.estimate(found[name], "ratio"))) for name in DRAWS]
    note = page.words("robustness.bias_note", draws=page.numbers.count(asked["draws"]))
    yield Table(page.words(f"arms.misread_{asked['of']}", **facts), head, lines, note)


def _bins(own: list[Row], outcome: str, group: str) -> list[tuple[float, float, int | None]]:
    """Return bounds and persons of each bin, in order; None where they are masked."""
    found = [row for row in own if row["outcome"] == outcome and row["group"] == group]
    return [(*(float(end) for end in row["stratum"].split("-")), row["n"]) for row in found]


def _overlap(page: Page, own: list[Row]) -> Figure:
    found = {arm: _bins(own, "probability", arm) for arm in ARMS}
    edges = [low for low, _, _ in found["treated"]] + [1.0]
    shares = [[100 * (n or 0) / max(sum(m or 0 for *_, m in one), 1) for *_, n in one] for one in found.values()]
    names = (page.words("arms.treated"), page.words("arms.control"))
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    shown = Bars(edges, shares[0], shares[1], names, page.words("arms.probability"), ticks, _short(page))
    title = page.words("arms.overlap")
    caption = Caption(f"fig-overlap-{own[0]['id']}", title, page.words("arms.overlap_description"))
    inside = {arm: _inside(page, own, arm) for arm in ARMS}
    return Figure(title, bars(shown, caption), page.words("arms.overlap_note", marker=page.marker, **inside))


def _inside(page: Page, own: list[Row], arm: str) -> str:
    """Return the share of an arm in equipoise, of released counts."""
    found = {row["stratum"]: row["n"] for row in own if row["outcome"] == "equipoise" and row["group"] == arm}
    if None in found.values() or not sum(found.values()):
        return page.marker
    return page.numbers.share(found["inside"] / sum(found.values()))


def _short(page: Page) -> Any:
    # 0.5 and 2 stand as people write them on an axis
    return lambda value: page.numbers.ratio(value).rstrip("0").rstrip(".,") or "0"


def _weights(page: Page, own: list[Row], told: dict[str, Any], way: str) -> Figure:
    found = _bins(own, "weight", way)
    edges = [low for low, _, _ in found] + [found[-1][1]]
    heights = [float(n or 0) for *_, n in found]
    shown = Bars(edges, heights, [], (), page.words("arms.weight"), linear_ticks(edges[-1]), _short(page))
    title = page.words("arms.weights", way=_title(page, told, way))
    caption = Caption(f"fig-weights-{own[0]['id']}-{way}", title, page.words("arms.weights_description"))
    return Figure(title, bars(shown, caption), page.words("arms.weights_note", marker=page.marker))


def _balance(page: Page, own: list[Row], told: dict[str, Any]) -> Iterator[Figure | Table]:
    """Yield the love chart of the first way that makes weights or pairs, and the differences under every one."""
    found = {(row["stratum"], row["outcome"]): row for row in own if row["estimand"] == "smd"}
    terms = list(dict.fromkeys(term for _, term in found))
    ways = [way for way in _ways(told) if any(stratum == way for stratum, _ in found)]
    if len(ways) > 1:
        yield _love(page, own, told, ways[1])
    head = [page.words("arms.characteristic"), *(_title(page, told, way) for way in ways)]
    lines = [Line((_term(page, own, t), *(page.value(found.get((w, t)), "signed") for w in ways))) for t in terms]
    yield Table(page.words("arms.balance"), head, lines, page.words("arms.balance_note"))


def _love(page: Page, own: list[Row], told: dict[str, Any], way: str) -> Figure:
    found = {(row["stratum"], row["outcome"]): row["estimate"] for row in own if row["estimand"] == "smd"}
    terms = [term for stratum, term in found if stratum == PLAIN]
    rows = [LoveRow(_term(page, own, term), found[PLAIN, term], found.get((way, term))) for term in terms]
    look = LoveWords(
        page.words("arms.smd_axis"), page.words("arms.unadjusted"), page.words("arms.after"), page.numbers.ratio
    )
    title = page.words("arms.love", way=_title(page, told, way))
    caption = Caption(f"fig-love-{own[0]['id']}", title, page.words("arms.love_description"))
    return Figure(title, love(rows, look, caption), page.words("arms.love_note"))


def _term(page: Page, own: list[Row], term: str) -> str:
    return ": ".join(filter(None, page.term(term, str(own[0]["id"])))) or NONE
