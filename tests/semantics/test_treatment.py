# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Courses of treatment by hand: what each rule makes of a few exposures, and what must not change them."""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rwe.cdm import DERIVED, SITE, TABLES, Cdm
from rwe.errors import DefinitionError
from rwe.spec.base import part
from rwe.spec.treatment import Treatment
from rwe.treatment import Course, Known, treat
from tests.semantics import random_treatment
from tests.semantics.random_treatment import FIRST, Row, course

STOPPED, SWITCHED, AGAIN = 2_000_000_001, 2_000_000_002, 2_000_000_003
NOTHING = dict.fromkeys(("end", "verbatim_end", "days_supply", "quantity", "unit"))


def day(n: int) -> date:
    """Return the n-th day, from 0."""
    return FIRST + timedelta(days=n)


def rows(*given: tuple[int, int, dict[str, Any]]) -> list[Row]:
    """Return records of (concept, day, other fields)."""
    return [NOTHING | {"id": i, "concept": c, "start": day(n)} | more for i, (c, n, more) in enumerate(given)]


def taken(text: str, days: int = 1) -> list[Row]:
    """Return exposures written as ``a0 b5 a21``: medicine and day."""
    return rows(*(("abcd".index(one[0]) + 1, int(one[1:]), {"days_supply": days}) for one in text.split()))


def rules(lines: dict[str, Any] | None = None, changes: dict[str, Any] | None = None, **a: Any) -> Treatment:
    """Return rules of the medicines a, b, c, d; what is said of `a` may be said otherwise."""
    every = {n: {"concept": 100 + i, "products": {"any": {"concepts": [i + 1]}}} for i, n in enumerate("abcd")}
    every["a"] |= a
    wanted = {"of": ["a", "b", "c", "d"], "window": 28, "gap": 90} | lines if lines is not None else None
    return Treatment.model_validate({"ingredients": every, "lines": wanted, "changes": changes or {}})


def eras(found: Course) -> list[tuple[date, date, int, int]]:
    columns = ("drug_era_start_date", "drug_era_end_date", "drug_exposure_count", "gap_days")
    return found.tables["drug_era"].select(columns).rows()


def lines(found: Course) -> list[str]:
    """Return the lines as ``1 a+b 0-40``."""
    table = found.tables["episode"].drop_nulls("episode_number").sort("episode_number")
    columns = ("episode_number", "episode_source_value", "episode_start_date", "episode_end_date")
    return [
        f"{number} {said.replace(' ', '')} {(start - FIRST).days}-{(end - FIRST).days}"
        for number, said, start, end in table.select(columns).iter_rows()
    ]


def told(found: Course, about: str) -> dict[str, int]:
    return dict(found.account.filter(about=about).select("outcome", "n").iter_rows())


def test_an_era_goes_on_until_more_than_its_gap_lies_between() -> None:
    near = [(1, 0, {"days_supply": 10}), (1, 39, {"days_supply": 1})]
    far = [(1, 0, {"days_supply": 10}), (1, 40, {"days_supply": 1})]

    assert eras(course([rows(*near)], rules())) == [(day(0), day(39), 2, 29)]
    assert eras(course([rows(*far)], rules())) == [(day(0), day(9), 1, 0), (day(40), day(40), 1, 0)]
    assert eras(course([rows(*far)], rules(gap=31))) == [(day(0), day(40), 2, 30)]


def test_gap_days_are_those_that_no_exposure_covers() -> None:
    inside = [(1, 0, {"days_supply": 30}), (1, 5, {"days_supply": 5}), (1, 40, {"days_supply": 1})]

    assert eras(course([rows(*inside)], rules())) == [(day(0), day(40), 3, 10)]


def test_a_supply_is_thrown_away_unless_it_is_carried_over() -> None:
    early = [(1, 0, {"days_supply": 30}), (1, 20, {"days_supply": 30})]

    assert eras(course([rows(*early)], rules())) == [(day(0), day(49), 2, 0)]
    assert eras(course([rows(*early)], rules(carry_over=True))) == [(day(0), day(59), 2, 0)]


def test_packs_and_units_last_as_long_as_their_tablets() -> None:
    pack = {"concepts": [1], "quantity": "packs", "pack": 28.0, "daily": 2.0, "strength": 50.0}
    tablets = pack | {"quantity": "units"}

    packs = course([rows((1, 0, {"quantity": 3.0}))], rules(products={"box": pack}))
    units = course([rows((1, 0, {"quantity": 3.0}))], rules(products={"tablet": tablets}))

    assert eras(packs) == [(day(0), day(41), 1, 0)]
    assert eras(units) == [(day(0), day(1), 1, 0)]
    assert (packs.exposures["mg"].item(), units.exposures["mg"].item()) == (4200.0, 150.0)
    assert told(packs, "length") == {"quantity": 1}


