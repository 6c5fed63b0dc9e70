# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The local words and codes of the houses, as data; the mappings in ``configs/mappings`` know what they mean."""

from __future__ import annotations

from synthetic.network.diseases import MEDICINES

_ANALYTES = ("718-7", "6690-2", "14682-9", "14749-6", "22748-8")
_UNITS = ("g/L", "10*9/L", "umol/L", "mmol/L")
_KINDS = ("ECOG", "stage", "TNM", "biomarker", "RECIST", "HbA1c", "MMSE")
_OUTCOMES = ("improved", "unchanged", "worse", "died")
_WARDS = ("oncology", "internal", "neurology")


def _said(names: tuple[str, ...], *words: str) -> dict[str, str]:
    return dict(zip(names, words, strict=True))


B_SEX = {"F": "Z", "M": "M"}
B_WARDS = _said(_WARDS, "ONK", "VAT", "NEV")
B_OUTCOMES = _said(_OUTCOMES, "1", "2", "3", "4")
B_ANALYTES = _said(_ANALYTES, "HGB", "WBC", "CREA", "GLU", "LDL")
B_UNITS = _said(_UNITS, "g/l", "10^9/l", "mcmol/l", "mmol/l")
B_KINDS = _said(_KINDS, "ecog", "stadij", "tnm", "marker", "recist", "hba1c", "mmse")

C_SEX = {"F": "Ж", "M": "М"}
C_WARDS = _said(_WARDS, "Онкология", "Вътрешно", "Неврология")
C_OUTCOMES = _said(_OUTCOMES, "подобрен", "без промяна", "влошен", "починал")
C_ANALYTES = _said(_ANALYTES, "ХЕМ", "ЛЕВ", "КРЕА", "ГЛЮК", "ЛДЛ")
C_UNITS = _said(_UNITS, "г/л", "Г/л", "мкмол/л", "ммол/л")
C_KINDS = _said(_KINDS, "ЕКОГ", "стадий", "ТНМ", "маркер", "отговор", "HbA1c", "ММСЕ")
C_MEDICINES = {code: f"ЛМ-{place:03d}" for place, code in enumerate(MEDICINES, start=1)}
C_RESPONSES = {"CR": "ПО", "PR": "ЧО", "SD": "СЗ", "PD": "ПЗ"}

D_SEX = {"F": "2", "M": "1"}
D_OUTCOMES = B_OUTCOMES
D_ANALYTES = _said(_ANALYTES, "01.01", "01.02", "02.07", "02.01", "02.15")
