# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of FHIR resources does what every connector must; each write is a delivery of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance import Row
from connectors.fhir import connect
from rwe.ports import Connector
from tests.connectors.fhir_clinic import BROKEN, SOURCE, in_order, ndjson, resource, site
from tests.connectors.tiers import FAST_FIRST


@dataclass
class Folder:
    """A drop folder; a write is one more file, in the order in which such a system would tell it."""

    path: Path
    written: int = 0

    def write(self, rows: Sequence[Row]) -> None:
        self.written += 1
        (self.path / f"{self.written:03}.ndjson").write_bytes(ndjson([resource(row) for row in in_order(rows)]))

    def breaks(self, kind: str) -> bool:
        if kind == "gone":
            self.path.rename(self.path.with_name("elsewhere"))
        else:
            (self.path / "999.ndjson").write_bytes(ndjson([BROKEN]))
        return True

    def open(self, page_rows: int) -> Connector:
        return connect(site(self.path.as_uri(), page_rows), SOURCE, self.path)


@pytest.mark.parametrize("check", FAST_FIRST)
def test_conformance(check: Callable[[Any], None], tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()

    check(Folder(tmp_path / "drop"))
