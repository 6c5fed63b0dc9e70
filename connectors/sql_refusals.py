# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked of a table before its first page: rows that have no place in the order, dates that say nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connectors.sql_pages import Pages
from rwe.errors import DataError

Ask = Callable[[sa.Select[Any]], Sequence[Any]]


def refuse_unordered(pages: Pages, ask: Ask) -> None:
    """Refuse a table with rows that cannot be paged.

    Raises
    ------
    DataError
        With their number.
    """
    plan = pages.plan
    if missing := ask(pages.unordered())[0]:
        raise DataError(
            f"stream '{plan.name}': {missing} rows have no '{plan.stream.key}' or no '{plan.by}', "
            "so they cannot be read in order; mend the source"
        )


def refuse_zeros(pages: Pages, ask: Ask, *, refused: bool) -> Mapping[str, str]:
    """Count MariaDB's zero dates at the source, because its driver gives them as nothing; return the fact of it.

    Raises
    ------
    DataError
        If they are `refused`, or stand in the cursor.
    """
    plan = pages.plan
    if not plan.zero_dates:
        return {}
    counts = ask(pages.zeros(list(plan.zero_dates)))
    found = {name: int(count) for name, count in zip(plan.zero_dates, counts, strict=True) if count}
    told = ", ".join(f"{name} {count}" for name, count in found.items())
    if found and (refused or plan.by in found):
        cure = "mend the source, or say zero_dates: empty in the stream's options to read them as empty"
        raise DataError(f"stream '{plan.name}': dates 0000-00-00, by column: {told}; {cure}")
    return {f"zero dates of {plan.name}": told} if found else {}
