# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Codes as people type them find their concept, one, several or none, and each row is accounted for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rwe.errors import DefinitionError
from rwe.harmonise import Harmonised
from tests.semantics.district import FOLDER, account, done, edited

UPPER_LOBE, LUNG, TAMOXIFEN, ANTI_OESTROGENS = 2_000_000_102, 2_000_000_101, 2_000_000_112, 2_000_000_111
MANY = ("icd10: {ignore", "icd10: {many: true, ignore")
HISTORY = "C34,0,icd10,also a history,2000000199,own,1970-01-01,2099-12-31,\nC34.1,"


def concepts(made: Harmonised, table: str = "condition_occurrence") -> list[int]:
    field = f"{table.partition('_')[0]}_concept_id"
    return made.cdm.table(table).sort("_source_key", field).collect()[field].to_list()


@pytest.mark.parametrize("code", ["C34.1", "С34.1", "с34.1", "c341", " C34.1 ", "C 34.1", "C34.1+"])
def test_a_code_however_it_is_typed_finds_its_concept(code: str) -> None:
    made = done(diagnosis=[("ann", None, code)])

    assert concepts(made) == [UPPER_LOBE]
    assert account(made, "diagnosis", "disease") == {"": 1}


def test_what_the_source_wrote_is_kept() -> None:
    made = done(diagnosis=[("ann", None, "с34.1")])

    assert made.cdm.table("condition_occurrence").collect()["condition_source_value"].to_list() == ["с34.1"]


def test_a_code_without_a_line_takes_its_parents_meaning_only_where_the_map_says_so() -> None:
    made = done(
        diagnosis=[("ann", None, "C34.9"), ("ann", None, "C99.9")],
        medicine=[("ann", None, "L02BA03"), ("ann", None, "L02BA01"), ("ann", None, "A10BA05")],
    )

    assert concepts(made) == [LUNG, 0]
    assert concepts(made, "drug_exposure") == [ANTI_OESTROGENS, TAMOXIFEN, 0]
    assert account(made, "diagnosis", "disease") == {"": 2, "code_to_parent": 1, "code_unmapped": 1}
    assert account(made, "medicine", "dose") == {
        "": 3,
        "code_to_parent": 1,
        "code_unmapped": 1,
        "drug_exposure_end_date_inferred": 3,
    }


def test_without_fall_back_a_child_has_no_meaning(tmp_path: Path) -> None:
    mapping = edited(tmp_path / "m", source=(", fall_back: [3]", ""))

    assert concepts(done(mapping, diagnosis=[("ann", None, "C34.9")])) == [0]


def test_a_retired_code_means_what_it_meant_on_the_day(tmp_path: Path) -> None:
    old = "E11,0,icd10,type 2 diabetes mellitus,2000000103,own,1970-01-01,2099-12-31,"
    before = "E11,0,icd10,before,2000000190,own,1970-01-01,2019-12-31,D"
    new = f"{before}\nЕ11,0,icd10,after,2000000191,own,2020-01-01,2099-12-31,"
    mapping = edited(tmp_path / "m", concepts=(old, new))

    made = done(mapping, diagnosis=[("ann", date(2019, 12, 31), "E11"), ("ann", date(2020, 1, 1), "E11")])

    assert concepts(made) == [2_000_000_190, 2_000_000_191]


def test_two_spellings_of_one_code_cannot_have_two_meanings(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="overlaps line"):
        edited(
            tmp_path / "m", concepts=("C34.1,", "С34,0,icd10,in Cyrillic,2000000199,own,1970-01-01,2099-12-31,\nC34.1,")
        )


def test_one_code_may_give_two_rows(tmp_path: Path) -> None:
    mapping = edited(tmp_path / "m", source=MANY, concepts=("C34.1,", HISTORY))

    made = done(mapping, diagnosis=[("ann", None, "C34"), ("ann", date(2021, 1, 1), "C34.1")])
    alone = done(diagnosis=[("ann", None, "C34"), ("ann", date(2021, 1, 1), "C34.1")])

    table = made.cdm.table("condition_occurrence").sort("_source_key", "condition_concept_id").collect()
    before = alone.cdm.table("condition_occurrence").collect()
    assert table["condition_concept_id"].to_list() == [LUNG, 2_000_000_199, UPPER_LOBE]
    assert table["condition_occurrence_id"].n_unique() == table["_key"].n_unique() == 3
    assert set(before["condition_occurrence_id"]) < set(table["condition_occurrence_id"])
    assert account(made, "diagnosis") == account(made, "diagnosis", "disease") == {"": 2}


