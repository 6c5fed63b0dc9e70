# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The portfolio on paper: a page with forest and funnel, and the same figures as csv and json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rwe.errors import MachineError
from rwe.portfolio.gaps import DONE, NO_COMPARISON, NO_RATIO, Gaps
from rwe.report.blocks import Block, Figure, Line, Prose, Section, Table
from rwe.report.numbers import Numbers
from rwe.report.render import sheet
from rwe.report.words import Words, failure, load_words

DASH = "\N{EM DASH}"
OWN = {NO_COMPARISON: "no_comparison", NO_RATIO: "no_ratio"}


def write(found: Gaps, folder: Path, lang: Sequence[str]) -> list[Path]:
    """Write ``portfolio.csv``, ``portfolio.json`` and ``portfolio.<lang>.html``; return their paths.

    Raises
    ------
    MachineError
        If a file cannot be written.
    """
    pages = {folder / f"portfolio.{one}.html": _html(found, one) for one in lang}
    texts = {folder / "portfolio.csv": found.table.write_csv(), folder / "portfolio.json": _json(found)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in (texts | pages).items():
            part = path.with_name(path.name + ".part")
            part.write_text(text, "utf-8")
            part.replace(path)
    except OSError as exc:
        raise MachineError(f"{folder} cannot be written: {exc.strerror}; choose another --out") from None
    return [*texts, *pages]


def _json(found: Gaps) -> str:
    pooled: dict[str, Any] | None = None
    if found.pooled:
        kept = ("estimate", "std_error", "conf_low", "conf_high", "tau2", "i2", "q", "pred_low", "pred_high")
        pooled = {name: getattr(found.pooled, name) for name in kept} | {"scale": "log hazard ratio"}
        pooled["studies"] = found.pooled.table.to_dicts()
    whole = {"studies": found.table.to_dicts(), "pooled": pooled, "notes": list(found.notes)}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _html(found: Gaps, lang: str) -> str:
    words, numbers = load_words(lang), Numbers(lang)
    sections = [_gaps(found, words, numbers), *([_pooled(found, words, numbers)] if found.pooled else [])]
    mark = words("page.synthetic") if found.table["synthetic"].any() else ""
    return sheet(words, words("portfolio.title"), words("portfolio.lead", n=found.table.height), sections, mark)


def _gaps(found: Gaps, words: Words, numbers: Numbers) -> Section:
    names = ("study", "patients", "hazard_ratio", "rmst", "survival", "proportional", "agreement")
    lines = [Line(_cells(row, words, numbers)) for row in found.table.iter_rows(named=True)]
    table = Table(
        words("portfolio.table"), [words(f"portfolio.{n}") for n in names], lines, words("portfolio.note"), (6,)
    )
    failed = [row for row in found.table.iter_rows(named=True) if row["status"] != DONE]
    blocks: list[Block] = [table]
    if failed:
        blocks.append(Prose([words("portfolio.failed"), *(_failed(row, words) for row in failed)]))
    if notes := _notes(found, words):
        blocks.append(Prose(notes, small=True))
    return Section("gaps", words("portfolio.gaps"), blocks)


def _failed(row: dict[str, Any], words: Words) -> str:
    """Return why a study has no figure: the kind of failure in the language, then what the engine said of it."""
    own = OWN.get(row["status"])
    why = words(f"portfolio.why_{own}") if own else failure(words, row["exit_code"], row["status"])
    return words("portfolio.failed_one", study=row["medicine"] or row["study"], why=why)


def _notes(found: Gaps, words: Words) -> list[str]:
    n = found.left_out
    told = [words("portfolio.left_out", n=n, of=found.table.height)] if n else []
    return told if found.pooled else [*told, words("portfolio.alone")]


def _cells(row: dict[str, Any], words: Words, numbers: Numbers) -> tuple[str, ...]:
    name = f"{row['medicine']}; {row['endpoint']}" if row["medicine"] else row["study"]
    n = DASH if row["n"] is None else numbers.count(row["n"])
    ratio = _estimate(row, ("hazard_ratio", "hr_low", "hr_high"), numbers.ratio, words, "range.plain")
    rmst = _estimate(row, ("rmst", "rmst_low", "rmst_high"), numbers.months_more, words, "range.signed")
    survival = _estimate(row, ("milestone", "milestone_low", "milestone_high"), numbers.points, words, "range.signed")
    p = DASH if row["proportional_p"] is None else numbers.p_value(row["proportional_p"])
    return (
        name,
        n,
        ratio,
        rmst,
        survival,
        p,
        _verdict(row["verdict"], words),
    )


def _verdict(told: str | None, words: Words) -> str:
    return ", ".join(words(f"verdict.{one}") for one in told.split(",")) if told else DASH


def _estimate(row: dict[str, Any], names: tuple[str, str, str], form: Any, words: Words, shape: str) -> str:
    value, low, high = (row[name] for name in names)
    if value is None:
        return DASH
    limits = "" if low is None or high is None else f" ({words(shape, low=form(low), high=form(high))})"
    return str(form(value)) + limits


def _pooled(found: Gaps, words: Words, numbers: Numbers) -> Section:
    import math

    pooled = found.pooled
    assert pooled is not None, "the section is made where there is one"
    low, high = (math.exp(x) for x in (pooled.conf_low, pooled.conf_high))
    spread = [math.exp(x) for x in (pooled.pred_low, pooled.pred_high) if x is not None]
    said = words(
        "portfolio.pooled", ratio=numbers.ratio(math.exp(pooled.estimate)), low=numbers.ratio(low),
        high=numbers.ratio(high), pred_low=numbers.ratio(spread[0]), pred_high=numbers.ratio(spread[1]),
        i2=numbers.count(pooled.i2), k=pooled.table.height,
    )  # fmt: skip
    language: Any = words.lang
    charts = [
        Figure(words("portfolio.forest"), pooled.forest(language=language).svg, words("portfolio.forest_note")),
        Figure(words("portfolio.funnel"), pooled.funnel(language=language).svg),
    ]
    return Section("pooled", words("portfolio.together"), [Prose([said]), *charts])


def facts(found: Gaps) -> list[dict[str, Any]]:
    """Return the rows of the table as plain values, for a machine that listens."""
    return [dict(row) for row in found.table.iter_rows(named=True)]
