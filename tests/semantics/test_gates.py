# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Gates: which estimates a failed check holds back, and that a check nobody could put holds back nothing."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rwe.quality import Scorecard, judge, misplaced
from rwe.quality.scorecard import LINES
from rwe.spec.base import Text
from rwe.spec.study import Gate

REASON = Text(en="because", bg="защото")


def gate(action: str = "withhold", **named: Any) -> Gate:
    return Gate.model_validate({"check": "isRequired", "action": action, "reason": REASON, **named})


def card(**stands: str) -> Scorecard:
    """Return a scorecard with the check ``isRequired`` of these fields of persons."""
    lines = [{"check": "isRequired", "table": "person", "field": field, "status": s} for field, s in stands.items()]
    return Scorecard(pl.DataFrame(lines, schema=LINES))


@pytest.mark.parametrize(
    ("named", "verdict", "red"),
    [
        ({}, "red", ("south",)),
        ({"table": "person", "field": "gender_concept_id"}, "green", ()),
        ({"field": "year_of_birth"}, "red", ("south",)),
        ({"field": "race_concept_id"}, "not_asked", ()),
        ({"table": "death"}, "not_asked", ()),
    ],
)
def test_a_gate_is_red_where_any_check_it_names_fails_at_any_hospital(
    named: dict[str, str], verdict: str, red: tuple[str, ...]
) -> None:
    cards = {
        "north": card(year_of_birth="passed", gender_concept_id="passed", race_concept_id="not_applicable"),
        "south": card(year_of_birth="failed", gender_concept_id="not_applicable", race_concept_id="not_applicable"),
    }

    [judged] = judge([gate(**named)], cards)

    assert (judged.verdict, judged.red) == (verdict, red)
    assert judged.closes("cox") == (verdict == "red")


def test_only_a_red_gate_that_withholds_closes_and_only_what_it_names() -> None:
    cards = {"north": card(year_of_birth="failed")}

    named, marks = judge([gate(analyses=("cox",)), gate(action="mark")], cards)

    assert [named.closes(name) for name in ("cox", "survival")] == [True, False]
    assert [marks.closes(name) for name in ("cox", "survival")] == [False, False]
    assert marks.concerns("survival")


@pytest.mark.parametrize(
    ("named", "key"),
    [
        ({}, None),
        ({"table": "person", "field": "year_of_birth"}, None),
        ({"check": "isRequird"}, "check"),
        ({"table": "persons"}, "table"),
        ({"table": "person", "field": "death_date"}, "field"),
        ({"check": "withinVisitDates", "table": "person"}, "table"),
    ],
)
def test_a_gate_that_names_nothing_asked_is_found(named: dict[str, str], key: str | None) -> None:
    found = misplaced(gate(**named))

    assert (found[0] if found else None) == key