def test_a_length_beyond_belief_is_passed_over() -> None:
    record = rows((1, 0, {"days_supply": 3000, "end": day(6)}))

    found = course([record], rules(most=365))

    assert (eras(found), told(found, "length")) == ([(day(0), day(6), 1, 0)], {"end": 1})


def test_where_nothing_says_how_long_the_rule_does() -> None:
    found = course([rows((1, 0, {"end": day(-3)}))], rules(days=28))

    assert (eras(found), told(found, "length")) == ([(day(0), day(27), 1, 0)], {"rule": 1})


def test_returns_are_taken_off_the_newest_packs_before_them() -> None:
    pack = {"box": {"concepts": [1], "quantity": "packs", "pack": 30.0, "daily": 1.0}}
    given = [(1, 0, 2.0), (1, 60, 2.0), (1, 70, -3.0), (1, 200, -4.0), (1, 300, 1.0)]

    found = course([rows(*((c, d, {"quantity": q}) for c, d, q in given))], rules(products=pack))

    assert eras(found) == [(day(300), day(329), 1, 0)]
    assert told(found, "record") == {"kept": 1, "returned": 2, "return": 1, "return_of_nothing": 1}


def test_a_pack_returned_in_part_lasts_as_long_as_what_was_kept() -> None:
    pack = {"box": {"concepts": [1], "quantity": "packs", "pack": 30.0, "daily": 1.0, "strength": 2.0}}
    given = [(1, 0, {"quantity": 2.0, "days_supply": 60}), (1, 10, {"quantity": -1.5})]

    found = course([rows(*given)], rules(products=pack))

    assert (eras(found), found.exposures["mg"].item()) == ([(day(0), day(14), 1, 0)], 30.0)


def test_doses_by_body_surface_need_it() -> None:
    infusion = {"bag": {"concepts": [1], "quantity": {"mg/m2": "mg_m2", "mg": "mg"}}}
    body = {"rule": "mosteller", "height": "height", "weight": "weight", "within": 30}
    ruled = Treatment.model_validate(rules(products=infusion).model_dump(by_alias=True) | {"body_size": body})
    given = [(1, 10, {"quantity": 75.0, "unit": u}) for u in ("mg/m2", "mg", "ml")]
    given += [(1, 60, {"quantity": 75.0, "unit": "mg/m2"})]
    sizes = {
        "height": [{"day": day(0), "number": 180.0}, {"day": day(8), "number": 1.8}],
        "weight": [{"day": day(5), "number": 80.0}, {"day": day(11), "number": 20.0}],
    }

    found = course([rows(*given)], ruled, sizes=sizes)

    assert told(found, "dose") == {"known": 2, "unit_not_declared": 1, "no_body_surface": 1}
    assert found.exposures["mg"].drop_nulls().sort().to_list() == [75.0, 150.0]
    assert told(course([rows(*given)], rules(products=infusion)), "dose")["no_body_surface"] == 2


def test_a_dose_era_ends_with_the_dose() -> None:
    tablets = {"tablet": {"concepts": [1], "quantity": "units", "daily": 1.0, "strength": 20.0}}
    doses = [(0, 30, 30), (30, 60, 30), (60, 30, 30), (90, 30, 30)]
    given = [(1, d, {"quantity": float(q), "days_supply": n}) for d, q, n in doses]

    found = course([rows(*given)], rules(products=tablets))

    columns = ("dose_value", "dose_era_start_date", "dose_era_end_date")
    expected = [(20.0, day(0), day(29)), (40.0, day(30), day(59)), (20.0, day(60), day(119))]
    assert found.tables["dose_era"].select(columns).rows() == expected


