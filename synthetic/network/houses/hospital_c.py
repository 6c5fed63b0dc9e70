# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Hospital C: tables of a Bulgarian SQL Server system, Cyrillic names, wall clocks without zone, local codes."""

from __future__ import annotations

from synthetic.network.houses import words as say
from synthetic.network.houses.cells import Cell, Sheet, mark, result, wall, words


def _sheet(name: str, entries: str, **cells: Cell) -> Sheet:
    own = {"Ид": Cell("record", "key"), "НомерПациент": Cell("patient_no")}
    return Sheet(name, entries, own | cells | {"Синтетичен": mark(), "Променен": Cell("modified", "moment")})


def _on(of: str) -> Cell:
    return Cell(of, "day", wall(of).dt.date())


def _at(of: str) -> Cell:
    return Cell(of, "moment", wall(of))


SHEETS = (
    _sheet(
        "Пациенти",
        "patients",
        ЕГН=Cell("national_no"),
        Име=Cell("given_name"),
        Фамилия=Cell("family_name"),
        Пол=words("sex", say.C_SEX),
        Роден=Cell("born", "day"),
        Починал=Cell("died", "day"),
    ),
    _sheet(
        "Престои",
        "stays",
        НомерИЗ=Cell("stay", "integer"),
        Приет=_at("start"),
        ДатаПриемане=_on("start"),
        Изписан=_at("end"),
        ДатаИзписване=_on("end"),
        Отделение=words("ward", say.C_WARDS),
        Изход=words("outcome", say.C_OUTCOMES),
    ),
    _sheet(
        "Диагнози",
        "diagnoses",
        НомерИЗ=Cell("stay", "integer"),
        Дата=Cell("day", "day"),
        МКБ=Cell("icd10"),
        Основна=Cell("main", "integer"),
    ),
    _sheet(
        "Лекарства",
        "drugs",
        НомерИЗ=Cell("stay", "integer"),
        Дата=Cell("day", "day"),
        КодЛекарство=words("atc", say.C_MEDICINES),
        ДозаМг=Cell("dose_mg", "number"),
        Брой=Cell("units", "integer"),
        Дни=Cell("days", "integer"),
        Линия=Cell("line", "integer"),
    ),
    _sheet(
        "Лаборатория",
        "labs",
        Взета=_at("moment"),
        ДатаВземане=_on("moment"),
        Показател=words("analyte", say.C_ANALYTES),
        Резултат=result(","),
        Единица=words("unit", say.C_UNITS),
    ),
    _sheet(
        "Оценки",
        "assessments",
        Дата=Cell("day", "day"),
        Вид=words("kind", say.C_KINDS),
        Стойност=words("value", say.C_RESPONSES),
    ),
)
