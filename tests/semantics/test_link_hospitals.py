# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One person in two hospitals: linked as the hospitals are read, told by the command, decided on, erased whole."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rwe.cdm import SITE
from rwe.pipeline import erasure
from rwe.pipeline.together import together
from tests.semantics.two_hospitals import Hospitals, hospitals, rows

pytestmark = pytest.mark.ci
ANN = ("9963161231", "Мария Зорелова", "1975-03-16", "F")
SLIP = ("9963161331", *ANN[1:])
TWIN = ("9963169876", *ANN[1:])


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hospitals:
    return hospitals(tmp_path, monkeypatch, capsys)


@pytest.fixture
def shared(made: Hospitals) -> Hospitals:
    """Return two hospitals that saw the same woman, one with a wrong digit; each saw somebody else too."""
    made.put("north", "patient", ("n1", *ANN), ("n2", "9951051212", "Борислав Чудоров", "1950-05-05", "M"))
    made.put("south", "patient", ("s1", *SLIP), ("s2", None, "Радка Юстенова", "1988-08-08", "F"))
    made.put("north", "visit", ("n1", "2020-01-01"), ("n2", "2020-02-01"))
    made.put("south", "visit", ("s1", "2020-06-01"), ("s2", "2020-07-01"))
    made.extract()
    return made


def test_a_study_of_both_sees_one_person_once(shared: Hospitals) -> None:
    shared.aligned()
    cdm = together(shared.aligned()).cdm

    assert cdm.table("person").collect().height == 3
    visits = rows(cdm.table("visit_occurrence"), "person_id", SITE, "visit_start_date")
    hers = shared.persons()["north/1"]
    assert [visit[1:] for visit in visits if visit[0] == hers] == [
        ("north", date(2020, 1, 1)),
        ("south", date(2020, 6, 1)),
    ]


def test_who_a_person_is_does_not_rest_on_the_hospitals_that_are_named(shared: Hospitals) -> None:
    shared.aligned()
    persons = shared.persons()

    shared.aligned("south")

    assert shared.persons() == persons
    assert persons["north/1"] == persons["south/1"]


def test_the_command_tells_what_was_linked_by_which_rule(shared: Hospitals) -> None:
    shared.aligned()

    code, events = shared.call("link", "show", shared.site("north"))

    linked = next(event for event in events if event["event"] == "linked")
    assert code == 0
    assert (linked["weighed"], linked["alone"], linked["persons"]) == (2, 2, 3)
    assert [e["n"] for e in events if e["event"] == "units"] == [2, 2]
    assert {e["event"] for e in events} >= {"weight", "linked", "units", "end"}


def test_two_files_of_one_woman_in_one_hospital_are_merged_and_what_they_disagree_on_is_told(made: Hospitals) -> None:
    made.put("north", "patient", ("n1", *ANN), ("n2", SLIP[0], ANN[1], "1976-03-16", "F"), ("n3", *ANN))
    made.put("north", "visit", ("n1", "2020-01-01"), ("n2", "2020-02-01"), ("n3", "2020-03-01"))
    made.extract()

    (part,) = made.aligned("north")

    assert rows(part.cdm.table("person"), "year_of_birth") == [(1975,)]
    assert part.cdm.table("visit_occurrence").collect()["person_id"].n_unique() == 1
    account = part.cdm.accounting.filter(stream="patient", record="person").select("rule", "outcome", "n").rows()
    assert sorted(account) == [
        ("", "accepted", 1),
        ("duplicate_person", "merged", 2),
        ("facts_disagree", "repaired", 1),
    ]


def test_a_decision_counts_from_the_next_run_and_can_be_undone(made: Hospitals) -> None:
    made.put("north", "patient", ("n1", *ANN))
    made.put("south", "patient", ("s1", *TWIN))
    made.put("north", "visit", ("n1", "2020-01-01"))
    made.put("south", "visit", ("s1", "2020-06-01"))
    made.extract()
    made.aligned()
    _, events = made.call("link", "show", made.site("north"))
    (asked,) = (event for event in events if event["event"] == "review")

    code, _ = made.call("link", "decide", asked["pair"], "same", "--by", "D. Petrova", "--why", "both cards seen")
    merged = together(made.aligned()).cdm.table("person").collect().height
    undone, _ = made.call("link", "undo", "1", "--by", "D. Petrova", "--why", "a mistake")
    made.aligned()
    parted = together(made.aligned()).cdm.table("person").collect().height
    _, told = made.call("link", "decisions")

    assert (asked["reason"], asked["site"], asked["other_site"]) == ("numbers_differ", "north", "south")
    assert (code, merged, undone, parted) == (0, 1, 0, 2)
    (decision,) = (event for event in told if event["event"] == "decision")
    assert (decision["by"], decision["why"], decision["undone"]) == ("D. Petrova", "both cards seen", 2)


def test_what_was_linked_before_can_be_read_as_it_was(made: Hospitals) -> None:
    made.put("north", "patient", ("n1", *ANN))
    made.put("south", "patient", ("s1", *TWIN))
    made.extract()
    made.aligned()
    before = made.store.table("links/person").current().sort("_key").collect()
    commit = made.store.table("links/person").commit
    _, events = made.call("link", "show", made.site("south"))
    (asked,) = (event for event in events if event["event"] == "review")

    made.call("link", "decide", asked["pair"], "same", "--by", "x", "--why", "y")
    made.aligned()

    table = made.store.table("links/person")
    assert table.current(as_of=commit).sort("_key").collect().equals(before)
    assert table.current().collect()["person_id"].n_unique() == 1


def test_what_did_not_change_is_not_linked_again_and_what_is_kept_is_held_against_its_hash(shared: Hospitals) -> None:
    shared.aligned()
    kept = shared.store.root / "links" / "aligned"
    before, ids = (kept / "rests_on.json").stat().st_mtime_ns, shared.persons()

    shared.aligned("south")
    again = (kept / "rests_on.json").stat().st_mtime_ns
    (kept / "persons.parquet").write_bytes(b"other bytes")
    shared.aligned("south")
    mended = (kept / "rests_on.json").stat().st_mtime_ns
    shared.put("south", "patient", ("s3", "9963161288", "Друга Личност", "1960-01-01", "F"))
    shared.extract()
    shared.aligned("south")

    assert before == again < mended
    assert shared.persons().items() > ids.items()


@pytest.mark.parametrize("known", [ANN[0], SLIP[0], "s1"])
def test_an_erasure_takes_what_is_linked(shared: Hospitals, known: str) -> None:
    shared.aligned()
    shared.aligned()

    person = erasure.find(erasure.tokens_of(known, shared.home), shared.home)
    erasure.erase(person, shared.home)

    assert not (shared.store.root / "links" / "aligned").exists()
    assert [len(person.numbers), len(person.nationals)] == [2, 2]
    assert set(shared.persons()) == {"north/2", "south/2"}
    left = together(shared.aligned()).cdm
    assert left.table("person").collect().height == 2
    assert left.table("visit_occurrence").collect().height == 2
