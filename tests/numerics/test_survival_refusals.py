# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that have no right answer are refused by column, rule and number, never by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer, RweError
from rwe.execute import Parts

GOOD = {"t": [3, 7, 9], "e": [1, 0, 1], "a": [0, 1, 2], "w": [1.0, 2.0, 0.5], "g": ["x", "y", "x"]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"t": [3, -8123, 9]}, "column 't': 1 of 3 rows lie before day 0"),
        ({"t": [3.0, 7.3011, 9.0]}, "column 't': 1 of 3 rows are not whole days"),
        ({"t": [0.1 + 0.2, 0.3, 1.0]}, "column 't': 2 of 3 rows are not whole days"),
        ({"t": [3.0, float("nan"), float("inf")]}, "column 't': 2 of 3 rows have no finite value"),
        ({"t": [3, None, 9]}, "column 't': 1 of 3 rows have no finite value"),
        ({"t": [3, 8123000, 9]}, "column 't': 1 of 3 rows lie beyond 150 years"),
        ({"t": ["3", "7", "9"]}, "column 't' holds String, not numbers"),
        ({"t": pl.Series([3, 7, 9], dtype=pl.Float32)}, "column 't' is in single precision"),
        ({"e": [1, 2, 1]}, "column 'e': 1 of 3 rows are neither 0 nor 1; 0 is censored"),
        ({"e": [True, None, False]}, "column 'e': 1 of 3 rows have no value"),
        ({"a": [0, 7, 9]}, "column 't' and 'a': 2 of 3 rows leave on or before the day they enter"),
        ({"w": [1.0, -8123.0, 1.0]}, "column 'w': 1 of 3 rows have a negative weight"),
        ({"w": [1.0, float("nan"), 1.0]}, "column 'w': 1 of 3 rows have no finite value"),
        ({"g": ["x", None, "y"]}, "column 'g': 1 of 3 rows have no value"),
    ],
)
@pytest.mark.parametrize("estimator", [sv.kaplan_meier, sv.nelson_aalen, sv.median_follow_up, sv.log_rank])
def test_rows_that_break_the_contract(change: dict[str, Any], says: str, estimator: Callable[..., Any]) -> None:
    with pytest.raises(DataError) as error:
        estimator(pl.DataFrame(GOOD | change, strict=False), time="t", event="e", entry="a", weights="w", by="g")

    assert str(error.value).startswith(says)
    assert "8123" not in str(error.value)


def test_whole_days_may_come_as_floats_and_events_as_truth_values() -> None:
    frame = pl.DataFrame(GOOD)

    other = frame.with_columns(pl.col("t").cast(pl.Float64), pl.col("e").cast(pl.Boolean))

    a, b = (sv.kaplan_meier(f, time="t", event="e").table for f in (frame, other))
    assert a.equals(b)


def test_frames_of_others_are_taken_and_what_is_no_frame_is_refused() -> None:
    frame = pl.DataFrame(GOOD)

    tables = [sv.kaplan_meier(f, time="t", event="e").table for f in (frame, frame.lazy(), frame.to_arrow())]

    assert all(table.equals(tables[0]) for table in tables)
    with pytest.raises(DefinitionError, match="not dict"):
        sv.kaplan_meier(GOOD, time="t", event="e")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"time": "tt"}, "no column 'tt' (did you mean 't'?)"),
        ({"conf_type": "loglog"}, "conf_type 'loglog' is not one of log-log, log"),
        ({"conf_level": 95}, "write a probability such as 0.95"),
        ({"cluster": "g", "robust": False}, "clusters need the robust variance"),
    ],
)
def test_arguments_are_checked(given: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError) as error:
        sv.kaplan_meier(pl.DataFrame(GOOD), **{"time": "t", "event": "e", **given})

    assert says in str(error.value)


def test_questions_are_checked() -> None:
    km = sv.kaplan_meier(pl.DataFrame(GOOD), time="t", event="e")

    for ask in (lambda: km.at([1.5]), lambda: km.at(-1), lambda: km.quantile(1.0), lambda: km.rmst(tau=True)):
        with pytest.raises(DefinitionError):
            ask()


def test_nothing_to_analyse() -> None:
    with pytest.raises(NoValidAnswer, match="no rows are left"):
        sv.kaplan_meier(pl.DataFrame(GOOD).clear(), time="t", event="e")
    with pytest.raises(NoValidAnswer, match="all weights are 0"):
        sv.kaplan_meier(pl.DataFrame(GOOD).with_columns(w=0.0), time="t", event="e", weights="w")
    with pytest.raises(RweError, match="rename"):
        sv.kaplan_meier(pl.DataFrame(GOOD).rename({"g": "survival"}), time="t", event="e", by="survival")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"t": pl.Series([3, 7, 2**64 - 5], dtype=pl.UInt64)}, "column 't': 1 of 3 rows have no finite value"),
        ({"w": [1.0, 1e300, 1.0]}, "column 'w': 1 of 3 rows have a weight beyond 1e50"),
        ({"w": [1.0, 1e-300, 1.0]}, "column 'w': 1 of 3 rows have a weight beyond 1e50"),
        ({"g": [1.0, float("nan"), 2.0]}, "column 'g': 1 of 3 rows have no value"),
        ({"g": pl.Series([object()] * 3, dtype=pl.Object)}, "column 'g' holds Object"),
    ],
)
@pytest.mark.parametrize("estimator", [sv.kaplan_meier, sv.log_rank])
def test_what_has_no_number_or_no_order(change: dict[str, Any], says: str, estimator: Callable[..., Any]) -> None:
    with pytest.raises(DataError) as error:
        estimator(pl.DataFrame(GOOD | change, strict=False), time="t", event="e", entry="a", weights="w", by="g")

    assert str(error.value).startswith(says)


