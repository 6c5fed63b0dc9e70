# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of an invented hospital, any number of them by a seed: each row is a function of its own number.

Row `i` of a table is the same whatever stretch of the table is asked for, so rows can be written in pieces of
any size, and a test can tell what row 7,000,001 must be without the rows before it. A national number has a
valid check digit and agrees with the birth date and sex of its patient; as random digits, it says nothing of
anyone who may bear it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rwe.spec.source import Column, Source, Stream
from synthetic.people import ENDINGS, GIVEN, MEN, MEN_ENDINGS, STEMS

PEOPLE = 1000
_START = datetime(2012, 1, 1)
_BORN = date(1931, 1, 1)
_BIRTHDAYS = 27_397  # prime: 75 years, so that each patient of a stretch this long has a birthday of their own
_NUMBERS = 99_999_989  # prime: numbers of patients are a permutation of what is below it
_TIED = 3
_WEIGHTS = (2, 4, 8, 5, 10, 9, 7, 3, 6)
_WARDS = ("Онкология", "Хематология", "Пулмология", "Хирургия № 2", "Вътрешно отделение")
_PATHWAYS = ("P240", "P241", "P248", "A06", "P094")
_OUTCOMES = ("подобрение", "без промяна", "влошаване", "починал")
_DISEASES = ("C34.1", "C34.9", "C50.4", "C50.9", "C18.7", "C61", "C90.0", "I10", "E11.9", "J44.1")
_ANALYTES = ("718-7", "6690-2", "777-3", "2160-0", "1742-6", "1975-2")
_UNITS = ("g/L", "10*9/L", "10*9/L", "umol/L", "U/L", "umol/L")
_LEVELS = (125.0, 6.5, 240.0, 80.0, 25.0, 12.0)
_MEDICINES = ("L01EB04", "L01FF02", "L01CD01", "L01XA01", "L01FD01", "L02BG03")
_NOTES = ("проба № 1", "хемолизирана; повторена", 'казва "добре"', "ред\nвтори ред", "± 5 %, «в норма»")

Draw = NDArray[np.uint64]


