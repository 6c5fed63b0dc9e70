# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Gray's test with late entry equals a plain reading, keeps its laws, and finds no difference where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer

ASK: dict[str, Any] = {"time": "t", "cause": "why", "by": "g"}


def cohort(seed: int, n: int = 120, *, every: int = 1) -> pl.DataFrame:
    """Return persons of two groups with the same incidence of cause 1; all else differs, entry and the other cause too.

    Cause 1 comes to 0.4 in the end; a third are followed from the start, the others are seen where they live to enter.
    """
    rng, many = np.random.default_rng(seed), 8 * n
    g, cause = np.arange(many) % 2, np.where(rng.random(many) < 0.4, 1, 2)
    failed = np.ceil(rng.exponential(np.where((cause == 1) | (g == 0), 400.0, 200.0)) / every).astype(int) * every
    end = np.where(g == 0, rng.integers(200, 1500, many), 100 + np.ceil(rng.exponential(900, many))).astype(int)
    enter = np.where(rng.random(many) < 0.35, 0, (rng.random(many) * np.where(g == 0, 300, 450)).astype(int))
    columns = {"a": enter, "t": np.minimum(failed, end), "why": np.where(failed <= end, cause, 0), "g": g}
    seen = pl.DataFrame(columns).filter(pl.col("t") > pl.col("a"))
    return pl.concat([part.head(n // 2) for part in seen.partition_by("g", maintain_order=True)])


def expected_in_the_second(people: pl.DataFrame) -> float:
    """Return the events of cause 1 expected in group 1: shares by Y (1 - F) / S of each group, day by day."""
    t, a, g, why = (people[name].to_numpy() for name in ("t", "a", "g", "why"))
    free, incidence, total = np.ones(2), np.zeros(2), 0.0
    for day in np.unique(t[why > 0]):
        at_risk = np.array([((a < day) & (t >= day) & (g == k)).sum() for k in (0, 1)])
        first, other = (np.array([((t == day) & (why == c) & (g == k)).sum() for k in (0, 1)]) for c in (1, 2))
        there = at_risk > 0
        share = np.where(there, at_risk * (1 - incidence) / np.where(there, free, 1.0), 0.0)
        total += first.sum() * share[1] / share.sum()
        incidence += free * first / np.where(there, at_risk, 1)
        free *= 1 - (first + other) / np.where(there, at_risk, 1)
    return float(total)


@pytest.mark.parametrize("every", [1, 30])
def test_expected_events_are_those_of_a_plain_reading(every: int) -> None:
    people = cohort(5, every=every)

    found = sv.gray_test(people, **ASK, entry="a")

    assert_allclose(found.table["expected"][1], expected_in_the_second(people), rtol=1e-12)
    assert found.statistic != pytest.approx(sv.gray_test(people, **ASK).statistic, rel=1e-3)


def test_followed_from_the_start_is_no_late_entry() -> None:
    people = cohort(6, every=30)

    late, plain = sv.gray_test(people.with_columns(a=0), **ASK, entry="a"), sv.gray_test(people, **ASK)

    assert late.table.equals(plain.table)
    assert late.statistic == plain.statistic


def test_a_stretch_of_follow_up_may_be_cut_in_two() -> None:
    people = cohort(7, every=30).with_columns(s=(pl.col("a") + pl.col("t")) // 2)
    before = people.with_columns(t="s", why=pl.lit(0, dtype=pl.Int64))
    halves = pl.concat([before, people.with_columns(a="s")]).filter(pl.col("t") > pl.col("a"))

    whole, cut = sv.gray_test(people, **ASK, entry="a"), sv.gray_test(halves, **ASK, entry="a")

    columns = ["observed", "expected", "variance"]
    assert_allclose(cut.table.select(columns), whole.table.select(columns), rtol=1e-12)
    assert_allclose(cut.statistic, whole.statistic, rtol=1e-12)


@pytest.mark.parametrize(
    "rows",
    [
        {"a": [0, 0, 0, 4, 4], "t": [3, 9, 8, 7, 9], "g": [0, 0, 0, 1, 1]},  # nobody of group 1 on day 3
        {"a": [0, 0, 0, 4, 4], "t": [3, 9, 3, 7, 9], "g": [0, 0, 1, 1, 1]},  # on day 3 all of group 1 fail
    ],
)
def test_time_of_a_group_that_nobody_saw_is_refused(rows: dict[str, list[int]]) -> None:
    people = pl.DataFrame(rows | {"why": [1, 1, 2, 1, 0]})

    with pytest.raises(NoValidAnswer, match="1 of 2 groups have nobody at risk on a day with failures, or none left"):
        sv.gray_test(people, **ASK, entry="a")


@pytest.mark.parametrize("rho", [-1.0, float("nan"), float("inf")])
def test_a_power_that_weighs_no_day_is_refused(rho: float) -> None:
    with pytest.raises(DefinitionError, match="rho is a power"):
        sv.gray_test(cohort(8), **ASK, rho=rho)


@pytest.mark.ci
def test_it_finds_no_difference_where_there_is_none() -> None:
    tests = [sv.gray_test(cohort(seed, 200), **ASK, entry="a") for seed in range(1000)]

    score = np.array([test.table["observed"][0] - test.table["expected"][0] for test in tests])
    rejected = np.mean([test.p_value < 0.05 for test in tests])
    assert abs(rejected - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1000)
    assert abs(score.mean()) < 4 * score.std() / np.sqrt(1000)
    # the standard error against the spread: 4 times its Monte Carlo error
    ratio = np.sqrt(np.mean([test.table["variance"][0] for test in tests]) / score.var(ddof=1))
    assert abs(ratio - 1) < 4 / np.sqrt(2 * 999)
