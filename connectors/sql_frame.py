# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One page of a table as a typed frame: the only place where rows cross from a driver into columns."""

from __future__ import annotations

from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.sql_catalogue import Plan
from connectors.sql_session import Session
from connectors.typed import typed

CURSOR, KEY = "rwe_cursor", "rwe_key"


def page_frame(session: Session, page: sa.Select[Any], plan: Plan) -> pl.DataFrame:
    """Return the rows of a page.

    Parameters
    ----------
    session
        Where to ask; its connection is inside the snapshot of the stream.
    page
        Gives `CURSOR`, `KEY` and `plan.present`, in this order, bounded by the size of a page.
    plan
        The stream: kinds of the paging columns, types of the declared ones.

    Returns
    -------
    pl.DataFrame
        `CURSOR` and `KEY` in the types of `plan.cursor` and `plan.key`, then every column of
        `plan.stream.columns` that the source has, in its declared type.

    Raises
    ------
    DataError
        With counts, where values are not of their type.
    """
    rows = [tuple(row) for row in session.connection.execute(page)]
    columns = list(zip(*rows, strict=True)) or [()] * (2 + len(plan.present))
    made = {
        CURSOR: typed(columns[0], plan.cursor, f"{plan.name}.{plan.by}"),
        KEY: typed(columns[1], plan.key, f"{plan.name}.{plan.stream.key}"),
    }
    for name, values in zip(plan.present, columns[2:], strict=True):
        made[name] = typed(values, plan.stream.columns[name].type, f"{plan.name}.{name}")
    return pl.DataFrame(made)