LINES = [
    ("begun within the window", {}, "a0 b28 a49", ["1 a+b 0-49"]),
    ("begun after it", {}, "a0 a28 b29 b50", ["1 a 0-28", "2 b 29-50"]),
    ("added in time", {"addition": 60}, "a0 a30 b60 a61", ["1 a 0-61"]),
    ("added too late", {"addition": 60}, "a0 a30 b61 a62", ["1 a 0-30", "2 a+b 61-62"]),
    ("a gap", {}, "a0 a90 a180", ["1 a 0-180"]),
    ("a gap and a day", {}, "a0 a90 a181", ["1 a 0-90", "2 a 181-181"]),
    ("a gap that does not count", {"restart": "same_line"}, "a0 a90 a181", ["1 a 0-181"]),
    ("another after that gap", {"restart": "same_line"}, "a0 a90 b181", ["1 a 0-90", "2 b 181-181"]),
    ("a part of the regimen left", {}, "a0 b0 a50 a100", ["1 a+b 0-100"]),
    ("begun again within the line", {}, "a0 b0 a60 a120 b121", ["1 a+b 0-121"]),
    ("one that goes on is not new", {}, "a0 a60 b61 a140 b141", ["1 a 0-60", "2 b 61-141"]),
    ("re-challenge", {}, "a0 b40 a180", ["1 a 0-0", "2 b 40-40", "3 a 180-180"]),
    ("a substitute", {"substitutes": [["a", "b"]]}, "a0 a30 b60 c70", ["1 a 0-60", "2 c 70-70"]),
    ("what joins", {"joins": ["b"]}, "a0 b60 c70 b80", ["1 a 0-60", "2 b+c 70-80"]),
    ("what joins begins alone", {"joins": ["b"]}, "a0 b100", ["1 a 0-0", "2 b 100-100"]),
    (
        "maintenance",
        {"maintenance": [{"of": ["c"], "after": ["a", "b"]}]},
        "a0 b0 a60 c90 c150 d160",
        ["1 a+b 0-150", "2 d 160-160"],
    ),
    ("no maintenance", {"maintenance": [{"of": ["c"], "after": ["a", "b"]}]}, "a0 c60", ["1 a 0-0", "2 c 60-60"]),
    ("of these alone", {"of": ["a", "b"]}, "a0 c60 b80 d90", ["1 a 0-0", "2 b 80-80"]),
]


