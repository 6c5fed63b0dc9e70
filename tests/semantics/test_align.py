# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Persons harmonised in parts, or again where their rows changed, are what a harmonisation of everything makes."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rwe.errors import DataError, TornStore
from rwe.harmonise import Harmonised, Part, Work, harmonise, identities, in_parts, meanings, shares
from rwe.pipeline import account
from rwe.pipeline.align import Aligned, align
from rwe.pipeline.extract import landing_table
from rwe.pipeline.planning import Source
from rwe.spec.mapping import CONCEPT_COLUMNS, FIELD_COLUMNS, Mapping, load_mapping
from rwe.spec.site import Site
from rwe.store import Store
from tests.semantics.test_harmonise import CONCEPTS, FIELDS, SOURCE, token

Streams = dict[str, dict[str, tuple[Any, ...] | None]]  # by stream and key; None takes the row out
COLUMNS: dict[str, dict[str, Any]] = {
    "patient": {"person_token": pl.String, "national_token": pl.String, "birth_year": pl.Int32, "sex": pl.String}
    | {"died": pl.Date},
    "event": {"person_token": pl.String, "day": pl.String, "kind": pl.String, "value": pl.String},
    "registry": {"person_token": pl.String, "died": pl.Date},
}
names = st.sampled_from(["ann", "bob", "eve", "kim", None])
days = st.sampled_from([None, date(2001, 1, 5), date(2001, 2, 1), date(2001, 6, 1)])
patients = st.tuples(
    names, st.sampled_from(["n1", "n2", "n3", None]), st.sampled_from([1950, 1951, 2001, None]), st.just("V"), days
)
events = st.tuples(
    names,
    st.sampled_from(["01.02.2001", "05.06.2001", "01.12.1949", "31.02.2001"]),
    st.sampled_from(["A", "B", "Z"]),
    st.sampled_from(["1", "2,5", None]),
)
registry = st.tuples(names, days)
keys = st.sampled_from("123456789")


