# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Results as laboratories write them: what becomes a number in the standard unit, and what does not and why."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rwe.errors import DefinitionError
from rwe.harmonise.results import OPERATORS, result
from tests.semantics.district import account, done, edited, results

MG_DL, G_DL, PERCENT, THOUSAND_UL, MMOL_L, NG_ML = 8840, 8713, 8554, 8848, 8753, 8842
SAID = "unit_converted"


@pytest.mark.parametrize(
    ("text", "number", "operator", "said"),
    [
        ("5.4", 5.4, None, "decimal_mark_changed"),
        ("5,4", 5.4, None, ""),
        ("0.123", 0.123, None, "decimal_mark_changed"),
        ("1,234", 1.234, None, ""),
        ("1.234", None, None, "decimal_mark_unclear"),
        ("1234", 1234.0, None, ""),
        ("<0,01", 0.01, "<", ""),
        ("> 1000", 1000.0, ">", ""),
        ("≤5", 5.0, "<=", ""),
        (">=\u00a05", 5.0, ">=", ""),
        ("=5", 5.0, None, ""),
        ("3 - 5", None, None, "result_range"),
        ("3,0–5,0", None, None, "result_range"),
        ("хемолизирана", None, None, "result_in_words"),
        ("5 5", None, None, "result_in_words"),
        ("", None, None, ""),
    ],
)
def test_a_text_says_a_number_an_operator_or_why_not(
    text: str, number: float | None, operator: str | None, said: str
) -> None:
    read = result(pl.when(pl.col("t") != "").then("t"), ",")

    frame = pl.DataFrame({"t": [text]}).select(n=read.number, o=read.operator, **read.remarks)

    assert frame["n"].item() == number
    assert frame["o"].item() == OPERATORS.get(operator or "")
    assert [name for name in read.remarks if frame[name].item()] == ([said] if said else [])


@pytest.mark.parametrize(
    ("test", "value", "unit", "expected", "into"),
    [
        ("ГЛЮК", "5,00", "mmol/L", 90.078, MG_DL),
        ("ГЛЮК", "5", "ммол/л", 90.078, MG_DL),
        ("ГЛЮК", "90", "mg/dL", 90.0, MG_DL),
        ("КРЕА", "88,4017", "мкмол/л", 88.4017 * 0.011312, MG_DL),
        ("ХЕМ", "135", "г/л", 13.5, G_DL),
        ("ХЕМ", "13,5", "g/dL", 13.5, G_DL),
        ("HbA1c", "48", "mmol/mol", 6.54304, PERCENT),
        ("ЛЕВ", "7,1", "Г/л", 7.1, THOUSAND_UL),
        ("ЛЕВ", "7100", "/uL", 7.1, THOUSAND_UL),
        ("ЛЕВ", "7,1", "K/uL", 7.1, THOUSAND_UL),
        ("КАЛИЙ", "4,1", "mEq/L", 4.1, MMOL_L),
        ("ПСА", "4", "ug/L", 4.0, NG_ML),
    ],
)
def test_a_value_comes_to_the_standard_unit_of_what_was_measured(
    test: str, value: str, unit: str, expected: float, into: int
) -> None:
    made = done(result=[("ann", None, test, value, unit)])

    assert results(made) == [(pytest.approx(expected, rel=1e-11), into, None)]
    assert made.cdm.table("measurement").select("value_source_value", "unit_source_value").collect().rows() == [
        (value, unit)
    ]


def test_what_cannot_be_used_is_kept_counted_and_not_used() -> None:
    made = done(
        result=[
            ("ann", None, "ГЛЮК", "5", "кофички"),
            ("ann", None, "ГЛЮК", "5", None),
            ("ann", None, "ГЛЮК", "5", "%"),
            ("ann", None, "КАЛИЙ", "-4", "mmol/L"),
            ("ann", None, "КАЛИЙ", "410", "mmol/L"),
            ("ann", None, "BE", "-4", "mmol/L"),
            ("ann", None, "ГЛЮК", "<0,1", "mmol/L"),
            ("ann", None, "ГЛЮК", "> 50", "mmol/L"),
            ("ann", None, "НЯМА", "5", "mmol/L"),
            ("ann", None, "НЯМА", "-5", "mmol/L"),
        ]
    )

    assert results(made) == [
        (None, 0, None),
        (None, None, None),
        (None, PERCENT, None),
        (None, MMOL_L, None),
        (None, MMOL_L, None),
        (-4.0, MMOL_L, None),
        (None, MG_DL, None),
        (pytest.approx(900.78), MG_DL, OPERATORS[">"]),
        (5.0, MMOL_L, None),
        (None, MMOL_L, None),
    ]
    assert account(made, "result", "result") == {
        "": 10,
        "code_unmapped": 2,
        "negative_impossible": 2,
        SAID: 2,
        "unit_missing": 1,
        "unit_not_convertible": 1,
        "unit_unknown": 1,
        "value_implausible": 2,
    }