def test_several_meanings_need_to_be_declared(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="overlaps line"):
        edited(tmp_path / "m", concepts=("C34.1,", HISTORY))


def test_a_code_of_many_concepts_says_only_what_a_row_is_about(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="can only say what a row is about"):
        edited(
            tmp_path / "m",
            source=("word: {ignore", "word: {many: true, ignore"),
            fields=(
                "result,result,measurement,value_as_number,result,value,word,skip",
                "result,result,measurement,value_as_concept_id,code,value,word,skip",
            ),
        )


def test_a_record_goes_only_where_the_domain_of_its_concept_belongs() -> None:
    domains = {LUNG: "Observation", UPPER_LOBE: "Condition"}

    made = done(domains=domains, diagnosis=[("ann", None, "C34"), ("ann", None, "C34.1"), ("ann", None, "C50")])

    assert concepts(made) == [UPPER_LOBE, 4_112_853]
    assert account(made, "diagnosis", "disease") == {"": 2, "wrong_domain": 1}
    assert account(made, "diagnosis") == {"": 2, "wrong_domain": 1}
    assert made.rejected["rule"].to_list() == ["wrong_domain"]


def test_a_concept_of_another_domain_goes_to_the_record_that_takes_it(tmp_path: Path) -> None:
    sibling = """
diagnosis,history,observation,observation_concept_id,code,code,icd10,
diagnosis,history,observation,observation_date,date,day,,
diagnosis,history,observation,observation_type_concept_id,concept,,32817,
medicine,dose,drug_exposure,drug_concept_id"""
    mapping = edited(
        tmp_path / "m",
        source=MANY,
        concepts=("C34.1,", HISTORY),
        fields=("\nmedicine,dose,drug_exposure,drug_concept_id", sibling),
    )
    domains = {LUNG: "Condition", UPPER_LOBE: "Condition", 2_000_000_199: "Observation"}

    made = done(mapping, domains, diagnosis=[("ann", None, "C34"), ("ann", date(2021, 1, 1), "C34.1")])

    assert concepts(made) == [LUNG, UPPER_LOBE]
    assert concepts(made, "observation") == [2_000_000_199]
    assert account(made, "diagnosis", "disease") == {"": 2}
    assert account(made, "diagnosis", "history") == {"": 1, "other_kind": 1}
    assert account(made, "diagnosis") == {"": 2}


def test_a_concept_that_no_record_takes_is_left_out_with_a_remark(tmp_path: Path) -> None:
    mapping = edited(tmp_path / "m", source=MANY, concepts=("C34.1,", HISTORY))

    made = done(mapping, {2_000_000_199: "Observation"}, diagnosis=[("ann", None, "C34")])

    assert concepts(made) == [LUNG]
    assert account(made, "diagnosis", "disease") == {"": 1, "concept_of_other_domain": 1}


def test_codes_without_a_concept_are_told_by_share_of_rows() -> None:
    rows = [("ann", None, "C34"), ("bob", None, "Z99"), ("ann", None, "z 99"), ("eve", None, "Иван Иванов")]

    made = done(diagnosis=rows)

    told = made.codes.filter(pl.col("field") == "condition_concept_id").select("code", "n", "share").rows()
    assert told == [("", 1, 0.25), ("*", 3, 0.75)]


def test_a_code_of_two_people_is_told_as_it_stands() -> None:
    made = done(diagnosis=[("ann", None, "Z99"), ("bob", None, "Z99"), ("eve", None, "C34"), ("eve", None, "Z99")])

    told = made.codes.filter(pl.col("field") == "condition_concept_id").select("code", "n", "share").rows()
    assert told == [("", 1, 0.25), ("Z99", 3, 0.75)]


def test_the_example_says_what_its_own_concepts_are() -> None:
    own = pl.read_csv(FOLDER.parents[1] / "concepts" / "district.csv")["concept_id"].to_list()
    used = pl.read_csv(FOLDER / "concepts.csv").filter(pl.col("target_vocabulary_id") == "own")["target_concept_id"]

    assert sorted(own) == sorted(used.unique())


def test_a_code_that_the_map_holds_for_other_days_is_told_apart(tmp_path: Path) -> None:
    old = "E11,0,icd10,type 2 diabetes mellitus,2000000103,own,1970-01-01,2099-12-31,"
    mapping = edited(tmp_path / "m", concepts=(old, old.replace("2099-12-31,", "2015-12-31,D")))

    made = done(mapping, diagnosis=[("ann", date(2016, 1, 1), "Е11"), ("ann", None, "Z99")])

    assert concepts(made) == [0, 0]
    assert account(made, "diagnosis", "disease") == {"": 2, "code_out_of_date": 1, "code_unmapped": 2}