def some(rows: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[Any]:
    return st.dictionaries(keys, rows, min_size=least, max_size=most)


first = st.fixed_dictionaries(
    {"patient": some(patients, 2, 5), "event": some(events, 3, 9), "registry": some(registry, 0, 3)}
)
later = st.fixed_dictionaries(
    {
        "patient": some(st.none() | patients, 0, 1),
        "event": some(st.none() | events, 0, 2),
        "registry": some(st.none() | registry, 0, 1),
    }
)


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Mapping:
    folder = tmp_path_factory.mktemp("mapping")
    (folder / "source.yaml").write_text(SOURCE, "utf-8")
    (folder / "fields.csv").write_text(",".join(FIELD_COLUMNS) + FIELDS, "utf-8")
    (folder / "concepts.csv").write_text(",".join(CONCEPT_COLUMNS) + CONCEPTS, "utf-8")
    return load_mapping(folder)


def source(mapping: Mapping) -> Source:
    said = {"site": "north", "title": {"en": "x", "bg": "x"}, "connector": "sql", "url": "sqlite:///x", "mapping": "m"}
    return Source(Site.model_validate(said), mapping)


def land(store: Store, rows: Streams, batch: str) -> None:
    """Land what is said of some keys; a key that is taken out and never stood is passed over."""
    for stream, columns in COLUMNS.items():
        table = landing_table(store, "north", stream)
        stands = table.current().collect() if table.seals() else pl.DataFrame(schema={"_key": pl.String, **columns})
        said = [(key, *row) for key, row in rows[stream].items() if row]
        came = pl.DataFrame(said, schema={"_key": pl.String, **columns}, orient="row")
        came = came.with_columns(
            pl.Series(name, [token(x) for x in came[name]], pl.String) for name in columns if name.endswith("_token")
        )
        gone = stands.filter(pl.col("_key").is_in([key for key, row in rows[stream].items() if not row]))
        came = came.with_columns(_op=pl.lit("upsert"))
        gone = gone.select("_key", *columns).with_columns(_op=pl.lit("delete"))
        table.append(pl.concat([came, gone]), batch=batch)


def linked(store: Store, others: dict[str, str]) -> pl.DataFrame:
    """Return whose each row of a patient is: by its national or own number, but for some keys of somebody else."""
    rows = landing_table(store, "north", "patient").current().collect()
    ids = rows.select("_key", person_id=pl.coalesce("national_token", "person_token").str.slice(0, 15))
    other = {key: str(token(name))[:15] for key, name in others.items()}
    given = pl.col("_key").replace_strict(other, default=pl.col("person_id"), return_dtype=pl.String)
    return ids.select("_key", given.str.to_integer(base=16, dtype=pl.Int64).alias("person_id"))


def again(store: Store, mapping: Mapping, others: dict[str, str] | None = None) -> Aligned:
    return align(source(mapping), store, {}, linked(store, others or {}))


def everything(store: Store, mapping: Mapping, others: dict[str, str] | None = None) -> Harmonised:
    rows = {name: landing_table(store, "north", name).current() for name in COLUMNS}
    return harmonise(rows, mapping, "north", persons=linked(store, others or {}))


def assert_same(found: Aligned, whole: Harmonised) -> None:
    assert found.cdm.accounting.equals(whole.accounting)
    assert found.rejected.equals(whole.rejected)
    assert found.codes.equals(whole.codes)
    for name in whole.cdm.tables:
        expected = whole.cdm.table(name).collect().sort("_key")
        assert found.cdm.table(name).collect().select(expected.columns).sort("_key").equals(expected), name


def assert_again(mapping: Mapping, rounds: list[tuple[Streams, dict[str, str]]]) -> None:
    """Compare after the last round: those before are the last of shorter lists, which are drawn as well."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for number, (rows, others) in enumerate(rounds):
            land(store, rows, str(number))
            found = again(store, mapping, others)

        assert_same(found, everything(store, mapping, others))


@pytest.mark.ci
@pytest.mark.timeout(600)
@settings(max_examples=120, deadline=None)
@given(first, st.lists(st.tuples(later, st.dictionaries(keys, st.sampled_from(["n1", "n9"]), max_size=1)), max_size=3))
def test_harmonising_the_changed_again_is_harmonising_everything(
    mapping: Mapping, was: Streams, rounds: list[tuple[Streams, dict[str, str]]]
) -> None:
    assert_again(mapping, [(was, {}), *rounds])


@pytest.mark.ci
@settings(max_examples=50, deadline=None)
@given(first, st.sampled_from([2, 8]))
def test_people_in_parts_are_all_people(mapping: Mapping, rows: Streams, parts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        land(store, rows, "1")
        landing = {name: landing_table(store, "north", name).current() for name in COLUMNS}
        whole = harmonise(landing, mapping, "north")

        work, who = Work("north", mapping, meanings(mapping, {})), identities(landing["patient"], "patient")
        made: dict[int, Part] = {}
        tally = in_parts(work, landing, who, parts, Path(folder) / "way", made.__setitem__)

        assert tally.account.equals(whole.accounting)
        assert tally.rejected.equals(whole.rejected)
        assert shares(tally.codes).equals(whole.codes)
        for name in whole.cdm.tables:
            together = pl.concat([part.tables[name] for part in made.values()]).sort("_key")
            assert together.equals(whole.cdm.table(name).collect().sort("_key")), name
        assert not (Path(folder) / "way").exists()


ROWS: Streams = {
    "patient": {str(n): (f"p{n}", f"n{n}", 1950, "V", None) for n in range(1, 5)},
    "event": {str(n): (f"p{n}", "01.02.2001", "A", "1") for n in range(1, 5)},
    "registry": {},
}
ONE_MORE: Streams = {"patient": {}, "event": {"9": ("p2", "03.02.2001", "B", "2")}, "registry": {}}


def test_a_key_of_two_persons_is_refused_though_they_are_in_two_parts(tmp_path: Path, mapping: Mapping) -> None:
    store, parts = Store(tmp_path / "store"), 8
    land(store, ROWS, "1")
    landing = {name: landing_table(store, "north", name).current() for name in COLUMNS}
    work, who = Work("north", mapping, meanings(mapping, {})), identities(landing["patient"], "patient")
    apart = who.tokens.unique(pl.col("_person") % parts)["person_token"]
    rows = landing["event"].filter(pl.col("person_token").is_in(apart.implode()))
    landing["event"] = rows.with_columns(_key=pl.lit("1"))
    made: dict[int, Part] = {}

    with pytest.raises(DataError, match=f"{apart.len() - 1} keys of stream event stand twice"):
        in_parts(work, landing, who, parts, tmp_path / "way", made.__setitem__)

    assert apart.len() > 1
    assert len(made) == parts  # in none of which it stands twice
    assert not (tmp_path / "way").exists()


@pytest.fixture
def store(tmp_path: Path, mapping: Mapping) -> Store:
    """Return a store that was aligned once."""
    made = Store(tmp_path / "store")
    land(made, ROWS, "1")
    again(made, mapping)
    return made


def test_only_what_differs_is_written(store: Store, mapping: Mapping) -> None:
    land(store, ONE_MORE, "2")

    again(store, mapping)

    seals = {name: store.table(f"north/cdm/{name}").seals() for name in ("measurement", "person", "observation_period")}
    assert [seal.rows for seal in seals["measurement"]] == [4, 1]
    assert [seal.rows for seal in seals["person"]] == [4]
    assert [seal.rows for seal in seals["observation_period"]] == [4, 1]


def test_nothing_is_written_where_nothing_came(store: Store, mapping: Mapping) -> None:
    before = again(store, mapping)

    found = again(store, mapping)

    assert (found.tables, found.commits) == (before.tables, before.commits)
    assert_same(found, everything(store, mapping))


def test_a_table_is_held_against_its_seals_when_it_is_asked_for(store: Store, mapping: Mapping) -> None:
    land(store, ONE_MORE, "2")
    file = store.table("north/cdm/measurement").folder / store.table("north/cdm/measurement").seals()[0].files[0].path
    file.write_bytes(file.read_bytes()[:-1] + b"!")

    found = again(store, mapping)

    assert found.cdm.table("person").collect().height == 4
    with pytest.raises(TornStore, match="its bytes are not those that were sealed"):
        found.cdm.table("measurement")


@pytest.mark.parametrize("what", ["account.parquet", "persons.parquet", "rests_on.json"])
def test_an_account_that_is_not_whole_is_made_anew(store: Store, mapping: Mapping, what: str) -> None:
    path = store.root / "north" / "aligned" / what
    path.write_bytes(path.read_bytes()[:-9] + b"!")
    land(store, ONE_MORE, "2")

    found = again(store, mapping)

    assert_same(found, everything(store, mapping))


def test_persons_whom_linking_tells_apart_otherwise_are_harmonised_again(store: Store, mapping: Mapping) -> None:
    found = again(store, mapping, {"2": "n1"})

    assert found.cdm.accounting.filter(rule="duplicate_person", record="")["n"].item() == 1
    assert_same(found, everything(store, mapping, {"2": "n1"}))
    assert [seal.rows for seal in store.table("north/cdm/measurement").seals()] == [4, 1]


def test_tables_that_somebody_else_wrote_are_harmonised_whole(store: Store, mapping: Mapping) -> None:
    _written_by_another(store)

    found = again(store, mapping)

    assert_same(found, everything(store, mapping))


def test_a_hospital_that_grew_beyond_one_part_is_harmonised_by_parts_into_the_files_it_has(
    store: Store, mapping: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written_by_another(store)
    land(store, ONE_MORE, "2")
    monkeypatch.setattr("rwe.harmonise.shuffle.ROWS", 1)

    found = again(store, mapping)

    seals = store.table("north/cdm/measurement").seals()
    assert [seal.rows for seal in seals] == [4, 1, 2]
    assert not any("=" in file.path for seal in seals for file in seal.files)
    assert_same(found, everything(store, mapping))


def _written_by_another(store: Store) -> None:
    table = store.table("north/cdm/measurement")
    row = table.current().collect().head(1).drop("_hash", "_op", "_commit", "_batch")
    table.append(row.with_columns(measurement_source_value=pl.lit("x")), batch="other")


def test_another_meaning_of_a_code_harmonises_everybody(store: Store, mapping: Mapping) -> None:
    found = align(source(mapping), store, {3_000_002: "Drug"}, linked(store, {}))

    work = account.rules_of(mapping, {})
    assert work != account.rules_of(mapping, {3_000_002: "Drug"})
    assert ("event", "lab", "wrong_domain", "rejected", 4) in found.cdm.accounting.rows()


def test_rows_left_on_their_way_by_a_stopped_process_are_swept(store: Store, mapping: Mapping) -> None:
    left = account.scratch(store, "north") / "event"
    left.mkdir(parents=True)
    shutil.rmtree(store.root / "north" / "aligned")

    again(store, mapping)

    assert not left.exists()
