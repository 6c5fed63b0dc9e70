# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How two extracts of one hospital differ: shares and distances by hand, and people who come, go and change."""

from __future__ import annotations

import math
import random
from datetime import date
from typing import Any

import polars as pl
import pytest
from scipy.stats import ks_2samp

from rwe.cdm import TABLES, Cdm
from rwe.quality import Extract, drift, large
from rwe.result import Result

REFUSED = dict.fromkeys(("stream", "record", "_key", "rule"), pl.String())
Rows = list[dict[str, Any]]


def table(name: str, rows: Rows) -> pl.LazyFrame:
    """Return rows as a table of the common model; their keys are their places unless they say so."""
    schema = {column: kind.dtype for column, kind in TABLES[name].columns().items()}
    said = [{"_key": str(i), "_source": "patient", "_source_key": str(i)} | row for i, row in enumerate(rows)]
    return pl.DataFrame(said, schema=schema).lazy()


def extract(refused: Rows | None = None, **tables: Rows) -> Extract:
    cdm = Cdm({name: table(name, rows) for name, rows in tables.items()}, pl.DataFrame())
    return Extract(cdm, pl.DataFrame(refused or [], schema=REFUSED))


def found(result: Result, **labels: str) -> list[float]:
    return result.table.filter(**labels)["estimate"].to_list()


def drugs(*concepts: int | None) -> Rows:
    return [{"person_id": 1, "drug_concept_id": concept} for concept in concepts]


def test_the_index_of_codes_is_that_of_the_hand() -> None:
    before, after = extract(drug_exposure=drugs(1, 1, 2, 2)), extract(drug_exposure=drugs(1, 2, 2, 2))

    result = drift(before, after)

    wanted = (0.25 - 0.5) * math.log(0.25 / 0.5) + (0.75 - 0.5) * math.log(0.75 / 0.5)
    assert found(result, stratum="drug_concept_id", estimand="psi") == [pytest.approx(wanted, rel=1e-12)]
    assert ("drug_exposure", "drug_concept_id") in [(t, column) for t, column, _ in large(result)]


def test_nothing_recorded_is_a_class_of_its_own() -> None:
    before, after = extract(drug_exposure=drugs(1, 1, 1, None)), extract(drug_exposure=drugs(1, None, None, None))

    result = drift(before, after)

    assert found(result, stratum="drug_concept_id", estimand="psi") == [pytest.approx(0.5 * math.log(3) * 2, rel=1e-12)]


def test_the_distance_of_numbers_is_that_of_scipy_and_their_index_that_of_tenths() -> None:
    draw = random.Random(5)
    was, now = [draw.gauss(0, 1) for _ in range(500)], [draw.gauss(0.4, 1) for _ in range(300)]
    sides = [extract(measurement=[{"person_id": 1, "value_as_number": v} for v in values]) for values in (was, now)]

    result = drift(*sides)

    labels = {"group": "measurement", "stratum": "value_as_number"}
    assert found(result, **labels, estimand="ks") == [pytest.approx(ks_2samp(was, now).statistic, abs=1e-12)]
    cuts = sorted(was)[50::50]
    shares = [
        [sum(sum(v >= cut for cut in cuts) == k for v in side) / len(side) for k in range(10)] for side in (was, now)
    ]
    # a value of the later extract between two of the earlier falls into the tenth of the next: one rank in 500
    wanted = sum((q - p) * math.log(q / p) for p, q in zip(*shares, strict=True))
    assert found(result, **labels, estimand="psi") == [pytest.approx(wanted, rel=0.05)]


def test_an_extract_does_not_drift_from_itself() -> None:
    days = [
        {"person_id": i % 3, "drug_exposure_start_date": date(2020, 1, 1 + i), "drug_concept_id": i} for i in range(30)
    ]
    same = extract(person=[{"person_id": i, "year_of_birth": 1950 + i} for i in range(3)], drug_exposure=days)

    result = drift(same, same)

    assert set(result.table.filter(pl.col("estimand").is_in(["psi", "ks"]))["estimate"]) == {0.0}
    people = result.table.filter(estimand="people").select("outcome", "n").rows()
    assert people == [("entered", 0), ("left", 0), ("changed", 0), ("same", 3)]


def test_who_came_left_and_changed_is_counted_with_the_reason() -> None:
    def person(i: int, born: int = 1950) -> dict[str, Any]:
        return {"person_id": i, "year_of_birth": born, "_key": f"p{i}", "_source_key": f"k{i}"}

    def refusal(i: int, rule: str) -> dict[str, Any]:
        return {"stream": "patient", "record": "person", "_key": f"k{i}", "rule": rule}

    drug = {"person_id": 3, "drug_concept_id": 7, "_key": "d1"}
    before = extract([refusal(6, "unknown_sex")], person=[person(i) for i in (1, 2, 3, 4, 5)], drug_exposure=[drug])
    after = extract(
        [refusal(1, "two_birth_years")],
        person=[person(3), person(4, born=1951), person(5), person(6), person(7)],
        drug_exposure=[drug | {"drug_concept_id": 8}, {"person_id": 4, "_key": "d2"}],
    )

    people = drift(before, after).table.filter(estimand="people").select("outcome", "group", "stratum", "n")

    assert people.rows() == [
        ("entered", "", "", 2),
        ("entered", "person", "new", 1),
        ("entered", "person", "unknown_sex", 1),
        ("left", "", "", 2),
        ("left", "person", "gone_or_merged", 1),
        ("left", "person", "two_birth_years", 1),
        ("changed", "", "", 2),
        ("same", "", "", 1),
        ("changed", "drug_exposure", "added", 1),
        ("changed", "drug_exposure", "corrected", 1),
        ("changed", "person", "corrected", 1),
    ]


def test_volumes_stand_side_by_side() -> None:
    result = drift(extract(drug_exposure=drugs(1)), extract(drug_exposure=drugs(1, 2)))

    rows = result.table.filter(estimand="rows", group="drug_exposure").select("outcome", "n").rows()
    assert rows == [("before", 1), ("after", 2)]
