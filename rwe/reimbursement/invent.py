# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Patients who are not there yet: doses and assessments that follow from a first dose and a day of failure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from rwe.kernels._jit import F8, I8
from rwe.spec.agreement import Agreement, JudgedTerm
from rwe.spec.agreement_patient import Instalments
from rwe.spec.design import Dosing

DOSE, SIGHT = ("person_id", "administered_on", "units", "record_id"), ("person_id", "assessed_on", "outcome")
FREE = "response"  # what every condition of a term takes for free of failure


def doses_of(people: pl.DataFrame, dosing: Dosing) -> pl.DataFrame:
    """Return the doses of patients, in cycles from the first until failure or the last that is planned.

    Parameters
    ----------
    people
        ``person_id``, ``first`` (date), ``fails`` (days after it), ``after`` (only doses after this day of the course
        are made; -1 for all).
    """
    cycles = pl.DataFrame({"day": np.arange(dosing.doses, dtype=np.int64) * dosing.every_days})
    rows = people.join(cycles, how="cross").filter(
        pl.col("day") > pl.col("after"), (pl.col("day") < pl.col("fails")) | (pl.col("day") == 0)
    )
    return rows.select(
        "person_id",
        administered_on=pl.col("first") + pl.duration(days="day"),
        units=pl.lit(str(dosing.units)),
        record_id=pl.format("to come {}:{}", "person_id", "day"),
    )


def assessments_of(people: pl.DataFrame, agreement: Agreement, event: str, until: date) -> pl.DataFrame:
    """Return the failure of each patient, and of those free of it what the assessments of the terms say.

    Parameters
    ----------
    people
        ``person_id``, ``first``, ``fails``, ``after`` (nothing is said of earlier days), ``delay`` (days by which
        what happens is seen late).
    """
    seen = pl.col("fails").ceil().clip(upper_bound=1e8).cast(pl.Int64) + pl.col("delay")
    failed = people.filter(pl.col("fails").is_finite()).select("person_id", "first", day=seen, outcome=pl.lit(event))
    parts = [failed, *(_free(people, day) for term in agreement.terms for day in _assessed(term))]
    rows = pl.concat(parts).filter(pl.col("day") <= (pl.lit(until) - pl.col("first")).dt.total_days())
    dated = rows.select("person_id", assessed_on=pl.col("first") + pl.duration(days="day"), outcome="outcome")
    return dated.unique().sort(SIGHT)


def _assessed(term: Any) -> Iterator[int]:
    """Yield the days on which a term asks for an assessment."""
    if isinstance(term, JudgedTerm):
        yield term.assess_day
    elif isinstance(term, Instalments):
        yield from (part.day for part in term.parts if part.if_ == "response")


def _free(people: pl.DataFrame, assess_day: int) -> pl.DataFrame:
    """Return that a patient is free of failure on the day of the assessment, or as soon after it as he is seen."""
    day = pl.max_horizontal(pl.lit(assess_day, pl.Int64), pl.col("after") + 1) + pl.col("delay")
    rows = people.with_columns(day=day).filter(pl.col("day") < pl.col("fails"))
    return rows.select("person_id", "first", "day", outcome=pl.lit(FREE))


def fails_by(survival: F8, since: I8, fate: F8) -> F8:
    """Return the day on which each patient fails: the first on which the curve reaches his fate; else infinity.

    Parameters
    ----------
    survival
        S on the days from 0, of one curve.
    since
        Day up to which each is known free of failure.
    fate
        Uniform number of each.
    """
    target = survival[np.minimum(since, survival.size - 1)] * (1 - fate)
    day = np.searchsorted(-survival, -target)
    return np.where(day < survival.size, np.maximum(day, since + 1), np.inf)
