# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F11: clocks that step, leap days, year ends and the two nights of Sofia: each window once, durations unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from rwe.catalogue import Window
from rwe.schedule import stand
from rwe.selftest.outcome import Check, judged
from rwe.spec.schedule import Schedule
from rwe.store import Store

NIGHTS = {
    "the night that lacks 03:30": date(2026, 3, 29),
    "the night that has 03:30 twice": date(2026, 10, 25),
    "29 February": date(2028, 2, 29),
    "31 December": date(2026, 12, 31),
}
STEPS = (0, 60, -60, 0, 5, -1, 60, -60, 61)  # minutes that the clock is wrong by, one look after the other


def clock(folder: Path, tell: Callable[[str], None]) -> Iterator[Check]:
    """Look at a daily schedule through a clock that steps, and at durations across the same nights."""
    tell("F11")
    for night, day in NIGHTS.items():
        yield _windows(night, day)
        yield _durations(folder / day.isoformat(), night, day)


def _windows(night: str, day: date) -> Check:
    """Serve what is due every ten minutes for three days, by a clock that is set forward and back an hour."""
    first = day - timedelta(days=1)
    schedule = Schedule(schedule="s", cron="30 3 * * *", study="x", start=first, catch_up="all")
    served: list[Window] = []
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(hours=3)
    for look in range(3 * 144):
        now = begin + timedelta(minutes=10 * look + STEPS[look % len(STEPS)])
        due = stand(schedule, Path("x"), served, now).due
        served += [Window("s", window, 1, "done", None, 0) for window in due]
    days = [window.due.astimezone(schedule.zone).date() for window in served]
    expected = [first + timedelta(days=n) for n in range(3)]
    said = f"{len(days)} windows on {len(set(days))} days"
    return judged("F11", f"{night}: each window once, the clock stepping an hour", good=days == expected, said=said)


def _durations(root: Path, night: str, day: date) -> Check:
    """Land a stay over the night with its days and its instants; the days between must be what the calendar says."""
    table = Store(root).table("invented/landing/stay")
    noon = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    stays = pl.DataFrame(
        {
            "_key": ["1"],
            "admitted_on": [day - timedelta(days=1)],
            "discharged_on": [day + timedelta(days=1)],
            "admitted_at": [noon - timedelta(days=1)],
            "discharged_at": [noon + timedelta(days=1)],
        },
        schema_overrides={"admitted_at": pl.Datetime("us", "UTC"), "discharged_at": pl.Datetime("us", "UTC")},
    )
    table.append(stays, batch="1")
    found = table.current().select(
        days=(pl.col("discharged_on") - pl.col("admitted_on")).dt.total_days(),
        hours=(pl.col("discharged_at") - pl.col("admitted_at")).dt.total_hours(),
    )
    days, hours = found.collect().row(0)
    return judged("F11", f"{night}: a stay over it", good=(days, hours) == (2, 48), said=f"{days} days, {hours} hours")
