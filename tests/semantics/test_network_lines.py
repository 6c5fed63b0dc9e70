# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Lines of therapy read from the clean records of the invented network are those that its patients lived."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rwe.cdm import Cdm
from rwe.spec.treatment import Treatment
from rwe.treatment import Course, Known, treat
from synthetic.network.blocks import records, truth
from synthetic.network.diseases import DISEASES, MEDICINES
from synthetic.network.world import PLANTED

CANCERS = [one for one in DISEASES if one.later]
CODES = list(MEDICINES)


@pytest.fixture(scope="module")
def given() -> pl.DataFrame:
    """Return the medicines of cancers, with the line that each was given in."""
    drugs = records(5, truth(5, 0, 3_000)["courses"])["drugs"]
    used = {code for one in CANCERS for code in (*one.arms.values(), one.later)}
    return drugs.filter(pl.col("atc").is_in(used)).with_row_index("id")


def rules(gap: int) -> Treatment:
    """Return rules by which a line ends with the medicine that follows, or with a gap."""
    names = {f"m{i}": code for i, code in enumerate(CODES)}
    ingredients: dict[str, Any] = {}
    for i, (name, code) in enumerate(names.items()):
        product = {"concepts": [i], "quantity": "units", "strength": float(MEDICINES[code].strength_mg)}
        ingredients[name] = {"concept": 100 + i, "products": {"any": product}, "gap": 30}
    lines = {"of": [*names], "window": 0, "gap": gap}
    return Treatment.model_validate({"ingredients": ingredients, "lines": lines})


def course(given: pl.DataFrame, gap: int) -> Course:
    table = given.select(
        drug_exposure_id=pl.col("id").cast(pl.Int64),
        person_id=pl.col("person").cast(pl.Int64),
        drug_concept_id=pl.col("atc").replace_strict({code: i for i, code in enumerate(CODES)}, return_dtype=pl.Int64),
        drug_exposure_start_date="day",
        days_supply="days",
        quantity=pl.col("units").cast(pl.Float64),
    )
    nobody = pl.LazyFrame(schema={"person_id": pl.Int64, "until": pl.Date})
    known = Known(lambda _: pl.LazyFrame(), nobody, PLANTED.cut)
    return treat(Cdm({"drug_exposure": table.lazy()}, pl.DataFrame()), rules(gap), known)


def begun(rows: pl.DataFrame, person: str, number: str, day: str) -> list[tuple[Any, ...]]:
    return rows.group_by(person, number).agg(pl.col(day).min()).sort(person, number).rows()


def test_lines_are_those_that_were_lived(given: pl.DataFrame) -> None:
    found = course(given, gap=3_650).tables["episode"]

    expected = begun(given, "person", "line", "day")

    assert begun(found, "person_id", "episode_number", "episode_start_date") == expected
    assert sum(line == 2 for _, line, _ in expected) > 100


def test_every_milligram_that_was_given_is_in_an_exposure(given: pl.DataFrame) -> None:
    found = course(given, gap=90)

    assert found.exposures["mg"].sum() == pytest.approx((given["dose_mg"] * given["units"]).sum())
    assert found.tables["episode_event"].height == given.height
