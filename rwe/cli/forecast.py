# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands over what is not decided yet: reserve and payback to come of a study, and schemes compared beforehand."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from rwe.cli.app import group
from rwe.cli.options import Common, Study, Talk
from rwe.cli.settle import Day, Invented, settling_room, told_day
from rwe.cli.voice import Voice
from rwe.cli.words import language, word
from rwe.errors import DefinitionError

if TYPE_CHECKING:
    from rwe.pipeline.settling import Settling
    from rwe.reimbursement import Designed, Forecast, Reserve
    from rwe.spec.design import Dosing

ALL = Common()
Family = Annotated[
    Literal["exp", "weibull", "weibull_ph", "gompertz", "llogis", "lnorm", "gamma", "gengamma", "genf"] | None,
    Parameter(help=word("help.family")),
]
Periods = Annotated[int, Parameter(help=word("help.periods"))]
Every = Annotated[int | None, Parameter(help=word("help.every_days"))]
Units = Annotated[str, Parameter(help=word("help.units"))]
Planned = Annotated[int, Parameter(help=word("help.doses"))]
Told = Annotated[str | None, Parameter(help=word("help.covariates"))]
New = Annotated[float, Parameter(help=word("help.new_patients"))]
Level = Annotated[float, Parameter(help=word("help.conf_level"))]
File = Annotated[Path, Parameter(name="FILE", help=word("help.design_file"))]
Figure = Annotated[Path | None, Parameter(help=word("help.figure"))]