class _Rows:
    """A stretch of row numbers, and what chance says of each."""

    def __init__(self, first: int, n: int, seed: int, people: int) -> None:
        self.i = np.arange(first, first + n, dtype=np.uint64)
        self.seed = seed
        self.people = people

    def key(self, what: str) -> int:
        """Return 64 bits of the seed, hashed: seeds that are neighbours would else give one stream, a row apart."""
        return int.from_bytes(blake2b(f"{self.seed}/{what}".encode(), digest_size=8).digest(), "big")

    def draw(self, what: str, of: NDArray[np.uint64] | None = None) -> Draw:
        """Return 64 random bits for each row, or for each number in `of`: the finaliser of SplitMix64."""
        with np.errstate(over="ignore"):
            z = ((self.i if of is None else of) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            z += np.uint64(self.key(what))
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)

    def below(self, what: str, limit: int) -> NDArray[np.int64]:
        """Return a whole number from 0 to `limit` - 1 for each row."""
        return (self.draw(what) % np.uint64(limit)).astype(np.int64)

    def pick(self, what: str, words: tuple[str, ...]) -> pl.Series:
        """Return one of `words` for each row."""
        return pl.Series(words).gather(self.below(what, len(words)))

    def absent(self, what: str, one_in: int, values: pl.Series) -> pl.Series:
        """Return the values, null in about one row of so many."""
        return pl.select(pl.when(pl.Series(self.below(f"no {what}", one_in)) > 0).then(values)).to_series()

    def patient(self) -> NDArray[np.uint64]:
        """Return the index of the patient of each row."""
        return self.draw("patient") % np.uint64(self.people)

    def written(self) -> pl.Series:
        """Return when each row was written: growing, some rows at the same instant."""
        return _instants((self.i // np.uint64(_TIED)).astype(np.int64) * 97)

    def day(self, what: str, back: int) -> pl.Series:
        """Return a day up to `back` days before the row was written."""
        return self.written().dt.date() - pl.Series(self.below(what, back)).cast(pl.Duration("ms")) * 86_400_000


def _instants(seconds: NDArray[np.int64]) -> pl.Series:
    since = np.datetime64(_START, "us") + seconds.astype("timedelta64[s]").astype("timedelta64[us]")
    return pl.Series(since).dt.replace_time_zone("UTC")


def _number(patient: NDArray[np.uint64]) -> pl.Series:
    permuted = (patient * np.uint64(61_813) + np.uint64(29_401)) % np.uint64(_NUMBERS)
    return "P" + pl.Series(permuted).cast(pl.String).str.zfill(8)


def _national(born: pl.Series, serial: NDArray[np.int64], male: NDArray[np.bool_]) -> pl.Series:
    """Return ten digits: birth date, two of the serial, one that tells the sex, the check digit."""
    year, month, day = (part.cast(pl.Int64).to_numpy() for part in (born.dt.year(), born.dt.month(), born.dt.day()))
    pairs = (year % 100, month + np.where(year >= 2000, 40, 0), day, serial // 5)
    digits = [digit for pair in pairs for digit in (pair // 10, pair % 10)]
    digits.append(serial % 5 * 2 + ~male)
    check = sum(weight * digit for weight, digit in zip(_WEIGHTS, digits, strict=True)) % 11 % 10
    whole = sum(digit * 10 ** (9 - place) for place, digit in enumerate([*digits, check]))
    return pl.Series(whole).cast(pl.String).str.zfill(10)


def _patient(rows: _Rows) -> dict[str, pl.Series]:
    birthday = (rows.i * np.uint64(7_919) + np.uint64(rows.key("birthday") % _BIRTHDAYS)) % np.uint64(_BIRTHDAYS)
    born = pl.Series(np.datetime64(_BORN) + birthday.astype("timedelta64[D]"))
    shift = rows.draw("serial", of=birthday) % np.uint64(500)
    serial = ((rows.i // np.uint64(_BIRTHDAYS) * np.uint64(307) + shift) % np.uint64(500)).astype(np.int64)
    male = rows.below("sex", 2).astype(np.bool_)
    sex = pl.select(pl.when(pl.Series(male)).then(pl.lit("M")).otherwise(pl.lit("V"))).to_series()
    given = pl.select(pl.when(sex == "M").then(rows.pick("man", MEN)).otherwise(rows.pick("woman", GIVEN)))
    ending = pl.select(pl.when(sex == "M").then(rows.pick("end", MEN_ENDINGS)).otherwise(rows.pick("end", ENDINGS)))
    return {
        "patient_no": _number(rows.i),
        "national_no": _national(born, serial, male),
        "given_name": given.to_series(),
        "family_name": rows.pick("stem", STEMS) + ending.to_series(),
        "birth_date": born,
        "sex": sex,
    }


def _stay(rows: _Rows) -> dict[str, pl.Series]:
    admitted = rows.written() - pl.Series(rows.below("admitted", 30 * 86_400)).cast(pl.Duration("us")) * 1_000_000
    left = admitted.dt.date() + pl.Series(rows.below("nights", 15)).cast(pl.Duration("ms")) * 86_400_000
    return {
        "patient_no": _number(rows.patient()),
        "admitted_at": admitted,
        "discharged_on": rows.absent("discharge", 40, left),
        "ward": rows.pick("ward", _WARDS),
        "pathway": rows.pick("pathway", _PATHWAYS),
        "outcome": rows.pick("outcome", _OUTCOMES),
    }


def _diagnosis(rows: _Rows) -> dict[str, pl.Series]:
    return {
        "patient_no": _number(rows.patient()),
        "recorded_on": rows.day("recorded", 30),
        "code": rows.pick("disease", _DISEASES),
        "rank": pl.Series(rows.below("rank", 5) + 1),
    }


def _lab(rows: _Rows) -> dict[str, pl.Series]:
    which = rows.below("analyte", len(_ANALYTES))
    spread = 0.25 + rows.below("spread", 3_000) / 1_000
    value = pl.Series(np.round(np.asarray(_LEVELS)[which] * spread, 2))
    return {
        "patient_no": _number(rows.patient()),
        "taken_at": rows.written() - pl.Series(rows.below("taken", 86_400)).cast(pl.Duration("us")) * 1_000_000,
        "analyte": pl.Series(_ANALYTES).gather(which),
        "value": rows.absent("value", 50, value),
        "unit": pl.Series(_UNITS).gather(which),
        "note": rows.absent("note", 2, rows.pick("note", _NOTES)),
    }


def _dose(rows: _Rows) -> dict[str, pl.Series]:
    return {
        "patient_no": _number(rows.patient()),
        "given_on": rows.day("given", 3),
        "medicine": rows.pick("medicine", _MEDICINES),
        "amount": pl.Series(rows.below("amount", 400) * 2.5 + 10),
        "unit": rows.pick("unit", ("mg",)),
    }


_MAKERS: Mapping[str, Callable[[_Rows], dict[str, pl.Series]]] = {
    "patient": _patient,
    "stay": _stay,
    "diagnosis": _diagnosis,
    "lab": _lab,
    "dose": _dose,
}
TABLES = tuple(_MAKERS)
_PERSON = {"patient_no": Column(type="text", role="person")}


def _columns(**kinds: str) -> dict[str, Column]:
    return _PERSON | {name: Column.model_validate({"type": kind}) for name, kind in kinds.items()}


COLUMNS: Mapping[str, dict[str, Column]] = {
    "patient": _PERSON
    | {
        "national_no": Column(type="text", role="national_id"),
        "given_name": Column(type="text", role="name"),
        "family_name": Column(type="text", role="name"),
        "birth_date": Column(type="date", role="birth_date"),
        "sex": Column(type="text"),
    },
    "stay": _columns(admitted_at="timestamp", discharged_on="date", ward="text", pathway="text", outcome="text"),
    "diagnosis": _columns(recorded_on="date", code="text", rank="integer"),
    "lab": _columns(taken_at="timestamp", analyte="text", value="number", unit="text", note="text"),
    "dose": _columns(given_on="date", medicine="text", amount="number", unit="text"),
}


def rows(table: str, n: int, *, seed: int = 0, first: int = 0, people: int = PEOPLE) -> pl.DataFrame:
    """Return rows `first` to `first` + `n` of a table, in the types of `COLUMNS`.

    Parameters
    ----------
    table
        One of `TABLES`.
    n, first
        How many rows, and the number of the first, from 0.
    seed
        Another seed, another hospital.
    people
        How many patients the rows are of; the table ``patient`` has one row each, as many as are asked for.

    Returns
    -------
    pl.DataFrame
        ``row_id`` (from 1), ``modified_at`` (UTC; grows, three rows at a time are tied), then the columns.

    Examples
    --------
    >>> rows("dose", 2, first=5)["row_id"].to_list()
    [6, 7]
    """
    of = _Rows(first, n, seed, people)
    paging = {"row_id": pl.Series(of.i).cast(pl.Int64) + 1, "modified_at": of.written()}
    return pl.DataFrame(paging | _MAKERS[table](of))


def pieces(table: str, n: int, size: int, *, seed: int = 0, people: int = PEOPLE) -> Iterator[pl.DataFrame]:
    """Yield the first `n` rows of a table, `size` at a time, in the memory of one piece."""
    for first in range(0, n, size):
        yield rows(table, min(size, n - first), seed=seed, first=first, people=people)


def source(*tables: str) -> Source:
    """Return the declaration of the tables (all of them if none is named) as a SQL database holds them."""
    chosen = tables or TABLES
    streams = {name: Stream(table=name, key="row_id", cursor="modified_at", columns=COLUMNS[name]) for name in chosen}
    return Source(source="invented", streams=streams)
