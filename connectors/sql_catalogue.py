# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Declared streams against the catalogue of the source: only names that stand there are ever asked for."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.elements import quoted_name

from rwe.spec.source import Kind, Stream

# Families of SQL types by the kinds that a column of theirs may be declared as.
_FAMILIES: tuple[tuple[type[sa.types.TypeEngine[Any]], tuple[Kind, ...]], ...] = (
    (sa.Boolean, ()),
    (sa.Integer, ("integer", "number")),
    (sa.Numeric, ("number",)),
    (sa.Float, ("number",)),
    (sa.DateTime, ("timestamp",)),
    (sa.Date, ("date",)),
    (sa.String, ("text",)),
)
# SQLite has no types of its own for dates; what a column may hold is checked value by value.
_SQLITE_TEXT: tuple[Kind, ...] = ("text", "date", "timestamp")
_ANY: tuple[Kind, ...] = ("text", "integer", "number", "date", "timestamp")

Paging = Literal["integer", "text", "timestamp", "date"]
Spelling = Literal["", "iso", "exact"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A stream as the source has it.

    Parameters
    ----------
    name, stream
        The declaration.
    present
        Declared columns that the source has; the others are optional.
    by
        The cursor column.
    key, cursor
        Kinds of the paging columns, as values of Python.
    spelled
        Whether times of the cursor go to and fro as text: ``iso`` because the source keeps them so, ``exact``
        because they are finer than a microsecond there.
    times
        Whether the cursor is a time, so that an overlap of days can be read again.
    sql
        The type of the cursor at the source.
    distinct
        Whether the source itself keeps two rows from having one key; equal is then what it takes for equal.
    zero_dates
        Columns of dates and times in which MariaDB may hold ``0000-00-00``.
    text
        The statement that gives the rows, of a registered file, or nothing.
    """

    name: str
    stream: Stream
    present: tuple[str, ...]
    by: str
    key: Paging
    cursor: Paging
    spelled: Spelling
    times: bool
    sql: sa.types.TypeEngine[Any]
    distinct: bool
    zero_dates: tuple[str, ...] = ()
    text: str = ""


def plan(inspector: sa.Inspector, kind: str, schema: str | None, name: str, stream: Stream) -> Plan | list[str]:
    """Return the plan of a stream, or what is wrong with its declaration, in words."""
    if stream.cursor is None:
        return [f"stream '{name}': a table needs a cursor, a column that grows whenever a row is written or changed"]
    tables = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    if stream.table not in tables:
        return [f"stream '{name}': the source has no table '{stream.table}'{near(stream.table, tables)}"]
    types = {str(column["name"]): column["type"] for column in inspector.get_columns(stream.table, schema)}
    sqlite = kind == "sqlite"
    if faults := list(_faults(name, stream, types, sqlite=sqlite)):
        return faults
    cursor, key = _paging(types[stream.cursor], sqlite=sqlite), _paging(types[stream.key], sqlite=sqlite)
    if cursor is None or key not in ("integer", "text"):
        return [f"stream '{name}': '{stream.key}' and '{stream.cursor}' are not of types that can page a table"]
    times = isinstance(types[stream.cursor], sa.DateTime | sa.Date)
    spelled = _spelling(kind, cursor, times=times)
    present = tuple(c for c in stream.columns if c in types)
    dates = tuple(c for c in dict.fromkeys([stream.cursor, *present]) if isinstance(types[c], sa.DateTime | sa.Date))
    return Plan(
        name,
        stream,
        present,
        stream.cursor,
        key,
        "text" if spelled else cursor,
        spelled,
        times,
        types[stream.cursor],
        key == "integer" or _distinct(inspector, schema, stream),
        dates if kind == "mariadb" else (),
    )


def declared(kind: str, name: str, stream: Stream, text: str) -> Plan | list[str]:
    """Return the plan of a registered statement, of which only the declaration tells the types."""
    by = stream.cursor or ""
    cursor, key = stream.columns[by].type, stream.columns[stream.key].type
    if cursor == "number" or key not in ("integer", "text"):
        return [f"stream '{name}': '{stream.key}' and '{by}' are not of types that can page a table"]
    times = cursor in ("timestamp", "date")
    spelled = _spelling(kind, cursor, times=times)
    dates = tuple(c for c, column in stream.columns.items() if column.type in ("timestamp", "date"))
    return Plan(
        name,
        stream,
        tuple(stream.columns),
        by,
        key,
        "text" if spelled else cursor,
        spelled,
        times,
        sa.TIMESTAMP() if cursor == "timestamp" else sa.Date(),
        key == "integer",
        dates if kind == "mariadb" else (),
        text,
    )


def _spelling(kind: str, cursor: Paging, *, times: bool) -> Spelling:
    if times and kind == "sqlite":
        return "iso"
    return "exact" if times and cursor == "timestamp" and kind in ("mssql", "oracle") else ""


def _distinct(inspector: sa.Inspector, schema: str | None, stream: Stream) -> bool:
    """Tell whether the source has a unique constraint on the key alone."""
    try:
        primary = inspector.get_pk_constraint(stream.table, schema)["constrained_columns"]
        others = [one["column_names"] for one in inspector.get_unique_constraints(stream.table, schema)]
    except (NotImplementedError, SQLAlchemyError):  # a view, or a catalogue that does not tell
        return False
    return [stream.key] in [primary, *others]


def _faults(name: str, stream: Stream, types: dict[str, Any], *, sqlite: bool) -> Iterator[str]:
    asked = (n for n, column in stream.columns.items() if not column.optional)
    needed = [*filter(None, (stream.key, stream.cursor)), *asked]
    for column in dict.fromkeys(needed):
        if column not in types:
            other = near(column, set(types) - {*stream.columns})
            yield f"stream '{name}': table '{stream.table}' has no column '{column}'{other}"
    for column, declared in stream.columns.items():
        if column in types and declared.type not in _kinds(types[column], sqlite=sqlite):
            yield f"stream '{name}': column '{column}' is declared {declared.type}, the source has {types[column]!r}"


def near(name: str, names: Collection[str]) -> str:
    """Return ``; did you mean '...'?`` with the nearest of `names`, or nothing."""
    folded = {other.casefold(): other for other in names}
    found = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f"; did you mean '{folded[found[0]]}'?" if found else ""


def _kinds(sql: sa.types.TypeEngine[Any], *, sqlite: bool) -> tuple[Kind, ...]:
    kinds = next((kinds for family, kinds in _FAMILIES if isinstance(sql, family)), None)
    if kinds is None:
        return _ANY if sqlite and isinstance(sql, sa.types.NullType) else ()
    return _SQLITE_TEXT if sqlite and "text" in kinds else kinds


def _paging(sql: sa.types.TypeEngine[Any], *, sqlite: bool) -> Paging | None:
    """Return what a paging column's values are in Python; SQLite hands times out as text."""
    kinds = _kinds(sql, sqlite=False)
    if "integer" in kinds:
        return "integer"
    if sqlite or "text" in kinds:
        return "text"
    return "timestamp" if "timestamp" in kinds else "date" if "date" in kinds else None


def column_of(name: str) -> sa.ColumnClause[Any]:
    """Return a column whose name is always quoted and never part of the text of a statement."""
    return sa.column(quoted_name(name, quote=True))


def table_of(name: str, schema: str | None) -> sa.TableClause:
    """Return a table, quoted likewise."""
    return sa.table(quoted_name(name, quote=True), schema=quoted_name(schema, quote=True) if schema else None)
