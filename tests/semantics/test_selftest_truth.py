# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of planted faults is judged by the common model, and the whole way is tried on a network."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.cdm import TABLES, Cdm
from rwe.cli.app import main
from rwe.pipeline.align import Aligned
from rwe.pipeline.together import together
from rwe.selftest.scored import score, summary
from rwe.selftest.scored_links import Links, links
from rwe.selftest.told import Told

STUDIES = Path(__file__).parents[2] / "configs" / "studies"
ADDED = 2**52
DAY = date(2020, 1, 1)
MEASURED = {"measurement_concept_id": 7, "measurement_date": DAY, "value_as_number": 5.0, "unit_concept_id": 9}
Z95 = 1.959964
ROWS = pl.DataFrame(schema={"site": pl.String, "stream": pl.String, "landed": pl.Int64})


def told(rows: dict[str, dict[str, Any]], rejected: dict[str, str] | None = None, **persons: int) -> Told:
    """Return a site with one stream of measurements by source key, and persons by the keys of their patients' rows."""
    made = [{"_key": f"lab/result/{key}", "_source": "lab", "_source_key": key, **row} for key, row in rows.items()]
    schema = dict(TABLES["measurement"].create_empty().schema)
    table = pl.DataFrame(made, schema=schema)
    refused = [("lab", "", key, rule) for key, rule in (rejected or {}).items()]
    lines = pl.DataFrame(refused, schema=dict.fromkeys(("stream", "record", "_key", "rule"), pl.String), orient="row")
    part = Aligned("north", Cdm({"measurement": table.lazy()}, pl.DataFrame()), lines, pl.DataFrame(), {}, {})
    return Told(Path(), (part,), people([(key, 1, key, "n", None) for key in persons], persons), together([part]), ROWS)


def people(rows: Sequence[tuple[str, int, str, str | None, str | None]], ids: dict[str, int]) -> pl.DataFrame:
    """Return rows of patients by key, person, patient, number and whole name, linked as `ids` say."""
    schema = {"key": pl.String, "person": pl.Int64, "unit": pl.String, "number": pl.String, "named": pl.String}
    made = pl.DataFrame(rows, schema=schema, orient="row")
    linked = pl.Series("id", [ids[key] for key in made["key"]], dtype=pl.Int64)
    return made.with_columns(linked, site=pl.lit("north"), listed=pl.lit(None, pl.String))


def planted(key: str, expect: str, record: int = 1, **more: str) -> dict[str, Any]:
    fault = {"table": "labs", "hospital": "A", "record": record, "key": key, "person": 1, "column": "value"}
    named = {"class": "labs", "form": "f", "before": "5", "now": "x", "expect": expect}
    return fault | named | {"site": "north", "stream": "lab"} | more


def outcome(fault: dict[str, Any], clean: Told, dirty: Told) -> tuple[str, bool | None]:
    found = score(pl.DataFrame([fault]), clean, dirty)
    return found["outcome"].item(), found["good"].item()


@pytest.mark.parametrize(
    ("change", "expect", "became"),
    [
        ({}, "repaired", ("repaired", True)),
        ({"value_as_number": 5.001}, "repaired", ("repaired", True)),
        ({"value_as_number": 50.0}, "repaired", ("altered", False)),
        ({"value_as_number": 50.0}, "kept", ("altered", True)),
        ({"value_as_number": None}, "quarantined", ("set_aside", True)),
        (
            {"value_as_number": None, "unit_concept_id": 10, "value_as_concept_id": 3},
            "quarantined",
            ("set_aside", True),
        ),
        ({"measurement_concept_id": 0, "unit_concept_id": 10}, "told", ("set_aside", True)),
        ({"value_as_number": 0.01, "operator_concept_id": 4171756}, "told", ("told", True)),
        ({"measurement_date": date(2020, 1, 2)}, "repaired", ("altered", False)),
        ({"unit_concept_id": None}, "repaired", ("set_aside", False)),
    ],
)
def test_a_row_is_held_against_the_clean_one(change: dict[str, Any], expect: str, became: tuple[str, bool]) -> None:
    clean, dirty = told({"1": MEASURED}), told({"1": MEASURED | change})

    assert outcome(planted("1", expect), clean, dirty) == became


