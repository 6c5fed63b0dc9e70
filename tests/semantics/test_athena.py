# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A vocabulary folder of invented concepts: every line comes out, in its type, bare CR and quotes included."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rwe.cdm.athena import TABLES, read_athena
from rwe.errors import DataError, DefinitionError
from rwe.spec.omop import cdm_fields

ONE, TWO = 2_000_000_001, 2_000_000_002
ROWS = {
    "concept": [
        f'{ONE}\tИзмислена "болест\tCondition\tOURS\tDisease\tS\tX1\t19700101\t20991231\t',
        f"{TWO}\tнещо с\rвръщане\tDrug\tOURS\tIngredient\t\tX2\t20240229\t20991231\tD",
    ],
    "concept_relationship": [f"{ONE}\t{TWO}\tMaps to\t19700101\t20991231\t"],
    "concept_ancestor": [f"{ONE}\t{TWO}\t0\t3"],
    "concept_synonym": [f"{ONE}\tNA\t{TWO}"],
    "vocabulary": [f"OURS\tOur own\t\tv1\t{ONE}"],
    "domain": [f"Drug\tDrug\t{TWO}"],
    "drug_strength": [f"{TWO}\t{ONE}\t2.5\t{TWO}\t\t\t\t\t\t19700101\t20991231\t"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as Athena gives it, of invented concepts."""
    made = tmp_path / "bundle"
    made.mkdir()
    for name in TABLES:
        lines = ["\t".join(cdm_fields()[name]), *ROWS[name]]
        (made / f"{name.upper()}.csv").write_bytes("\n".join([*lines, ""]).encode())
    return made


def test_every_line_comes_out_in_its_type(folder: Path, tmp_path: Path) -> None:
    found = read_athena(folder, tmp_path / "kept")

    concepts = found.tables["concept"].collect()

    assert found.rows == {name: len(rows) for name, rows in ROWS.items()}
    assert concepts["concept_id"].to_list() == [ONE, TWO]
    assert concepts["concept_name"].to_list() == ['Измислена "болест', "нещо с\rвръщане"]
    assert concepts["valid_start_date"].to_list() == [date(1970, 1, 1), date(2024, 2, 29)]
    assert concepts["standard_concept"].to_list() == ["S", None]
    assert concepts["invalid_reason"].to_list() == [None, "D"]
    assert found.tables["concept_synonym"].collect()["concept_synonym_name"].item() == "NA"
    assert found.tables["drug_strength"].collect()["amount_value"].item() == 2.5


def test_lines_that_end_in_crlf_and_a_last_one_that_does_not_end(folder: Path, tmp_path: Path) -> None:
    path = folder / "CONCEPT_RELATIONSHIP.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").removesuffix(b"\r\n"))

    found = read_athena(folder, tmp_path / "kept")

    assert found.tables["concept_relationship"].collect()["invalid_reason"].to_list() == [None]


def test_parquet_is_made_once_of_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    read_athena(folder, tmp_path / "kept")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").glob("*.parquet")}
    (folder / "DOMAIN.csv").write_text((folder / "DOMAIN.csv").read_text() + f"Device\tDevice\t{ONE}\n")

    found = read_athena(folder, tmp_path / "kept")

    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").glob("*.parquet")}
    assert {name for name in after if after[name] != before[name]} == {"domain.parquet"}
    assert found.rows["domain"] == found.tables["domain"].select(pl.len()).collect().item() == 2


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("19700101", "01011970", "valid_start_date: 1 values are missing or not date"),
        (str(ONE), "X", "concept_id: 1 values are missing or not integer"),
        ("\tDisease", "", "too few or too many|missing or not"),
        ("\tDisease", "\tDisease\tmore", "lines with too few or too many fields"),
        ("concept_name", "name", "its columns are not those of the model"),
    ],
)
def test_what_is_not_a_vocabulary_is_refused(old: str, new: str, told: str, folder: Path, tmp_path: Path) -> None:
    path = folder / "CONCEPT.csv"
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(), 1))

    with pytest.raises(DataError, match=told):
        read_athena(folder, tmp_path / "kept")
    assert not list((tmp_path / "kept").glob("*.draft"))


def test_a_folder_that_lacks_a_table_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "CONCEPT_ANCESTOR.csv").unlink()

    with pytest.raises(DefinitionError, match="CONCEPT_ANCESTOR missing"):
        read_athena(folder, tmp_path / "kept")
