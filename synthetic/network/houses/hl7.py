# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Some of a hospital's patients as HL7 v2: admissions, discharges and results, marked T, for training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from synthetic.network.houses.cells import Cell, Sheet, result, wall

Row = Mapping[str, Any]
_DAY, _MINUTE, _SECOND = "%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S"
_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": " ", "\n": " "})
_TOLD = Cell("modified", "text", wall("modified").dt.to_string(_SECOND))


def _sheet(name: str, **cells: Cell) -> Sheet:
    return Sheet(name, name, {"record": Cell("record", "key"), "who": Cell("patient_no")} | cells)


_PATIENT = _sheet(
    "patients",
    number=Cell("national_no"),
    given=Cell("given_name"),
    family=Cell("family_name"),
    sex=Cell("sex"),
    born=Cell("born", "text", pl.col("born").dt.to_string(_DAY)),
)
_STAY = _sheet(
    "stays",
    stay=Cell("stay", "integer"),
    ward=Cell("ward"),
    admitted=Cell("start", "text", wall("start").dt.to_string(_MINUTE)),
    left=Cell("end", "text", wall("end").dt.to_string(_MINUTE)),
    outcome=Cell("outcome"),
    told=_TOLD,
)
_DIAGNOSIS = _sheet(
    "diagnoses",
    stay=Cell("stay", "integer"),
    code=Cell("icd10"),
    day=Cell("day", "text", pl.col("day").dt.to_string(_DAY)),
)
_RESULT = _sheet("labs", code=Cell("analyte"), value=result(), unit=Cell("unit"), told=_TOLD,
                 taken=Cell("moment", "text", wall("moment").dt.to_string(_SECOND)))  # fmt: skip


def write(folder: Path, part: int, entries: Mapping[str, pl.DataFrame], hospital: str) -> dict[str, int]:
    """Write the messages about the patients of a hospital in `entries`, oldest first; return how many by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    sent = sorted(_messages(entries, hospital))
    (folder / f"part-{part:05d}.hl7").write_bytes("".join(text for _, _, text in sent).encode())
    return {"ADT": sum("ADT^" in text for _, _, text in sent), "ORU": sum("ORU^" in text for _, _, text in sent)}


def _messages(entries: Mapping[str, pl.DataFrame], hospital: str) -> Iterator[tuple[str, str, str]]:
    """Yield when each message was sent, its number, and its text."""
    person = {row["who"]: _person(row) for row in _PATIENT.of(entries, hospital).iter_rows(named=True)}
    told: dict[int, list[str]] = {}
    for row in _DIAGNOSIS.of(entries, hospital).iter_rows(named=True):
        told.setdefault(row["stay"], []).append(
            _segment("DG1", {1: "1", 3: f"{_safe(row['code'])}^^I10", 5: row["day"]})
        )
    for row in _STAY.of(entries, hospital).iter_rows(named=True):
        visit = {1: "1", 2: "I", 3: _safe(row["ward"]), 19: f"S-{row['stay']}", 44: row["admitted"]}
        yield _message(
            f"{row['admitted']}00", f"A{row['record']}", "ADT^A01", person[row["who"]], _segment("PV1", visit)
        )
        left = visit | {36: "20" if row["outcome"] == "died" else "01", 45: row["left"]}  # 20: expired
        segments = (_segment("PV1", left), *told.get(row["stay"], ()))
        yield _message(row["told"], f"D{row['record']}", "ADT^A03", person[row["who"]], *segments)
    for row in _RESULT.of(entries, hospital).iter_rows(named=True):
        order = _segment("OBR", {1: "1", 3: f"L-{row['record']}", 7: row["taken"]})
        found = {
            1: "1",
            2: "ST",
            3: f"{_safe(row['code'])}^^LN",
            5: _safe(row["value"]),
            6: _safe(row["unit"]),
            14: row["taken"],
        }
        yield _message(row["told"], f"L{row['record']}", "ORU^R01", person[row["who"]], order, _segment("OBX", found))


def _person(row: Row) -> str:
    numbers = f"{row['who']}^^^HOSPITAL^PI" + (f"~{_safe(row['number'])}^^^GRAO^NI" if row["number"] else "")
    name = f"{_safe(row['family'])}^{_safe(row['given'])}"
    return _segment("PID", {1: "1", 3: numbers, 5: name, 7: row["born"], 8: _safe(row["sex"])})


def _message(told: str, number: str, kind: str, *segments: str) -> tuple[str, str, str]:
    header = f"MSH|^~\\&|HIS|A|RWE|C|{told}||{kind}|{number}|T|2.5||||||UNICODE UTF-8\r"
    return told, number, header + "".join(segments)


def _segment(name: str, fields: Mapping[int, str | None]) -> str:
    """Return a segment with values in the fields of these numbers."""
    return "|".join([name, *(fields.get(place) or "" for place in range(1, max(fields) + 1))]) + "\r"


def _safe(text: str | None) -> str:
    return (text or "").translate(_ESCAPES)