def forecast(
    study: Study,
    /,
    *,
    as_of: Day = None,
    periods: Periods = 4,
    family: Family = None,
    covariates: Told = None,
    every_days: Every = None,
    units: Units = "1",
    doses: Planned = 1,
    new_patients: New = 0.0,
    conf_level: Level = 0.90,
    synthetic: Invented = False,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Reserve for patients who are still open, and foresee what comes back in the periods ahead."""
    from rwe import reimbursement as rb

    dosing = _dosing(every_days, units, doses)
    _check(periods, new_patients, conf_level, dosing)
    room = settling_room(study, common, voice, synthetic=synthetic)
    told_by = _told_by(room, covariates, family)
    settled = room.now(room.cut(None, told_day(as_of)))
    if not rb.has_open(settled.settlement):
        voice.event("nothing_open", as_of=settled.settlement.as_of)
        voice.say("forecast.nothing_open", as_of=settled.settlement.as_of)
        return 0
    ahead = rb.look_ahead(
        settled.settlement,
        settled.doses,
        settled.assessments,
        evidence=settled.evidence,
        family=family,
        people=settled.people,
        covariates=told_by,
        periods=periods,
        dosing=dosing,
        new_patients=new_patients,
        conf_level=conf_level,
    )
    _say_reserve(ahead.reserve, voice)
    _say_forecast(ahead.forecast, voice)
    return 0


def design(file: File, /, *, figure: Figure = None, _common: Common = ALL, voice: Talk) -> int:
    """Compare payment schemes before they are signed."""
    from rwe import reimbursement as rb
    from rwe.spec.base import locate
    from rwe.spec.design import load_design

    plan = load_design(file)
    contracts = {scheme.name: rb.load_agreement(locate(scheme.agreement, file)) for scheme in plan.schemes}
    found = rb.design(plan, contracts)
    _say_design(found, voice)
    if figure is not None:
        path = found.plot(language="bg" if language() == "bg" else "en").save(figure)
        voice.event("figure", path=str(path))
        voice.say("forecast.figure", path=path)
    return 0


FORECAST = group("forecast", {"design": "rwe.cli.forecast:design"}, "forecast.")
FORECAST.default(forecast)


def _told_by(room: Settling, wanted: str | None, family: str | None) -> tuple[str, ...]:
    """Return the variables by which patients are told apart: those asked for, else those of the study."""
    own = room.plan.study.reimbursement
    if wanted is None:
        return own.covariates if own and family is None else ()
    names = tuple(name.strip() for name in wanted.split(",") if name.strip())
    known = [*room.plan.study.baseline]
    if family is not None or not names or (odd := [name for name in names if name not in known]):
        unknown = "" if family is not None or not names else ", ".join(odd)
        raise DefinitionError(word("forecast.no_covariates", names=unknown, known=", ".join(known)))
    return names


def _check(periods: int, new_patients: float, conf_level: float, dosing: Dosing | None) -> None:
    """Refuse what cannot be asked before anything is settled, so that it never passes where nobody is open."""
    if periods < 1 or not 0 < conf_level < 1 or not 0 <= new_patients < math.inf:
        raise DefinitionError(word("forecast.no_options"))
    if new_patients and dosing is None:
        raise DefinitionError(word("forecast.undosed"))


def _dosing(every_days: int | None, units: str, doses: int) -> Dosing | None:
    """Return the doses to come; those of no interval are checked and not asked for."""
    from pydantic import ValidationError

    from rwe.spec.design import Dosing

    try:
        dosing = Dosing(every_days=1 if every_days is None else every_days, units=Decimal(units), doses=doses)
    except (ValidationError, ArithmeticError):
        raise DefinitionError(word("forecast.no_dosing")) from None
    return None if every_days is None else dosing


def _say_reserve(found: Reserve, voice: Voice) -> None:
    """Say what is settled and reserved, and what the naive share would say; it stays inside the zone."""
    from rwe.report.numbers import Numbers

    currency = found.settlement.agreement.contract.currency
    opened = found.table.select("person_id").n_unique()
    limits = {"conf_low": found.conf_low, "conf_high": found.conf_high, "conf_level": found.conf_level}
    facts: dict[str, Any] = {"as_of": found.as_of, "settled": found.settled, "reserve": found.amount}
    facts |= {"open": opened, **limits}
    voice.event(
        "reserve",
        **facts,
        naive=found.naive._asdict(),
        oldest_due=found.oldest_due,
        currency=currency,
        left_out=found.left_out,
        played=found.played,
    )
    say = Numbers(language())
    amounts = {name: say.decimal(float(facts[name]), 2) for name in ("settled", "reserve", "conf_low", "conf_high")}
    shown = facts | amounts | {"conf_level": say.share(found.conf_level), "currency": currency}
    voice.say("forecast.reserve", **shown, oldest=found.oldest_due or "-")
    rates = {"rate": say.percent(found.naive.rate), "expected": say.percent(found.naive.rate_expected)}
    voice.say("forecast.naive", reserve=say.decimal(float(found.naive.reserve), 2), currency=currency, **rates)
    if found.played:
        voice.say("forecast.narrow")
    if found.left_out:
        voice.say("forecast.not_reserved", terms=", ".join(found.left_out))


def _say_forecast(found: Forecast, voice: Voice) -> None:
    from rwe.report.numbers import Numbers

    names = ("period", "payback", "conf_low", "conf_high", "from_new")
    cells, say = [], Numbers(language())
    for row in found.table.iter_rows(named=True):
        voice.event("period", **row)
        label = word("forecast.all") if row["period"] == "all" else row["period"]
        cells.append([label, *(say.decimal(row[name], 2) for name in names[1:])])
    voice.table([[word(f"forecast.head.{name}") for name in names], *cells], ["strong"])
    if found.left_out:
        voice.say("forecast.left_out", terms=", ".join(found.left_out))


def _figure(name: str, value: float | None) -> str:
    """Return a figure of a scheme as the language in use writes it."""
    from rwe.report.numbers import Numbers

    say = Numbers(language())
    if value is None:
        return "-"
    return say.percent(value) if name == "triggered" else say.decimal(value, 4 if name == "indifferent" else 2)


def _say_design(found: Designed, voice: Voice) -> None:
    from rwe.report.numbers import Numbers

    lang, say = language(), Numbers(language())
    titles = {part.name: str(getattr(part.title, lang)) for part in found.plan.schemes}
    truths = {part.name: str(getattr(part.title, lang)) for part in found.plan.truths}
    names = ("payback", "conf_low", "conf_high", "triggered", "effective_price", "cost_per_result", "indifferent")
    cells = []
    for row in found.table.iter_rows(named=True):
        voice.event("scheme", **row)
        figures = [_figure(name, row[name]) for name in names]
        figures[-1] = f"{word('forecast.lever.' + row['lever'])} {figures[-1]}" if row["lever"] else "-"
        cells.append([truths[row["truth"]], titles[row["scheme"]], *figures])
    heads = [word(f"forecast.head.{name}") for name in ("truth", "scheme", *names)]
    voice.table([heads, *cells], ["strong"])
    for row in found.power.iter_rows(named=True):
        voice.event("power", **row)
        needed = "-" if row["patients"] is None else row["patients"]
        facts = {"power": say.share(row["power"]), "patients": found.plan.patients, "needed": needed}
        voice.say("forecast.power", truth=truths[row["truth"]], asked=say.share(found.plan.power), **facts)
    for row in found.rare.iter_rows(named=True):
        counts = {"n": row["paid"], "of": found.plan.simulations, "most": say.percent(row["most"])}
        voice.event("rare", **row)
        voice.say("forecast.rare", truth=truths[row["truth"]], scheme=titles[row["scheme"]], **counts)
    if found.waiting:
        ways = {name: round(getattr(found.waiting, name)) for name in ("adopt", "wait", "collect", "value")}
        voice.event("waiting", **ways)
        voice.say("forecast.waiting", **{name: say.count(value) for name, value in ways.items()})
    plan = found.plan
    voice.event("plan", simulations=plan.simulations, patients=plan.patients, seed=plan.seed, reference=plan.reference)
