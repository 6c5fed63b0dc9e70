# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Places in a stream as exact text: kept, compared and put back by whole days, never by a rounded value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from connectors.sql_catalogue import Paging, Plan
from connectors.sql_frame import CURSOR, KEY
from rwe.errors import DataError

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:(?P<mark>[ T])\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?P<zone>\+00:00)?)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: its last row's cursor and key as exact text."""

    value: str
    key: str


def place_of(page: pl.DataFrame) -> Place:
    """Return where a page of at least one row ends."""
    return Place(_text(page[CURSOR][-1]), _text(page[KEY][-1]))


def floor_of(plan: Plan, value: str, days: int) -> str:
    """Return the value of the cursor `days` before `value`, in the same spelling."""
    if not plan.spelled:
        when = restore(plan, plan.cursor, value)
        return _text(_earlier(when, days)) if isinstance(when, date) else value
    try:
        when = datetime.fromisoformat(value[:19])
    except ValueError:
        raise DataError(f"stream '{plan.name}': it was read to a place that its columns no longer have") from None
    mark = value[10:11]
    early: datetime = _earlier(when, days)
    return early.strftime(f"%Y-%m-%d{mark}%H:%M:%S") + _offset(value) if mark else early.strftime("%Y-%m-%d")


def later(plan: Plan, one: str, other: str) -> bool:
    """Tell whether a value of the cursor comes after another one of the same stream."""
    if plan.spelled:
        return one > other
    left, right = restore(plan, plan.cursor, one), restore(plan, plan.cursor, other)
    return bool(left > right)


def one_shape(plan: Plan, times: pl.Series, before: str) -> None:
    """Refuse times kept as text in more than one spelling, that of `before` included unless it is empty."""
    first = _ISO.fullmatch(before or str(times[0]))
    shape = "".join(_shape(first)) if first else "nothing"
    if not (first and times.str.contains(f"^(?:{shape})$").all()):
        raise DataError(
            f"{plan.name}.{plan.by}: its times are text in more than one ISO spelling, so they do not "
            "sort by time; store all of them as YYYY-MM-DD HH:MM:SS.ffffff in UTC"
        )


def _shape(time: re.Match[str]) -> Iterator[str]:
    """Yield the pattern of times that are spelled alike."""
    yield "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    if time["mark"]:
        yield time["mark"] + r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?" + re.escape(time["zone"] or "")


def restore(plan: Plan, kind: Paging, text: str) -> Any:
    """Return the value of a paging column that was kept as text.

    Raises
    ------
    DataError
        If it is none, because the column was another one then.
    """
    try:
        return _RESTORE[kind](text)
    except ValueError:
        raise DataError(f"stream '{plan.name}': it was read to a place that its columns no longer have") from None


def _text(value: Any) -> str:
    """Return a paging value as exact text."""
    if isinstance(value, datetime):
        utc = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return utc.isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else str(value)


def _earlier(when: Any, days: int) -> Any:
    try:
        return when - timedelta(days=days)
    except OverflowError:
        return when


def _offset(value: str) -> str:
    """Return the zone that a spelled time ends with; a shorter text without one sorts before it anyway."""
    found = re.search(r" [+-]\d{2}:\d{2}$", value)
    return found[0] if found else ""


_RESTORE: dict[Paging, Callable[[str], Any]] = {
    "integer": int,
    "text": str,
    "timestamp": datetime.fromisoformat,
    "date": date.fromisoformat,
}
