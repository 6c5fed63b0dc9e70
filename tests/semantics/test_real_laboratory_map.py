# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The laboratory items of a real hospital through a mapping made of its own map: codes, units, what is left over."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rwe.errors import DefinitionError
from rwe.harmonise import Harmonised
from rwe.spec.mapping import Mapping as SourceMapping
from tests.semantics.district import account, done, edited

ITEMS = pl.read_csv(Path(__file__).parents[1] / "data" / "mimic_code" / "d_labitems_to_omop.csv", infer_schema=False)
# One item has a LOINC code where its concept should stand.
CONCEPT = pl.col("omop_concept_id").cast(pl.Int64, strict=False)
SLIP = "52434"
FIRST = "ГЛЮК,0,laboratory,"
# What this hospital calls units, beside UCUM codes and words that the example knows.
UNITS = {
    "mm Hg": 8876,
    "IU/mL": 8985,
    "mIU/mL": 9550,
    "m/uL": 8815,
    "#/uL": 8647,
    "/hpf": 8786,
    "#/hpf": 8786,
    "#/lpf": 8765,
    "mOsm/kg": 8862,
    "sec": 8555,
    "hrs": 8505,
    "Ratio": 8523,
    "mg/24hr": 8909,
    "mm/hr": 8752,
    "Score": 44777566,
}


def mapping(folder: Path, items: pl.DataFrame) -> SourceMapping:
    """Return the example's mapping with the items of this hospital among its laboratory codes."""
    named = items.filter(pl.col("omop_concept_id") != "").select("itemid", "omop_concept_id")
    lines = [f"{item},0,laboratory,,{concept},LOINC,1970-01-01,2099-12-31," for item, concept in named.iter_rows()]
    lines += [f"{word},0,unit,,{concept},UCUM,1970-01-01,2099-12-31," for word, concept in UNITS.items()]
    return edited(folder, concepts=(FIRST, "\n".join([*lines, FIRST])))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Harmonised:
    whole = mapping(tmp_path_factory.mktemp("real") / "m", ITEMS.filter(pl.col("itemid") != SLIP))
    pairs = list(ITEMS.select("itemid", "valueuom").iter_rows())
    return done(whole, result=[(who, None, item, "5", unit or None) for who in ("ann", "bob") for item, unit in pairs])


def test_a_slip_in_the_map_is_found_at_its_place(tmp_path: Path) -> None:
    with pytest.raises(
        DefinitionError, match=r"concepts\.csv:\d+:\d+: target_concept_id: a concept id is a whole number"
    ):
        mapping(tmp_path / "m", ITEMS)


def test_every_row_is_accounted_for_and_every_mapped_item_has_its_concept(made: Harmonised) -> None:
    table = made.cdm.table("measurement").collect()

    found = table.select("measurement_source_value", "measurement_concept_id").unique()
    wanted = ITEMS.select("itemid", CONCEPT.fill_null(0))
    assert account(made, "result") == {"": 2 * ITEMS.height}
    assert found.sort("measurement_source_value").rows() == wanted.sort("itemid").rows()


def test_what_is_not_mapped_is_told_by_code_and_share(made: Harmonised) -> None:
    lines = made.codes.filter(pl.col("field") == "measurement_concept_id")

    unmapped = lines.filter(pl.col("code") != "")
    assert unmapped.height == ITEMS.select(CONCEPT).null_count().item() == 230
    assert unmapped["share"].sum() == pytest.approx(230 / 1630)
    assert lines["share"].sum() == pytest.approx(1.0)


def test_no_value_is_used_in_a_unit_that_is_not_known(made: Harmonised) -> None:
    table = made.cdm.table("measurement").collect()

    unknown = table.filter(pl.col("unit_concept_id") == 0)
    assert unknown["value_as_number"].null_count() == unknown.height
    assert account(made, "result", "result")["unit_unknown"] == unknown.height
    assert set(unknown["unit_source_value"]) >= {"N/A", "units", "#ERROR!", "GPL"}


def test_items_of_one_concept_come_to_one_unit(made: Harmonised) -> None:
    table = made.cdm.table("measurement").filter(pl.col("value_as_number").is_not_null()).collect()
    standard = table.filter(pl.col("measurement_concept_id").is_in([3000963, 3000905, 3023103, 3006923, 3016723]))

    units = (
        standard.group_by("measurement_concept_id")
        .agg(pl.col("unit_concept_id").unique())
        .sort("measurement_concept_id")
    )
    assert [each.to_list() for each in units["unit_concept_id"]] == [[8848], [8713], [8645], [8840], [8753]]
