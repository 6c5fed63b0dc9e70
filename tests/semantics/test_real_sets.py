# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Data that nobody in this project made goes from file to common model to cohort, every row accounted for."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from rwe.cohort import build_cohort
from rwe.pipeline.align import Aligned, align
from rwe.pipeline.extract import extract
from rwe.pipeline.linking import persons
from rwe.pipeline.planning import load_source
from rwe.spec.study import Study
from rwe.store import Store

ROOT = Path(__file__).parents[2]
DATA, CONFIGS, KEY = ROOT / "tests" / "data", ROOT / "configs", b"k" * 32
FHIR, OMOP = DATA / "fhir_synthea", DATA / "synthea27nj" / "synthea27nj.zip"
WORDS = {"en": "x", "bg": "x"}
pytestmark = pytest.mark.ci


def aligned(home: Path, connector: str, mapping: Path, options: Mapping[str, Any] | None = None) -> Aligned:
    """Return what a folder of the home holds in the common model."""
    site = {"site": "real", "title": WORDS, "connector": connector, "url": "file:///{home}/drop"}
    file = home / "site.yaml"
    file.write_text(yaml.safe_dump(site | {"mapping": str(mapping), "options": dict(options or {})}), "utf-8")
    source, store = load_source(file), Store(home / "store")
    taken = extract(source.site, source.mapping.source, store, home, KEY)
    assert not [read.fault for read in taken.reads if read.fault]
    return align(source, store, {}, persons([source], store).of("real"))


def came_in(part: Aligned) -> dict[str, int]:
    """Return the rows of each stream, of which each is accepted, rejected or merged and none of them twice."""
    account = part.cdm.accounting.filter(pl.col("record") == "")
    assert set(account["outcome"]) <= {"accepted", "rejected", "merged"}
    found = account.group_by("stream").agg(pl.col("n").sum()).sort("stream")
    return dict(found.iter_rows())


def study(disease: int, medicine: int) -> Study:
    """Return the question how long people live after their first diagnosis, and until they take a medicine."""
    records = {
        "disease": {"table": "condition_occurrence", "concepts": [disease]},
        "medicine": {"table": "drug_exposure", "concepts": [medicine]},
        "death": {"table": "death"},
    }
    ends = {
        name: {"title": WORDS, "definition": WORDS, "events": (name,), "since": 0} for name in ("medicine", "death")
    }
    return Study.model_validate(
        {
            "study": "real",
            "version": "1",
            **dict.fromkeys(("title", "question", "medicine", "indication", "time_zero"), WORDS),
            "sites": ("real.yaml",),
            "as_of": "2024-12-31",
            "records": records,
            "index": {"record": "disease", "start": "1900-01-01", "end": "2024-12-31"},
            "baseline": {"age": {"title": WORDS, "kind": "age"}},
            "populations": {"all": {"title": WORDS}},
            "endpoints": ends,
            "analyses": ({"id": "a", "analysis": "follow_up", "population": "all"},),
            "focus": {"everyone": "all", "trial_like": "all", "endpoint": "death", "milestone": 365},
        },
        strict=False,
    )


def resources(folder: Path) -> list[dict[str, Any]]:
    """Return every resource of a folder of NDJSON files and Bundles."""
    found: list[dict[str, Any]] = []
    for file in sorted(folder.iterdir()):
        text = gzip.decompress(file.read_bytes()).decode()
        if ".ndjson" in file.name:
            found += map(json.loads, text.splitlines())
        else:
            found += [entry["resource"] for entry in json.loads(text)["entry"]]
    return found


def first_days(found: list[dict[str, Any]], code: str) -> dict[str, str]:
    """Return by patient the first day on which a condition began, as written."""
    days: dict[str, str] = {}
    for one in found:
        if one["resourceType"] == "Condition" and one["code"]["coding"][0]["code"] == code:
            who, day = one["subject"]["reference"].split("/")[-1].split(":")[-1], one["onsetDateTime"][:10]
            days[who] = min(day, days.get(who, day))
    return days


@pytest.mark.parametrize(
    ("folder", "code", "concept"), [("bulk", "73595000", 2000000902), ("bundles", "444814009", 2000000901)]
)
def test_fhir_resources_become_a_cohort(folder: str, code: str, concept: int, tmp_path: Path) -> None:
    shutil.copytree(FHIR / folder, tmp_path / "drop")
    found = resources(FHIR / folder)
    streams = {
        "patient": "Patient",
        "encounter": "Encounter",
        "condition": "Condition",
        "medication": "MedicationRequest",
        "procedure": "Procedure",
        "observation": "Observation",
    }
    there = Counter(one["resourceType"] for one in found)

    part = aligned(tmp_path, "fhir", FHIR / "mapping")
    cohort = build_cohort(part.cdm, study(concept, 2000000911))

    assert came_in(part) == {name: there[kind] for name, kind in streams.items() if there[kind]}
    expected = first_days(found, code)
    assert sorted(map(str, cohort.subjects["index_date"])) == sorted(expected.values())


def test_a_common_data_model_becomes_a_cohort(tmp_path: Path) -> None:
    with zipfile.ZipFile(OMOP) as archive:
        archive.extractall(tmp_path / "drop")
    tables = {file.stem: pl.read_csv(file, infer_schema=False) for file in (tmp_path / "drop").iterdir()}
    disease = Counter(tables["condition_occurrence"]["condition_concept_id"]).most_common(1)[0][0]
    medicine = Counter(tables["drug_exposure"]["drug_concept_id"]).most_common(1)[0][0]
    streams = {"visit": "visit_occurrence", "condition": "condition_occurrence", "drug": "drug_exposure"}
    streams |= {name: name for name in ("person", "measurement", "observation", "death")}
    streams |= {"procedure": "procedure_occurrence"}
    contract = {"format": "csv", "date_format": "%Y-%m-%d"}

    part = aligned(
        tmp_path, "omop", CONFIGS / "mappings" / "omop", {"contract": contract, "folder": {"quiet_seconds": 0}}
    )
    cohort = build_cohort(part.cdm, study(int(disease), int(medicine)))

    assert came_in(part) == {name: tables[table].height for name, table in sorted(streams.items())}
    first = tables["condition_occurrence"].filter(pl.col("condition_concept_id") == disease)
    expected = first.group_by("person_id").agg(pl.col("condition_start_date").min())["condition_start_date"]
    assert sorted(map(str, cohort.subjects["index_date"])) == sorted(expected)
    ended = part.cdm.table("death").collect()["death_date"].cast(pl.String).sort().to_list()
    assert ended == sorted(tables["death"]["death_date"])
