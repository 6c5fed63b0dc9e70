# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Files break their contract in every way that hospitals know: refused with counts, never bent, never shown."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pyreadstat
import pytest

from connectors.files import FilesConnector, connect
from connectors.files_contract import Contract
from connectors.files_text import from_text
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.ports import Batch
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Column, Source, Stream

CARD = "Т-4417-Я"
HEAD = "id,patient,seen,dose,unit"
GOOD = f"{HEAD}\n1,{CARD},2024-02-29,1.5,mg\n2,{CARD},2024-03-01,2,mg\n"
COLUMNS = {
    "patient": Column(type="text", role="person"),
    "seen": Column(type="date"),
    "dose": Column(type="number"),
    "unit": Column(type="text", optional=True),
}


def _open(folder: Path, page_rows: int = 100, limits: dict[str, Any] | None = None, **contract: Any) -> FilesConnector:
    stream = Stream(table="*", key="id", columns=COLUMNS, options=contract)
    site = Site(
        site="ward",
        title=Text(en="Ward", bg="Отделение"),
        connector="files",
        url=f"file://{folder}",
        mapping=".",
        page_rows=page_rows,
        options={"quiet_seconds": 0, **(limits or {})},
    )
    return connect(site, Source(source="ward", streams={"dose": stream}), folder)


def _read(folder: Path, **settings: Any) -> list[Batch]:
    return list(_open(folder, **settings).read("dose", None))


