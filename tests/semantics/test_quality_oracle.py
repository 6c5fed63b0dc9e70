# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Check by check, `assess` counts and judges as SQL does that was written from the descriptions, run in DuckDB."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from rwe.quality import assess, dqd_checks
from tests.semantics.dqd_sql import Key, Verdict, verdicts
from tests.semantics.synthea27nj import Texts, damaged, texts, typed

TODAY = date(2022, 10, 15)
SMALL = ("person", "observation_period", "visit_occurrence", "death")


def assessed(tables: Texts) -> dict[Key, Verdict]:
    cdm, reference = typed(tables)
    lines = assess(cdm, dqd_checks(), as_of=TODAY, reference=reference).lines
    key, verdict = ("check", "table", "field", "concept"), ("violated", "rows", "status")
    rows = lines.select(pl.struct(key).alias("key"), pl.struct(verdict).alias("verdict")).iter_rows()
    return {tuple(k.values()): tuple(v.values()) for k, v in rows}


def test_the_checks_of_people_visits_and_deaths_are_those_of_duckdb() -> None:
    tables = texts()

    ours, theirs = assessed(tables), verdicts(tables, TODAY, only=SMALL)

    assert len(theirs) == 269
    assert {key: ours[key] for key in theirs} == theirs


@pytest.mark.ci
def test_every_check_of_every_table_is_that_of_duckdb() -> None:
    tables = texts()

    ours, theirs = assessed(tables), verdicts(tables, TODAY)

    assert len(ours) == 1411
    assert ours == theirs
    assert {status for _, _, status in ours.values()} == {"passed", "failed", "not_applicable"}


@pytest.mark.ci
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_rules_are_broken_on_purpose_the_same_rows_are_counted(seed: int) -> None:
    tables = damaged(texts(), seed)

    ours, theirs = assessed(tables), verdicts(tables, TODAY)

    assert ours == theirs
    broken = {name for (name, *_), (violated, _, _) in ours.items() if violated}
    assert len(broken) >= 20  # of the 22 types that typed, complete tables can break at all
