# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`forecast`: what comes back in the periods ahead, by settling futures of the patients there are and are to come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from rwe.compare.people import people as read_people
from rwe.errors import DefinitionError
from rwe.reimbursement.chances import chances
from rwe.reimbursement.followed import COURSE
from rwe.reimbursement.foreseen import Forecast
from rwe.reimbursement.futures import Ahead, blocks, drawn_of
from rwe.reimbursement.invent import DOSE, SIGHT
from rwe.reimbursement.money import period_end, period_of
from rwe.reimbursement.settle import settle
from rwe.reimbursement.settlement import Settlement
from rwe.reimbursement.ways import ALONE, Asked, Way, asked, followed, foreseen, histories, ways
from rwe.result import Result
from rwe.spec.agreement import Agreement, OutcomeGuarantee
from rwe.spec.design import Dosing
from rwe.survival.cox import Cox


def forecast(
    agreement: Agreement,
    doses: Any,
    assessments: Any,
    curve: Any,
    *,
    as_of: date,
    people: Any = None,
    evidence: Result | None = None,
    periods: int = 4,
    dosing: Dosing | None = None,
    new_patients: float = 0.0,
    event: str | None = None,
    conf_level: float = 0.90,
    simulations: int = 100,
    seed: int = 1,
) -> Forecast:
    """Forecast the payback of the periods ahead.

    Each simulation draws a curve the data allow, a day of failure for each patient who has not failed yet and for
    those to come, and settles that future by the agreement's own terms. Terms on all patients (caps, volumes,
    clawbacks, guarantees) are settled with all patients of that future, at the end of each period; what they come to
    hangs on doses and patients to come, so say `dosing` and `new_patients`. Terms that ask for a failure of which no
    curve is given, or none that reaches their day, are left out and named.

    Parameters
    ----------
    agreement, doses, assessments, as_of
        As in `settle`; doses need ``record_id``.
    curve
        Of failure: Kaplan-Meier, a fitted family or a Cox model, or one for each term by its id (terms with the same
        failures share the one that looks furthest ahead; a patient has one fate under all). Where it ends nobody
        fails any more.
    people
        ``person_id`` and covariates, for Cox models; patients to come are like those followed. Where they say when
        the endpoint of a guarantee ended (``<endpoint>_days``, ``<endpoint>_event``) it rests on that.
    evidence
        The cohort estimate on which a guarantee rests now, as in `settle`; in a future it rests on that future.
    periods
        How many, the one of `as_of` first.
    dosing
        How patients are treated from now on; left out, nobody gets another dose.
    new_patients
        Mean number of patients who begin in a whole period; needs `dosing`.
    event
        What failures to come are called in an assessment, where one curve is given; by default the first failure
        of the first term.
    conf_level, simulations, seed
        Of the interval of a period's payback: it holds the error of the curve and chance.

    Raises
    ------
    DefinitionError
        If the agreement has no term that judges patients, or the curve or an argument does not fit.
    NoValidAnswer
        If there is nobody to follow.
    """
    if new_patients and dosing is None:
        raise DefinitionError("new patients need dosing: how they are to be treated")
    if periods < 1 or simulations < 20:
        raise DefinitionError("periods are at least 1, simulations at least 20")
    found = _reaching(agreement, ways(_judging(agreement), curve, event))
    kept, left_out = foreseen(agreement, {name for way in found for name in way.terms})
    ends = _ends(as_of, agreement.settlement.every, periods)
    given, seen = read_people(doses), read_people(assessments)
    now = settle(kept, given, seen, as_of=as_of, evidence=evidence)
    courses = histories(now, given, seen, found, None if people is None else read_people(people))
    mine = followed(now, courses, found, dosed=dosing is not None)
    if all(isinstance(term, ALONE) for term in kept.terms):
        courses = courses.join(mine, on=COURSE, how="semi", maintain_order="left")
    drawn = [drawn_of(way, mine, people, ends[-1], simulations, seed) for way in found]
    known = given.select(*DOSE).filter(pl.col("administered_on") <= as_of)
    sights = seen.select(*SIGHT).filter(pl.col("assessed_on") <= as_of)
    arrivals = new_patients / _days(ends, as_of)
    ahead = Ahead(kept, known, sights, mine, courses, as_of, ends[-1], dosing, arrivals, drawn, seed)
    labels = [period_of(end, agreement.settlement.every) for end in ends]
    before = _before(now, courses)
    draws = _tidied([_settled(ahead, block, ends, labels, before) for block in blocks(simulations, courses.height)])
    return Forecast(agreement, as_of, draws, labels, left_out, mine.height, conf_level, seed)


