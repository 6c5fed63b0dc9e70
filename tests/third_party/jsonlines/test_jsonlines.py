# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The connector does what every connector must: the whole test that a third party has to write."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.conformance import CHECKS, SOURCE, Case, Fault, Row
from rwe import plugins
from rwe.ports import Connector
from rwe.spec.base import Text
from rwe.spec.site import Site


@dataclass(frozen=True)
class Folder:
    """A folder to write rows into, and to read them from through the entry point."""

    path: Path

    def write(self, rows: Sequence[Row]) -> None:
        with (self.path / "visit.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row | _texts(row)) + "\n" for row in rows)

    def open(self, page_rows: int) -> Connector:
        for name in ("visit", "visit_empty"):
            (self.path / f"{name}.jsonl").touch()
        title, url = Text(en="Clinic", bg="Клиника"), self.path.as_uri()
        site = Site(site="clinic", title=title, connector="jsonlines", url=url, mapping=".", page_rows=page_rows)
        return plugins.connector("jsonlines")(site, SOURCE, self.path)

    def breaks(self, kind: Fault) -> bool:
        file = self.path / "visit.jsonl"
        if kind == "contract":
            file.write_text(file.read_text("utf-8").replace('"note"', '"notes"'), "utf-8")
        else:
            file.unlink()
            file.mkdir()
        return True


def _texts(row: Row) -> Row:
    """Return the days and moments of a row as text: JSON has none."""
    moments = {name: row[name].isoformat(timespec="microseconds") for name in ("modified_at", "seen_at")}
    return {**moments, "seen_on": row["seen_on"].isoformat()}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check: Callable[[Case], None], tmp_path: Path) -> None:
    check(Folder(tmp_path))
