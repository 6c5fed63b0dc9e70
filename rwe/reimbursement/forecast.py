# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`forecast`: what comes back in the periods ahead, by settling futures of the patients there are and are to come."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.people import people as read_people
from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.chances import OfCox, OfIncidence, chances
from rwe.reimbursement.foreseen import Forecast
from rwe.reimbursement.invent import DOSE, SIGHT, assessments_of, doses_of, fails_by
from rwe.reimbursement.money import period_end, period_of
from rwe.reimbursement.settle import settle
from rwe.reimbursement.ways import Asked, Way, asked, followed, ways
from rwe.spec.agreement import Agreement, JudgedTerm
from rwe.spec.agreement_patient import CostSharing, DeathRebate, Discount, DoseCap, Instalments, TimeCap
from rwe.spec.design import Dosing

ALONE = (JudgedTerm, Discount, CostSharing, DeathRebate, DoseCap, Instalments, TimeCap)  # look at one patient only
ROWS = 400_000  # patients settled at once


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What all futures share: the patients there are, the curves' draws, and how patients are treated."""

    agreement: Agreement
    doses: pl.DataFrame
    assessments: pl.DataFrame
    people: pl.DataFrame
    as_of: date
    until: date
    dosing: Dosing | None
    arrivals: float
    ways: list[tuple[Way, F8]]
    seed: int


