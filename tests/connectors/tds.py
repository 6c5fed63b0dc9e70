# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A server that speaks SQL Server's protocol to the genuine drivers: pysqlbridge, and the calls that it lacks."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pysqlbridge import predicate
from pysqlbridge import server as bridge
from pysqlbridge.catalog import Catalog
from pysqlbridge.logins import Login, LoginStore
from pysqlbridge.source import Table
from pysqlbridge.tds import connection, rpc
from pysqlbridge.tds.result import Column, DateTime, Float, Integer, NVarChar

TYPES = {int: Integer(8), float: Float(8), str: NVarChar(200), "time": DateTime()}
PASSWORD = "tds-secret"


@dataclass
class TdsServer:
    """The server: tables are lists in memory, statements are kept as they came; `roles` are the account's."""

    tables: dict[str, Table] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    roles: set[str] = field(default_factory=set)
    port: int = 0

    def put(self, name: str, columns: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> None:
        """Make a table, or make it anew."""
        made = [Column(column, TYPES[kind]) for column, kind in columns.items()]
        self.tables[name] = Table(name, made, [list(row) for row in rows])

    def answer(self, query: Any) -> Any:
        """Answer as pysqlbridge does, from the tables as they are now."""
        self.statements.append(str(getattr(query, "sql", query)))
        catalog = Catalog()
        for table in self.tables.values():
            catalog.add(table)
        return catalog.answer(query)


@contextmanager
def serving() -> Iterator[TdsServer]:
    """Start the server in a thread of this process."""
    server = TdsServer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "parse_rpc", _prepared(connection.parse_rpc))
        for name in ("IS_ROLEMEMBER", "IS_SRVROLEMEMBER"):
            patch.setitem(predicate.CONTEXT_FUNCTIONS, name, lambda _about, role: int(role in server.roles))
        logins = LoginStore([Login("reader", PASSWORD, hashed=False)])
        running, thread = bridge.start_background(query_handler=server.answer, logins=logins)
        server.port = running.address[1]
        try:
            yield server
        finally:
            running.shutdown()
            running.server_close()
            thread.join(10)


def _prepared(parse: Any) -> Any:
    """Give statements that drivers prepare (sp_prepexec, sp_execute) as the calls that the server knows."""
    kept: dict[int, Any] = {}

    def parse_rpc(payload: bytes, version: int = rpc.TDS_74) -> Any:
        call = parse(payload, version)
        if call.proc_id is rpc.ProcId.PREP_EXEC:
            kept[len(kept) + 1] = call.parameters[1:3]
            return _executed(*call.parameters[1:3], call.parameters[3:])
        if call.proc_id is rpc.ProcId.EXECUTE:
            return _executed(*kept[int(call.parameters[0].value)], call.parameters[1:])
        return call

    return parse_rpc


def _executed(declared: Any, statement: Any, values: Sequence[Any]) -> Any:
    names = re.findall(r"@\w+", declared.value or "")
    named = [dataclasses.replace(value, name=name) for name, value in zip(names, values, strict=True)]
    bare = [dataclasses.replace(part, name="") for part in (statement, declared)]
    return rpc.RpcRequest("sp_executesql", [*bare, *named], rpc.ProcId.EXECUTE_SQL)
