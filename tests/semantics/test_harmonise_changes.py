# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirty rows of any kind, in any order, at once or in two goes: every row is accounted for, and the result is one."""

from __future__ import annotations

import random
from collections.abc import Mapping as MappingOf
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rwe.cdm import TABLES
from rwe.harmonise import Harmonised, changed_people, harmonise
from rwe.spec.mapping import load_mapping
from rwe.store import Store

MAPPING = load_mapping(Path(__file__).parents[2] / "configs" / "mappings" / "rotterdam")
WHO = {"person_token": pl.String}
COLUMNS: dict[str, dict[str, Any]] = {
    "patient": {"national_token": pl.String, "birth_year": pl.Int32, "sex": pl.String},
    "surgery": {"surgery_date": pl.Date, "procedure_code": pl.String, "menopause": pl.String},
    "pathology": {
        **dict.fromkeys(("report_date", "size_code", "grade_code"), pl.String),
        "nodes_positive": pl.Int64,
        **dict.fromkeys(("pgr", "er"), pl.String),
    },
    "treatment": {"started_on": pl.Date, "kind_code": pl.String},
    "contact": {"contact_date": pl.Date, "kind_code": pl.String},
    "recurrence": {"found_on": pl.Date},
    "death": {"died_on": pl.Date},
    "last_contact": {"seen_on": pl.Date, "status_code": pl.String},
}
DAYS = st.sampled_from([None, *(date(1985, month, 1) for month in (1, 2, 3, 6)), date(1930, 1, 1), date(1990, 1, 1)])
TEXTS = ["V", "S1", "G2", "HT", "CHK", "L", "D", "PRE", "OK-MAM", "", None, "?", "x" * 60]
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    pl.Date: DAYS,
    pl.Int64: st.sampled_from([0, 3, None]),
    pl.String: st.sampled_from([*TEXTS, "01.02.1985", "31.02.1985", "12", "1,5", "<0.01"]),
}
# Patients mostly agree with each other, or nobody would be left to look at.
PATIENT = {
    "birth_year": st.sampled_from([1930] * 6 + [1988, None]),
    "sex": st.sampled_from(["V"] * 6 + ["M", "?"]),
}
TOKENS = [None, *(sha256(name).hexdigest() for name in (b"ann", b"bob", b"eve"))]
Versions = dict[str, pl.DataFrame]


@st.composite
def rows(draw: st.DrawFn, stream: str, commit: int) -> pl.DataFrame:
    columns = WHO | COLUMNS[stream]
    values = {n: st.sampled_from(TOKENS) if n.endswith("_token") else VALUES.get(k) for n, k in columns.items()}
    values |= PATIENT if stream == "patient" else {}
    found = draw(st.lists(st.fixed_dictionaries({"_key": st.sampled_from("123456"), **values}), max_size=6))
    frame = pl.DataFrame(found, schema={"_key": pl.String, **columns}).unique("_key", maintain_order=True)
    return frame.with_columns(_commit=pl.lit(commit, dtype=pl.Int64))


def landings(commit: int) -> st.SearchStrategy[Versions]:
    return st.fixed_dictionaries({stream: rows(stream, commit) for stream in COLUMNS})


def current(*versions: MappingOf[str, pl.DataFrame]) -> dict[str, pl.LazyFrame]:
    """Return the newest version of each key, as the store does."""
    both = {name: pl.concat(v[name] for v in versions) for name in COLUMNS}
    return {name: rows.sort("_commit").unique("_key", keep="last").lazy() for name, rows in both.items()}


def tables(done: Harmonised) -> dict[str, pl.DataFrame]:
    return {name: done.rows(name).sort("_key") for name in TABLES}


def hold_the_account(landing: Versions, chance: random.Random) -> None:
    mixed = {n: f.sample(fraction=1, shuffle=True, seed=chance.randint(0, 99)) for n, f in landing.items()}

    done = harmonise(current(landing), MAPPING, "north")
    other = harmonise({name: rows.lazy() for name, rows in mixed.items()}, MAPPING, "north")

    for stream, received in landing.items():
        lines = done.accounting.filter(pl.col("stream") == stream, pl.col("record") == "")
        assert set(lines["outcome"]) <= {"accepted", "rejected", "merged"}
        assert lines["n"].sum() == received.height
    for name, table in tables(done).items():
        TABLES[name].validate(table.drop("_op"))
        assert set(table["person_id"]) <= set(done.rows("person")["person_id"])
        assert_frame_equal(table, tables(other)[name])
    assert_frame_equal(done.accounting, other.accounting)
    assert_frame_equal(done.rejected, other.rejected)


def hold_the_changes(old: Versions, new: Versions) -> None:
    stored = tables(harmonise(current(old), MAPPING, "north"))
    versions = {name: pl.concat([old[name], new[name]]).lazy() for name in COLUMNS}

    changed = changed_people(versions, MAPPING, since=1)
    fresh = harmonise(changed.only(current(old, new)), MAPPING, "north")

    everything = tables(harmonise(current(old, new), MAPPING, "north"))
    for name, whole in everything.items():
        news = changed.versions(fresh.rows(name), stored[name].lazy())
        rest = stored[name].join(news, on="_key", how="anti")
        kept = pl.concat([rest, news.filter(pl.col("_op") == "upsert").select(rest.columns)])
        assert_frame_equal(kept.sort("_key"), whole)


@settings(max_examples=8)
@given(landings(1), st.randoms(use_true_random=False))
def test_every_row_is_accounted_for_whatever_its_order(landing: Versions, chance: random.Random) -> None:
    hold_the_account(landing, chance)