def _refused(folder: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as told:
        _read(folder, **settings)
    assert CARD not in str(told.value)
    return str(told.value)


def _drop(folder: Path, text: str | bytes, name: str = "a.csv") -> None:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


BULGARIAN = {
    "encoding": "windows-1251",
    "separator": ";",
    "decimal": ",",
    "date_format": "%d.%m.%Y",
    "null_words": ["н.д."],
}


def test_a_bulgarian_export_is_read_exactly(tmp_path: Path) -> None:
    head, first = '"id";"patient";"seen";"dose";"unit"', f'1;"{CARD}";29.02.2024;1,5;"mg; ""цял""\nден"'
    text = f"{head}\r\n{first}\r\n2;{CARD};н.д.;н.д.;\r\n"
    _drop(tmp_path, text.encode("windows-1251"))

    (batch,) = _read(tmp_path, **BULGARIAN)

    assert batch.rows.rows() == [("1", CARD, date(2024, 2, 29), 1.5, 'mg; "цял"\nден'), ("2", CARD, None, None, None)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("dose,", "").replace("1.5,", "").replace(",2,", ","), "column 'dose' is missing"),
        (GOOD.replace("dose", "dosis"), "column 'dose' is missing; did you mean 'dosis'?"),
        (GOOD.replace("1.5", "висока"), "dose: 1 of 2 values are not of type number"),
        (GOOD.replace("1.5", '"1,5"'), "dose: 1 of 2 values are not of type number"),
        (GOOD.replace("1.5", '"1 000.5"'), "dose: 1 of 2 values are not of type number"),
        (GOOD.replace("1.5", "1e999"), "dose: 1 of 2 values are not of type number"),
        (GOOD.replace("1.5", "9007199254740993"), "dose: 1 of 2 values are not of type number"),
        (GOOD.replace("2024-02-29", "29.02.2024"), "seen: 1 of 2 values are not of type date"),
        (GOOD.replace("2024-02-29", "2023-02-29"), "seen: 1 of 2 values are not of type date"),
        (GOOD.encode("windows-1251"), "places are not utf-8"),
        (GOOD.encode().decode("windows-1251"), "look like UTF-8 read as single letters"),
        (GOOD.replace("mg", "m\0g"), "2 NUL characters"),
        (GOOD + f"3,{CARD},2024-03-01,2\n4,{CARD},2024-03-01,2,mg,5\n", "2 lines do not have 5 fields (line 4, 5)"),
        (GOOD.replace("1.5,mg\n", "1.5,mg\r\n"), "its lines end differently (2 LF, 1 CRLF)"),
        (GOOD.replace("mg\n2", '"mg\n2'), "a quote is not closed"),
        (GOOD.replace("\n2,", "\n1,"), "0 rows have no key (id), 1 repeat one"),
        (GOOD.replace("\n2,", "\n,"), "1 rows have no key (id), 0 repeat one"),
        (GOOD.replace("unit", "dose"), "1 names of columns repeat"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_counts(text: str | bytes, told: str, tmp_path: Path) -> None:
    _drop(tmp_path, text)

    assert told in _refused(tmp_path)


def test_values_of_another_type_are_told_with_their_file(tmp_path: Path) -> None:
    _drop(tmp_path, GOOD.replace("1.5", "high"))

    assert "file 'a.csv': dose: 1 of 2 values" in _refused(tmp_path)


def test_the_first_value_and_key_that_break_the_contract_are_told_with_their_line(tmp_path: Path) -> None:
    lines = [f'{n},{CARD},2024-03-01,{n},"m\ng"\n\n' for n in range(1, 8)]  # three lines each, one of them blank
    text = GOOD.partition("\n")[0] + "\n" + "".join(lines)

    _drop(tmp_path, text.replace(",6,", ",high,").replace(",7,", ",7x,"))
    assert "(the first: line 17)" in _refused(tmp_path, page_rows=3)
    assert "dose: 2 of 7 values are not of type number (the first: line 17)" in _refused(tmp_path)

    _drop(tmp_path, text.replace("\n5,", "\n4,"))
    assert "0 rows have no key (id), 1 repeat one (the first: line 14)" in _refused(tmp_path)


def test_a_wrong_cell_is_told_with_its_line_and_a_wrong_value_of_parquet_with_its_row(tmp_path: Path) -> None:
    _book(tmp_path, ["Отчет"], *CELLS, [None], ["3", CARD, datetime(2024, 3, 1), "high"])
    assert "(the first: line 6)" in _refused(tmp_path, format="xlsx", header_row=2)
    (tmp_path / "a.xlsx").unlink()

    pl.read_csv(GOOD.encode()).with_columns(seen=pl.lit("x")).write_parquet(tmp_path / "a.parquet")
    assert "(the first: row 1)" in _refused(tmp_path, format="parquet")


def test_utf_8_read_as_windows_1251_is_noticed(tmp_path: Path) -> None:
    _drop(tmp_path, GOOD)

    assert "look like UTF-8" in _refused(tmp_path, encoding="windows-1251")
    assert "look like UTF-8" in _refused(tmp_path, encoding="iso-8859-5")


def test_a_new_column_is_told_and_refused_only_where_declared_so(tmp_path: Path) -> None:
    _drop(tmp_path, GOOD.replace("unit\n", "unit,ward\n").replace("mg\n", "mg,1\n"))

    assert list(_open(tmp_path).columns("dose")) == [*HEAD.split(","), "ward"]
    assert _read(tmp_path)[0].rows.height == 2
    assert "columns 'ward' are not declared" in _refused(tmp_path, strict=True)
    assert "it has 6 columns, declared are 5" in _refused(tmp_path, width=5)


def test_a_file_lands_once_by_its_bytes_and_late_files_come(tmp_path: Path) -> None:
    _drop(tmp_path, GOOD, "b.csv")
    first = _read(tmp_path, page_rows=1)
    known = {batch.id for batch in first}
    _drop(tmp_path, GOOD, "c.csv")
    _drop(tmp_path, GOOD.replace("1.5", "3"), "a.csv")

    later = list(_open(tmp_path, page_rows=1).read("dose", first[-1].cursor, known))

    assert [batch.rows["dose"].item() for batch in later] == [3.0, 2.0]
    assert len(known) == 2
    assert not known & {batch.id for batch in later}


@pytest.mark.parametrize("name", ["a.csv.part", "a.tmp", ".a.csv", "~$a.csv"])
def test_a_file_still_being_written_is_left_for_the_next_run(name: str, tmp_path: Path) -> None:
    _drop(tmp_path, GOOD, name)
    _drop(tmp_path, b"", "empty.csv")
    _drop(tmp_path, GOOD, "fresh.csv")

    assert [batch.rows.height for batch in _read(tmp_path, limits={"quiet_seconds": 60})] == [0]


def test_a_file_that_changes_while_it_is_read_is_tried_again(tmp_path: Path) -> None:
    _drop(tmp_path, GOOD)
    reading = _open(tmp_path, page_rows=1).read("dose", None)
    next(reading)
    os.utime(tmp_path / "a.csv", ns=(1, 1))

    with pytest.raises(SourceUnreachable, match="changed while it was read"):
        list(reading)


def _linked(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = 0o120777 << 16


def _named(name: str) -> Callable[[zipfile.ZipInfo], None]:
    return lambda entry: setattr(entry, "filename", name)


@pytest.mark.parametrize(
    ("spoil", "text", "told"),
    [
        (_named("../a.csv"), GOOD, "names places outside itself"),
        (_named("/etc/a.csv"), GOOD, "names places outside itself"),
        (_linked, GOOD, "or links"),
        (_named("a.csv"), HEAD + "\n" * 11_000_000, "unpacks to more than 200 times its size"),
        (_named("a.csv"), HEAD + "\n" * 2_100_000, "unpacks to more than 2 MB"),
    ],
)
def test_archives_that_escape_or_burst_are_refused(spoil: Any, text: str, told: str, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("a.csv")
    spoil(entry)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, text, zipfile.ZIP_DEFLATED)

    assert told in _refused(tmp_path, inside="*.csv", limits={"largest_mb": 2 if "MB" in told else 100})


def test_an_encrypted_archive_is_refused_by_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "march.zip", "w") as archive:
        archive.writestr("a.csv", GOOD)
    raw = bytearray((tmp_path / "march.zip").read_bytes())
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        raw[raw.index(mark) + place] |= 1
    (tmp_path / "march.zip").write_bytes(raw)

    assert "archive 'march.zip' is encrypted" in _refused(tmp_path, inside="*.csv")


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    _drop(tmp_path, GOOD)
    (tmp_path / "in" / "a.csv").symlink_to(tmp_path / "a.csv")

    assert "is a symbolic link" in _refused(tmp_path / "in")


def test_whole_files_say_what_is_deleted_and_come_again_when_they_come_back(tmp_path: Path) -> None:
    shorter = GOOD[: GOOD.index("2,")]
    since, known, told = None, set[str](), []
    for text in (GOOD, shorter, shorter, GOOD):
        _drop(tmp_path, text)
        connector = _open(tmp_path, page_rows=1, mode="whole")
        batches = list(connector.read("dose", since, known))
        keys = connector.keys("dose")
        assert keys is not None
        told.append((len(batches), [key for page in keys for key in page]))
        since, known = (batches[-1].cursor if batches else since), known | {batch.id for batch in batches}

    assert told == [(2, ["1", "2"]), (1, ["1"]), (0, ["1"]), (2, ["1", "2"])]


@pytest.mark.parametrize(("kind", "name"), [("stata", "a.dta"), ("xport", "a.xpt")])
def test_statistical_files_are_read_in_parts(kind: str, name: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"id": [1, 2, 3], "patient": [CARD] * 3, "seen": [date(2024, 2, 29), None, None], "dose": [1.5, None, 2.0]}
    )
    getattr(pyreadstat, "write_dta" if kind == "stata" else "write_xport")(frame, str(tmp_path / name))

    batches = _read(tmp_path, page_rows=2, format=kind)

    assert [batch.rows.height for batch in batches] == [2, 1]
    assert pl.concat(batch.rows for batch in batches).rows() == [
        ("1", CARD, date(2024, 2, 29), 1.5, None),
        ("2", CARD, None, None, None),
        ("3", CARD, None, 2.0, None),
    ]


CELLS = [["id", "patient", "seen", "dose"], [1, CARD, datetime(2024, 2, 29), 1.5], [2, CARD, "2024-03-01", "2"]]


def _book(folder: Path, *lines: list[Any]) -> None:
    book = openpyxl.Workbook()
    for line in lines:
        book.worksheets[0].append(line)
    book.save(folder / "a.xlsx")


def test_cells_of_a_workbook_are_what_their_type_says(tmp_path: Path) -> None:
    _book(tmp_path, ["Отчет за март"], [], *CELLS, [None, None], [])

    (batch,) = _read(tmp_path, format="xlsx", header_row=3)

    assert batch.rows.select("_key", "seen", "dose").rows() == [
        ("1", date(2024, 2, 29), 1.5),
        ("2", date(2024, 3, 1), 2.0),
    ]


@pytest.mark.parametrize(
    ("place", "cell", "told"),
    [
        ((1, 1), 7523169263, "patient: 1 of 2 values are not of type text"),
        ((1, 2), 45351, "seen: 1 of 2 values are not of type date"),
        ((1, 2), datetime(2024, 2, 29, 12, 30), "seen: 1 of 2 values are not of type date"),
        ((1, 3), True, "dose: 1 of 2 values are not of type number"),
        ((1, 3), "1,5", "dose: 1 of 2 values are not of type number"),
        ((0, 1), None, "does not name every column"),
    ],
)
def test_cells_of_another_type_are_refused(place: tuple[int, int], cell: Any, told: str, tmp_path: Path) -> None:
    lines = [list(line) for line in CELLS]
    lines[place[0]][place[1]] = cell
    _book(tmp_path, *lines)

    assert told in _refused(tmp_path, format="xlsx")


def test_a_workbook_that_is_none_or_lacks_its_sheet_is_refused(tmp_path: Path) -> None:
    _book(tmp_path, *CELLS)
    assert "has no sheet 'март'" in _refused(tmp_path, format="xlsx", sheet="март")

    _drop(tmp_path, b"\xd0\xcf\x11\xe0 an old or encrypted one", "a.xlsx")
    assert "is not a workbook, or is protected" in _refused(tmp_path, format="xlsx")


@pytest.mark.parametrize(("kind", "told"), [("parquet", "is not a Parquet file"), ("stata", "is not a stata file")])
@pytest.mark.parametrize("text", [GOOD, "PAR1", "\0" * 4_000])
def test_a_file_of_another_kind_is_refused(kind: str, told: str, text: str, tmp_path: Path) -> None:
    _drop(tmp_path, text)

    assert told in _refused(tmp_path, format=kind)


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("dose", ["1.5", "2"], "dose: 2 of 2 values are not of type number"),
        ("dose", [1.5, float("inf")], "dose: 1 of 2 values are not of type number"),
        ("dose", [2**53 + 1, 2], "dose: 1 of 2 values are not of type number"),
        ("patient", [7523169263, 1], "patient: 2 of 2 values are not of type text"),
        ("seen", [datetime(2024, 2, 29, 1), datetime(2024, 2, 29)], "seen: 1 of 2 values are not of type date"),
    ],
)
def test_typed_columns_of_another_type_are_refused(column: str, values: list[Any], told: str, tmp_path: Path) -> None:
    good = {"id": [1, 2], "patient": [CARD] * 2, "seen": [date(2024, 2, 29), None], "dose": [1.5, None]}
    pl.DataFrame(good | {column: values}).write_parquet(tmp_path / "a.parquet")

    assert told in _refused(tmp_path, format="parquet")


def test_local_clocks_are_asked_for_their_zone() -> None:
    local = Contract(timestamp_format="%d.%m.%Y %H:%M:%S", time_zone="Europe/Sofia")
    written = pl.Series(["31.03.2024 02:59:59", "31.03.2024 03:30:00", "27.10.2024 03:30:00", "27.10.2024 04:00:00"])

    read, wrong = from_text(written, "timestamp", local)

    assert wrong == 2  # an hour that never was, and one that was twice
    assert read.drop_nulls().to_list() == [
        datetime(2024, 3, 31, 0, 59, 59, tzinfo=UTC),
        datetime(2024, 10, 27, 2, 0, tzinfo=UTC),
    ]


def test_options_are_a_closed_grammar(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"options.seperator: unknown key; did you mean 'separator'\?"):
        _open(tmp_path, seperator=";")
    with pytest.raises(DefinitionError, match="separator and decimal mark are the same"):
        _open(tmp_path, decimal=",")


def test_a_folder_that_is_gone_is_no_news(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="there is no folder"):
        list(_open(tmp_path / "gone").read("dose", None))
