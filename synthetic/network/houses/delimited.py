# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Sheets as delimited text: the files of hospital D, of the death registry and of the insurance fund."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from synthetic.network.houses import words as say
from synthetic.network.houses.cells import Cell, Sheet, mark, result, text_day, wall_clock, wall_day, words

WINDOWS = "windows-1251"
# Why a period of insurance ends: it goes on after the fund's last look, or stops while the person is there.
_WHY = (
    pl.when(pl.col("until").is_null())
    .then(pl.lit(None, dtype=pl.String))
    .when(pl.col("until") < pl.col("checked"))
    .then(pl.lit("P"))
    .otherwise(pl.col("why").replace({"abroad": "N", "died": "U"}))
)


def _patient(name: str, entries: str, **cells: Cell) -> Sheet:
    own = {"номер": Cell("record", "key"), "пациент": Cell("patient_no")}
    return Sheet(name, entries, own | cells | {"синтетичен": mark()})


def _person(name: str, entries: str, **cells: Cell) -> Sheet:
    own = {"nomer": Cell("record", "key"), "egn": Cell("national_no")}
    return Sheet(name, entries, own | cells | {"sintetichen": mark()})


def _client() -> Cell:
    """Return the fund's own number of a person."""
    number = (pl.col("person") * 48_271 + 11).cast(pl.String).str.zfill(10)
    return Cell("client", "text", pl.concat_str(pl.lit("K"), number))


HOSPITAL_D = (
    _patient(
        "pacienti",
        "patients",
        егн=Cell("national_no"),
        име=Cell("given_name"),
        фамилия=Cell("family_name"),
        пол=words("sex", say.D_SEX),
        роден=text_day("born"),
    ),
    _patient(
        "lekarstva",
        "drugs",
        дата=text_day("day"),
        атс=Cell("atc"),
        мг=Cell("dose_mg", "text", pl.col("dose_mg").cast(pl.String).str.replace(".", ",", literal=True)),
        брой=Cell("units", "integer"),
        дни=Cell("days", "integer"),
        линия=Cell("line", "integer"),
    ),
    _patient(
        "laboratoria",
        "labs",
        дата=wall_day("moment"),
        час=wall_clock("moment"),
        код=words("analyte", say.D_ANALYTES),
        стойност=result(","),
        единица=Cell("unit"),
    ),
    _patient(
        "ocenki",
        "assessments",
        дата=text_day("day"),
        вид=Cell("kind"),
        стойност=Cell("value", "text", pl.col("value").str.replace(".", ",", literal=True)),
    ),
)
REGISTRY = (
    _person(
        "umreli",
        "registry",
        akt=Cell("record", "text"),
        ime=Cell("given_name"),
        familia=Cell("family_name"),
        pol=words("sex", say.B_SEX),
        roden=Cell("born", "day"),
        pochinal=Cell("died", "day"),
        vpisan=Cell("modified", "day", pl.col("modified").dt.date()),
    ),
)
FUND = (
    _person(
        "osigureni",
        "insured",
        klient=_client(),
        pol=words("sex", say.B_SEX),
        roden=Cell("born", "day"),
        ot=Cell("since", "day"),
        do=Cell("until", "day", pl.coalesce("until", "checked")),
        prichina=Cell("why", "text", _WHY),
        provereno=Cell("checked", "day"),
    ),
    _person(
        "plashtania",
        "claims",
        klient=_client(),
        data=Cell("day", "day"),
        kod=Cell("code"),
        broi=Cell("units", "integer"),
        suma=Cell("amount"),
    ),
)


def write(
    folder: Path,
    part: int,
    sheets: Sequence[Sheet],
    entries: Mapping[str, pl.DataFrame],
    hospital: str | None = None,
    encoding: str = "utf-8",
) -> dict[str, int]:
    """Write one file a sheet for the persons of one block; return rows by sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = {sheet.name: sheet.of(entries, hospital) for sheet in sheets}
    for name, table in rows.items():
        text = table.write_csv(separator=";")
        (folder / f"{name}-{part:05d}.csv").write_bytes(text.encode(encoding))
    return {name: table.height for name, table in rows.items()}
