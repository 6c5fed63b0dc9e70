# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is taken from Arrow equals what is read value by value; what that refuses is never taken."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from connectors.arrow_typed import taken
from connectors.typed import DTYPES, typed
from rwe.errors import DataError
from rwe.spec.source import Kind

_KINDS: tuple[Kind, ...] = ("text", "integer", "number", "date", "timestamp")
_ALIKE = st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?(Z|[+-]0[0-9]:00)?)?")
_VALUES: dict[str, tuple[st.SearchStrategy[Any], pa.DataType]] = {
    "text": (st.text() | _ALIKE | st.sampled_from(["1969-12-31 23:59:60", "0000-01-01", "2020-02-30"]), pa.string()),
    "integer": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "short": (st.integers(-(2**15), 2**15 - 1), pa.int16()),
    "double": (st.floats(), pa.float64()),
    "single": (st.floats(width=32), pa.float32()),
    "decimal": (st.decimals(-(10**17), 10**17, places=4), pa.decimal128(38, 4)),
    "day": (st.dates(), pa.date32()),
    "instant": (st.datetimes(timezones=st.just(UTC)), pa.timestamp("us", "UTC")),
    "naive": (st.datetimes(), pa.timestamp("us")),
    "flag": (st.booleans(), pa.bool_()),
    "bytes": (st.binary(), pa.binary()),
}


def _one_by_one(values: list[Any], kind: Kind) -> pl.Series | None:
    try:
        return typed(values, kind, "t.c").alias("c")
    except DataError:
        return None


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("drawn", _VALUES)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_taken_is_what_is_read_one_by_one(kind: Kind, drawn: str, data: st.DataObject) -> None:
    strategy, dtype = _VALUES[drawn]
    values = data.draw(st.lists(st.none() | strategy, max_size=4))

    found = taken(pa.table({"c": pa.array(values, dtype)}), {"c": kind})

    if found is not None:
        expected = _one_by_one(values, kind)
        assert expected is not None
        assert_series_equal(found["c"], expected)


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        (["Иван", None, "a\x00b", "я" * 40_000], pa.large_string(), "text"),
        ([2**63 - 1, -(2**63)], pa.int64(), "integer"),
        ([-0.0, 5e-324, 1.7e308], pa.float64(), "number"),
        ([2**53, -(2**53)], pa.int64(), "number"),
        ([Decimal("0.1"), Decimal("9007199254740990.1234")], pa.decimal128(38, 4), "number"),
        ([date.min, date.max], pa.date32(), "date"),
        ([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)], pa.timestamp("us", "UTC"), "timestamp"),
        (["0001-01-01", "9999-12-31"], pa.string(), "date"),
        (
            ["1981-03-29 03:30:00", "1981-03-29T03:30:00.1Z", "2020-01-01 00:00:00.000001+00:00"],
            pa.string(),
            "timestamp",
        ),
    ],
)
def test_plain_values_are_taken(values: list[Any], dtype: pa.DataType, kind: Kind) -> None:
    found = taken(pa.table({"c": pa.array(values, dtype)}), {"c": kind})

    assert found is not None
    assert found["c"].dtype == DTYPES[kind]
    assert_series_equal(found["c"], typed(values, kind, "t.c").alias("c"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([float("inf")]), "number"),
        (pa.array([float("nan")]), "number"),
        (pa.array([2**53 + 1]), "number"),
        (pa.array([Decimal(2**53 + 1)], pa.decimal128(38, 4)), "number"),
        (pa.array([0.5], pa.float32()), "number"),
        (pa.array([2**63], pa.uint64()), "integer"),
        (pa.array([2**62], pa.timestamp("us", "UTC")), "timestamp"),
        (pa.array([2**31 - 1], pa.int32()).cast(pa.date32()), "date"),
        (
            pa.array([datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2)))], pa.timestamp("us", "+02:00")),
            "timestamp",
        ),
        (pa.array([b"\xff"]).view(pa.string()), "text"),
        (pa.array([7]), "text"),
    ],
)
def test_values_that_need_a_closer_look_are_not_taken(values: pa.Array, kind: Kind) -> None:
    assert taken(pa.table({"c": values}), {"c": kind}) is None


@pytest.mark.parametrize(
    "text",
    [
        "2021-02-29 00:00:00",
        "1900-02-29 00:00:00",
        "0000-01-01 00:00:00",
        "2020-13-01 00:00:00",
        "2020-04-31 00:00:00",
        "2020-01-01 24:00:00",
        "2020-01-01 00:60:00",
        "2020-01-01 00:00:60",
        "2020-01-01 00:00:00.",
        "2020-01-01 00:00:00.1234567",
        "2020-01-01 00:00:00.-12",
        "2020-01-01 00:00:00+01:00",
        "2020-01-01 00:00:00ZZ",
        "2020-01-01 00:00:00 ",
        "2020-01-01 00:00:0Z",
        "2020-01-01 00:00+00:00",
        "2020-01-01",
        "",
    ],
)
def test_a_text_that_is_no_plain_time_is_not_taken(text: str) -> None:
    values = pa.array(["2020-02-29 00:00:00", text])

    assert taken(pa.table({"c": values}), {"c": "timestamp"}) is None


@pytest.mark.ci
def test_every_day_of_the_calendar_is_taken_as_it_is() -> None:
    days = pl.select(pl.datetime_range(datetime.min, datetime(9999, 12, 31), "1d", time_unit="us")).to_series()
    written = days.dt.strftime("%Y-%m-%d 12:34:56.5Z")

    found = taken(pa.table({"c": written.to_arrow()}), {"c": "timestamp"})

    assert found is not None
    assert_series_equal(found["c"], days.dt.replace_time_zone("UTC").dt.offset_by("12h34m56s500ms").alias("c"))
