# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Entries: the clean records as rows that somebody typed, each with its key, its patient's number, and when it was.

What is wrong with records is put in here, between the truth and the tables of the hospitals. A column ``<name>_text``
holds what stands in a cell letter by letter, where that is not what the hospital would write.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from synthetic.network.chance import Chance
from synthetic.network.registries import ABROAD
from synthetic.network.world import PLANTED

HOSPITAL_ENTRIES = ("patients", "stays", "diagnoses", "drugs", "labs", "assessments")
ENTRIES = (*HOSPITAL_ENTRIES, "registry", "claims", "insured")
_MOST = 4_096  # rows of a person in one table at most
_IDENTITY = ("national_no", "given_name", "family_name", "sex", "born")
_INSURED_FROM = pl.date(2010, 1, 1)
_DAY = pl.Datetime("us", "UTC")


def entries(seed: int, persons: pl.DataFrame, records: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return what the hospitals, the death registry and the insurance fund hold of some persons.

    Parameters
    ----------
    seed
        Of the network.
    persons, records
        As `synthetic.network.blocks` gives them.

    Returns
    -------
    dict
        The tables of `ENTRIES`. All have ``record`` (the key of a row, unlike any other of its table), ``person`` (the
        truth, which nobody writes), ``modified`` (when the row was written) and ``synthetic``; those of hospitals
        ``hospital`` and ``patient_no``, by which it knows the person.
    """
    ends = records["stays"].select("stay", "end")
    known = _patients(persons, records)
    number = known.select("person", "hospital", "patient_no")
    parts = {
        "stays": records["stays"].with_columns(modified=_after("end", 2)),
        "diagnoses": records["diagnoses"].join(ends, on="stay", maintain_order="left").with_columns(modified="end"),
        "drugs": records["drugs"].join(ends, on="stay", maintain_order="left").with_columns(modified="end"),
        "labs": records["labs"].with_columns(modified=_after("moment", 3)),
        "assessments": records["assessments"].with_columns(modified=_evening("day")),
    }
    mine = {
        name: _keyed(table.drop("end") if name in ("diagnoses", "drugs") else table).join(
            number, on=["person", "hospital"], maintain_order="left"
        )
        for name, table in parts.items()
    }
    return {"patients": known, **mine, **_elsewhere(seed, persons, records)}


def _patients(persons: pl.DataFrame, records: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return each person as each hospital that saw them has them, with the death in one of its beds."""
    first = records["stays"].group_by("person", "hospital", maintain_order=True).agg(modified=pl.col("start").min())
    fatal = (
        records["stays"].filter(pl.col("outcome") == "died").select("person", "hospital", died=pl.col("end").dt.date())
    )
    rows = first.join(persons.select("person", *_IDENTITY), on="person", maintain_order="left").join(
        fatal, on=["person", "hospital"], how="left", maintain_order="left"
    )
    number = pl.concat_str("hospital", pl.lit("-"), (pl.col("person") * 61_813 + 29_401).cast(pl.String).str.zfill(7))
    return _keyed(rows.sort("person", "hospital").with_columns(patient_no=number, synthetic=True))


def _elsewhere(seed: int, persons: pl.DataFrame, records: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    who = persons.select("person", *_IDENTITY)
    dead = records["deaths"].filter(pl.col("source") == "registry").select("person", died="day", synthetic="synthetic")
    lag = pl.Series(Chance(seed, dead["person"].to_numpy()).below("registered after", 60))
    told = _evening("died") + pl.duration(days=pl.lit(lag))
    registry = dead.with_columns(modified=told).join(who, on="person", maintain_order="left")
    claims = records["claims"].join(who.select("person", "national_no"), on="person", maintain_order="left")
    return {
        "registry": _keyed(registry),
        "claims": _keyed(claims.with_columns(modified=_evening("day"))),
        "insured": _keyed(_insured(who, records)),
    }


def _insured(who: pl.DataFrame, records: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return since when and until when each person is insured and why no longer, and the last day known alive."""
    seen = records["stays"].select("person").unique(maintain_order=True)
    died = records["deaths"].filter(pl.col("source") == "registry").select("person", died="day")
    gone = records["moves"].filter(pl.col("destination") == ABROAD).group_by("person").agg(gone=pl.col("day").min())
    rows = seen.join(who, on="person", maintain_order="left")
    for part in (died, gone):
        rows = rows.join(part, on="person", how="left", maintain_order="left")
    until = pl.coalesce("gone", "died")
    why = pl.when(pl.col("gone").is_not_null()).then(pl.lit("abroad")).when(pl.col("died").is_not_null())
    last = pl.coalesce(until, pl.lit(PLANTED.cut))
    told = rows.with_columns(
        since=pl.max_horizontal("born", _INSURED_FROM),
        until=until,
        checked=last,
        synthetic=True,
        why=why.then(pl.lit("died")),
    )
    return told.with_columns(modified=_evening("checked")).drop("died", "gone")


def _keyed(rows: pl.DataFrame) -> pl.DataFrame:
    """Number the rows of each person, which stand together."""
    person = rows["person"].to_numpy()
    place = np.arange(person.size)
    starts = np.flatnonzero(np.r_[True, person[1:] != person[:-1]]) if person.size else place
    nth = place - np.repeat(starts, np.diff(np.r_[starts, person.size])) if person.size else place
    return rows.with_columns(record=pl.Series(person * _MOST + nth, dtype=pl.Int64))


def _after(name: str, hours: int) -> pl.Expr:
    return pl.col(name) + pl.duration(hours=hours)


def _evening(day: str) -> pl.Expr:
    return pl.col(day).cast(_DAY) + pl.duration(hours=19)
