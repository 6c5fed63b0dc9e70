# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Patients of the invented network as four hospitals write them down: the same persons, some of it damaged."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import date
from itertools import combinations

import numpy as np
import polars as pl

from rwe.identity import pseudonymise
from rwe.link import link, units
from rwe.link.persons import Linked
from rwe.spec.source import Column
from synthetic.network.persons import persons

KEY = bytes(range(32))
SITES = ("A", "B", "C", "D")
COLUMNS = {
    "no": Column(type="text", role="person"),
    "national": Column(type="text", role="national_id"),
    "given": Column(type="text", role="name"),
    "family": Column(type="text", role="name"),
    "born": Column(type="date", role="birth_date"),
    "sex": Column(type="integer"),
}
LETTERS = "абвгдежзийклмнопрстуфхцчшщъьюя"
Row = dict[str, object]


@dataclass(frozen=True)
class Damaged:
    """Rows by hospital with ``person`` (the truth) and ``identified`` (a token left that is of this person alone)."""

    rows: pl.DataFrame
    planted: Counter[str]

    def units(self) -> pl.DataFrame:
        made = [
            units(
                pseudonymise(part.drop("site", "person", "identified", "harm"), COLUMNS, KEY, f"{site}/person"),
                str(site),
            )
            for (site,), part in self.rows.partition_by("site", as_dict=True, maintain_order=True).items()
        ]
        return pl.concat(made)


def damaged(seed: int, n: int, share: float = 0.15) -> Damaged:
    """Write `n` persons down; a third in several hospitals, a `share` of rows with one of `HARM` done to it."""
    chance, planted = random.Random(seed), Counter[str]()
    people = list(persons(seed, np.arange(n)).iter_rows(named=True))
    rows: list[Row] = []
    for truth in people:
        for site in chance.sample(SITES, chance.choices((1, 2, 3, 4), (67, 24, 6, 3))[0]):
            row = _written(truth, site, len(rows))
            if chance.random() < share:
                name = chance.choice(list(HARM))
                HARM[name](row, chance, people)
                planted[name] += 1
                row["harm"] = name
            rows.append(row)
    schema = {"born": pl.Date(), "sex": pl.Int64(), "person": pl.Int64(), "identified": pl.Boolean()}
    return Damaged(pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None), planted)


def _written(truth: dict[str, object], site: str, number: int) -> Row:
    return {
        "_key": str(number),
        "site": site,
        "no": f"{site}{number}",
        "national": truth["national_no"],
        "given": truth["given_name"],
        "family": truth["family_name"],
        "born": truth["born"],
        "sex": {"F": 8532, "M": 8507}[str(truth["sex"])],
        "person": truth["person"],
        "identified": True,
        "harm": "",
    }


def _one_digit(row: Row, chance: random.Random, _: object) -> None:
    text, place = str(row["national"]), chance.randrange(10)
    other = chance.choice([d for d in "0123456789" if d != text[place]])
    row["national"] = text[:place] + other + text[place + 1 :]


def _swapped(row: Row, chance: random.Random, _: object) -> None:
    text = str(row["national"])
    places = [i for i in range(9) if text[i] != text[i + 1]]
    i = chance.choice(places)
    row["national"] = text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def _no_number(row: Row, *_: object) -> None:
    row["national"] = None


def _no_number_and_a_letter(row: Row, chance: random.Random, people: object) -> None:
    _no_number(row)
    _letter(row, chance, people)
    row["identified"] = False


def _nothing(row: Row, *_: object) -> None:
    row.update(national="", given=None, family=" ", identified=False)


def _letter(row: Row, chance: random.Random, _: object) -> None:
    name = str(row["family"])
    i = chance.randrange(1, len(name))
    what = chance.choice(("wrong", "missing", "double"))
    put = {"wrong": chance.choice(LETTERS), "missing": "", "double": name[i] * 2}[what]
    row["family"] = name[:i] + put + name[i + 1 :]


def _latin(row: Row, *_: object) -> None:
    table = str.maketrans({"Х": "X", "а": "a", "е": "e", "о": "o", "р": "p", "с": "c"})
    row.update(given=str(row["given"]).translate(table), family=str(row["family"]).upper().translate(table))


def _married(row: Row, *_: object) -> None:
    row["family"] = "Новопетрова"


def _birthday(row: Row, chance: random.Random, _: object) -> None:
    born = row["born"]
    assert isinstance(born, date)
    row["born"] = born.replace(day=chance.choice([d for d in range(1, 29) if d != born.day]))


def _of_the_mother(row: Row, chance: random.Random, people: list[dict[str, object]]) -> None:
    """A new-born under the number of the mother, who is somebody here; the child's own number is not yet known."""
    born = date(2023, chance.randint(1, 12), chance.randint(1, 28))
    row.update(national=chance.choice(people)["national_no"], given="Бебе", born=born, identified=False)


def _of_another(row: Row, chance: random.Random, people: list[dict[str, object]]) -> None:
    """The number of somebody else, read from the wrong card."""
    row.update(national=chance.choice(people)["national_no"], identified=False)


HARM = {
    "one digit": _one_digit,
    "two digits swapped": _swapped,
    "no number": _no_number,
    "no number and a letter": _no_number_and_a_letter,
    "a letter": _letter,
    "other alphabet": _latin,
    "married": _married,
    "birthday": _birthday,
    "nothing but the birthday": _nothing,
    "new-born": _of_the_mother,
    "another's number": _of_another,
}


@dataclass(frozen=True)
class Score:
    """Pairs of rows that are one person: found of those there, and there of those found; apart the unidentified."""

    right: int
    wrong: int
    missed: int
    missed_unidentified: int

    @property
    def precision(self) -> float:
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.right + self.missed, 1)


def scored(made: Damaged, linked: Linked) -> Score:
    rows = made.rows.with_columns(_key=pl.concat_str("site", pl.lit("/"), "_key")).join(linked.persons, on="_key")
    true, found, known = pairs(rows, "person"), pairs(rows, "person_id"), set(rows.filter("identified")["_key"])
    missed = true - found
    told = {pair for pair in missed if pair[0] in known and pair[1] in known}
    return Score(len(true & found), len(found - true), len(told), len(missed) - len(told))


def pairs(rows: pl.DataFrame, by: str) -> set[tuple[str, str]]:
    groups = rows.sort("_key").group_by(by, maintain_order=True).agg("_key")["_key"]
    return {pair for keys in groups for pair in combinations(keys, 2)}


def linked(made: Damaged) -> Linked:
    return link(made.units())
