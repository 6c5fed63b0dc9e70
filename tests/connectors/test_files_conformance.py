# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The files connector does what every connector must: in two code pages, in archives, as Parquet and workbooks."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from connectors.conformance import SOURCE
from connectors.files import FilesConnector, connect
from rwe.spec.base import Text
from rwe.spec.site import Site
from tests.connectors.tiers import FAST_FIRST

KINDS: dict[str, dict[str, Any]] = {
    "csv": {},
    "csv 1251": {"encoding": "windows-1251", "separator": ";", "decimal": ","},
    "zip": {"inside": "*.csv"},
    "xlsx": {"format": "xlsx"},
    "parquet": {"format": "parquet"},
}


@dataclass
class Ward:
    """A folder into which each writing drops one file."""

    folder: Path
    kind: str
    written: list[str] = field(default_factory=list)

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Drop a file of rows, in the order they were changed."""
        name = f"visit-{len(self.written):03d}.{self.kind.split()[0]}"
        self.written.append(name)
        ordered = sorted(rows, key=lambda row: (row["modified_at"], row["row_id"]))
        (self.folder / name).write_bytes(_bytes(self.kind, ordered))

    def open(self, page_rows: int) -> FilesConnector:
        """Return a connector on the folder."""
        streams = {
            name: stream.model_copy(update={"table": f"{stream.table}-*", "options": KINDS[self.kind]})
            for name, stream in SOURCE.streams.items()
        }
        site = Site(
            site="clinic",
            title=Text(en="Clinic", bg="Клиника"),
            connector="files",
            url=f"file://{self.folder}",
            mapping=".",
            page_rows=page_rows,
            options={"quiet_seconds": 0},
        )
        return connect(site, SOURCE.model_copy(update={"streams": streams}), self.folder)


def _bytes(kind: str, rows: list[dict[str, Any]]) -> bytes:
    if kind == "parquet":
        out = io.BytesIO()
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(out)
        return out.getvalue()
    lines = [list(rows[0]), *([_text(kind, value) for value in row.values()] for row in rows)]
    if kind == "xlsx":
        book = openpyxl.Workbook()
        for line in lines:
            book.worksheets[0].append(line)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()
    text = io.StringIO()
    csv.writer(text, delimiter=";" if "1251" in kind else ",").writerows(lines)
    raw = text.getvalue().encode("windows-1251" if "1251" in kind else "utf-8-sig")
    if kind != "zip":
        return raw
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/visit.csv", raw)
    return out.getvalue()


def _text(kind: str, value: Any) -> str:
    if isinstance(value, float) and "1251" in kind:
        return repr(value).replace(".", ",")
    return "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("check", FAST_FIRST)
def test_conformance(check: Callable[[Any], None], kind: str, tmp_path: Path) -> None:
    check(Ward(tmp_path, kind))