def test_a_row_that_is_gone_was_refused_by_name_or_is_lost() -> None:
    clean = told({"1": MEASURED})

    assert outcome(planted("1", "quarantined"), clean, told({}, {"1": "date_in_future"})) == ("set_aside", True)
    assert outcome(planted("1", "repaired"), clean, told({}, {"1": "date_in_future"})) == ("set_aside", False)
    assert outcome(planted("1", "repaired"), clean, told({}, {"1": "person_set_aside"})) == ("set_aside", True)
    assert outcome(planted("1", "quarantined"), clean, told({})) == ("lost", False)
    assert outcome(planted("1", "kept", before="row", now=""), clean, told({})) == ("gone", True)


def test_a_hospital_that_was_not_told_is_not_judged() -> None:
    faults = pl.DataFrame([planted("1", "repaired"), planted("1", "repaired", site="south")])

    assert score(faults, told({"1": MEASURED}), told({"1": MEASURED})).height == 1


def test_what_was_set_aside_at_the_door_is_not_lost() -> None:
    clean, dirty = told({"1": MEASURED}), replace(told({}), aside=frozenset({("north", "lab")}))

    found = score(pl.DataFrame([planted("1", "repaired")]), clean, dirty)

    assert found.select("outcome", "reason", "good").row(0) == ("set_aside", "not_landed", True)


def test_two_rows_that_a_fault_made_alike_are_one() -> None:
    clean, dirty = told({"1": MEASURED, "2": MEASURED}), told({}, {"1": "date_placeholder"})
    faults = pl.DataFrame([planted("1", "quarantined"), planted("2", "quarantined", 2)])

    found = score(faults, clean, dirty)

    assert found.select("outcome", "good").rows() == [("set_aside", True), ("merged", True)]


def test_a_stay_does_not_answer_for_the_diagnoses_in_its_row() -> None:
    clean, dirty = told({"1": MEASURED}), told({}, {"1": "date_unparseable"})
    stay = planted("1", "kept", table="stays")
    diagnosis = planted("1", "quarantined", 2, table="diagnoses") | {"key": None}

    both = score(pl.DataFrame([stay, diagnosis]), clean, dirty)

    assert outcome(stay, clean, dirty) == ("set_aside", False)
    assert both.select("outcome", "good").row(0) == ("unscored", None)


def test_of_a_row_and_its_copy_one_must_go() -> None:
    clean, key = told({"1": MEASURED}), str(ADDED + 16)
    copy = planted(key, "merged", ADDED + 16)

    assert outcome(copy, clean, told({"1": MEASURED})) == ("merged", True)
    assert outcome(copy, clean, told({key: MEASURED})) == ("merged", True)
    assert outcome(copy, clean, told({"1": MEASURED, key: MEASURED})) == ("kept", False)
    assert outcome(copy, clean, told({"1": MEASURED}, {key: "date_in_future"})) == ("set_aside", False)


TRUE = [("a", 1, "A1", "n1", "ivan"), ("b", 1, "B1", "n1", "ivan"), ("c", 2, "A2", "n2", "petar")]


def of_person(dirty: pl.DataFrame, clean: pl.DataFrame) -> tuple[str, bool | None]:
    """Return what becomes of a fault in the number of patient ``a``."""
    fault = planted("a", "repaired", 1, table="patients", **{"class": "identity"}, stream="patient")
    return outcome(fault, replace(told({}), persons=clean), replace(told({}), persons=dirty))


