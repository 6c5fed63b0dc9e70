# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who is one person: little units in, persons and pairs to look at out; then many, some of them damaged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest

from rwe.errors import DataError
from rwe.identity import pseudonymise
from rwe.link import Linked, link, units
from rwe.link.joining import joined
from rwe.spec.source import Column
from tests.semantics.damaged import HARM, KEY, damaged, linked, scored

COLUMNS = {
    "no": Column(type="text", role="person"),
    "national": Column(type="text", role="national_id"),
    "name": Column(type="text", role="name"),
    "born": Column(type="date", role="birth_date"),
    "sex": Column(type="integer"),
}
F, M = 8532, 8507
BORN = date(1975, 3, 16)
NUMBER = "7523169263"  # of a day in 1875: it checks, and contradicts BORN
ANN = ("A", "a1", "9963161231", "Мария Зорелова", BORN, F)  # of no month, so it does not check
Row = tuple[Any, ...]


def made(*rows: Row) -> pl.DataFrame:
    """Return units of rows (site, number of the hospital, national number, name, birth date, sex)."""
    schema = {"site": pl.String, "no": pl.String, "national": pl.String, "name": pl.String}
    frame = pl.DataFrame(rows, {**schema, "born": pl.Date, "sex": pl.Int64}, orient="row").with_row_index("_key")
    frame = frame.with_columns(pl.col("_key").cast(pl.String))
    parts = frame.partition_by("site", as_dict=True, maintain_order=True)
    return pl.concat(
        units(pseudonymise(part.drop("site"), COLUMNS, KEY, f"{site}/person"), str(site))
        for (site,), part in parts.items()
    )


def other(site: str = "B", no: str = "b1", **differs: Any) -> Row:
    """Return ANN as another hospital knows her."""
    names = ("national", "name", "born", "sex")
    return (site, no, *(differs.get(name, ANN[i + 2]) for i, name in enumerate(names)))


def rule(*rows: Row) -> str:
    """Return by what rule the first two of the rows are one person, `reason: ...` where they are put to a person."""
    found = link(made(*rows))
    one, two, *_ = found.persons.sort(pl.col("_key").str.split("/").list.last())["person_id"]
    if one == two:
        return str(found.persons["rule"][0])
    return f"reason: {found.review['reason'][0]}" if found.review.height else "apart"


def pairs(rows: Sequence[Row]) -> Linked:
    return link(made(*rows))


@pytest.mark.parametrize(
    ("differs", "how"),
    [
        ({}, "same_number"),
        ({"name": "Мария Вендарова"}, "same_number"),  # married
        ({"name": None, "born": None}, "same_number"),
        ({"name": "Стефка Огнарова", "sex": None}, "same_number"),  # one number and one birthday
        ({"born": date(1975, 3, 17)}, "same_number"),
        ({"born": date(1975, 3, 17), "name": "Мария Вендарова"}, "reason: one_number_two_people"),
        ({"born": date(2005, 8, 1), "name": "Бебе Зорелова"}, "reason: one_number_two_people"),  # her new-born
        ({"born": date(2005, 8, 1)}, "reason: one_number_two_people"),
        (
            {"name": "Борислав Чудоров", "sex": M, "born": date(1950, 1, 2)},
            "reason: one_number_two_people",
        ),  # used again
        ({"national": "9963161331"}, "weighed"),  # one digit
        ({"national": "9963162131"}, "weighed"),  # two swapped
        ({"national": "9963161239"}, "weighed"),
        ({"national": "9963161331", "name": "Мария Зорелава"}, "weighed"),
        ({"national": "9963161331", "name": "Радка Зорелова"}, "reason: names_differ"),
        ({"national": None}, "weighed"),
        ({"national": None, "name": "MARIA ZORELOVA"}, "weighed"),
        ({"national": None, "name": "Мaрия Зoрелова"}, "weighed"),  # two Latin letters among them
        ({"national": None, "name": "Мария Зорелва"}, "weighed"),
        ({"national": None, "name": "Мария Вендарова"}, "reason: names_differ"),
        ({"national": None, "born": date(1975, 8, 20)}, "apart"),
        ({"national": None, "sex": M}, "reason: sexes_differ"),
        ({"national": None, "name": None}, "apart"),
        ({"national": "9963169876"}, "reason: numbers_differ"),  # a twin of the same name, or a person with two numbers
        ({"national": "9963169876", "name": "Радка Зорелова"}, "apart"),  # a twin
        ({"national": "0012345678", "name": "Мария Вендарова", "born": date(1960, 1, 1)}, "apart"),
    ],
)
def test_what_makes_two_rows_one_person(differs: dict[str, Any], how: str) -> None:
    assert rule(ANN, other(**differs)) == how


def test_two_numbers_that_both_check_are_two_people_however_alike() -> None:
    twins = [
        ("A", "a1", "7523169263", "Мария Зорелова", date(1875, 3, 16), F),
        ("B", "b1", "7523169242", "Мария Зорелова", date(1875, 3, 16), F),
    ]
    slip = ("B", "b1", "7523169260", "Мария Зорелова", date(1875, 3, 16), F)

    assert rule(*twins) == "reason: numbers_differ"
    assert rule(twins[0], slip) == "weighed"


