# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing of a drop folder is passed over, merged, cut or emptied in silence: not a file, a key, a time, a formula."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from connectors.files import FilesConnector, connect
from connectors.files_contract import Contract
from connectors.files_text import from_text
from rwe.errors import DataError
from rwe.pipeline.extract import StreamRead, extract
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Column, Source, Stream
from rwe.store import Store

ROWS = "at,patient,dose\n2020-01-05 10:00,a,1\n2020-01-05T11:30:00,b,2\n"
COLUMNS = {"patient": Column(type="text", role="person"), "dose": Column(type="number")}


def _clinic(folder: Path, tables: dict[str, str], columns: dict[str, Column], **contract: Any) -> tuple[Site, Source]:
    streams = {name: Stream(table=table, key="at", columns=columns, options=contract) for name, table in tables.items()}
    site = Site(
        site="ward",
        title=Text(en="Ward", bg="Отделение"),
        connector="files",
        url=f"file://{folder}",
        mapping=".",
        options={"quiet_seconds": 0},
    )
    return site, Source(source="ward", streams=streams)


def _open(folder: Path, columns: dict[str, Column] = COLUMNS, **contract: Any) -> FilesConnector:
    return connect(*_clinic(folder, {"dose": "*.*"}, columns, **contract), folder)


def _keys(folder: Path, columns: dict[str, Column] = COLUMNS, **contract: Any) -> list[str]:
    return [key for batch in _open(folder, columns, **contract).read("dose", None) for key in batch.rows["_key"]]


def _extracted(folder: Path, tables: dict[str, str], **contract: Any) -> tuple[StreamRead, ...]:
    site, source = _clinic(folder / "drops", tables, COLUMNS, **contract)
    return extract(site, source, Store(folder / "store"), folder, b"k" * 32).reads


def test_a_pattern_means_names_in_capitals_too(tmp_path: Path) -> None:
    (tmp_path / "drops").mkdir()
    (tmp_path / "drops" / "DOSE-1.CSV").write_text(ROWS)
    with zipfile.ZipFile(tmp_path / "drops" / "ALL.ZIP", "w") as archive:
        archive.writestr("Lab/DOSE.CSV", ROWS)

    (read,) = _extracted(tmp_path, {"dose": "dose-*.csv"})
    (packed,) = _extracted(tmp_path, {"packed": "*.zip"}, inside="lab/*.csv")

    assert (read.landed, packed.landed) == (2, 2)


def test_files_that_no_reading_takes_are_counted_and_told(tmp_path: Path) -> None:
    drops = tmp_path / "drops"
    drops.mkdir()
    (drops / "dose-1.csv").write_text(ROWS)
    (drops / "dose-2.csv").write_bytes(b"")
    (drops / "dose-3.csv.part").write_text(ROWS)
    (drops / ".dose-4.csv").write_text(ROWS)
    for name in ("7523169263.txt", "dose.xlsx", "lab.csv.gz", "notes.doc"):
        (drops / name).write_text("x")

    dose, stay = _extracted(tmp_path, {"dose": "dose-*.csv", "stay": "stay-*.csv"})

    assert dose.landed == 2
    assert dose.remarks == (
        "1 files are empty: have the sender send them anew ('dose-2.csv')",
        "1 files are not finished, by their name or time of change; they are read later ('dose-3.csv.part')",
        "4 files are of no stream: their names fit no declared pattern "
        "('**********.txt', 'dose.xlsx', 'lab.csv.gz', ...)",
    )
    assert stay.remarks == ()


def test_files_within_an_archive_that_no_stream_means_are_told(tmp_path: Path) -> None:
    (tmp_path / "drops").mkdir()
    with zipfile.ZipFile(tmp_path / "drops" / "a.zip", "w") as archive:
        archive.writestr("dose.csv", ROWS)
        archive.writestr("stay.csv", ROWS)

    (read,) = _extracted(tmp_path, {"dose": "*.zip"}, inside="dose.csv")

    assert read.remarks == ("1 files are of no stream: their names fit no declared pattern ('a.zip/stay.csv')",)


def test_an_emptied_folder_is_no_drift_of_columns(tmp_path: Path) -> None:
    (tmp_path / "drops").mkdir()
    (tmp_path / "drops" / "dose-1.csv").write_text(ROWS)
    _extracted(tmp_path, {"dose": "dose-*.csv"})
    (tmp_path / "drops" / "dose-1.csv").unlink()

    (read,) = _extracted(tmp_path, {"dose": "dose-*.csv"})

    assert read.fault == ""


