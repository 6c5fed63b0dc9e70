# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of settling: equal to plain Python to the cent, nothing beyond spend, no order of rows, hospitals sum to all."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rwe import reimbursement as rb
from rwe.reimbursement.atoms import INT, divided, portion
from rwe.reimbursement.segments import Segments, hamilton
from rwe.result import Result, tidy
from tests.numerics import plain_settle
from tests.numerics.plain_judge import Seen

START, AS_OF = date(2026, 1, 1), date(2028, 6, 30)
JUDGED = {"assess_day": 56, "window": [-7, 14], "failure": ["progression", "death"], "missing": {"lost": "failure"}}
SHARE = st.sampled_from(["0.333", "0.5", "0.0725", "1"])
DAYS = st.sampled_from([1, 30, 63, 200])
WORDS = ["response", "stable", "progression", "progression_death", "death", "toxicity_stop", "lost"]
SCOPES = st.sampled_from(["until_failure", "until_assessment", "all"])
WORTH = {"lambda": "36000", "qaly_gain": "0.30", "other_cost": "2000"}
PER = st.sampled_from(["year", "contract"])
TIERS = [
    {"from_units": "0", "price": "3"},
    {"from_units": "5", "price": "0.77"},
    {"from_units": "20.5", "price": "0.1"},
]
PARTS = [
    {"day": 0, "share": "0.4"},
    {"day": 90, "share": "0.35", "if": "response"},
    {"day": 400, "share": "0.25", "if": "alive"},
]
GROUP = [{"id": "x", "spend": "12", "budget": "10"}, {"id": "y", "spend": "7", "budget": "6.5"}]
BY_LEDGER = [{"id": "x", "budget": "10"}, {"id": "y", "spend": "7", "budget": "6.5"}]


def _kind(name: str, **parts: Any) -> st.SearchStrategy[dict[str, Any]]:
    fixed = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in parts.items()}
    return st.fixed_dictionaries({"type": st.just(name), **fixed})


TERM = st.one_of(
    _kind("discount", rate=SHARE),
    _kind("cost_sharing", share=SHARE, cycles=st.integers(1, 4), cycle_days=st.integers(1, 40)),
    _kind("payment_by_result", share=SHARE, cost_scope=SCOPES, **JUDGED),
    _kind("risk_sharing", share=st.just("0.125"), cost_scope="all", **JUDGED),
    _kind("success_fee", **JUDGED),
    _kind("continuation", **JUDGED),
    _kind("instalments", price=st.sampled_from(["1.01", "500"]), parts=PARTS, failure=["progression", "death"]),
    _kind("death_rebate", rate=SHARE, horizon_days=DAYS, base=st.sampled_from(["price", "spend"])),
    _kind("dose_cap", units=st.sampled_from(["0.5", "2", "3.333"]), per=st.sampled_from(["patient", "course"])),
    _kind("dose_cap", units="1", window_days=DAYS),
    _kind("time_cap", days=DAYS),
    _kind("patient_cap", patients=st.integers(0, 6)),
    _kind("expenditure_cap", per=PER, amount=st.sampled_from(["0", "3.33", "900"]), share=SHARE),
    _kind("price_volume", per=PER, mode=st.sampled_from(["marginal", "all_units"]), tiers=TIERS),
    _kind("clawback", by=st.sampled_from(["excess", "spend"]), products=st.sampled_from([GROUP, BY_LEDGER])),
    _kind("outcome_guarantee", endpoint="os", at_day=365, threshold="0.60", rule="point", gamma=SHARE),
    _kind("outcome_price", **WORTH, units=st.sampled_from(["24", "7000000"])),
)  # fmt: skip
PEOPLE = st.integers(0, 6)
DOSES = st.lists(st.tuples(PEOPLE, st.integers(0, 700), st.sampled_from(["1", "0.333", "2.5", "0.001"])), max_size=20)
SEEN = st.lists(st.tuples(PEOPLE, st.integers(0, 800), st.sampled_from(WORDS)), max_size=12)
EVIDENCE = Result(tidy([{"estimand": "milestone", "time": 365, "outcome": "os", "n": 50, "estimate": 0.52}]))


def contract(terms: list[dict[str, Any]], **parts: Any) -> rb.Agreement:
    values = {
        "contract": {
            "id": "A", "product": "x", "indication": "y", "start": START, "end": date(2028, 12, 31),
            "currency": "EUR", "fx": {"BGN": "1.95583"},
        },
        "price": [
            {"from": START, "net": "0.17", "unit": "vial", "currency": "BGN"},
            {"from": date(2026, 9, 1), "net": "1499.99", "unit": "vial"},
        ],
        "index": {"rechallenge_gap_days": 200},
        "terms": [{"id": f"t{i}", **term} for i, term in enumerate(terms)],
    }  # fmt: skip
    return rb.Agreement.model_validate({**values, **parts})


AGREEMENT = st.lists(TERM, min_size=1, max_size=5).map(contract)


def given_doses(rows: list[tuple[int, int, str]], sites: str = "") -> pl.DataFrame:
    schema = {"person_id": pl.Int64, "administered_on": pl.Date, "units": pl.String}
    frame = pl.DataFrame([(p, START + timedelta(d), u) for p, d, u in rows], schema=schema, orient="row")
    frame = frame.with_columns(record_id=pl.format("d{}", pl.int_range(pl.len())))
    return (
        frame.with_columns(site_id=pl.Series([sites[d % len(sites)] for _, d, _ in rows], dtype=pl.String))
        if sites
        else frame
    )