def test_a_person_is_judged_by_who_it_is_in_truth() -> None:
    apart, clean = {"a": 9, "b": 7, "c": 8}, people(TRUE, {"a": 7, "b": 7, "c": 8})
    listed = pl.when(pl.col("key") == "a").then(pl.lit("unsure")).alias("listed")
    no_number = [("a", 1, "A1", None, "ivan"), *TRUE[1:]]
    nothing = [("a", 1, "A1", "n9", None), *TRUE[1:]]

    assert of_person(people(no_number, {"a": 7, "b": 7, "c": 8}), clean) == ("repaired", True)
    assert of_person(people(no_number, apart), clean) == ("altered", False)
    assert of_person(people(no_number, apart).with_columns(listed), clean) == ("told", False)
    assert of_person(people(no_number, {"a": 8, "b": 7, "c": 8}), clean) == ("mixed", False)
    assert of_person(people(nothing, apart), clean) == ("undecidable", None)
    assert of_person(people(TRUE[:1], {"a": 9}), clean) == ("repaired", True)  # nobody to be linked to


def test_pairs_are_counted_by_the_truth_and_apart_where_no_true_token_is_left() -> None:
    clean = people(TRUE, {"a": 7, "b": 7, "c": 8})
    nothing, borrowed = ("d", 1, "C1", "n9", None), ("e", 2, "B2", "n1", "ivan")
    more = people([*TRUE, nothing, borrowed], {"a": 7, "b": 7, "c": 7, "d": 9, "e": 7})

    assert links(clean, clean) == Links(right=1, wrong=0, missed=0, apart=0, apart_right=0, borrowed=0)
    assert links(more, clean) == Links(right=1, wrong=2, missed=0, apart=2, apart_right=0, borrowed=1)
    assert links(people(TRUE, {"a": 7, "b": 9, "c": 8}), clean).recall == 0


def test_what_cannot_be_looked_up_is_not_judged() -> None:
    found = score(
        pl.DataFrame([planted("1", "repaired") | {"key": None}], schema_overrides={"key": pl.String}),
        told({}),
        told({}),
    )

    table = summary(found)

    assert found["good"].item() is None
    assert table.select("planted", "unscored", "good").row(0) == (1, 1, 0)


def test_without_a_study_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["selftest", "truth"])

    assert code == 2
    assert "at least one study" in capsys.readouterr().err


# where a stay of the invented NHIS ends in death, its message has the day of death from the end of the stay: an end
# before the start is set aside with the stay, the day of death that came with it is not; a mistyped number of a person
# whose other rows are at fault too is put to a person, not linked: one of 16 (ARCHITECTURE, known limits)
KNOWN_MISSES = {"end before start": 0.02, "typo in the number": 0.1}


def tried(home: Path, capsys: pytest.CaptureFixture[str], seeds: int) -> pl.DataFrame:
    """Hold networks of so many seeds against what is asked of the engine; return the ratios that were recovered."""
    studies = [str(STUDIES / f"network_{name}.yaml") for name in ("breast", "lung")]

    code = main(["selftest", "truth", *studies, "--seeds", str(seeds), "--home", str(home), "--json"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    faults, ratios, found = ([line for line in lines if line.get("event") == e] for e in ("fault", "ratio", "seed"))
    judged = [(f, f["planted"] - f["unscored"] - f["undecidable"]) for f in faults]
    missed = [(f["form"], 1 - f["good"] / n) for f, n in judged if n]
    assert {form: share for form, share in missed if share > KNOWN_MISSES.get(form, 0)} == {}
    assert sum(line["unaccounted"] for line in found) == 0
    assert len(found) == seeds
    assert (code == 0) is not any(share for _, share in missed)
    return pl.DataFrame(ratios)


# some 26 CPU seconds a seed
@pytest.mark.parametrize(
    ("seeds", "enough"),
    [pytest.param(20, 16, marks=pytest.mark.ci), pytest.param(200, 180, marks=pytest.mark.long)],
)
@pytest.mark.timeout(36_000)
def test_the_truth_comes_through(seeds: int, enough: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratios = tried(tmp_path, capsys, seeds)

    distance = (pl.col("estimate") - pl.col("planted")).abs() / pl.col("std_error")
    found = ratios.group_by("records", "study", "term").agg(
        near=pl.col("within").sum(), covered=(distance <= Z95).mean()
    )
    assert found.filter(pl.col("near") < enough).is_empty()
    assert found.filter((pl.col("covered") - 0.95).abs() > 4 * math.sqrt(0.95 * 0.05 / seeds)).is_empty()
