# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The NHIS connector does what every connector must: a row is a message in a drop folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.conformance import SOURCE, Case, Fault, Row, visits
from connectors.nhis import NhisConnector, connect
from rwe.spec.base import Text
from rwe.spec.site import Site
from synthetic.nhis import envelope
from tests.connectors.tiers import FAST_FIRST

PATHS = {name: f"visit/{name}" for name in ("row_id", *SOURCE.streams["visit"].columns) if name != "ward"}
OPTIONS = {"messages": ["X013"], "paths": PATHS}


@dataclass(frozen=True)
class Drops:
    """A folder of messages about visits, as a case of the suite."""

    home: Path

    def write(self, rows: Sequence[Row]) -> None:
        """Put a message for each row into the folder."""
        self.folder.mkdir(exist_ok=True)
        for row in rows:
            told = {name: None if value is None else str(value) for name, value in row.items() if name != "modified_at"}
            identity = str(uuid4())
            data = envelope(
                "X013",
                {"visit": told},
                message_id=identity,
                created_on=row["modified_at"].isoformat("T", "microseconds"),
            )
            (self.folder / f"{row['row_id']:09}-{identity}.xml").write_bytes(data)

    def open(self, page_rows: int) -> NhisConnector:
        """Return a connector on it."""
        if not self.away.exists():
            self.folder.mkdir(exist_ok=True)
        streams = {name: one.model_copy(update={"options": OPTIONS}) for name, one in SOURCE.streams.items()}
        title = Text(en="Clinic", bg="Клиника")
        address = self.folder.as_uri()
        site = Site(site="clinic", title=title, connector="nhis", url=address, mapping=".", page_rows=page_rows)
        return connect(site, SOURCE.model_copy(update={"streams": streams}), self.home)

    def breaks(self, kind: Fault) -> bool:
        """Take the folder away, or send a visit that holds something else than declared."""
        if kind == "gone":
            self.folder.rename(self.away)
        else:
            row = visits(1, first=77)[0]
            self.write([{**row, "score": "many"}])
        return True

    @property
    def away(self) -> Path:
        """Where the folder is when it is taken away."""
        return self.home / "away"

    @property
    def folder(self) -> Path:
        """Where the messages are."""
        return self.home / "drops"


@pytest.mark.parametrize("check", FAST_FIRST)
def test_conformance(check: Callable[[Case], None], tmp_path: Path) -> None:
    check(Drops(tmp_path))