@pytest.mark.parametrize(("changes", "text", "expected"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_lines(changes: dict[str, Any], text: str, expected: list[str]) -> None:
    assert lines(course([taken(text)], rules(changes))) == expected


def test_a_line_ends_before_the_next_begins() -> None:
    assert lines(course([taken("a0 b40", days=90)], rules({}))) == ["1 a 0-39", "2 b 40-129"]


def test_lines_count_from_a_record() -> None:
    counted = rules({"since": "since", "lead": 14})

    assert lines(course([taken("a0 b50 c100")], counted, since=day(64))) == ["1 b 50-50", "2 c 100-100"]
    assert lines(course([taken("a0 b50 c100")], counted)) == []


def test_changes() -> None:
    changes = {
        "stopped": {"kind": "discontinuation", "concept": STOPPED, "of": ["a"], "gap": 60},
        "left": {"kind": "switch", "concept": SWITCHED, "from": ["a"], "to": ["b"], "within": 30, "overlap": 5},
        "again": {"kind": "rechallenge", "concept": AGAIN, "of": ["a"], "gap": 100},
    }

    def days(text: str, concept: int, until: date = random_treatment.AS_OF) -> list[int]:
        table = course([taken(text, days=10)], rules(changes=changes), until=until).tables["episode"]
        found = table.filter(episode_concept_id=concept)["episode_start_date"]
        return [(each - FIRST).days for each in found]

    assert days("a0 a60 b65", STOPPED) == [129]
    assert days("a0 a60 b65", STOPPED, until=day(128)) == []
    assert days("a0 a60 b64", SWITCHED) == [64]
    assert days("a0 a60 b63", SWITCHED) == []
    assert days("a0 b39", SWITCHED) == [39]
    assert days("a0 b40", SWITCHED) == []
    assert days("a0 a109 a300", AGAIN) == [300]


def test_what_is_made_is_of_the_common_model() -> None:
    regimens = {"regimens": {"doublet": {"of": ["b", "a"], "concept": 77}}}
    found = course([taken("a0 b0"), taken("a0 c40")], rules(regimens))

    for name, table in found.tables.items():
        schema = (TABLES | DERIVED)[name]
        required = {field for field, column in schema.columns().items() if not column.nullable} - {"bucket"}
        required = {field for field in required if not field.startswith("_")}
        assert required <= {*table.columns}
        assert set(table.columns) - set(schema.columns()) <= {"person_id", SITE}
        assert table.select(required).null_count().sum_horizontal().item() == 0
    episodes = found.tables["episode"]
    assert episodes["episode_object_concept_id"].to_list() == [77, 0, 0]
    assert found.tables["episode_event"].select("episode_id", "event_id").rows() == [
        (episodes["episode_id"][0], 0),
        (episodes["episode_id"][0], 1),
        (episodes["episode_id"][1], 0),
        (episodes["episode_id"][2], 1),
    ]


LAWS = settings(max_examples=5, phases=[Phase.generate], deadline=None, derandomize=True)


def same(one: Course, other: Course) -> None:
    for name, table in one.tables.items():
        assert table.equals(other.tables[name]), name


@given(random_treatment.everyone(), random_treatment.treatments(), st.randoms(use_true_random=False))
@LAWS
def test_the_order_of_records_changes_nothing(people: list[list[Row]], ruled: Treatment, chance: Any) -> None:
    mixed = [chance.sample(found, len(found)) for found in people]

    same(course(people, ruled), course(mixed, ruled))


def _halves(row: Row) -> list[Row]:
    begun = row["start"] + timedelta(days=10)
    return [row | {"days_supply": 10}, row | {"id": row["id"] + 1_000_000, "start": begun, "days_supply": 10}]


@given(random_treatment.everyone(), random_treatment.treatments())
@LAWS
def test_an_exposure_in_two_parts_is_the_same_course(people: list[list[Row]], ruled: Treatment) -> None:
    whole = [[row | {"quantity": None, "verbatim_end": None, "end": None} for row in found] for found in people]
    whole = [[row | {"days_supply": 20} for row in found] for found in whole]
    parts = [[half for row in found for half in _halves(row)] for found in whole]
    plain = ruled.model_dump(by_alias=True)
    for spec in plain["ingredients"].values():
        spec |= {"lasts": ["days_supply"], "most": None, "carry_over": False}
    plain["lines"] = None

    one, other = (course(each, Treatment.model_validate(plain)) for each in (whole, parts))

    found, expected = (each.tables["drug_era"].drop("drug_exposure_count") for each in (other, one))
    assert found.equals(expected)
    assert other.tables["episode"].equals(one.tables["episode"])


@given(random_treatment.everyone(), random_treatment.treatments())
@LAWS
def test_people_do_not_know_each_other(people: list[list[Row]], ruled: Treatment) -> None:
    whole = course(people, ruled)

    for person, found in enumerate(people):
        alone = course([found], ruled)
        for name, table in whole.tables.items():
            his = table.filter(person_id=person)
            told = [c for c in his.columns if not c.endswith("_id") or c.endswith("concept_id") or c == "event_id"]
            assert his.select(told).equals(alone.tables[name].select(told))


SWITCH = {"kind": "switch", "concept": 1, "from": ["a"], "to": ["a"], "within": 3}


@pytest.mark.ci
def test_a_million_exposures_take_seconds() -> None:
    draw, n = np.random.default_rng(1), 1_000_000
    columns = {"drug_exposure_id": np.arange(n), "person_id": draw.integers(0, n // 10, n)}
    columns |= {"drug_concept_id": draw.integers(1, 5, n), "days_supply": draw.integers(1, 60, n)}
    columns |= {"quantity": draw.choice([1.0, 2.0, -1.0], n, p=[0.8, 0.18, 0.02])}
    columns |= {"drug_exposure_start_date": draw.integers(18_000, 19_500, n).astype("datetime64[D]")}
    cdm = Cdm({"drug_exposure": pl.LazyFrame(columns)}, pl.DataFrame())
    nobody = pl.LazyFrame(schema={"person_id": pl.Int64, "until": pl.Date})
    known = Known(lambda _: pl.LazyFrame(), nobody, day(2000))

    before = time.process_time()
    found = treat(cdm, rules({}), known)

    assert time.process_time() - before < 30  # about 8 on two cores
    assert found.tables["episode_event"].height == found.exposures.height


REFUSED = [
    ({"a": {"products": {"x": {"concepts": [1], "quantity": "packs"}}}}, "how many units are in a pack"),
    ({"a": {"products": {"x": {"concepts": [1]}, "y": {"concepts": [1]}}}}, "stands under x and y"),
    ({"a": {"concept": 101}}, "concept 101 stands for two ingredients"),
    ({"lines": {"of": ["a", "bb"]}}, "lines.of: unknown ingredient 'bb'; did you mean 'b'?"),
    ({"lines": {"of": ["a"], "joins": ["b"]}}, "lines: unknown ingredient 'b'"),
    ({"lines": {"of": ["a"], "window": 28, "addition": 20}}, "window <= addition <= gap"),
    ({"lines": {"of": ["a", "b"], "substitutes": [["a", "b"], ["b", "a"]]}}, "substitutes: a, b stands twice"),
    ({"lines": {"of": ["a"], "lead": 3}}, "lead are days before"),
    ({"lines": {"of": ["a"], "gapp": 3}}, "did you mean 'gap'?"),
    (
        {"changes": {"x": {"kind": "switch", "concept": 1, "from": ["a"], "to": ["a"], "within": 3}}},
        "in from and in to",
    ),
    ({"changes": {"x": {"kind": "rechallenge", "concept": 32531, "of": ["a"], "gap": 3}}}, "two kinds of episode"),
]


@pytest.mark.parametrize(("wrong", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_rules_that_mean_nothing_are_refused_by_name(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    whole = rules({}).model_dump(by_alias=True, mode="json", exclude_none=True)
    whole["ingredients"]["a"] |= wrong.pop("a", {})
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps(whole | wrong), "utf-8")

    with pytest.raises(DefinitionError) as refused:
        part(file, (), Treatment)

    assert said in str(refused.value)
