# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command that works out a price file: what a medicine is worth, how sure that is, and what it costs all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.options import Common, Talk
from rwe.cli.words import language, word

if TYPE_CHECKING:
    from rwe.reimbursement.economics.appraise import Appraisal
    from rwe.reimbursement.economics.value_price import ValuePrice

ALL = Common()
File = Annotated[Path, Parameter(name="FILE", help=word("help.price_file"))]
Out = Annotated[Path | None, Parameter(name="--out", help=word("help.price_out"))]
Draws = Annotated[int | None, Parameter(name="--draws", help=word("help.draws"), validator=Number(gte=2))]


def price(file: File, /, *, draws: Draws = None, out: Out = None, common: Common = ALL, voice: Talk) -> int:
    """Work out a price file, show its figures, and with --out write its page, tables and charts."""
    from rwe.reimbursement.economics.appraise import appraise

    found = appraise(file, draws=draws)
    _strategies(found, voice)
    _prices(found, voice)
    _years(found, voice)
    if out is not None:
        from rwe.report.price import write

        for path in write(found, out, common.languages):
            voice.event("file", path=str(path))
            voice.say("price.file", path=path)
    return 0


def _strategies(found: Appraisal, voice: Talk) -> None:
    titles, steps = found.titles(language()), {row["strategy"]: row for row in found.found.icers.iter_rows(named=True)}
    rows = [[word(f"price.head.{name}") for name in ("strategy", "cost", "qaly", "years", "icer")]]
    for row in found.found.table.iter_rows(named=True):
        step = steps[row["strategy"]]
        voice.event("strategy", **row, status=step["status"], icer=step["icer"])
        ratio = word(f"price.status.{step['status']}") if step["icer"] is None else _number(step["icer"])
        name = titles[row["strategy"]]
        rows.append([name, _number(row["cost"]), _number(row["effect"], 3), _number(row["lived"], 2), ratio])
        if row["capped"]:
            voice.warn(word("price.capped", strategy=name, n=row["capped"], of=found.found.timing.cycles + 1))
    voice.table(rows, ["strong"])


def _prices(found: Appraisal, voice: Talk) -> None:
    for key, one in (("price.worth", found.value), ("price.kept", found.kept)):
        if one is not None:
            voice.event("price", of=key.partition(".")[2], **_told(one))
            limits = {"low": _number(one.low, 2), "high": _number(one.high, 2)}
            facts = {"price": _number(one.price, 2), "threshold": _number(one.threshold), "now": _number(one.listed, 2)}
            voice.say(key, currency=found.file.currency, **facts, **limits)
    person, everybody = found.evpi
    voice.event("evpi", person=person, all=everybody)
    voice.say("price.evpi", evpi=_number(person), chance=_number(100 * (found.value.worth or 0), 1))


def _told(one: ValuePrice) -> dict[str, Any]:
    kept = ("strategy", "threshold", "price", "expected", "low", "high", "level", "worth", "listed")
    return {name: getattr(one, name) for name in kept}


def _years(found: Appraisal, voice: Talk) -> None:
    if found.budget is None:
        return
    names = ("year", "treated", "without", "with", "medicine", "impact")
    rows = [[word(f"price.head.{name}") for name in names]]
    for row in found.budget.iter_rows(named=True):
        voice.event("year", **row)
        rows.append([str(row["year"]), *(_number(row[name]) for name in names[1:])])
    voice.table(rows, ["strong"])


def _number(value: float | None, places: int = 0) -> str:
    """Return a number as the language in use writes it, a dash where there is none."""
    from rwe.report.numbers import Numbers

    return "-" if value is None else Numbers(language()).decimal(value, places)
