# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Random definitions mean the same to the engine and to a plain reading of their words; attrition adds up."""

from __future__ import annotations

from random import Random
from typing import Any

import polars as pl
import pytest

from rwe.cohort.attrition import by_group
from rwe.cohort.build import select
from tests.semantics import naive_cohort, random_cohort

TIERS = [(0, 5), pytest.param(5, 105, marks=pytest.mark.ci)]


def different(seed: int) -> list[tuple[int, str, Any, Any]]:
    """Return person, column, the engine's answer and that of the words, where these differ."""
    random = Random(seed)
    rows, study = random_cohort.tables(random), random_cohort.study(random)
    expected = naive_cohort.read(rows, study)

    people = select(random_cohort.model(rows), study).people.select(pl.exclude(r"^_.*$"))

    found = {row.pop("person_id"): row for row in people.iter_rows(named=True)}
    assert {*found} == {*expected}
    assert all({*row} == {*expected[person]} for person, row in found.items())
    return [
        (person, column, value, expected[person][column])
        for person, row in found.items()
        for column, value in row.items()
        if value != expected[person][column]
    ]


@pytest.mark.parametrize(("first", "last"), TIERS)
def test_engine_and_words_agree(first: int, last: int) -> None:
    assert {seed: found for seed in range(first, last) if (found := different(seed))} == {}


@pytest.mark.parametrize(("first", "last"), TIERS)
def test_attrition_by_group_adds_up(first: int, last: int) -> None:
    for seed in range(first, last):
        random = Random(seed)
        rows, study = random_cohort.tables(random), random_cohort.study(random)
        found = select(random_cohort.model(rows), study)
        if found.people.is_empty():
            continue  # there is no line of anybody
        for name, steps in found.steps.items():
            table = by_group(found.people, found.stops[name], steps, ["site", "age"])

            whole = table.filter(group="").drop("group")
            for column in ("site", "age"):
                parts = table.filter(pl.col("group").str.starts_with(f"{column}="))
                summed = parts.group_by("outcome", "estimand", maintain_order=True).agg(pl.col("n").sum())
                assert summed.sort("outcome", "estimand").equals(whole.sort("outcome", "estimand"))
            left = whole.filter(estimand="remaining")["n"].to_list()
            lost = whole.filter(estimand="excluded")["n"].to_list()
            assert left == [found.people.height - sum(lost[: i + 1]) for i in range(len(lost))]
            members = found.people.filter(pl.col(f"in_{name}"))
            records = whole.filter(estimand="remaining_records")["n"].to_list()
            assert (left[-1:], records[-1:]) == ([members.height], [members["index_records"].sum()])
