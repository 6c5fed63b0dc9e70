# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Continuous times give what whole days give, in any unit; causes are coded in the order of their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.survival.clock import Clock, continuous
from rwe.survival.data import respond

FRAME = pl.DataFrame(
    {"t": [3, 7, 9, 9, 4, 12], "a": [0, 3, 0, 7, 2, 9], "e": [1, 0, 1, 1, 1, 0], "g": list("xyxyxy"), "w": [1.0] * 6}
)
GIVEN: dict[str, Any] = {"time": "t", "event": "e", "entry": "a", "by": "g"}


def test_ticks_count_the_distinct_times_from_0() -> None:
    clock, (leave, enter) = continuous(np.array([2.5, 0.5, 2.5]), np.array([0.5, 0.0, 1.0]))

    assert clock.ticks is not None
    assert clock.ticks.tolist() == [0, 0.5, 1, 2.5]
    assert leave.tolist() == [3, 1, 3]
    assert enter.tolist() == [1, 0, 2]
    assert clock.index(np.array([0.0, 0.7, 1.0, 99.0])).tolist() == [0, 1, 2, 3]
    assert clock.next(np.array([0.0, 0.7, 1.0, 99.0])).tolist() == [0, 2, 2, 4]
    assert clock.widths(2.0).tolist() == [0.5, 0.5, 1.0, 0.0]
    assert clock.widths(4.0).tolist() == [0.5, 0.5, 1.5, 1.5]


def test_a_clock_of_days_counts_days() -> None:
    clock = Clock(4)

    assert clock.times([0, 3]).tolist() == [0, 3]
    assert clock.index(np.array([0, 9])).tolist() == clock.next(np.array([0, 9])).tolist() == [0, 9]
    assert clock.widths(2).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("unit", [1.0, 1 / 365.25, 1e-9, 7e8])
def test_times_that_differ_by_rounding_are_tied_in_every_unit(unit: float) -> None:
    clock, (tick,) = continuous(np.array([0.1 + 0.2, 0.3, 0.1, 0.3 + 1e-7]) * unit)

    assert clock.n == 4
    assert tick.tolist() == [2, 2, 1, 3]


@pytest.mark.parametrize("unit", [1.0, 1 / 365.25, 1e-9])
@pytest.mark.parametrize("weights", [None, "w"])
def test_a_continuous_clock_gives_what_days_give(unit: float, weights: str | None) -> None:
    scaled = FRAME.with_columns(pl.col("t", "a") * unit)
    given = GIVEN | {"weights": weights}

    days, times = sv.kaplan_meier(FRAME, **given), sv.kaplan_meier(scaled, **given, clock="continuous")

    back = pl.col("time", "conf_low", "conf_high") / unit
    assert_frame_equal(times.table.with_columns(pl.col("time") / unit), days.table.with_columns(pl.col("time") * 1.0))
    assert_frame_equal(
        times.at([t * unit for t in range(14)]).drop("time"), days.at(range(14)).drop("time"), check_dtypes=False
    )
    assert_frame_equal(times.quantile([0.3, 0.5]).with_columns(back), days.quantile([0.3, 0.5]), check_dtypes=False)
    for column in ("rmst", "std_error"):
        assert_allclose(times.rmst(9 * unit)[column] / unit, days.rmst(9)[column], rtol=1e-12)
    hazards = [sv.nelson_aalen(f, **given, clock=c).table for f, c in ((FRAME, "days"), (scaled, "continuous"))]
    assert_frame_equal(hazards[1].drop("time"), hazards[0].drop("time"))
    tests = [sv.log_rank(f, **given, clock=c).statistic for f, c in ((FRAME, "days"), (scaled, "continuous"))]
    assert tests[1] == pytest.approx(tests[0], rel=1e-12)
    medians = [sv.median_follow_up(f, **given, clock=c).table for f, c in ((FRAME, "days"), (scaled, "continuous"))]
    assert_frame_equal(medians[1].with_columns(back), medians[0], check_dtypes=False)


def test_questions_to_a_continuous_clock() -> None:
    km = sv.kaplan_meier(FRAME, **GIVEN, clock="continuous")

    assert km.at(8.5).filter(pl.col("g") == "x")["n_risk"].to_list() == [1]
    assert km.at([9.001]).filter(pl.col("g") == "y")["n_risk"].to_list() == [1]
    with pytest.raises(NoValidAnswer, match=r"tau = 12.5 lies beyond the last follow-up of 1 of 1 groups"):
        sv.kaplan_meier(FRAME, time="t", event="e", clock="continuous").rmst(12.5)
    with pytest.raises(DefinitionError, match="finite numbers from 0"):
        km.at(-0.5)
    with pytest.raises(DefinitionError, match="counts in whole days"):
        km.to_result()
    with pytest.raises(DefinitionError, match="clock 'weeks' is not one of days, continuous"):
        sv.kaplan_meier(FRAME, time="t", event="e", clock="weeks")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"t": [-0.5, 7.0, 9, 9, 4, 12]}, "column 't': 1 of 6 rows lie before time 0"),
        ({"t": [3.0, float("nan"), 9, 9, 4, float("inf")]}, "column 't': 2 of 6 rows have no finite value"),
        ({"a": [0.0, 7.0 - 1e-9, 0, 0, 0, 0]}, "column 't' and 'a': 1 of 6 rows leave on or before the day they enter"),
    ],
)
def test_times_that_break_the_contract(change: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as error:
        sv.kaplan_meier(FRAME.with_columns(**{k: pl.Series(v) for k, v in change.items()}), **GIVEN, clock="continuous")

    assert str(error.value).startswith(says)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (pl.Series([0, 3, 1, 0, 3, 1]), (1, 3)),
        (pl.Series([0.0, 3.0, 1.0, 0.0, 3.0, 1.0]), (1, 3)),
        (pl.Series(["censored", "relapse", "death", "censored", "relapse", "death"]), ("death", "relapse")),
        (pl.Series(["censored", "b", "a", "censored", "b", "a"], dtype=pl.Categorical), ("a", "b")),
    ],
)
def test_causes_are_coded_in_the_order_of_their_names(column: pl.Series, names: tuple[Any, ...]) -> None:
    response = respond(FRAME.with_columns(cause=column), time="t", cause="cause")

    assert response.causes == names
    assert response.cause is not None
    assert response.cause.tolist() == [0, 2, 1, 0, 2, 1]
    assert response.event.tolist() == [False, True, True, False, True, True]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pl.Series([0, -1, 1, 0, 2, 1]), "column 'cause': 1 of 6 rows are no whole numbers from 0"),
        (pl.Series([0.0, 0.5, 1, 0, 2, 1]), "column 'cause': 1 of 6 rows are no whole numbers from 0"),
        (pl.Series([0, None, 1, 0, 2, 1]), "column 'cause': 1 of 6 rows have no finite value"),
        (pl.Series(["censored", None, "a", "a", "b", "a"]), "column 'cause': 1 of 6 rows have no value"),
    ],
)
def test_causes_that_break_the_contract(column: pl.Series, says: str) -> None:
    with pytest.raises(DataError) as error:
        respond(FRAME.with_columns(cause=column), time="t", cause="cause")

    assert str(error.value).startswith(says)


def test_event_or_cause() -> None:
    for given in ({}, {"event": "e", "cause": "e"}):
        with pytest.raises(DefinitionError, match="as event, or that of their causes as cause"):
            respond(FRAME, time="t", **given)