def test_a_new_born_under_the_number_of_the_mother_is_a_person_and_she_keeps_the_number() -> None:
    baby = ("B", "b2", ANN[2], "Бебе Зорелова", date(2005, 8, 1), F)

    found = pairs([ANN, other(), baby])

    hers = made(ANN)["national_token"].item()
    assert found.persons["person_id"].to_list() == [int(hers[:15], 16)] * 2 + [found.persons["person_id"][2]]
    assert found.persons["person_id"].n_unique() == 2


def test_a_number_belongs_to_the_person_whose_birth_date_it_tells() -> None:
    mother = ("A", "a1", NUMBER, "Мария Зорелова", date(1875, 3, 16), F)
    babies = [("B", f"b{i}", NUMBER, "Бебе Зорелова", date(1905, 8, 1), F) for i in range(2)]

    found = pairs([mother, *babies])

    hers = int(made(mother)["national_token"].item()[:15], 16)
    assert found.persons.filter(person_id=hers)["_key"].to_list() == ["A/0"]


def test_a_number_of_two_who_have_an_equal_claim_is_nobodys() -> None:
    one, two = ANN, other(born=date(2005, 8, 1), name="Бебе Зорелова")

    found = pairs([one, two])

    own = [int(token[:15], 16) for token in made(one, two)["person_token"]]
    assert found.persons["person_id"].to_list() == own


def test_a_unit_that_may_as_well_be_another_person_joins_neither() -> None:
    namesake = ("C", "c1", "9963167777", ANN[3], BORN, F)

    found = pairs([ANN, namesake, other(national=None)])

    assert found.persons["person_id"].n_unique() == 3
    assert set(found.review["reason"]) == {"two_candidates", "numbers_differ"}


def test_slips_of_one_number_meet_through_it() -> None:
    found = pairs([ANN, other(national="9963161331"), other("C", "c1", national="9963711231")])

    assert found.persons["person_id"].n_unique() == 1


@pytest.mark.parametrize(("second", "persons"), [("missing", 2), ("close", 1)])
def test_numbers_that_one_hospital_holds_apart_are_two(second: str, persons: int) -> None:
    people = pl.DataFrame({"national": [11, 11, 12], "site": ["north", "fund", "fund"]})
    rows = [
        (0, 1, "same", "missing", 1.0, "same_number", None),
        (0, 2, "near", "missing", 0.995, "weighed", None),  # the fund knows no names
        (1, 2, "near", second, 0.9, None, "unsure"),
    ]
    schema = ("i", "j", "number", "names", "probability", "rule", "reason")
    found = pl.DataFrame(rows, schema, orient="row").with_columns(pl.col("i", "j").cast(pl.UInt32))
    looked_at = found.with_columns(birth=pl.lit("same"), own=pl.lit(value=False))

    told, roots = joined(looked_at, people, ["a", "b", "c"], [])

    assert len(set(roots)) == persons
    reason = told.filter(pl.col("i") == 0, pl.col("j") == 2)["reason"].item()
    assert reason == ("would_join_two_people" if persons > 1 else None)


def test_foreigners_numbers_link_like_others() -> None:
    ann = ("A", "a1", "7111042925", "Anna Müller", BORN, F)

    assert rule(ann, other(national="7111042925", name="Ана Мюллер")) == "same_number"


def test_one_number_of_a_hospital_is_one_person_unless_something_speaks_against_it() -> None:
    again = ("A", "a1", None, None, BORN, F)

    assert rule(("A", "a1", None, None, BORN, F), again) == "hospital_number"
    assert rule(ANN, ("A", "a1", "9963169876", "Радка Зорелова", BORN, F)) == "reason: one_hospital_number_two_people"


def test_the_order_of_the_rows_and_what_else_is_there_changes_no_id() -> None:
    rows = [ANN, other(), other("C", "c1", national="9963161331"), ("C", "c2", None, None, BORN, M)]

    ids = [link(frame).persons for frame in (made(*rows), made(*rows).reverse())]

    assert ids[0].equals(ids[1])
    assert link(made(*rows[:3])).persons.equals(ids[0].head(3))


def test_no_units_are_no_persons() -> None:
    found = link(made(ANN).clear())

    assert (found.persons.height, found.review.height, found.counts["persons"]) == (0, 0, 0)


def test_tokens_must_be_tokens() -> None:
    with pytest.raises(DataError, match="1 person tokens are not hexadecimal") as caught:
        link(made(ANN).with_columns(national_token=pl.lit("9999999999x"), person_token=pl.lit("9999999999x")))

    assert "9999999999" not in str(caught.value)


def test_the_same_persons_are_found_with_some_damage() -> None:
    there = damaged(1, 500)

    score = scored(there, linked(there))

    assert score.wrong == 0
    assert score.recall >= 0.98


@pytest.mark.ci
def test_precision_and_recall_over_seeds() -> None:
    scores, planted = [], 0
    for seed in range(10, 18):
        there = damaged(seed, 2_000)
        assert set(there.planted) == set(HARM)
        planted += there.planted.total()
        scores.append(scored(there, linked(there)))

    right, wrong, missed = (sum(getattr(s, name) for s in scores) for name in ("right", "wrong", "missed"))
    assert planted > 3_000
    assert right / (right + wrong) >= 0.999
    assert right / (right + missed) >= 0.98
    assert all(score.recall >= 0.98 for score in scores)


@pytest.mark.ci
def test_a_common_token_does_not_make_a_block() -> None:
    crowd = [("A", f"a{i}", None, "Мария Зорелова", BORN, F) for i in range(300)]

    found = pairs(crowd)

    assert found.passed_over > 0
    assert found.persons["person_id"].n_unique() == 300
