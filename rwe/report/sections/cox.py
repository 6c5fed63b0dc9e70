# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The Cox model: hazard ratios as a forest chart and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from rwe.figures import Caption, ForestRow, ForestWords, forest
from rwe.report.blocks import Block, Figure, Kind, Line, Section, Table
from rwe.report.page import Page, Row

CLEAR = 0.05  # the words of the page name it too


def cox(page: Page) -> Section | None:
    """Return the chapter, None where no model was fitted."""
    rows = page.rows(analysis="cox", estimand="hazard_ratio")
    if not rows:
        return None
    models = list(dict.fromkeys(row["id"] for row in rows))
    blocks = [block for model in models for block in _model(page, [row for row in rows if row["id"] == model])]
    return Section("cox", page.words("cox.title"), blocks)


def _model(page: Page, own: list[Row]) -> Iterator[Block]:
    model, population, endpoint = (str(own[0][label]) for label in ("id", "population", "outcome"))
    name = page.endpoint(endpoint) + _apart(page, own[0])
    title = page.words("cox.figure", endpoint=name, population=page.population(population))
    words = ForestWords(
        page.words("cox.axis"),
        page.words("cox.ratio", level=page.level("cox")),
        page.words("cox.lower"),
        page.words("cox.higher"),
        _axis_number(page),
    )
    caption = Caption(f"fig-cox-{model}", title, page.words("cox.description"))
    yield Figure(title, forest(list(_forest(page, own)), words, caption))
    head = [page.words(f"cox.{column}", level=page.level("cox")) for column in ("term", "ratio", "p")]
    tested = page.rows(analysis="cox", id=model, estimand="proportional_hazards")
    note = f"{_note(page, model)} {proportional(page, tested)}".strip()
    yield Table(page.words("cox.table", endpoint=name), head, list(_lines(page, own)), note)


def _apart(page: Page, row: Row) -> str:
    """Return the name that the study gives a model, where it has another of the same population and endpoint."""
    alike = {label: row[label] for label in ("analysis", "population", "outcome", "estimand")}
    several = {other["id"] for other in page.rows(**alike)}
    return f" ({row['id']})" if len(several) > 1 else ""


def _axis_number(page: Page) -> Callable[[float], str]:
    # 0.5 and 1.25 stand as people write them on an axis: no zeros that say nothing
    return lambda value: page.numbers.ratio(value).rstrip("0").rstrip(".,")


def named(page: Page, rows: list[Row]) -> Iterator[tuple[str, Kind, Row | None]]:
    """Yield each term with its name; the levels of a variable that has several stand under its heading."""
    terms = [page.term(row["stratum"], row["id"]) for row in rows]
    several = Counter(variable for variable, _ in terms)
    last = ""
    for (variable, level), row in zip(terms, rows, strict=True):
        grouped = several[variable] > 1
        if grouped and variable != last:
            yield variable, "head", None
        last = variable
        name = f"{variable}: {level}" if level else variable
        yield (level, "level", row) if grouped else (name, "", row)


def _forest(page: Page, rows: list[Row]) -> Iterator[ForestRow]:
    for name, kind, row in named(page, rows):
        if row is None:
            yield ForestRow(name, kind="head")
        else:
            limits = (row["estimate"], row["conf_low"], row["conf_high"])
            yield ForestRow(name, *limits, text=_plain(page, row), kind="level" if kind == "level" else "")


def _plain(page: Page, row: Row) -> str:
    value = page.marker if "estimate" in row["masked"].split(",") else page.value(row, "ratio")
    limits = page.interval(row, "ratio")
    return f"{value} ({limits})" if limits else value


def _lines(page: Page, rows: list[Row]) -> Iterator[Line]:
    for name, kind, row in named(page, rows):
        cells = (page.estimate(row, "ratio"), page.value(row, "p_value", "p_value")) if row else ("", "")
        yield Line((name, *cells), kind)


def _note(page: Page, model: str) -> str:
    row = page.row(analysis="cox", id=model, estimand="concordance")
    return page.words(
        "cox.note",
        n=page.value(row, "count", "n"),
        events=page.value(row, "count", "n_event"),
        concordance=page.value(row, "ratio"),
    )


def proportional(page: Page, rows: list[Row]) -> str:
    """Say what the test of proportional hazards found, of all terms together and of those that stand out."""
    tested = [row for row in rows if row["p_value"] is not None]
    whole = [row for row in tested if not row["stratum"]]
    if not whole:
        return ""
    clear = [row for row in tested if row["stratum"] and row["p_value"] < CLEAR]
    each = page.words("cox.changing" if clear else "cox.steady", terms="; ".join(_tested(page, row) for row in clear))
    statistic = page.numbers.one(whole[0]["statistic"])
    return (
        page.words("cox.proportional", statistic=statistic, p=page.numbers.p_equals(whole[0]["p_value"])) + " " + each
    )


def _tested(page: Page, row: Row) -> str:
    variable, level = page.term(row["stratum"], row["id"])
    name = f"{variable}: {level}" if level else variable
    return f"{name} (p {page.numbers.p_equals(row['p_value'])})"