def given_seen(rows: list[tuple[int, int, str]]) -> pl.DataFrame:
    schema = {"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String}
    frame = pl.DataFrame([(p, START + timedelta(d), w) for p, d, w in rows], schema=schema, orient="row")
    return frame.with_columns(record_id=pl.format("a{}", pl.int_range(pl.len())))


def settled(how: rb.Agreement, doses: pl.DataFrame, seen: pl.DataFrame) -> rb.Settlement:
    return rb.settle(how, doses, seen, as_of=AS_OF, evidence=EVIDENCE)


def plain(found: rb.Settlement, doses: pl.DataFrame, seen: pl.DataFrame) -> plain_settle.Plain:
    known: dict[int, list[Seen]] = defaultdict(list)
    for person, *row in seen.iter_rows():
        known[person].append(Seen(*row))
    rates = {name: verdict.rate for name, verdict in found.verdicts.items()}
    return plain_settle.Plain(found.agreement, doses.rows(), known, AS_OF, rates)


def as_plain(found: rb.Settlement, doses: pl.DataFrame, seen: pl.DataFrame) -> None:
    expected = plain(found, doses, seen)
    lines = (
        found.lines.filter(pl.col("amount") > 0).group_by("term", "person_id", "course", "period").agg(pl.sum("amount"))
    )
    assert {tuple(key): amount for *key, amount in lines.iter_rows()} == expected.lines
    assert (found.gross, found.total) == (expected.gross, expected.total)
    back = found.lines.group_by("person_id", "course").agg(pl.sum("amount"))
    assert all(amount <= expected.spend[person, course] for person, course, amount in back.iter_rows())


def keeps_within(found: rb.Settlement) -> None:
    assert (found.lines["amount"] >= 0).all()
    assert found.total == (found.lines["amount"].sum() or 0) <= found.gross
    assert found.sites["amount"].sum() == found.total, "hospitals do not sum to the whole"


def laws(how: rb.Agreement, doses: list[Any], seen: list[Any], random: Any) -> None:
    """Hold every law to one settlement by hospitals, and settle its records once more, in another order, without."""
    frame, seen_frame = given_doses(doses, "abc"), given_seen(seen)
    found = settled(how, frame, seen_frame)

    as_plain(found, frame.drop("site_id"), seen_frame)
    keeps_within(found)
    order = list(range(len(doses)))
    random.shuffle(order)
    again = settled(how, frame.drop("site_id")[order], seen_frame.reverse())
    assert again.lines.equals(found.lines.drop("site_id")), "the order of records, or hospitals, change the ledger"


few, many = settings(max_examples=25, deadline=None), settings(max_examples=2000, deadline=None)


@few
@given(AGREEMENT, DOSES, SEEN, st.randoms(use_true_random=False))
def test_laws_of_settling(how: rb.Agreement, doses: list[Any], seen: list[Any], random: Any) -> None:
    laws(how, doses, seen, random)


@pytest.mark.ci
@pytest.mark.timeout(900)
@many
@given(AGREEMENT, DOSES, SEEN, st.randoms(use_true_random=False))
def test_laws_of_settling_2000(how: rb.Agreement, doses: list[Any], seen: list[Any], random: Any) -> None:
    laws(how, doses, seen, random)


@few
@given(
    st.lists(st.integers(0, 10**20), min_size=1, max_size=20),
    st.lists(st.booleans(), min_size=20, max_size=20),
    st.integers(0, 100),
)
def test_law_a_split_over_doses_is_exact_and_within_an_atom(
    wanted: list[int], breaks: list[bool], percent: int
) -> None:
    begins = pl.Series([True, *breaks[1 : len(wanted)]])
    runs, parts = Segments.where(begins), pl.Series(wanted, dtype=INT)
    amount = portion(
        runs.sum(parts), pl.Series([percent] * len(runs), dtype=INT), pl.Series([100] * len(runs), dtype=INT)
    )

    found = runs.spread(amount, parts)

    assert runs.sum(found).to_list() == amount.to_list()
    whole, given_back = (column.gather(runs.of).to_list() for column in (runs.sum(parts), amount))
    for got, part, total, back in zip(found.to_list(), wanted, whole, given_back, strict=True):
        assert 0 <= got <= part
        assert not total or abs(got - Fraction(part * back, total)) < 1


@few
@given(st.lists(st.tuples(st.integers(0, 10**30), st.integers(0, 50)), min_size=1, max_size=20), st.integers(0, 100))
def test_law_hamilton_is_exact_with_any_room(rows: list[tuple[int, int]], percent: int) -> None:
    wanted, room = [list(column) for column in zip(*rows, strict=True)]
    total = sum(room) * percent // 100

    found = hamilton(total, pl.Series(wanted, dtype=INT), pl.Series(room, dtype=INT)).to_list()

    assert found == plain_settle.hamilton(total, wanted, room)
    assert sum(found) == total


@few
@given(st.integers(0, 10**37), st.integers(0, 10**37), st.integers(1, 10**37))
def test_law_portions_are_exact_however_large(amount: int, part: int, whole: int) -> None:
    columns = [pl.Series([number], dtype=INT) for number in (amount % whole, part % whole, whole)]

    found = divided(*columns)

    assert (found[0][0], found[1][0]) == divmod((amount % whole) * (part % whole), whole)