def _judging(agreement: Agreement) -> list[Asked]:
    if not (found := asked(agreement)):
        raise DefinitionError("the agreement has no term that judges patients: nothing of it can be foreseen")
    return found


def _reaching(agreement: Agreement, found: Sequence[Way]) -> list[Way]:
    """Return the ways without the guarantees whose day their curve does not reach."""
    days = {term.id: term.at_day for term in agreement.terms if isinstance(term, OutcomeGuarantee)}
    kept = [
        replace(way, terms=tuple(name for name in way.terms if name not in days or _reach(way.curve, days[name])))
        for way in found
    ]
    return [way for way in kept if way.terms]


def _reach(curve: Any, day: int) -> bool:
    return isinstance(curve, Cox) or chances(curve).known(day) >= day


def _ends(as_of: date, every: str, periods: int) -> list[date]:
    ends = [period_end(as_of, every)]
    while len(ends) < periods:
        ends.append(period_end(ends[-1] + timedelta(days=1), every))
    return ends


def _days(ends: list[date], as_of: date) -> float:
    """Return the mean length of a whole period in days."""
    return (ends[-1] - ends[0]).days / (len(ends) - 1) if len(ends) > 1 else (ends[0] - as_of).days or 1.0


def _tidied(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return all draws, without what differences of floats leave of nothing."""
    amounts = pl.col("payback", "from_new").round(6) + 0.0  # also of a negative nothing
    return pl.concat(parts).with_columns(amounts)


def _before(now: Settlement, courses: pl.DataFrame) -> tuple[dict[str, float], float]:
    """Return what the courses have brought back by now: by period of terms on one patient, in all of the others."""
    lines = now.lines.with_columns(pl.col("amount").cast(pl.Float64))
    alone = pl.col("term").is_in(_alone(now.agreement))
    mine = lines.filter(alone).join(courses, on="person_id", how="semi")
    return dict(mine.group_by("period").agg(pl.col("amount").sum()).rows()), float(lines.filter(~alone)["amount"].sum())


def _alone(agreement: Agreement) -> list[str]:
    return [term.id for term in agreement.terms if isinstance(term, ALONE)]


def _settled(
    ahead: Ahead, block: range, ends: Sequence[date], labels: list[str], before: tuple[dict[str, float], float]
) -> pl.DataFrame:
    """Return payback by simulation and period of futures that are settled together: all, and of new patients.

    Terms on one patient pay in the period of their decision; those on all patients are settled at each period's end.
    """
    futures = [ahead.future(simulation) for simulation in block]
    alone = pl.col("term").is_in(_alone(ahead.agreement))
    together = len(_alone(ahead.agreement)) < len(ahead.agreement.terms)
    lines = {end: ahead.lines(futures, end, ahead.evidence(futures, end)) for end in (ends if together else ends[-1:])}
    sums = _sums(lines[ends[-1]].filter(alone), "period")
    frame = pl.DataFrame({"simulation": list(block)}).join(pl.DataFrame({"period": labels}), how="cross")
    found = frame.join(sums, on=["simulation", "period"], how="left").fill_null(0.0)
    paid = pl.col("period").replace_strict(before[0], default=0.0, return_dtype=pl.Float64)
    found = found.with_columns(payback=pl.col("payback") - paid)
    if not together:
        return found
    stands = [
        _sums(part.filter(~alone)).with_columns(period=pl.lit(label))
        for label, part in zip(labels, lines.values(), strict=True)
    ]
    moved = frame.join(pl.concat(stands), on=["simulation", "period"], how="left").fill_null(0.0)
    was = {"payback": before[1], "from_new": 0.0}
    more = [(pl.col(name) - pl.col(name).shift(1, fill_value=was[name]).over("simulation")) for name in was]
    return pl.concat([found, moved.with_columns(more)]).group_by("simulation", "period", maintain_order=True).sum()


def _sums(lines: pl.DataFrame, *by: str) -> pl.DataFrame:
    new = pl.col("amount").filter(~pl.col("old").fill_null(value=False)).sum()
    return lines.group_by("simulation", *by).agg(payback=pl.col("amount").sum(), from_new=new)
