# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Linking against the truth of the invented network, with all that its dirt does to who a person is."""

from __future__ import annotations

import polars as pl
import pytest

from rwe.identity import pseudonymise
from rwe.link import link, units
from synthetic.network.blocks import records, truth
from synthetic.network.dirt import dirty
from synthetic.network.entries import entries
from tests.semantics.damaged import COLUMNS, KEY, pairs

SEXES = {"F": 8532, "M": 8507}


def told(seed: int, n: int) -> pl.DataFrame:
    """Return the persons as four hospitals and the death registry tell them, with the truth in ``person``."""
    found = truth(seed, 0, n)
    frames, _ = dirty(seed, entries(seed, found["persons"], records(seed, found["courses"])), ["identity"])
    registry = frames["registry"].with_columns(hospital=pl.lit("registry"), patient_no=pl.format("act {}", "record"))
    both = pl.concat([frames["patients"], registry], how="diagonal_relaxed")
    return both.select(
        pl.format("{}", "record").alias("_key"),
        site="hospital",
        no="patient_no",
        national="national_no",
        given="given_name",
        family="family_name",
        born="born",
        sex=pl.col("sex").replace_strict(SEXES, return_dtype=pl.Int64),
        person="person",
    )


@pytest.mark.ci
def test_precision_and_recall_against_the_truth_of_the_network() -> None:
    right = wrong = missed = 0
    for seed in range(1, 7):
        rows = told(seed, 2_000)
        parts = rows.partition_by("site", as_dict=True, maintain_order=True)
        there = pl.concat(
            units(pseudonymise(part.drop("site", "person"), COLUMNS, KEY, f"{site}/person"), str(site))
            for (site,), part in parts.items()
        )
        keyed = rows.with_columns(_key=pl.concat_str("site", pl.lit("/"), "_key"))
        known = keyed.join(link(there).persons, on="_key", validate="1:1")
        true, found = pairs(known, "person"), pairs(known, "person_id")
        right, wrong, missed = right + len(true & found), wrong + len(found - true), missed + len(true - found)

    assert right > 5_000
    assert right / (right + wrong) >= 0.999
    assert right / (right + missed) >= 0.98
