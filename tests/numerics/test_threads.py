# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One, two and three threads give the same bits: parts are cut by the rows alone and merged in their order.

The cohort is large enough for several parts of each estimator, which the tests show by counting them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.execute import cuts, even, run
from rwe.survival import counting, occasions, subdistribution_rows

ROWS = 600_000
ENTRY: dict[str, Any] = {"time": "t", "event": "e", "entry": "a"}
CAUSES: dict[str, Any] = {"time": "t", "cause": "c", "entry": "a"}


@pytest.fixture(scope="module")
def cohort() -> pl.DataFrame:
    rng = np.random.default_rng(5)
    a, cause = rng.integers(0, 300, ROWS), rng.integers(0, 3, ROWS)
    columns = {"a": a, "t": a + rng.integers(1, 2000, ROWS), "c": cause, "e": cause > 0, "g": rng.integers(0, 2, ROWS)}
    more = {"s": rng.integers(0, 3, ROWS), "w": rng.uniform(0.5, 2, ROWS), "k": rng.integers(0, 5000, ROWS)}
    covariates = {f"x{j}": rng.normal(size=ROWS) for j in range(3)}
    return pl.DataFrame({**columns, **more, **covariates})


X = ["x0", "x1", "x2"]
ESTIMATORS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "Kaplan-Meier": lambda f: sv.kaplan_meier(f, **ENTRY, by="g").table,
    "Kaplan-Meier, weights": lambda f: sv.kaplan_meier(f, **ENTRY, weights="w").table,
    "restricted mean": lambda f: sv.kaplan_meier(f, **ENTRY, by="g").rmst(1000),
    "Nelson-Aalen": lambda f: sv.nelson_aalen(f, **ENTRY).table,
    "log-rank": lambda f: sv.log_rank(f, **ENTRY, by="g", strata="s").table,
    "log-rank, weights": lambda f: sv.log_rank(f, **ENTRY, by="g", weights="w").table,
    "cumulative incidence": lambda f: sv.cumulative_incidence(f, **CAUSES, by="g").table,
    "Cox": lambda f: sv.cox(f, **ENTRY, covariates=X, strata="s").coefficients,
    "Cox, weights": lambda f: sv.cox(f, **ENTRY, covariates=X, weights="w").coefficients,
    "Cox, clusters": lambda f: sv.cox(f, **ENTRY, covariates=X, cluster="k", ties="breslow").coefficients,
    "Fine-Gray": lambda f: sv.fine_gray(f, **CAUSES, of=1, covariates=X).coefficients,
}


def test_the_cohort_has_several_parts() -> None:
    assert len(cuts(ROWS, max(occasions.PART, subdistribution_rows.PART))) > 3
    assert ROWS // counting.PART >= 2


@pytest.mark.parametrize(
    ("n", "size", "parts"), [(0, 5, 0), (4, 5, 1), (10, 5, 2), (99, 5, 16), (1_000_003, 65_536, 8)]
)
def test_even_parts_are_a_power_of_two_and_hold_every_row(n: int, size: int, parts: int) -> None:
    found = even(n, size)

    held = [last - first for first, last in found]
    assert len(found) == parts
    assert sum(held) == n
    assert min(held, default=size) >= min(size, n)


@pytest.mark.ci
@pytest.mark.parametrize("what", ESTIMATORS)
def test_threads_change_no_bit(cohort: pl.DataFrame, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for number in ("1", "2", "3"):
        monkeypatch.setenv("RWE_THREADS", number)
        found.append(ESTIMATORS[what](cohort))

    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


@pytest.mark.timeout(60)
def test_parts_within_parts_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RWE_THREADS", "2")

    found = run(lambda row: run(lambda column: 10 * row + column, range(3)), range(4))

    assert found == [[10 * row + column for column in range(3)] for row in range(4)]
