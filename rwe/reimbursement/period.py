# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Settlement periods by their names (``2025``, ``2025-Q2``, ``2025-05``): when one ends, what follows, how old."""

from __future__ import annotations

import re
from datetime import date, timedelta

from rwe.errors import DefinitionError

FORMS = {"year": r"(\d{4})()", "quarter": r"(\d{4})-Q([1-4])", "month": r"(\d{4})-(0[1-9]|1[0-2])"}
MONTHS = {"year": 12, "quarter": 3, "month": 1}
SHOWN = {"year": "2025", "quarter": "2025-Q2", "month": "2025-05"}


def last_month(period: str, every: str) -> int:
    """Return the number of a period's last month; January of the year 0 is 1.

    Raises
    ------
    DefinitionError
        If the agreement is not settled in such periods.
    """
    found = re.fullmatch(FORMS[every], period)
    if found is None:
        raise DefinitionError(f"'{period}' is no period of this agreement: write a {every} as {SHOWN[every]}").known_as(
            "no_period", period=period, shown=SHOWN[every]
        )
    return int(found[1]) * 12 + int(found[2] or 1) * MONTHS[every]


def named(month: int, every: str) -> str:
    """Return the name of the period that a month belongs to."""
    year, place = (month - 1) // 12, (month - 1) % 12 // MONTHS[every] + 1
    return {"year": f"{year}", "quarter": f"{year}-Q{place}", "month": f"{year}-{place:02d}"}[every]


def last_day(period: str, every: str) -> date:
    """Return the last day of a period.

    Examples
    --------
    >>> str(last_day("2024-Q4", "quarter")), str(last_day("2024-02", "month"))
    ('2024-12-31', '2024-02-29')
    """
    month = last_month(period, every)
    return date(month // 12, month % 12 + 1, 1) - timedelta(days=1)


def following(period: str, every: str) -> str:
    """Return the period after this one.

    Examples
    --------
    >>> following("2024-Q4", "quarter"), following("2024", "year")
    ('2025-Q1', '2025')
    """
    return named(last_month(period, every) + MONTHS[every], every)


def older(period: str, than: str, every: str, quarters: int | None) -> bool:
    """Return whether a period ended more than so many quarters before another; never where none are named."""
    return quarters is not None and last_month(than, every) - last_month(period, every) > 3 * quarters
