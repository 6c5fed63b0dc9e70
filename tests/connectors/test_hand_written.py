# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Messages and files written by hand, through the example sites: what lands is what a reader of the files expects."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rwe.cli.app import main
from rwe.store import Store

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"


def _drop(folder: Path, kind: str, *names: str) -> None:
    """Put files into a folder as if they had lain there for a while."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(DATA / kind / name, folder)
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))


def _extract(site: str, home: Path, *more: str) -> None:
    assert main(["extract", str(ROOT / "configs" / "sites" / f"{site}.yaml"), "--home", str(home), *more]) == 0


def _rows(home: Path, table: str, *columns: str) -> Sequence[tuple[Any, ...]]:
    site, _, stream = table.partition("/")
    current = Store(home / "store").table(f"{site}/landing/{stream}").current()
    return current.select("_key", *columns).collect().sort("_key").rows()


def test_nhis_messages_correct_and_cancel_each_other(tmp_path: Path) -> None:
    first, later = ["1-first.xml", "2-other.xml"], ["3-correction-of-1.xml", "4-other-is-void.xml"]
    _drop(tmp_path / "intake" / "nhis", "nhis", *first)
    _extract("nhis", tmp_path)
    before = _rows(tmp_path, "nhis/hospitalization", "outcome", "days", "birth_year")
    _drop(tmp_path / "intake" / "nhis", "nhis", *later)

    _extract("nhis", tmp_path)

    assert before == [("24060A000001", "1", 2, 1941), ("24060A000002", "2", None, 1950)]
    assert _rows(tmp_path, "nhis/hospitalization", "outcome") == [("24060A000001", "4")]
    assert _rows(tmp_path, "nhis/hospital_diagnosis", "code", "rank") == [("24060A000001/1", "C50.9", 1)]
    assert _rows(tmp_path, "nhis/hospital_correction", "reason") == [
        ("24060A000001/1", "2"),
        ("24060A000002/1", "1"),  # why it is void
    ]
    assert _rows(tmp_path, "nhis/hospital_procedure", "code") == []


def test_hl7_messages_in_two_code_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _drop(tmp_path / "hl7v2", "hl7v2", "1-stays.hl7", "2-correction-and-merge.hl7")
    for path in (tmp_path / "hl7v2").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000 + int(path.name[0])))

    _extract("hl7v2", tmp_path)

    admitted, left = datetime(2024, 2, 28, 8, 30, tzinfo=UTC), datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
    assert _rows(tmp_path, "hl7v2/stay", "ward", "admitted_at", "birth_year") == [
        ("S-1", "Химиотерапия", admitted, 1941)
    ]
    assert _rows(tmp_path, "hl7v2/discharge", "left_at") == [("S-1", left)]
    assert _rows(tmp_path, "hl7v2/lab", "code", "value", "words", "unit") == [
        ("L-7\x1f718-7\x1f1", "718-7", 121.5, None, "g/L"),
        ("L-7\x1f8251-1\x1f2", "8251-1", None, "под наблюдение", None),
    ]
    assert [row[1] for row in _rows(tmp_path, "hl7v2/merge", "side")] == ["merged", "surviving"]
    assert "Измислен" not in "".join(capsys.readouterr())


def test_dropped_files_of_bulgarian_make(tmp_path: Path) -> None:
    drops = tmp_path / "drops"
    _drop(drops, "files", "patients-2024-01.csv")
    with zipfile.ZipFile(drops / "lab-2024-02.zip", "w") as archive:
        archive.write(DATA / "files" / "lab-2024-02.csv", "lab-2024-02.csv")
    os.utime(drops / "lab-2024-02.zip", (1_700_000_000, 1_700_000_000))
    _extract("drops", tmp_path)
    before = _rows(tmp_path, "drops/patient", "birth_year")
    _drop(drops, "files", "patients-2024-02.csv")
    _extract("drops", tmp_path, "--allow-deletions", "1")  # of two patients one: more than is allowed unasked

    taken = datetime(2024, 2, 28, 8, 30, tzinfo=UTC)
    assert before == [("1", 1941), ("2", None)]
    assert _rows(tmp_path, "drops/patient", "birth_year") == [("1", 1941), ("3", 1960)]
    assert _rows(tmp_path, "drops/lab", "taken_at", "value", "unit") == [
        ("L-1", taken, 121.5, "g/L"),
        ("L-2", datetime(2024, 2, 29, 7, 0, tzinfo=UTC), None, "10*9/L"),
    ]