def test_words_become_concepts_and_ranges_and_nothing_become_no_number() -> None:
    rows = [("Хемолизирана", "mmol/L"), ("мътна", "mmol/L"), ("3-5", "mmol/L"), (" ", "mmol/L"), ("5.4", "mmol/L")]

    made = done(result=[("ann", None, "КАЛИЙ", *row) for row in rows])

    table = made.cdm.table("measurement").sort("_source_key").collect()
    assert table["value_as_concept_id"].to_list() == [2_000_000_121, 0, None, None]
    assert table["value_as_number"].to_list() == [None, None, None, 5.4]
    assert table["value_source_value"].to_list() == ["Хемолизирана", "мътна", "3-5", "5.4"]
    assert account(made, "result", "result") == {
        "": 4,
        "code_unmapped": 1,
        "decimal_mark_changed": 1,
        "nothing_recorded": 1,
        "result_in_words": 2,
        "result_range": 1,
    }


def test_rows_in_are_accepted_rejected_and_merged() -> None:
    rows = [
        ("ann", None, "ГЛЮК", text, unit)
        for text in ("5", "<1", "x", "-1", "1-2", "")
        for unit in ("mmol/L", "?", None)
    ]

    made = done(result=[*rows, *rows])

    whole = made.accounting.filter(pl.col("stream") == "result", pl.col("record") == "")
    assert dict(whole.group_by("outcome").agg(pl.col("n").sum()).iter_rows()) == {
        "accepted": 15,
        "rejected": 3,
        "merged": 18,
    }


def test_a_unit_that_is_the_same_for_all_is_converted_too(tmp_path: Path) -> None:
    mapping = edited(tmp_path / "m", fields=("unit_concept_id,unit,unit,unit,keep", "unit_concept_id,concept,,8753,"))

    assert results(done(mapping, result=[("ann", None, "ГЛЮК", "5", None)])) == [(pytest.approx(90.078), MG_DL, None)]


def test_numbers_with_a_decimal_comma_are_read_where_the_column_says_so(tmp_path: Path) -> None:
    mapping = edited(
        tmp_path / "m", fields=("value_as_number,result,value,word,skip", "value_as_number,number,value,,")
    )

    made = done(mapping, result=[("ann", None, "КАЛИЙ", "4,1", "mmol/L"), ("ann", None, "КАЛИЙ", "4.1", "mmol/L")])

    assert results(made) == [(4.1, MMOL_L, None)]
    assert account(made, "result", "result") == {"": 1, "number_unparseable": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "result,result,measurement,unit_concept_id,unit,unit,unit,keep",
            "result,result,measurement,value_source_value,text,value,,keep",
            "'result' fills this field",
        ),
        (
            "diagnosis,disease,condition_occurrence,condition_concept_id,code",
            "diagnosis,disease,condition_occurrence,condition_concept_id,unit",
            "fills unit_concept_id of a measurement",
        ),
        ("value_as_number,result,value,word", "value_as_number,result,value,words", "did you mean 'word'"),
    ],
)
def test_lines_that_cannot_be_meant_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        edited(tmp_path / "m", fields=(old, new))


@pytest.mark.parametrize(
    ("value", "unit", "expected", "said"),
    [
        ("5 mmol/L", None, 90.078, {SAID, "unit_in_result"}),
        ("5mmol/L", None, 90.078, {SAID, "unit_in_result"}),
        ("< 5,0 ммол/л", None, 90.078, {SAID, "unit_in_result"}),
        ("90 mg/dL", "mg/dL", 90.0, {"unit_in_result"}),
        ("5 mmol/L", "mg/dL", None, {"unit_contradicted"}),
        ("5 кръстчета", None, None, {"result_in_words", "code_unmapped"}),
        ("5 5", None, None, {"result_in_words", "code_unmapped"}),
        ("3 - 5 mmol/L", None, None, {"result_in_words", "code_unmapped"}),
        ("1.234 mmol/L", None, None, {"unit_in_result", "decimal_mark_unclear"}),
    ],
)
def test_a_unit_behind_the_number_is_read_where_none_contradicts(
    value: str, unit: str | None, expected: float | None, said: set[str]
) -> None:
    made = done(result=[("ann", None, "ГЛЮК", value, unit)])

    found = account(made, "result", "result")
    assert results(made)[0][0] == (pytest.approx(expected) if expected else None)
    assert set(found) - {""} == said
