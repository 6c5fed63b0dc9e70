# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How far to trust the comparison: other choices and hospitals in one forest, and what nobody measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rwe.figures import Caption, ForestRow, ForestWords, forest
from rwe.report.blocks import Block, Figure, Item, Items, Line, Prose, Section, Table
from rwe.report.page import NONE, Page, Row
from rwe.report.sections.doubts import doubts, turned
from rwe.report.words import failure

KINDS = ("grid", "without", "alone", "pooled")
POOLED = ("hazard_ratio", "prediction")


def robustness(page: Page) -> Section | None:
    """Return the chapter, None where nothing was asked."""
    rows = page.rows("robustness")
    if not rows:
        return None
    analyses = list(dict.fromkeys(str(row["id"]) for row in rows))
    blocks = [block for name in analyses for block in _blocks(page, [row for row in rows if row["id"] == name])]
    return Section("robustness", page.words("robustness.title"), blocks)


def _blocks(page: Page, own: list[Row]) -> Iterator[Block]:
    runs = [row for kind in KINDS for row in own if row["stratum"] == kind and row["estimand"] in POOLED]
    main = _found(own, "main", "hazard_ratio")
    yield Prose([*_lead(page, own, main), *_hospitals(page, own)])
    if any(row["estimate"] is not None for row in runs):
        yield _figure(page, own, main, runs)
    if runs:
        yield _table(page, own, runs)
    if failed := _settings(page, own).get("failed", {}):
        codes = _settings(page, own).get("failed_codes", {})
        told = {key: failure(page.words, codes[key], why) for key, why in failed.items()}
        items = [Item(_name(page, own, *key.split(":", 1)), why) for key, why in told.items()]
        yield Items(page.words("robustness.failed"), items)
    if [row for row in own if row["stratum"] == "confounder"]:
        yield _confounders(page, own, main)
    yield from doubts(page, own, main)


def _found(own: list[Row], stratum: str, estimand: str, group: str = "") -> Row | None:
    wanted = {"stratum": stratum, "estimand": estimand, "group": group}
    return next((row for row in own if all(row[key] == value for key, value in wanted.items())), None)


def _settings(page: Page, own: list[Row]) -> dict[str, Any]:
    return dict(page.context.settings.get(own[0]["id"], {}))


def _lead(page: Page, own: list[Row], main: Row | None) -> Iterator[str]:
    ratio, endpoint = page.estimate(main, "ratio"), page.endpoint(str(own[0]["outcome"]))
    yield page.words("robustness.lead", endpoint=endpoint, ratio=ratio, level=page.level("robustness"))
    point, limit = (_found(own, "e_value", name) for name in ("e_value", "e_value_limit"))
    if point is None or limit is None:
        return
    key = "robustness.limit_open" if limit["estimate"] == 1 else "robustness.limit"
    told = page.words("robustness.e_value", point=page.value(point, "ratio"))
    yield told + " " + page.words(key, limit=page.value(limit, "ratio"))


def _hospitals(page: Page, own: list[Row]) -> Iterator[str]:
    pooled, spread = _found(own, "pooled", "hazard_ratio"), _found(own, "pooled", "i2")
    if pooled and spread and spread["p_value"] is not None:
        i2, p = page.value(spread, "one"), page.numbers.p_equals(spread["p_value"])
        yield page.words("robustness.heterogeneity", ratio=page.estimate(pooled, "ratio"), i2=i2, p=p)


def _name(page: Page, own: list[Row], stratum: str, group: str) -> str:
    """Return what a run is called."""
    if stratum in ("censoring", "bias"):
        return page.words(f"robustness.{stratum}")
    if stratum == "grid":
        titles = {run["name"]: run["title"] for run in _settings(page, own).get("runs", [])}
        return str(titles[group][page.words.lang]) if group in titles else group
    return page.words(f"robustness.{stratum}", hospital=page.site_names([group]))


