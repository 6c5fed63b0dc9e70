# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Units: the table is what a library says of UCUM, and to convert and convert back changes nothing."""

from __future__ import annotations

import csv
import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rwe.errors import DefinitionError
from rwe.spec.measures import COLUMNS, load_measures
from rwe.spec.units import TABLE, Unit, by_concept, convert, units
from rwe.spec.vocabulary import Ignored, Vocabulary

ROOT = Path(__file__).parents[2]
MEASURES = load_measures(ROOT / "configs" / "measures" / "laboratory.csv")
ANALYTES = json.loads((ROOT / "tests" / "data" / "labunits" / "analytes.json").read_text("utf-8"))
STEPS: tuple[Ignored, ...] = ("alphabet", "blanks", "case", "dots", "marks")
KNOWN = sorted(units())
# Our concepts of the analytes that both name by LOINC code.
SHARED = {
    "2345-7": 3004501,
    "2160-0": 3016723,
    "2571-8": 3022192,
    "3094-0": 3013682,
    "19123-9": 3001420,
    "1751-7": 3024561,
    "2951-2": 3019550,
    "2823-3": 3023103,
    "2075-0": 3014576,
    "1963-8": 3016293,
    "2276-4": 3001122,
    "3255-7": 3016407,
    "6598-7": 3019800,
    "1742-6": 3006923,
    "2157-6": 3007220,
    "4548-4": 3004410,
}


@pytest.mark.ci
def test_the_table_is_what_ucumvert_and_pint_say() -> None:
    made = runpy.run_path(str(ROOT / ".ci" / "units.py"))

    with TABLE.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == made["table"]()


def test_every_unit_has_one_code_and_one_concept() -> None:
    assert len(units()) == len(by_concept()) == len(TABLE.read_text("utf-8").splitlines()) - 1


@given(
    unit=st.sampled_from(KNOWN),
    into=st.sampled_from(KNOWN),
    mass=st.floats(1, 1e5),
    value=st.floats(-1e6, 1e6),
)
def test_there_and_back_is_where_it_was(unit: str, into: str, mass: float, value: float) -> None:
    there, back = convert(units()[unit], units()[into], mass), convert(units()[into], units()[unit], mass)

    assert (there is None) == (back is None)
    if there and back:
        assert back(there(value)) == pytest.approx(value, rel=1e-9, abs=1e-8)


@given(st.sampled_from(KNOWN), st.sampled_from(KNOWN), st.sampled_from(KNOWN), st.floats(1, 1e5))
def test_a_detour_leads_to_the_same_number(first: str, second: str, third: str, mass: float) -> None:
    one, two, three = units()[first], units()[second], units()[third]
    direct, early, late = convert(one, three, mass), convert(one, two, mass), convert(two, three, mass)

    if direct and early and late:
        assert late(early(7.0)) == pytest.approx(direct(7.0), rel=1e-9)


@pytest.mark.parametrize(
    ("unit", "into"),
    [
        ("[iU]/L", "U/L"),
        ("[iU]/L", "/uL"),
        ("meq/L", "mmol/L"),
        ("%", "mmol/mol"),
        ("mg{FEU}/L", "mg/L"),
        ("/[HPF]", "/uL"),
        ("g/L", "mmol/L"),
        ("mosm/kg", "mmol/kg"),
        ("{titer}", "1"),
    ],
)
def test_units_that_only_look_alike_become_none_of_each_other(unit: str, into: str) -> None:
    assert convert(units()[unit], units()[into]) is None


def test_factors_of_others_agree_with_ours() -> None:
    """Tables of this kind round to two digits, and 0.017 stands for 1/60."""
    found = {}
    for loinc, concept in SHARED.items():
        analyte, measure = ANALYTES[loinc], MEASURES[concept]
        one, other = (measure.standard(_unit(analyte[f"{name}_units"]).concept_id) for name in ("traditional", "si"))
        assert one
        assert other
        found[loinc] = one.factor / other.factor / analyte["conversion_factor"]

    assert found == pytest.approx(dict.fromkeys(found, 1.0), rel=0.021)


def _unit(text: str) -> Unit:
    words = {"μmol/L": "umol/L", "μKat/L": "ukat/L", "μg/L": "ug/L", "mEq/L": "meq/L", "Fraction of total Hb": "1"}
    return units()[words.get(text, "%" if text.startswith("%") else text)]


@given(st.text(max_size=12), st.sets(st.sampled_from(STEPS)))
def test_to_spell_a_code_twice_is_to_spell_it_once(code: str, steps: set[Ignored]) -> None:
    vocabulary = Vocabulary(ignore=tuple(steps))

    assert vocabulary.spelled(vocabulary.spelled(code)) == vocabulary.spelled(code)


@given(st.from_regex(r"\A[A-Z][0-9]{2}(\.[0-9]{1,2})?\Z"))
def test_a_code_typed_with_cyrillic_letters_is_the_same_code(code: str) -> None:
    vocabulary = Vocabulary(ignore=STEPS)
    cyrillic = code.translate(str.maketrans("ABCEHIKMOPTXYSJ", "АВСЕНІКМОРТХУЅЈ"))

    assert {vocabulary.spelled(text) for text in (cyrillic, cyrillic.lower(), code.replace(".", ""), f" {code}*")} == {
        vocabulary.spelled(code)
    }


@given(st.text("ABC0123456789", min_size=1, max_size=9), st.sets(st.integers(1, 8)))
def test_parents_are_shorter_beginnings_the_nearest_first(code: str, lengths: set[int]) -> None:
    vocabulary = Vocabulary(levels=tuple(sorted(lengths)), fall_back=tuple(lengths))

    parents = vocabulary.parents(code)

    assert parents == list(reversed(vocabulary.ancestors(code)))
    assert all(code.startswith(parent) and parent != code for parent in parents)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x,a,mg/dL,,,,,", "concept_id: a concept id is a whole number"),
        ("1,a,mg/dl,,,,,", "unknown unit 'mg/dl'; did you mean 'mg/dL'"),
        ("1,a,mg/dL,,,water,,", "molar_mass: not a number"),
        ("1,a,mg/dL,,,0,,", "a molar mass is greater than 0"),
        ("1,a,mg/dL,,,,5,5", "low: must be below high"),
        ("1,a,mg/dL,,3,,,", "an offset needs a factor"),
        ("1,a,mg/dL,2,,,,", "says the standard unit of this concept"),
        ("1,a,mg/dL,2,,18,,", "belongs on the line of the standard unit"),
        ("1,a,mg/dL,-2,,,,", "a factor is greater than 0"),
        ("1,a,mg/dL,,,,,\n1,a,g/L,,,,,", "has its standard unit already"),
        ("1,a,mg/dL,,,,,\n1,a,mg/dL,2,,,,", "has a line for the unit already"),
    ],
)
def test_faults_of_a_sheet_of_measures_are_placed(tmp_path: Path, line: str, message: str) -> None:
    sheet = tmp_path / "measures.csv"
    sheet.write_text(",".join(COLUMNS) + f"\n{line}\n", "utf-8")

    with pytest.raises(DefinitionError, match=message):
        load_measures(sheet)
