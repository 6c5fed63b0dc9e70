# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""SQL Server's answers about an account, told by functions of its names in a small database of another kind."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.sql_grants import may_write

FUNCTIONS = {"HAS_PERMS_BY_NAME": 3, "IS_ROLEMEMBER": 1, "IS_SRVROLEMEMBER": 1}


def _told(*held: str, database: str = "HIS") -> str:
    """Return what `may_write` finds where the account has these roles, or rights as ``securable/right``."""

    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(":memory:")
        made.create_function("DB_NAME", 0, lambda: database)
        for name, count in FUNCTIONS.items():
            made.create_function(name, count, _answer(held))
        return made

    engine = sa.create_engine("sqlite://", creator=connect)
    with engine.connect() as connection:
        found = may_write(connection, "mssql", "dbo", ["visit"])
    engine.dispose()
    return found


def _answer(held: tuple[str, ...]) -> Any:
    return lambda name, *of: int((f"{name}/{of[1]}" if of else name) in held)


def test_an_account_that_only_reads_is_let_in() -> None:
    assert _told("db_datareader", "public", "HIS/SELECT") == ""


@pytest.mark.parametrize("role", ["db_owner", "db_datawriter", "db_ddladmin", "sysadmin", "securityadmin"])
def test_a_role_of_the_whole_database_or_server_is_named(role: str) -> None:
    assert _told(role) == f"role {role}"


def test_rights_on_the_database_and_on_a_declared_table_are_named() -> None:
    assert _told("HIS/ALTER", "db_owner") == "ALTER, role db_owner"
    assert _told('"dbo"."visit"/UPDATE') == "UPDATE"
