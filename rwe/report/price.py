# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The page of a price file: what strategies come to, the price that is worth it, how sure, and what it costs all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rwe.errors import MachineError
from rwe.figures.chart import Chart
from rwe.reimbursement.economics.appraise import Appraisal, comparator
from rwe.reimbursement.economics.evaluation import Kind
from rwe.reimbursement.economics.plots import Speech, budget_chart
from rwe.reimbursement.economics.value_price import ValuePrice
from rwe.report.blocks import Block, Figure, Line, Prose, Section, Table
from rwe.report.numbers import Numbers
from rwe.report.render import sheet
from rwe.report.words import Words, load_words

DASH = "\N{EM DASH}"
CHARTS: tuple[Kind, ...] = ("states", "plane", "acceptability", "price")


@dataclass(frozen=True, slots=True)
class _Page:
    """One language of the page."""

    found: Appraisal
    words: Words
    numbers: Numbers

    def money(self, value: float, places: int = 0) -> str:
        """Return an amount of a model: whole, with its currency."""
        return f"{self.numbers.decimal(value, places)} {self.found.file.currency}"

    def title(self, name: str) -> str:
        """Return the name of a strategy or state."""
        return self.found.titles(self.words.lang).get(name, name)

    def say(self, text: Any) -> str:
        """Return the words of the file."""
        return str(getattr(text, self.words.lang))

    def limits(self, low: float | None, high: float | None, places: int = 0) -> str:
        """Return limits in brackets, "" where there are none."""
        if low is None or high is None:
            return ""
        ends = (self.numbers.decimal(end, places) for end in (low, high))
        return f" ({self.words('range.signed', **dict(zip(('low', 'high'), ends, strict=True)))})"


def charts(found: Appraisal, language: Any) -> dict[str, Chart]:
    """Return the charts by name."""
    file = found.file
    given: dict[str, Any] = {"threshold": file.threshold, "strategy": file.medicine.strategy, "currency": file.currency}
    given |= {"labels": found.titles(language), "language": language}
    drawn: dict[str, Chart] = {name: found.found.plot(name, **given) for name in CHARTS}
    if found.budget is None:
        return drawn
    return {**drawn, "budget": budget_chart(found.budget, Speech(language, file.currency, {}))}


def write(found: Appraisal, folder: Path, lang: Sequence[str]) -> list[Path]:
    """Write ``price.csv``, ``price.json``, ``price.<lang>.html`` and the charts; return their paths.

    Raises
    ------
    MachineError
        If a file cannot be written.
    """
    result = found.to_result()
    whole = {"settings": dict(result.settings), "figures": result.table.to_dicts()}
    texts = {
        "price.csv": result.table.write_csv(),
        "price.json": json.dumps(whole, ensure_ascii=False, indent=1) + "\n",
    }
    for one in lang:
        drawn = charts(found, one)
        texts |= {f"price.{name}.{one}.svg": chart.svg for name, chart in drawn.items()}
        texts[f"price.{one}.html"] = page(found, one, drawn)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            part = folder / (name + ".part")
            part.write_text(text, "utf-8")
            part.replace(folder / name)
    except OSError as exc:
        raise MachineError(f"{folder} cannot be written: {exc.strerror}; choose another --out") from None
    return [folder / name for name in texts]


def page(found: Appraisal, lang: str, drawn: dict[str, Chart]) -> str:
    """Return the page in one language, with its charts."""
    here = _Page(found, load_words(lang), Numbers(lang))
    note = here.say(found.file.note) if found.file.note else ""
    return sheet(here.words, here.say(found.file.title), note, _sections(here, drawn))


def chapter(found: Appraisal, lang: str) -> list[Block]:
    """Return the same as one chapter of a dossier: its sections under headings."""
    here = _Page(found, load_words(lang), Numbers(lang))
    said = [here.say(found.file.title) + ".", *([here.say(found.file.note)] if found.file.note else [])]
    blocks: list[Block] = [Prose(said)]
    for section in _sections(here, charts(found, lang)):
        blocks += [Prose([], title=section.title), *section.blocks]
    return blocks


def _sections(page: _Page, drawn: dict[str, Chart]) -> list[Section]:
    spent = [_spent(page, drawn)] if page.found.budget is not None else []
    return [_worth(page), _strategies(page, drawn), _sure(page, drawn), *spent, _how(page)]


def _worth(page: _Page) -> Section:
    """Return the price in sentences: what is worth paying, and what keeps the promise."""
    file, value = page.found.file, page.found.value
    said = [_priced(page, value, "price.worth", unit=page.say(file.medicine.unit), now=page.money(value.listed, 2))]
    if page.found.kept is not None:
        said.append(_priced(page, page.found.kept, "price.kept", unit=page.say(file.medicine.unit)))
    if value.worth is not None:
        said.append(page.words("price.chance", chance=page.numbers.percent(value.worth)))
    return Section(
        "worth", page.words("price.worth_title"), [Prose(said), Prose([page.words("price.estimate")], small=True)]
    )


def _priced(page: _Page, value: ValuePrice, key: str, **facts: str) -> str:
    price = page.money(value.price, 2) + page.limits(value.low, value.high, 2)
    facts |= {"strategy": page.title(value.strategy), "threshold": page.money(value.threshold), "price": price}
    return page.words(key, **facts)


