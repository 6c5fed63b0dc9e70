# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The persons: birth, sex, names nobody chose, numbers that cannot be anyone's, and twins."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthetic.network.chance import I8, Chance
from synthetic.network.diseases import DISEASES
from synthetic.network.world import PLANTED
from synthetic.people import ENDINGS, GIVEN, IMPOSSIBLE_MONTH, MEN, MEN_ENDINGS, STEMS

MOST = 3_650_000  # then each birthday of each year has borne each serial number once
_SERIALS = 10_000
_FOREIGN = (21, 19, 17, 13, 11, 9, 7, 3, 1)
_FOREIGN_FROM, _FOREIGN_PRIME = 900_000_000, 99_999_989  # nobody is born in a year 90 to 99: no national number there


def family(seed: int, person: I8) -> I8:
    """Return whose birth and name a person has: the second of twins those of the first, who is the number before."""
    twin = Chance(seed, person).happens("twin", 2 * PLANTED.twins) & (person % 2 == 1)
    return np.asarray(person - twin)


def disease(seed: int, person: I8) -> I8:
    """Return the place of each person's disease in `DISEASES`; twins share it."""
    return Chance(seed, family(seed, person)).one_of("disease", [one.share for one in DISEASES])


def first_treated(seed: int, person: I8) -> NDArray[np.datetime64]:
    """Return the day on which each person is first treated for the disease."""
    first, last = np.datetime64(PLANTED.first_day), np.datetime64(PLANTED.last_day)
    days = int((last - first).astype(int)) + 1
    return np.asarray(first + Chance(seed, person).below("first treated", days).astype("timedelta64[D]"))


def persons(seed: int, person: I8) -> pl.DataFrame:
    """Return the persons of these numbers.

    Parameters
    ----------
    seed
        Of the network.
    person
        Numbers from 0 to `MOST` - 1, none twice.

    Returns
    -------
    polars.DataFrame
        person, given_name, family_name, sex (F, M), born, national_no, foreigner, twin_of (null for most).
    """
    mine, kin = Chance(seed, person), family(seed, person)
    born = pl.Series(_born(seed, person))
    man = mine.uniform("sex") >= np.array([one.women for one in DISEASES])[disease(seed, person)]
    foreigner = mine.happens("foreigner", PLANTED.foreigners)
    stem = pl.Series(STEMS).gather(Chance(seed, kin).below("stem", len(STEMS)))
    return pl.DataFrame(
        {
            "person": person,
            "given_name": _worded(mine, "given name", man, MEN, GIVEN),
            "family_name": stem + _worded(Chance(seed, kin), "ending", man, MEN_ENDINGS, ENDINGS),
            "sex": np.where(man, "M", "F"),
            "born": born,
            "national_no": _either(foreigner, _foreign(person), _national(born, person)),
            "foreigner": foreigner,
        }
    ).with_columns(pl.when(pl.Series(kin != person)).then(pl.Series(kin)).alias("twin_of"))


def _born(seed: int, person: I8) -> NDArray[np.datetime64]:
    """Return birthdays such that no two persons of one serial number have the same one."""
    kin = family(seed, person)
    mean, spread, least, most = np.array([one.age for one in DISEASES])[disease(seed, person)].T
    age = np.clip(mean + spread * Chance(seed, kin).normal("age"), least, most)
    year = first_treated(seed, kin).astype("datetime64[Y]") - np.round(age).astype("timedelta64[Y]")
    pair = person % _SERIALS // 2
    day = (person // _SERIALS * 131 + pair * 89) % 365  # 131 and 365 share no factor
    return np.asarray(year.astype("datetime64[D]") + day.astype("timedelta64[D]"))


def _worded(
    chance: Chance, what: str, man: NDArray[np.bool_], men: tuple[str, ...], women: tuple[str, ...]
) -> pl.Series:
    his, hers = (pl.Series(words).gather(chance.below(what, len(words))) for words in (men, women))
    return _either(man, his, hers)


def _national(born: pl.Series, person: I8) -> pl.Series:
    """Return ten digits in the shape of a national number, with a month that no calendar has."""
    year, month, day = (part.cast(pl.Int64) for part in (born.dt.year(), born.dt.month(), born.dt.day()))
    serial = pl.Series((person * 7_919 + 13) % _SERIALS)
    return _ten(year % 100 * 10**8 + (month + IMPOSSIBLE_MONTH) * 10**6 + day * 10**4 + serial)


def _foreign(person: I8) -> pl.Series:
    """Return numbers of foreigners: nine digits and the check digit; they have no part that could be impossible."""
    nine = _FOREIGN_FROM + (person * 61_813 + 29_401) % _FOREIGN_PRIME
    check = sum(weight * (nine // 10 ** (8 - place) % 10) for place, weight in enumerate(_FOREIGN)) % 10
    return _ten(pl.Series(nine * 10 + check))


def _ten(number: pl.Series) -> pl.Series:
    return number.cast(pl.String).str.zfill(10)


def _either(which: NDArray[np.bool_], one: pl.Series, other: pl.Series) -> pl.Series:
    return pl.select(pl.when(pl.Series(which)).then(one).otherwise(other)).to_series()