@pytest.mark.parametrize("columns", [COLUMNS, COLUMNS | {"at": Column(type="timestamp")}])
def test_a_key_of_time_is_one_however_it_is_spelt(columns: dict[str, Column], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    one = _keys(tmp_path, columns)
    (tmp_path / "a.csv").write_text(ROWS.replace(" 10:00,", "T10:00:00.000Z,").replace("T11:30:00", " 11:30"))
    other = _keys(tmp_path, columns)

    assert one == other == ["2020-01-05 10:00:00.000000+00:00", "2020-01-05 11:30:00.000000+00:00"]


def test_a_time_spelt_twice_in_one_file_repeats_its_key(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS.replace("2020-01-05T11:30:00", "2020-01-05T10:00:00"))

    with pytest.raises(DataError, match=r"0 rows have no key \(at\), 1 repeat one"):
        _keys(tmp_path)


def test_a_key_of_a_cell_does_not_depend_on_the_cells_beside_it(tmp_path: Path) -> None:
    cells: list[Any] = [datetime(2020, 1, 5), datetime(2020, 1, 5, 10), 7, "А-7"]
    told = []
    for some in (cells, cells[:1], cells[:2], cells[2:]):
        book = openpyxl.Workbook()
        for line in (["at", "patient", "dose"], *([cell, "a", 1] for cell in some)):
            book.worksheets[0].append(line)
        book.save(tmp_path / "a.xlsx")
        told.append(_keys(tmp_path, format="xlsx"))

    whole = told[0]
    assert whole[2:] == ["7", "А-7"]
    assert told[1:] == [whole[:1], whole[:2], whole[2:]]


@pytest.mark.parametrize(
    ("text", "shape", "wanted"),
    [
        ("2020-01-05 10:00:00.123456789", "%Y-%m-%d %H:%M:%S%.f", None),
        ("2020-01-05 10:00:00.1234567", "%Y-%m-%d %H:%M:%S%.f", None),
        ("2020-01-05 10:00:00.123456000", "%Y-%m-%d %H:%M:%S%.f", 123456),
        ("2020-01-05 10:00:00.5", "%Y-%m-%d %H:%M:%S%.f", 500000),
        ("2020-01-05 10:00:00", "%Y-%m-%d %H:%M:%S%.f", 0),
        ("10:00:00.5 05.01.2020", "%H:%M:%S%.f %d.%m.%Y", 500000),
        ("2020-01-05 09:59:60", "%Y-%m-%d %H:%M:%S%.f", None),
        ("2020-01-05 09:59:60.5", "%Y-%m-%d %H:%M:%S%.f", None),
        ("2020-01-05 09:59:60", "%Y-%m-%d %H:%M:%S", None),
        ("2020-01-05T10:00:00.1234567", None, None),
        ("2020-01-05T10:00:00.1234560", None, 123456),
        ("2020-01-05T09:59:60", None, None),
        ("2020-01-05T09:59:60Z", None, None),
        ("2020-01-05T10:00+00:00", None, 0),
    ],
)
def test_a_time_is_kept_whole_or_refused(text: str, shape: str | None, wanted: int | None) -> None:
    made, wrong = from_text(pl.Series([text]), "timestamp", Contract(timestamp_format=shape))

    assert wrong == (wanted is None)
    assert made.item() == (None if wanted is None else datetime(2020, 1, 5, 10, 0, 0, wanted, tzinfo=UTC))


def test_columns_that_differ_in_capitals_only_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("at,patient,dose,Dose\n1,a,1,2\n")

    with pytest.raises(DataError, match="columns 'Dose', 'dose' differ in capitals only"):
        _keys(tmp_path, any_case=True)


def _formulas(folder: Path, *cells: Any, sheet: bool = True) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Дози"
    book.worksheets[0].append(["at", "patient", "dose", "total"])
    for number, cell in enumerate(cells):
        book.worksheets[0].append([number, "a", cell, "=1+1" if sheet else None])
    book.save(folder / "a.xlsx")


def test_formulas_without_a_stored_value_are_refused_by_sheet_and_column(tmp_path: Path) -> None:
    _formulas(tmp_path, 1.5, "=1+1", "=2+2", None)

    with pytest.raises(DataError) as told:
        _keys(tmp_path, format="xlsx")

    assert "sheet 'Дози': formulas without a stored value, by column: dose 2;" in str(told.value)


def test_formulas_in_columns_that_are_not_read_or_with_a_value_are_none_of_ours(tmp_path: Path) -> None:
    _formulas(tmp_path, 1.5, None, 3)
    assert _keys(tmp_path, format="xlsx") == ["0", "1", "2"]


def test_formulas_with_a_stored_value_are_that_value_an_empty_text_too(tmp_path: Path) -> None:
    _formulas(tmp_path, "=1+1", "=A1&B1", sheet=False)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    sheet = re.sub("<f>1\\+1</f><v ?/?>(</v>)?", "<f>1+1</f><v>2</v>", sheet).replace(
        '<c r="C3">', '<c r="C3" t="str">'
    )
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as made:
        for name, text in (parts | {"xl/worksheets/sheet1.xml": sheet}).items():
            made.writestr(name, text)

    (batch,) = _open(tmp_path, format="xlsx").read("dose", None)

    assert batch.rows["dose"].to_list() == [2.0, None]
