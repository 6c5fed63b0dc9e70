# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Hospital B: wide tables as an old MariaDB system has them, dates and times as text, codes without dots.

A stay and four of its diagnoses share a row; more of them go on in a row of their own that says nothing of the stay.
The patient's row holds the death, ``00.00.0000`` for the living.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from synthetic.network.houses import words as say
from synthetic.network.houses.cells import (
    DAY_MONTH_YEAR,
    Cell,
    Sheet,
    mark,
    result,
    text_day,
    wall_clock,
    wall_day,
    words,
)

SLOTS = 4
_FURTHER = 2**51  # where the keys of further rows begin
_ZERO_DATE = "00.00.0000"


def _sheet(name: str, entries: str, **cells: Cell) -> Sheet:
    own = {"id": Cell("record", "key"), "pac_nomer": Cell("patient_no")}
    return Sheet(name, entries, own | cells | {"sintetichen": mark(), "promenen": Cell("modified", "moment")})


def _slots() -> dict[str, Cell]:
    return {f"dg{place}{part}": Cell(f"dg{place}{part}") for place in range(1, SLOTS + 1) for part in ("", "_data")}


SHEETS = (
    _sheet(
        "pacient",
        "patients",
        egn=Cell("national_no"),
        ime=Cell("given_name"),
        familia=Cell("family_name"),
        pol=words("sex", say.B_SEX),
        roden=Cell("born", "day"),
        exitus=Cell("died_flag", "text", pl.when(pl.col("died").is_null()).then(pl.lit("N")).otherwise(pl.lit("D"))),
        exitus_data=text_day("died", _ZERO_DATE),
    ),
    _sheet(
        "epizod",
        "episodes",
        ist_zap=Cell("stay", "integer"),
        postapil=wall_day("start"),
        postapil_chas=wall_clock("start"),
        izpisan=wall_day("end"),
        izpisan_chas=wall_clock("end"),
        otdelenie=words("ward", say.B_WARDS),
        izhod=words("outcome", say.B_OUTCOMES),
        **_slots(),
    ),
    _sheet(
        "terapia",
        "drugs",
        ist_zap=Cell("stay", "integer"),
        data=text_day("day"),
        atc=Cell("atc"),
        doza_mg=Cell("dose_mg", "text"),
        broi=Cell("units", "integer"),
        dni=Cell("days", "integer"),
        linia=Cell("line", "integer"),
    ),
    _sheet(
        "izsledvane",
        "labs",
        data=wall_day("moment"),
        chas=wall_clock("moment"),
        pokazatel=words("analyte", say.B_ANALYTES),
        rezultat=result(),
        edinica=words("unit", say.B_UNITS),
    ),
    _sheet("ocenka", "assessments", data=text_day("day"), vid=words("kind", say.B_KINDS), stoinost=Cell("value")),
)


def widened(entries: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return the entries with ``episodes``: each stay with its first diagnoses, and rows for those beyond."""
    stays, told = entries["stays"], _placed(entries["diagnoses"])
    first = told.filter(pl.col("row") == 0)
    with_first = stays.join(first.select("stay", *_slots()), on="stay", how="left", maintain_order="left")
    rest = pl.concat([told.filter(pl.col("row") > 0), first.join(stays, on="stay", how="anti")])
    further = rest.drop("row").with_columns(pl.col("record") + _FURTHER)
    return {**entries, "episodes": pl.concat([with_first, further], how="diagonal_relaxed")}


def _placed(diagnoses: pl.DataFrame) -> pl.DataFrame:
    """Return diagnoses side by side, `SLOTS` to a row of a stay, the main one first."""
    sheet = Sheet("", "diagnoses", {"code": Cell("icd10", "text", pl.col("icd10").str.replace(".", "", literal=True)),
                                    "on": Cell("day", "text", pl.col("day").dt.to_string(DAY_MONTH_YEAR))})  # fmt: skip
    written = diagnoses.hstack(sheet.of({"diagnoses": diagnoses}))
    place = pl.int_range(pl.len()).over("stay", order_by=[~pl.col("main"), "record"])
    placed = written.with_columns(row=place // SLOTS, slot=place % SLOTS)
    keys = ["stay", "row", "person", "hospital", "patient_no"]
    slots = {
        f"dg{slot + 1}{part}": pl.col(of).filter(pl.col("slot") == slot).first()
        for slot in range(SLOTS)
        for of, part in (("code", ""), ("on", "_data"))
    }
    rows = placed.group_by(keys, maintain_order=True)
    return rows.agg(pl.col("record", "modified", "synthetic").first(), **slots)
