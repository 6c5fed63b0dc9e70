# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Statements that page a table by (cursor, key): no row between two pages is lost or doubled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import DATETIME

from connectors.sql_catalogue import Paging, Plan, column_of, table_of
from connectors.sql_frame import CURSOR, KEY
from connectors.sql_places import Place, restore

# How a key of text is compared byte by byte, where the database may take 'a' and 'A' for equal.
_EXACT_TEXT = {"sqlite": "BINARY", "mssql": "Latin1_General_BIN2"}
_ORACLE_TIME = "'YYYY-MM-DD HH24:MI:SS.FF9'"
_ORACLE_DATE = "'YYYY-MM-DD HH24:MI:SS'"


@dataclass(frozen=True, slots=True)
class Pages:
    """The statements of one stream.

    Parameters
    ----------
    plan
        The stream as the source has it.
    kind
        The kind of database: a name of `MANNERS`.
    schema
        Where its table is.
    rows
        Keys of a page.
    """

    plan: Plan
    kind: str
    schema: str | None
    rows: int

    def page(self, after: Place | None, floor: str | None, rows: int) -> sa.Select[Any]:
        """Return `rows` rows after a place; or, at the beginning, those from `floor` on, a value of the cursor."""
        cursor, key = self._cursor, self._key
        page = sa.select(self._shown.label(CURSOR), self._named(self.plan.stream.key).label(KEY))
        page = page.add_columns(*map(self._named, self.plan.present)).select_from(self.source)
        if after is not None:
            value, last = self._value(after.value), self._last(after.key)
            page = page.where(cursor >= value, sa.or_(cursor > value, key > last))
        elif floor is not None:
            page = page.where(cursor >= self._value(floor))
        return page.order_by(cursor, key).limit(rows)

    def keys(self, after: str | None) -> sa.Select[Any]:
        """Return keys in their order, those after `after`."""
        page = sa.select(self._named(self.plan.stream.key).label(KEY)).select_from(self.source)
        if after is not None:
            page = page.where(self._key > self._last(after))
        return page.order_by(self._key).limit(self.rows)

    def unordered(self) -> sa.Select[Any]:
        """Return how many rows have no cursor or no key."""
        empty = sa.or_(self._named(self.plan.stream.key).is_(None), self._cursor.is_(None))
        return sa.select(sa.func.count()).select_from(self.source).where(empty)

    def zeros(self, columns: list[str]) -> sa.Select[Any]:
        """Return how many values of each column are MariaDB's zero date, which its driver gives as nothing."""
        zero = (sa.case((sa.cast(self._named(c), sa.CHAR(10)) == "0000-00-00", 1), else_=0) for c in columns)
        return sa.select(*(sa.func.sum(one) for one in zero)).select_from(self.source)

    @property
    def source(self) -> sa.FromClause:
        """What is read: a table, or a registered statement as one."""
        if not self.plan.text:
            return table_of(self.plan.stream.table, self.schema)
        names = dict.fromkeys([self.plan.by, self.plan.stream.key, *self.plan.present])
        text = self.plan.text.replace("\\", "\\\\").replace(":", "\\:")  # SQLAlchemy would take :name for a parameter
        return sa.text(text).columns(*map(column_of, names)).subquery("rwe_rows")

    def _named(self, name: str) -> sa.ColumnElement[Any]:
        return column_of(name)

    @property
    def _cursor(self) -> sa.ColumnElement[Any]:
        return self._named(self.plan.by)

    @property
    def _shown(self) -> sa.ColumnElement[Any]:
        """The cursor as it comes over: as text where a time of Python would lose digits of it."""
        if not self.plan.spelled or self.kind == "sqlite":
            return self._cursor
        if self.kind == "oracle":
            return sa.func.to_char(self._cursor, sa.literal_column(self._oracle_format))
        return sa.func.convert(sa.literal_column("VARCHAR(40)"), self._cursor, sa.literal_column("121"))

    @property
    def _oracle_format(self) -> str:
        return _ORACLE_TIME if isinstance(self.plan.sql, sa.TIMESTAMP) else _ORACLE_DATE

    def _value(self, text: str) -> sa.ColumnElement[Any]:
        """Return a value of the cursor, bound, as the database compares it exactly."""
        if self.plan.spelled and self.kind == "mssql":
            given = sa.literal(text, sa.String(40))
            if self.plan.text:  # nobody tells the type of its columns: the finest there is holds them all
                return sa.func.convert(sa.literal_column("DATETIME2(7)"), given, sa.literal_column("121"))
            return sa.cast(given, self.plan.sql)
        if self.plan.spelled and self.kind == "oracle":
            read = sa.func.to_timestamp if isinstance(self.plan.sql, sa.TIMESTAMP) else sa.func.to_date
            return read(sa.literal(text, sa.String(40)), sa.literal_column(self._oracle_format))
        value = restore(self.plan, self.plan.cursor, text)
        if isinstance(value, datetime):
            return self._instant(value)
        return sa.literal(value, _BOUND[self.plan.cursor])

    def _instant(self, value: datetime) -> sa.ColumnElement[Any]:
        zoned = bool(getattr(self.plan.sql, "timezone", False))
        bare = value if zoned else value.astimezone(UTC).replace(tzinfo=None)
        if self.kind == "mariadb":  # its ODBC driver cuts a bound time to whole seconds
            return sa.cast(sa.literal(bare.isoformat(" ", "microseconds"), sa.String(40)), _DATETIME6)
        return sa.literal(bare, sa.DateTime(timezone=zoned))

    @property
    def _key(self) -> sa.ColumnElement[Any]:
        return self._exact(self._named(self.plan.stream.key))

    def _last(self, text: str) -> sa.ColumnElement[Any]:
        return self._exact(sa.literal(restore(self.plan, self.plan.key, text), _BOUND[self.plan.key]))

    def _exact(self, key: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return a key as it orders rows: byte by byte, unless the source itself keeps equal ones apart."""
        if self.plan.distinct or self.plan.key != "text":
            return key
        if self.kind == "mariadb":
            return sa.cast(key, sa.LargeBinary)
        return sa.collate(key, _EXACT_TEXT[self.kind]) if self.kind in _EXACT_TEXT else key


_DATETIME6 = DATETIME(fsp=6)
_BOUND: dict[Paging, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "text": sa.Text(),
    "timestamp": sa.DateTime(timezone=False),
    "date": sa.Date(),
}
