# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One truth, told by any house of the network, gives one cohort: the same persons, days and endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rwe.cdm import Cdm
from rwe.cohort import build_cohort
from rwe.pipeline.align import Aligned, align
from rwe.pipeline.extract import extract
from rwe.pipeline.linking import persons
from rwe.pipeline.planning import Source, load_source
from rwe.pipeline.together import together
from rwe.spec.study import Study
from rwe.store import Store
from synthetic.network.blocks import records, truth
from synthetic.network.entries import entries
from synthetic.network.houses import delimited, fhir, hl7, hospital_d
from synthetic.network.houses.network import Houses

pytestmark = pytest.mark.timeout(600)  # eight extractions
SITES = Path(__file__).parents[2] / "configs" / "sites"
SEED, PATIENTS, KEY = 11, 160, b"k" * 32
# Which sites tell the whole truth where one house has everybody.
TOLD = {
    "A": ["network_a"],
    "B": ["network_b"],
    "C": ["network_c"],
    "D": ["network_d_nhis", "network_d_files"],
    "nhis": ["network_d_nhis"],
    "fhir": ["network_fhir"],
    "hl7v2": ["network_hl7v2"],
}
WHOLE = ("A", "B", "C", "D", "fhir")  # those that hold medicines and assessments too
WORDS = {"en": "x", "bg": "x"}
BREAST, LUNG, SPREAD = 4112853, 2000000101, 2000000206
MEDICINES = list(range(2000000211, 2000000222))


def asked(index: str, baseline: Mapping[str, Any], events: Sequence[str]) -> Study:
    """Return a study of what every house can say: time from a day zero to each event and to death."""
    records = {
        "cancer": {"table": "condition_occurrence", "concepts": [BREAST, LUNG]},
        "spread": {"table": "condition_occurrence", "concepts": [SPREAD]},
        "medicine": {"table": "drug_exposure", "concepts": MEDICINES},
        "progression": {"table": "episode", "concepts": [2000000268]},
        "ecog": {"table": "measurement", "concepts": [2000000231]},
        "stage": {"table": "measurement", "concepts": [2000000232]},
        "haemoglobin": {"table": "measurement", "concepts": [3000963]},
        "death": {"table": "death"},
    }
    return Study.model_validate(
        {
            "study": "one_cohort",
            "version": "1",
            **dict.fromkeys(("title", "question", "medicine", "indication", "time_zero"), WORDS),
            "sites": ("network_a.yaml",),
            "as_of": "2024-12-31",
            "records": records,
            "index": {"record": index, "start": "2014-01-01", "end": "2024-12-31"},
            "baseline": {"age": {"title": WORDS, "kind": "age"}, **baseline},
            "populations": {"all": {"title": WORDS}},
            "endpoints": {
                one: {"title": WORDS, "definition": WORDS, "events": (one,), "since": 0} for one in (*events, "death")
            },
            "analyses": ({"id": "a", "analysis": "follow_up", "population": "all"},),
            "focus": {"everyone": "all", "trial_like": "all", "endpoint": "death", "milestone": 365},
        },
        strict=False,
    )


DIAGNOSED = asked("cancer", {}, ("spread",))
TREATED = asked(
    "medicine",
    {
        "ecog": {"title": WORDS, "kind": "number", "record": "ecog", "window": (-30, 30)},
        "haemoglobin": {"title": WORDS, "kind": "number", "record": "haemoglobin", "window": (-30, 30)},
        "stage": {
            "title": WORDS,
            "kind": "level",
            "record": "stage",
            "window": (-30, 30),
            "levels": {"1": (2000000233,), "2": (2000000234,), "3": (2000000235,), "4": (2000000236,)},
        },
    },
    ("progression",),
)


def written(house: str, into: Path) -> None:
    """Let one house hold all that happened to everybody, and nobody else anything."""
    found = truth(SEED, 0, PATIENTS)
    letter = house if house in "ABCD" else {"nhis": "D"}.get(house, "A")
    clean = records(SEED, found["courses"])
    moved = {n: t.with_columns(hospital=pl.lit(letter)) if "hospital" in t.columns else t for n, t in clean.items()}
    held = entries(SEED, found["persons"], moved)
    if house in "ABC":
        houses = Houses(into)
        houses.write(0, held)
        houses.finish()
    elif house in ("fhir", "hl7v2"):
        {"fhir": fhir, "hl7v2": hl7}[house].write(into / house, 0, held, letter)
    else:
        hospital_d.write(into / "d" / "nhis", 0, held, letter)
        delimited.write(into / "d" / "files", 0, delimited.HOSPITAL_D, held, letter, delimited.WINDOWS)


def everybodys(source: Source) -> Source:
    """Return a source as of a house that kept the records of all hospitals, from the first day of the first on."""
    return replace(source, site=source.site.model_copy(update={"records_from": None}))


def aligned(sites: Sequence[str], home: Path) -> list[Aligned]:
    sources, store = [everybodys(load_source(SITES / f"{site}.yaml")) for site in sites], Store(home / "store")
    for source in sources:
        taken = extract(source.site, source.mapping.source, store, home, KEY)
        assert not [read.fault for read in taken.reads if read.fault]
    found = persons(sources, store)
    return [align(source, store, {}, found.of(source.site.site)) for source in sources]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Aligned]]:
    """Return what each house tells of everybody, in the common model."""
    parts = {}
    for house, sites in TOLD.items():
        home = tmp_path_factory.mktemp(house)
        written(house, home / "network" / "hospitals")
        parts[house] = aligned(sites, home)
    return parts


@pytest.fixture(scope="module")
def cdms(told: dict[str, list[Aligned]]) -> dict[str, Cdm]:
    return {house: together(parts).cdm for house, parts in told.items()}


def subjects(cdm: Cdm, study: Study) -> pl.DataFrame:
    plain = build_cohort(cdm, study).subjects.drop("site", "index_records").sort("person_id")
    return plain.with_columns(pl.selectors.float().round(9))


@pytest.mark.ci
def test_every_row_of_every_house_is_accounted_for_and_none_is_refused(told: dict[str, list[Aligned]]) -> None:
    for part in (part for parts in told.values() for part in parts):
        rows = part.cdm.accounting.filter(pl.col("record") == "")

        assert part.rejected.is_empty(), part.site
        assert set(rows["outcome"]) <= {"accepted", "merged"}, part.site
        assert part.codes.filter(pl.col("code") != "").is_empty(), part.site


@pytest.mark.ci
@pytest.mark.parametrize("house", [house for house in TOLD if house != "A"])
def test_a_cohort_by_diagnosis_is_the_same_through_every_house(cdms: dict[str, Cdm], house: str) -> None:
    ours, theirs = (subjects(cdms[name], DIAGNOSED) for name in ("A", house))

    assert ours.height > PATIENTS / 3
    assert ours["spread_event"].sum() > 5
    assert ours["death_event"].sum() > 5
    assert_frame_equal(theirs, ours)


@pytest.mark.ci
@pytest.mark.parametrize("house", [house for house in WHOLE if house != "A"])
def test_a_cohort_by_medicine_is_the_same_through_every_house_that_has_medicines(
    cdms: dict[str, Cdm], house: str
) -> None:
    ours, theirs = (subjects(cdms[name], TREATED) for name in ("A", house))

    assert ours.height > PATIENTS / 2
    assert ours["progression_event"].sum() > 5
    assert_frame_equal(theirs, ours)
