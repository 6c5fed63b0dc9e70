# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What an account may do at the source, as the catalogue tells it: whoever can write records is not let in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import sqlalchemy as sa

# What an account of MariaDB may hold and still only read.
_READING = frozenset(
    {"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "REPLICATION CLIENT", "BINLOG MONITOR"}
)
_GRANT = re.compile(r"GRANT (?P<what>.+?) ON (?P<where>.+?) TO (?P<who>\S+)", re.DOTALL)
_ROLE = re.compile(r"GRANT (?P<role>`[^`]+`) TO ")
_SANDBOX = ("`test`.*", "`test\\_%`.*")  # everybody's, as the server is installed; no hospital keeps records there
_POSTGRESQL = """
WITH mine AS (SELECT * FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER'))
SELECT 'role ' || a FROM mine, LATERAL (VALUES ('superuser', rolsuper), ('createrole', rolcreaterole)) AS v(a, has)
 WHERE has
UNION ALL SELECT 'role ' || rolname FROM mine
 WHERE rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_write_all_data')
UNION ALL SELECT DISTINCT p FROM mine, pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace,
  unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p
 WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
   AND has_schema_privilege(mine.oid, n.oid, 'USAGE') AND (has_table_privilege(mine.oid, c.oid, p)
    OR p IN ('INSERT', 'UPDATE') AND has_any_column_privilege(mine.oid, c.oid, p))
"""
_MSSQL = {  # of the whole database, and of the server
    **{
        right: f"HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', '{right}')"
        for right in ("INSERT", "UPDATE", "DELETE", "ALTER")
    },
    **{f"role {role}": f"IS_ROLEMEMBER('{role}')" for role in ("db_owner", "db_datawriter", "db_ddladmin")},
    **{f"role {role}": f"IS_SRVROLEMEMBER('{role}')" for role in ("sysadmin", "securityadmin")},
}
_ORACLE = """
SELECT privilege FROM session_privs
 WHERE privilege LIKE '%ANY TABLE' AND privilege NOT IN ('SELECT ANY TABLE', 'READ ANY TABLE')
UNION SELECT privilege FROM all_tab_privs WHERE privilege IN ('INSERT', 'UPDATE', 'DELETE')
   AND grantee IN (SELECT USER FROM dual UNION SELECT role FROM session_roles)
"""


def may_write(connection: sa.Connection, kind: str, schema: str | None, tables: list[str]) -> str:
    """Return what the account of a session may do besides reading, in the words of the database, or nothing.

    Rights on things other than records are left aside: before PostgreSQL 15 everybody may make tables in
    ``public``, which alters no record. SQLite has no accounts; a file is opened so that it cannot be written.

    Parameters
    ----------
    connection
        A session.
    kind
        The kind of database.
    schema, tables
        What is declared, for databases whose catalogue is asked table by table.
    """
    look = _LOOK.get(kind)
    return ", ".join(sorted(set(look(connection, schema, tables)))) if look else ""


def _postgresql(connection: sa.Connection, _schema: str | None, _tables: list[str]) -> Iterator[str]:
    yield from (str(row[0]) for row in connection.exec_driver_sql(_POSTGRESQL.replace("%", _sign(connection))))


def _sign(connection: sa.Connection) -> str:
    """Return a percent sign as this driver takes it in a statement."""
    return "%%" if connection.dialect.paramstyle in ("format", "pyformat") else "%"


def _mariadb(connection: sa.Connection, _schema: str | None, _tables: list[str]) -> Iterator[str]:
    lines = [str(row[0]) for row in connection.exec_driver_sql("SHOW GRANTS")]
    roles = [found["role"] for line in lines if not _GRANT.match(line) and (found := _ROLE.match(line))]
    for role in roles:  # each could be taken by the session, so what it holds counts
        connection.exec_driver_sql(f"SET ROLE {role}")
        lines += [str(row[0]) for row in connection.exec_driver_sql("SHOW GRANTS")]
    for granted in filter(None, map(_GRANT.match, lines)):
        if granted["who"] != "PUBLIC" or granted["where"] not in _SANDBOX:
            rights = re.sub(r"\(.*?\)", "", granted["what"]).split(",")
            yield from (right.strip() for right in rights if right.strip() not in _READING)


def _mssql(connection: sa.Connection, schema: str | None, tables: list[str]) -> Iterator[str]:
    held = connection.exec_driver_sql("SELECT " + ", ".join(_MSSQL.values())).one()
    yield from (what for what, may in zip(_MSSQL, held, strict=True) if may == 1)
    quote = connection.dialect.identifier_preparer.quote_identifier
    for table in tables:
        name = ".".join(quote(part) for part in (schema, table) if part)
        for right in ("INSERT", "UPDATE", "DELETE"):
            asked = sa.select(sa.func.has_perms_by_name(name, "OBJECT", right))
            if connection.execute(asked).scalar() == 1:
                yield right


def _oracle(connection: sa.Connection, _schema: str | None, _tables: list[str]) -> Iterator[str]:
    yield from (str(row[0]) for row in connection.exec_driver_sql(_ORACLE))


_LOOK: dict[str, Callable[[sa.Connection, str | None, list[str]], Iterator[str]]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "mssql": _mssql,
    "oracle": _oracle,
}