@settings(max_examples=8)
@given(landings(1), landings(2))
def test_harmonising_the_changed_people_again_gives_what_harmonising_all_gives(old: Versions, new: Versions) -> None:
    hold_the_changes(old, new)


@pytest.mark.ci
@pytest.mark.timeout(1200)
@settings(max_examples=100)
@given(landings(1), landings(2), st.randoms(use_true_random=False))
def test_account_and_changes_hold_for_many(old: Versions, new: Versions, chance: random.Random) -> None:
    hold_the_account(old, chance)
    hold_the_changes(old, new)


def test_whom_a_change_touches_follows_numbers_from_person_to_person() -> None:
    ann, bob, eve = TOKENS[1:]
    frames = {name: pl.DataFrame(schema={"_key": pl.String, **WHO, **kinds}) for name, kinds in COLUMNS.items()}
    pairs = {"person_token": [ann, bob, bob, eve], "national_token": [ann, ann, eve, eve]}
    patients = pl.DataFrame({"_key": ["1", "2", "2", "3"], **pairs}, schema_overrides=frames["patient"].schema)
    recurred = pl.DataFrame({"_key": ["1"], "person_token": [ann]}, schema_overrides=frames["recurrence"].schema)
    filled = frames | {"patient": patients, "recurrence": recurred}
    commits = {n: f.with_columns(_commit=pl.lit(1 + (n == "recurrence"), pl.Int64)) for n, f in filled.items()}
    versions = {name: frame.lazy() for name, frame in commits.items()}

    changed = changed_people(versions, MAPPING, since=1)

    assert set(changed.tokens["person_token"]) == {ann, bob, eve}
    assert set(changed.person_ids["person_id"]) == {int(str(t)[:15], 16) for t in (ann, eve)}
    assert changed_people(versions, MAPPING, since=2).tokens.is_empty()


def test_store_keeps_what_the_changes_say(tmp_path: Path) -> None:
    ann, bob = TOKENS[1:3]
    person = {"national_token": [ann, bob], "birth_year": [1930, 1931], "sex": ["V", "V"]}
    surgery = {"surgery_date": [date(1985, 1, 1)] * 2, "procedure_code": ["OK-MAM"] * 2, "menopause": ["PRE"] * 2}
    old = {name: pl.DataFrame(schema={"_key": pl.String, **WHO, **kinds}) for name, kinds in COLUMNS.items()}
    for name, content in (("patient", person), ("surgery", surgery)):
        old[name] = pl.DataFrame({"_key": ["1", "2"], "person_token": [ann, bob], **content}, schema=old[name].schema)
    first, second = ({n: f.with_columns(_commit=pl.lit(c, pl.Int64)) for n, f in old.items()} for c in (1, 2))
    moved = second["surgery"].head(1).with_columns(person_token=pl.lit(bob), menopause=pl.lit("POST"))
    second = {n: moved if n == "surgery" else f.clear() for n, f in second.items()}
    table = Store(tmp_path).table("north/cdm/procedure_occurrence", partition_by="bucket")
    table.append(harmonise(current(first), MAPPING, "north").rows("procedure_occurrence"), batch="1")

    changed = changed_people({n: pl.concat([first[n], second[n]]).lazy() for n in COLUMNS}, MAPPING, since=1)
    fresh = harmonise(changed.only(current(first, second)), MAPPING, "north").rows("procedure_occurrence")
    table.append(changed.versions(fresh, table.current()), batch="2")

    assert set(changed.tokens["person_token"]) == {ann, bob}
    now = table.current().sort("_source_key").collect()
    assert now["_source_key"].to_list() == ["1", "2"]
    assert now["person_id"].to_list() == [int(str(bob)[:15], 16)] * 2


def test_store_drops_the_rows_of_a_person_who_is_set_aside(tmp_path: Path) -> None:
    ann = TOKENS[1]
    frames = {name: pl.DataFrame(schema={"_key": pl.String, **WHO, **kinds}) for name, kinds in COLUMNS.items()}
    add = {
        "patient": {"national_token": ann, "birth_year": 1930, "sex": "V"},
        "surgery": {"surgery_date": date(1985, 1, 1), "procedure_code": "OK-MAM", "menopause": "PRE"},
    }
    for name, row in add.items():
        frames[name] = pl.DataFrame([{"_key": "1", "person_token": ann, **row}], schema=frames[name].schema)
    first, second = ({n: f.with_columns(_commit=pl.lit(c, pl.Int64)) for n, f in frames.items()} for c in (1, 2))
    second = {n: f.clear() if n != "patient" else f.with_columns(birth_year=1990) for n, f in second.items()}
    second["patient"] = second["patient"].cast(first["patient"].schema)
    store = Store(tmp_path)
    for name, rows in tables(harmonise(current(first), MAPPING, "north")).items():
        store.table(f"north/cdm/{name}", partition_by="bucket").append(rows, batch="1")

    changed = changed_people({n: pl.concat([first[n], second[n]]).lazy() for n in COLUMNS}, MAPPING, since=1)
    fresh = harmonise(changed.only(current(first, second)), MAPPING, "north")
    for name in TABLES:
        table = store.table(f"north/cdm/{name}", partition_by="bucket")
        table.append(changed.versions(fresh.rows(name), table.current()), batch="2")

    for name in TABLES:
        assert store.table(f"north/cdm/{name}", partition_by="bucket").current().collect().is_empty(), name