def forecast(
    agreement: Agreement,
    doses: Any,
    assessments: Any,
    curve: Any,
    *,
    as_of: date,
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
    those to come, and settles that future by the agreement's own terms. Terms that rest on all patients together,
    and those that ask for a failure of which no curve is given, are left out and named.

    Parameters
    ----------
    agreement, doses, assessments, as_of
        As in `settle`; doses need ``record_id``.
    curve
        Of failure: Kaplan-Meier or a fitted family, or one for each term by its id (terms with the same failures
        share the one that looks furthest ahead; a patient has one fate under all). Where it ends nobody fails any more.
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
    found = ways(_judging(agreement), curve, event)
    kept, left_out = _alone(agreement, {name for way in found for name in way.terms})
    ends = _ends(as_of, agreement.settlement.every, periods)
    given, seen = read_people(doses), read_people(assessments)
    now = settle(kept, given, seen, as_of=as_of)
    people = followed(now, given, found, dosed=dosing is not None)
    drawn = [(way, _curves(way.curve, people, ends[-1], simulations, seed)) for way in found]
    known = given.select(*DOSE).filter(pl.col("administered_on") <= as_of)
    sights = seen.select(*SIGHT).filter(pl.col("assessed_on") <= as_of)
    ahead = _Ahead(kept, known, sights, people, as_of, ends[-1], dosing, new_patients / _days(ends, as_of), drawn, seed)
    mine = now.lines.join(people, on="person_id", how="semi")
    paid = dict(mine.group_by("period").agg(pl.col("amount").sum()).rows())
    labels = [period_of(end, agreement.settlement.every) for end in ends]
    draws = pl.concat([_settled(ahead, block, labels, paid) for block in _blocks(simulations, people.height)])
    return Forecast(agreement, as_of, draws, labels, left_out, people.height, conf_level, seed)


def _judging(agreement: Agreement) -> list[Asked]:
    if not (found := asked(agreement)):
        raise DefinitionError("the agreement has no term that judges patients: nothing of it can be foreseen")
    return found


def _alone(agreement: Agreement, foreseen: Collection[str]) -> tuple[Agreement, tuple[str, ...]]:
    """Return the agreement with the terms that look at one patient only, and the ids of the others."""
    kept = tuple(
        term
        for term in agreement.terms
        if isinstance(term, ALONE) and (term.id in foreseen or not isinstance(term, Asked))
    )
    if not foreseen:
        raise DefinitionError("no term asks for the failure of which a curve is given: name it by event")
    left_out = tuple(term.id for term in agreement.terms if term not in kept)
    return agreement.model_copy(update={"terms": kept}), left_out


def _ends(as_of: date, every: str, periods: int) -> list[date]:
    ends = [period_end(as_of, every)]
    while len(ends) < periods:
        ends.append(period_end(ends[-1] + timedelta(days=1), every))
    return ends


def _days(ends: list[date], as_of: date) -> float:
    """Return the mean length of a whole period in days."""
    return (ends[-1] - ends[0]).days / (len(ends) - 1) if len(ends) > 1 else (ends[0] - as_of).days or 1.0


def _curves(curve: Any, people: pl.DataFrame, until: date, n: int, seed: int) -> F8:
    """Return draws of survival on the days from 0 to the last one known that matters."""
    chance = chances(curve)
    if isinstance(chance, OfCox) or (isinstance(chance, OfIncidence) and chance.n_event.shape[1] > 1):
        raise DefinitionError("a forecast takes one survival curve: Kaplan-Meier or a fitted family")
    longest = max((until - first).days for first in people["first"])
    days = np.arange(chance.known(longest) + 1)
    return np.asarray(1 - chance.drawn(np.zeros(days.size, np.int64), days, n, seed), np.float64)


def _blocks(simulations: int, patients: int) -> Iterator[range]:
    size = max(1, ROWS // max(patients, 1))
    return (range(first, min(first + size, simulations)) for first in range(0, simulations, size))


def _settled(ahead: _Ahead, block: range, labels: list[str], paid: dict[str, Decimal]) -> pl.DataFrame:
    """Return payback by simulation and period of futures that are settled together: all, and of new patients."""
    parts = [_future(ahead, simulation) for simulation in block]
    doses, sights, old = (pl.concat([part[k] for part in parts]) for k in range(3))
    lines = settle(ahead.agreement, doses, sights, as_of=ahead.until).lines
    lines = lines.join(old, on="person_id", how="left").with_columns(pl.col("amount").cast(pl.Float64))
    lines = lines.with_columns(simulation=pl.col("person_id") // _stride(ahead))
    sums = lines.group_by("simulation", "period").agg(
        payback=pl.col("amount").sum(), from_new=pl.col("amount").filter(~pl.col("old").fill_null(value=False)).sum()
    )
    frame = pl.DataFrame({"simulation": list(block)}).join(pl.DataFrame({"period": labels}), how="cross")
    before = {period: float(amount) for period, amount in paid.items()}
    found = frame.join(sums, on=["simulation", "period"], how="left").fill_null(0.0)
    return found.with_columns(
        payback=pl.col("payback") - pl.col("period").replace_strict(before, default=0.0, return_dtype=pl.Float64)
    )


def _stride(ahead: _Ahead) -> int:
    return ahead.people.height + 1_000_000


def _future(ahead: _Ahead, simulation: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return doses, assessments and who is there already of one simulated future; ids tell simulations apart."""
    rng = np.random.default_rng([ahead.seed, simulation])
    first = simulation * _stride(ahead)
    ids = ahead.people.select("person_id").unique(maintain_order=True)
    ids = ids.with_columns(new=pl.int_range(pl.len(), dtype=pl.Int64) + first)
    flags = [way.event for way, _ in ahead.ways]
    old = ahead.people.join(ids, on="person_id").select("first", "after", "treated", *flags, person_id="new")
    people = pl.concat([old, _arrived(ahead, rng, first + ids.height)])
    fate = rng.random(people.height)
    failing = [_failing(people, way, curves[simulation], fate) for way, curves in ahead.ways]
    treated = people.with_columns(fails=pl.min_horizontal([one["fails"] for one in failing])).filter("treated")
    known = ahead.doses.join(ids, on="person_id").select(
        "administered_on", "units", person_id="new", record_id=pl.format("{} {}", pl.lit(simulation), "record_id")
    )
    doses = [known.select(DOSE).with_columns(pl.col("units").cast(pl.String))]
    if ahead.dosing is not None:
        doses.append(doses_of(treated, ahead.dosing).filter(pl.col("administered_on") <= ahead.until))
    told = ahead.assessments.join(ids, on="person_id").select("assessed_on", "outcome", person_id="new").select(SIGHT)
    coming = [_seen(ahead, way, one) for (way, _), one in zip(ahead.ways, failing, strict=True)]
    return pl.concat(doses), pl.concat([told, *coming]), old.select("person_id", old=pl.lit(value=True))


def _failing(people: pl.DataFrame, way: Way, survival: F8, fate: F8) -> pl.DataFrame:
    """Return the day of failure of each patient; infinity for who cannot fail in this way any more."""
    fails = fails_by(survival, people["after"].clip(0).to_numpy(), fate)
    may = people[way.event].to_numpy()
    return people.with_columns(pl.Series("fails", np.where(may, fails, np.inf)), delay=pl.lit(0, pl.Int64))


def _seen(ahead: _Ahead, way: Way, failing: pl.DataFrame) -> pl.DataFrame:
    """Return what the assessments to come of a way's terms say of those who may still fail in it."""
    terms = tuple(term for term in ahead.agreement.terms if term.id in way.terms)
    asking = ahead.agreement.model_copy(update={"terms": terms})
    return assessments_of(failing.filter(way.event), asking, way.event, ahead.until)


def _arrived(ahead: _Ahead, rng: np.random.Generator, first: int) -> pl.DataFrame:
    """Return the patients who begin after the day of the settlement, evenly over the periods ahead."""
    days = (ahead.until - ahead.as_of).days
    n = int(rng.poisson(ahead.arrivals * days))
    begin = pl.Series("day", rng.integers(1, days + 1, n) if n else [], dtype=pl.Int64)
    frame = pl.DataFrame({"day": begin}).with_columns(
        first=pl.lit(ahead.as_of) + pl.duration(days="day"), person_id=pl.int_range(pl.len(), dtype=pl.Int64) + first
    )
    may = [pl.lit(value=True).alias(way.event) for way, _ in ahead.ways]
    return frame.select(
        "first", pl.lit(-1, pl.Int64).alias("after"), pl.lit(value=True).alias("treated"), *may, "person_id"
    )
