# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Bulk Data server that behaves well, read as every connector must read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance import Row
from connectors.fhir import connect
from rwe.ports import Connector
from tests.connectors.faulty_fhir import FaultyServer, faulty_server
from tests.connectors.fhir_clinic import BROKEN, SOURCE, in_order, resource, site
from tests.connectors.tiers import FAST_FIRST


@dataclass
class Served:
    """A server, and the home folder of those who read it."""

    server: FaultyServer
    home: Path

    def write(self, rows: Sequence[Row]) -> None:
        self.server.write(*(resource(row) for row in in_order(rows)))

    def breaks(self, kind: str) -> bool:
        if kind == "gone":
            self.server.stop()
        else:
            self.server.write(BROKEN)
        return True

    def open(self, page_rows: int) -> Connector:
        return connect(site(self.server.base, page_rows, pause_seconds=0.01), SOURCE, self.home)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Served]:
    with faulty_server() as server:
        yield Served(server, tmp_path)


@pytest.mark.parametrize("check", FAST_FIRST)
def test_conformance(check: Callable[[Any], None], case: Served) -> None:
    check(case)