def _strategies(page: _Page, drawn: dict[str, Chart]) -> Section:
    head = [page.words(f"price.{name}") for name in ("strategy", "cost", "medicine", "qaly", "years", "icer")]
    steps = {row["strategy"]: row for row in page.found.found.icers.iter_rows(named=True)}
    lines = []
    for row in page.found.found.table.iter_rows(named=True):
        step = steps[row["strategy"]]
        ratio = page.words(f"price.{step['status']}") if step["status"] != "efficient" else DASH
        ratio = ratio if step["icer"] is None else page.money(step["icer"])
        amounts = (page.money(row["cost"]), page.money(row["medicine"]))
        lived = (page.numbers.decimal(row["effect"], 3), page.numbers.decimal(row["lived"], 2))
        lines.append(Line((page.title(row["strategy"]), *amounts, *lived, ratio)))
    table = Table(page.words("price.table"), head, lines, page.words("price.table_note"))
    blocks: list[Block] = [Prose([_gained(page)]), table, Figure("", drawn["states"].svg), *_capped(page)]
    return Section("strategies", page.words("price.strategies"), blocks)


def _gained(page: _Page) -> str:
    """Return the years of life that the medicine adds, lived rather than discounted."""
    years, low, high = page.found.gained
    names = {"strategy": page.found.file.medicine.strategy, "other": comparator(page.found.file)}
    shown = page.numbers.decimal(years, 2) + page.limits(low, high, 2)
    return page.words("price.gained", years=shown, **{key: page.title(name) for key, name in names.items()})


def _capped(page: _Page) -> Iterator[Prose]:
    for name, times in page.found.found.table.select("strategy", "capped").iter_rows():
        if times:
            of = page.numbers.count(page.found.found.timing.cycles + 1)
            yield Prose(
                [page.words("price.capped", strategy=page.title(name), n=page.numbers.count(times), of=of)], small=True
            )


def _sure(page: _Page, drawn: dict[str, Chart]) -> Section:
    person, everybody = page.found.evpi
    said = [page.words("price.evpi", evpi=page.money(person), threshold=page.money(page.found.file.threshold))]
    if everybody is not None:
        said.append(page.words("price.evpi_all", evpi=page.money(everybody)))
    figures = [Figure("", drawn[name].svg) for name in ("price", "acceptability", "plane")]
    known = [_known(page)] if not page.found.partial.is_empty() else []
    return Section("sure", page.words("price.sure"), [Prose(said), *figures, *known])


def _known(page: _Page) -> Table:
    """Return what knowing each number alone would be worth."""
    head = [page.words("price.name"), page.words("price.evppi")]
    lines = [Line((name, page.numbers.decimal(worth, 0))) for name, worth in page.found.partial.iter_rows()]
    caption = page.words("price.evppi_table", currency=page.found.file.currency)
    return Table(caption, head, lines, page.words("price.evppi_note"))


def _spent(page: _Page, drawn: dict[str, Chart]) -> Section:
    assert page.found.budget is not None, "the section is made where there is one"
    head = [page.words(f"price.{name}") for name in ("year", "treated", "without", "with", "medicine", "impact")]
    lines = [
        Line(
            (
                page.numbers.count(row["year"]),
                page.numbers.count(row["treated"]),
                *(page.numbers.count(row[name]) for name in ("without", "with", "medicine")),
                page.numbers.count(row["impact"]) + page.limits(row["low"], row["high"]),
            )
        )
        for row in page.found.budget.iter_rows(named=True)
    ]
    caption = page.words("price.budget_table", currency=page.found.file.currency)
    table = Table(caption, head, lines, page.words("price.budget_note"))
    return Section("budget", page.words("price.budget"), [table, Figure("", drawn["budget"].svg)])


def _how(page: _Page) -> Section:
    """Return how it was reckoned: time, discount, draws, and where each curve and number comes from."""
    file, timing = page.found.file, page.found.found.timing
    draws = page.found.found.draws
    facts = {
        "days": page.numbers.decimal(timing.cycle, 1), "cycles": page.numbers.count(timing.cycles),
        "costs": page.numbers.percent(timing.costs), "effects": page.numbers.percent(timing.effects),
        "draws": page.numbers.count(0 if draws is None else len(draws.other)), "seed": str(file.seed),
    }  # fmt: skip
    counted = page.words(f"price.{timing.correction}")
    said = [page.words("price.how", at=page.words(f"price.at_{timing.discounted}"), counted=counted, **facts)]
    head = [page.words(f"price.{name}") for name in ("name", "from")]
    given = (*file.curves.items(), *file.parameters.items())
    lines = [Line((name, _told(one.model_dump(exclude_none=True, exclude_defaults=True)))) for name, one in given]
    table = Table(page.words("price.inputs"), head, lines, "", (1,))
    return Section("how", page.words("price.how_title"), [Prose(said), table])


def _told(value: Any) -> str:
    """Return what stands in the file, key by key."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_told(one)}" for key, one in value.items())
    return " ".join(map(_told, value)) if isinstance(value, tuple) else str(value)