def _weighed(heaviest: float, others: float = 1.0) -> pl.DataFrame:
    columns = {"t": [3, 7, 9, 4], "e": [1, 0, 1, 1], "c": [1, 0, 2, 1], "g": ["x", "y", "x", "y"]}
    return pl.DataFrame(columns | {"x": [0.1, 0.7, 0.2, -1.0], "w": [others, heaviest, others, others]})


ASKED: dict[str, Callable[[Any], Any]] = {
    "Kaplan-Meier": lambda f: sv.kaplan_meier(f, time="t", event="e", weights="w"),
    "log-rank": lambda f: sv.log_rank(f, time="t", event="e", by="g", weights="w", variance="xie_liu"),
    "incidence": lambda f: sv.cumulative_incidence(f, time="t", cause="c", weights="w"),
    "Cox": lambda f: sv.cox(f, time="t", event="e", covariates=["x"], weights="w"),
    "Fine-Gray": lambda f: sv.fine_gray(f, time="t", cause="c", of=1, covariates=["x"], weights="w"),
}


@pytest.mark.parametrize("what", ASKED)
def test_a_weight_that_hides_all_others_is_refused_wherever_its_row_lies(what: str) -> None:
    frame, says = _weighed(1e20), "column 'w': 1 of 4 rows have a weight beside which all others are lost in rounding"

    for rows in (frame, Parts([frame[:2], frame[2:]]), Parts([frame[:1], frame[1:2], frame[2:]])):
        with pytest.raises(DataError) as error:
            ASKED[what](rows)
        assert str(error.value).startswith(says)


@pytest.mark.parametrize("what", ASKED)
def test_weights_may_be_tiny_and_one_may_be_large(what: str) -> None:
    few = _weighed(1.0).with_columns(w=pl.Series([1.0, 2.0, 1.0, 1e-30]))

    ASKED[what](_weighed(1e6))
    ASKED[what](Parts([few[:1], few[1:2], few[2:]]))


def test_a_covariate_that_cannot_count_is_named_not_dropped() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 1, 1, 0], "z": [0.1, 0.4, -1.0, 0.2], "x": ["only"] * 4})

    with pytest.raises(NoValidAnswer, match="column 'x' holds one level only"):
        sv.cox(frame, time="t", event="e", covariates=["x", "z"])
    with pytest.raises(DataError, match=r"column 'x' holds List.*neither numbers nor words"):
        sv.cox(frame.with_columns(x=pl.concat_list("z")), time="t", event="e", covariates=["x", "z"])


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime, pl.Duration, pl.Time])
@pytest.mark.parametrize("term", ["x", "C(x)"])
def test_a_date_is_no_covariate(kind: pl.DataType, term: str) -> None:
    when = pl.Series("x", [1, 2, 1, 2, 1, 2]).cast(kind)
    frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 1, 1, 0, 1, 1], "x": when})

    for given in (frame, frame.lazy()):
        with pytest.raises(DataError, match=r"column 'x' holds .* neither numbers nor words: give the days since a"):
            sv.cox(given, time="t", event="e", formula=term)


def test_causes_are_counted_not_told() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3], "c": ["note 8123", "censored", "note 8123"], "g": [0, 1, 1]})

    with pytest.raises(DefinitionError, match=r"cause 'death' \(causes in the column: 1\)") as error:
        sv.gray_test(frame, time="t", cause="c", by="g", of="death")
    assert "8123" not in str(error.value)


def test_nobody_fails_in_any_stratum() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [0] * 4, "x": [0.1, 0.4, -1.0, 0.2], "s": [0, 0, 1, 1]})

    with pytest.raises(NoValidAnswer, match="no pair can be compared"):
        sv.concordance(frame, time="t", event="e", score="x", strata="s", weighting="uno")


def test_a_column_named_twice_is_said() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 0, 1, 1], "g": [0, 1, 0, 1], "x": [1.0, 2.0, 0.3, 4.0]})
    twice: dict[str, Any] = {"time": "t", "event": "e", "by": ["g", "g"]}

    for estimator in (sv.kaplan_meier, sv.nelson_aalen, sv.log_rank):
        with pytest.raises(DefinitionError, match=r"columns \['g'\] are named twice"):
            estimator(frame, **twice)
    for given in (frame, frame.lazy()):
        with pytest.raises(DefinitionError, match=r"columns \['g'\] are named twice"):
            sv.cox(given, time="t", event="e", covariates=["x"], strata=["g", "g"])


def test_parts_of_nothing_are_no_rows() -> None:
    for estimator in (sv.kaplan_meier, sv.nelson_aalen, sv.median_follow_up):
        with pytest.raises(NoValidAnswer, match="no rows are left to analyse: there are no parts"):
            estimator(Parts([]), time="t", event="e")