def _label(page: Page, own: list[Row], row: Row) -> str:
    if row["stratum"] == "pooled":
        return page.words("robustness.prediction" if row["estimand"] == "prediction" else "robustness.pooled")
    return _name(page, own, str(row["stratum"]), str(row["group"]))


def _figure(page: Page, own: list[Row], main: Row | None, runs: list[Row]) -> Figure:
    rows = [_bar(page, page.words("robustness.main"), main)] if main else []
    for kind in KINDS:
        of_kind = [row for row in runs if row["stratum"] == kind]
        if of_kind and kind != "pooled":
            rows.append(ForestRow(page.words(f"robustness.head_{kind}"), kind="head"))
        rows += [_bar(page, _label(page, own, row), row, level=True) for row in of_kind]
    words = ForestWords(
        page.words("robustness.axis"), page.words("robustness.column", level=page.level("robustness")),
        page.words("robustness.lower"), page.words("robustness.higher"), page.numbers.ratio,
    )  # fmt: skip
    title = page.words("robustness.figure", endpoint=page.endpoint(str(own[0]["outcome"])))
    caption = Caption(f"fig-robustness-{own[0]['id']}", title, page.words("robustness.description"))
    return Figure(title, forest(rows, words, caption), page.words("robustness.figure_note"))


def _bar(page: Page, label: str, row: Row, *, level: bool = False) -> ForestRow:
    numbers = (row["estimate"], row["conf_low"], row["conf_high"])
    if row["estimate"] is None:
        text = page.marker if row["masked"] else page.words("robustness.none")
    else:
        text = f"{page.value(row, 'ratio')} ({page.interval(row, 'ratio')})"
    return ForestRow(label, *numbers, text, "level" if level else "")


def _table(page: Page, own: list[Row], runs: list[Row]) -> Table:
    names = ("run", "patients", "events", "ratio", "rmst")
    head = [page.words(f"robustness.{name}", level=page.level("robustness")) for name in names]
    main = _found(own, "main", "hazard_ratio")
    lines = [_line(page, own, page.words("robustness.main"), main)] if main else []
    lines += [_line(page, own, _label(page, own, row), row) for row in runs if row["estimand"] == "hazard_ratio"]
    return Table(page.words("robustness.table"), head, lines, page.words("robustness.table_note"))


def _line(page: Page, own: list[Row], label: str, row: Row) -> Line:
    mean = _found(own, str(row["stratum"]), "rmst", str(row["group"]))
    counts = (page.value(row, "count", column) for column in ("n", "n_event"))
    cells = (*counts, page.estimate(row, "ratio"), page.estimate(mean, "months_more"))
    return Line((label, *cells), "total" if row["stratum"] == "main" else "")


def _confounders(page: Page, own: list[Row], main: Row | None) -> Table:
    """Return the ratio without each confounder; those that would turn the conclusion carry a sign."""
    rows = {str(row["group"]): row for row in own if row["stratum"] == "confounder"}
    strengths = list(dict.fromkeys(name.split(":")[2] for name in rows if name.count(":") == 2))
    pairs = [name for name in rows if name.count(":") == 1]
    numbers = [page.numbers.ratio(float(strength)) for strength in strengths]
    head = [page.words("robustness.shares"), *(page.words("robustness.strength", ratio=n) for n in numbers)]
    lines = [
        Line(
            (
                _shares(page, pair),
                *(_without(page, rows.get(f"{pair}:{strength}"), main) for strength in strengths),
                page.value(rows[pair], "ratio"),
            )
        )
        for pair in pairs
    ]
    caption = page.words("robustness.confounders", level=page.level("robustness"))
    return Table(caption, [*head, page.words("robustness.tips")], lines, page.words("robustness.confounders_note"))


def _shares(page: Page, pair: str) -> str:
    practice, trial = (page.numbers.share(float(share)) for share in pair.split(":"))
    return page.words("robustness.pair", practice=practice, trial=trial)


def _without(page: Page, row: Row | None, main: Row | None) -> str:
    if row is None or main is None:
        return NONE
    return turned(page, row, main)
