# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Running again: nothing new changes nothing and says so; what changed is named with its reason, and the past stays."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import pipeline, plugins, provenance
from rwe.cdm import TABLES
from rwe.cli import words
from rwe.cli.summary import show_run
from rwe.cli.voice import Voice
from rwe.store import Store

HOSPITAL = plugins.hospital("breast")
STREAMS = ("patient", "surgery", "pathology", "treatment", "contact", "recurrence", "death", "last_contact")
LATER, LATEST = "2026-01-01 00:00:00.000000", "2026-02-01 00:00:00.000000"
Commits = dict[str, int]


@dataclass
class Again:
    """A copy of the demo's home, in which the study is run again."""

    home: Path

    @property
    def database(self) -> Path:
        return self.home / "hospitals" / "breast.db"

    @property
    def store(self) -> Store:
        return Store(self.home / "store")

    def run(self, **how: Any) -> pipeline.RunSummary:
        urls = {HOSPITAL.site: f"sqlite:///{self.database.as_posix()}"}
        return pipeline.run(how.pop("study", HOSPITAL.study), home=self.home, site_urls=urls, **how)

    def commits(self) -> Commits:
        names = [f"rotterdam/landing/{name}" for name in STREAMS] + [f"rotterdam/cdm/{name}" for name in TABLES]
        return {name: self.store.table(name).commit for name in names}


@dataclass(frozen=True)
class Correction:
    """What was corrected in the hospital: a row's key, and its day before and after."""

    key: str
    was: date
    day: date


@pytest.fixture(scope="module")
def again(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Again:
    return Again(Path(shutil.copytree(demo.home, tmp_path_factory.mktemp("again") / "home")))


@pytest.fixture(scope="module")
def second(again: Again) -> tuple[pipeline.RunSummary, Commits, Commits]:
    """Run once more with the hospital as it was; return what it came to, and the commits before and after."""
    before = again.commits()
    return again.run(), before, again.commits()


@pytest.fixture(scope="module")
def correction(again: Again, second: Any) -> Correction:
    """Move the recurrence of a node-positive woman from her third year to day 300."""
    assert second
    with sqlite3.connect(again.database) as hospital:
        query = """SELECT r.row_id, r.found_on, s.surgery_date FROM recurrence r JOIN surgery s USING (patient_no)
            JOIN pathology p USING (patient_no) WHERE p.nodes_positive > 0
            AND julianday(r.found_on) - julianday(s.surgery_date) BETWEEN 900 AND 1000 ORDER BY r.row_id"""
        key, was, surgery = hospital.execute(query).fetchone()
        day = date.fromisoformat(surgery) + timedelta(days=300)
        change = "UPDATE recurrence SET found_on = ?, modified_at = ? WHERE row_id = ?"
        hospital.execute(change, (day.isoformat(), LATER, key))
    hospital.close()
    return Correction(str(key), date.fromisoformat(was), day)


@pytest.fixture(scope="module")
def corrected(again: Again, correction: Correction) -> pipeline.RunSummary:
    assert correction.day < correction.was
    return again.run()


@pytest.fixture(scope="module")
def late(again: Again, corrected: pipeline.RunSummary) -> pipeline.RunSummary:
    """Enter a patient late: the records of another one, under another number and name."""
    with sqlite3.connect(again.database) as hospital:
        other = hospital.execute("SELECT patient_no FROM patient ORDER BY row_id").fetchone()[0]
        for table in STREAMS:
            cursor = hospital.execute(f"SELECT * FROM {table} WHERE patient_no = ?", (other,))
            names = [column[0] for column in cursor.description]
            new = {"patient_no": "R00000", "national_no": "0099000001", "family_name": "Късна", "modified_at": LATEST}
            for row in cursor.fetchall():
                last = hospital.execute(f"SELECT max(row_id) FROM {table}").fetchone()[0]
                values = dict(zip(names, row, strict=True)) | {"row_id": last + 1}
                values |= {name: value for name, value in new.items() if name in names}
                places = ", ".join(f":{name}" for name in names)
                hospital.execute(f"INSERT INTO {table} VALUES ({places})", values)
    hospital.close()
    assert corrected
    return again.run(lang=("en",))


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    words.use("en")


def said(summary: pipeline.RunSummary, language: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    words.use(language)
    show_run(Voice(), summary)
    return capsys.readouterr().out.splitlines()


def test_a_second_run_lands_nothing_and_commits_nothing(second: tuple[pipeline.RunSummary, Commits, Commits]) -> None:
    summary, before, after = second

    assert set(summary.landed.values()) == {0}
    assert before == after
    assert {name: n for name, n in before.items() if "/landing/" in name} == {
        f"rotterdam/landing/{name}": 1 for name in STREAMS
    }


def test_a_second_run_changes_no_byte_but_its_name_and_time(
    demo: Any, second: tuple[pipeline.RunSummary, Any, Any]
) -> None:
    first, summary = demo.summary.folder, second[0].folder
    names = {path.relative_to(first).as_posix() for path in first.rglob("*") if path.is_file()}
    there = {path.relative_to(summary).as_posix() for path in summary.rglob("*") if path.is_file()}

    other = {name for name in names if (first / name).read_bytes() != (summary / name).read_bytes()}

    assert there - names == {"changes.csv"}
    assert pl.read_csv(summary / "changes.csv").is_empty()
    dossiers = {f"report/dossier.{language}.html" for language in ("en", "bg")}
    # what each stream brought, and where the run's own name and time stand
    assert other == {"1-extract/streams.json", "release/context.json", "manifest.json", *dossiers}
    for name in ("release/context.json", *dossiers):
        assert _timeless(first / name) == _timeless(summary / name), name


def _timeless(path: Path) -> str:
    run_id, clock = r"\d{8}T\d{6}Z-breast_hormonal-[0-9a-f]{6}", r"\d{1,2} \w+ \d{4}, \d\d:\d\d UTC"
    instant = r'"started": "[^"]+"'
    return re.sub(f"{run_id}|{clock}|{instant}", "*", path.read_text("utf-8"))


def test_a_second_run_says_so(
    demo: Any, second: tuple[pipeline.RunSummary, Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    summary, first = second[0], demo.summary.run_id

    assert (summary.previous, summary.changes) == (first, ())
    assert summary.figures == demo.summary.figures
    lines = {language: said(summary, language, capsys) for language in ("en", "bg")}
    # the newest rows are within the overlap, so they are read again and nothing comes of it
    nothing = r"No new row in the sources since the last run \(\d+ sent again as they were\); 0 rejected\."
    assert any(re.fullmatch(nothing, line) for line in lines["en"])
    assert f"No figure changed since run {first}." in lines["en"]
    assert f"Нито едно число не се е променило след изпълнение {first}." in lines["bg"]


def test_a_corrected_row_lands_alone_and_the_old_one_is_still_read_as_of_its_commit(
    again: Again, corrected: pipeline.RunSummary, correction: Correction
) -> None:
    table = again.store.table("rotterdam/landing/recurrence")

    assert corrected.landed == {f"rotterdam/{name}": int(name == "recurrence") for name in STREAMS}
    row = pl.col("_key") == correction.key
    days = [table.current(as_of=n).filter(row).collect()["found_on"].to_list() for n in (1, 2)]
    assert days == [[correction.was], [correction.day]]
    assert table.current().select(pl.len()).collect().item() == table.current(as_of=1).select(pl.len()).collect().item()


def test_a_corrected_row_shows_which_figures_changed_and_why(
    demo: Any, corrected: pipeline.RunSummary, capsys: pytest.CaptureFixture[str]
) -> None:
    figure, *others, total = corrected.changes

    assert figure["figure"]["en"] == "Restricted mean to 5 years, practice minus trial, raked"
    assert figure["before"] == next(f.text for f in demo.summary.figures if f.name == "rmst_difference")
    assert figure["after"] == next(f.text for f in corrected.figures if f.name == "rmst_difference")
    assert figure["why"]["en"] == "rotterdam/recurrence: 1 corrected"
    assert figure["why"]["bg"] == "rotterdam/recurrence, поправени редове: 1"
    assert len(others) == 10
    assert {change["why"]["en"] for change in others} == {"rotterdam/recurrence: 1 corrected"}
    numbers = pl.read_csv(corrected.folder / "changes.csv")
    assert total["figure"]["en"] == f"Numbers changed in all: {numbers.height:,}; changes.csv lists each"
    lines = {language: said(corrected, language, capsys) for language in ("en", "bg")}
    assert f"What changed since run {corrected.previous} (rotterdam/recurrence: 1 corrected):" in lines["en"]
    text = "Ограничена средна до 5 години, практика минус изпитване, претеглена: −1,6 мес."
    assert any(line.strip().startswith(text) for line in lines["bg"])


def test_changed_figures_have_names_for_people(corrected: pipeline.RunSummary) -> None:
    for change in corrected.changes:
        assert change["before"] != change["after"] or change["before"] == {"en": "", "bg": ""}
        # no key of a table, no column name
        assert not re.search(r"_|\b(rfs|os|milestone|rmst)\b|=", change["figure"]["en"].replace("changes.csv", ""))
        assert not re.search("[a-z]", change["figure"]["bg"].replace("changes.csv", "")), change["figure"]["bg"]


def test_every_number_of_the_changes_is_that_of_the_two_releases(corrected: pipeline.RunSummary, second: Any) -> None:
    changes = pl.read_csv(corrected.folder / "changes.csv")
    survival = changes.filter(analysis="survival", population="registry", outcome="rfs", estimand="milestone", time=365)

    for side, folder in (("before", second[0].folder), ("after", corrected.folder)):
        table = pl.read_csv(folder / "release" / "04-survival.csv", infer_schema_length=None)
        row = table.filter(outcome="rfs", estimand="milestone", time=365).row(0, named=True)
        assert {name: row[name] for name in survival["value"]} == dict(survival.select("value", side).iter_rows())


def test_the_runs_before_still_verify(again: Again, demo: Any, second: Any, corrected: pipeline.RunSummary) -> None:
    provenance.verify(again.home / "runs" / demo.summary.run_id)
    provenance.verify(second[0].folder)
    provenance.verify(corrected.folder)


def test_a_late_patient_lands_once_and_is_counted(late: pipeline.RunSummary) -> None:
    entered = {name for name, n in late.landed.items() if n == 1}

    assert {"rotterdam/patient", "rotterdam/surgery", "rotterdam/pathology", "rotterdam/last_contact"} <= entered
    assert sum(late.landed.values()) == len(entered)
    assert "rotterdam/patient: 1 new" in late.changes[0]["why"]["en"]
    attrition = pl.read_csv(late.folder / "3-select" / "attrition.csv")
    assert attrition.filter(population="registry", estimand="remaining")["n"].to_list()[-1] == 2983
    changes = pl.read_csv(late.folder / "changes.csv").filter(analysis="attrition", outcome="everyone")
    assert set(changes.select("before", "after").iter_rows()) == {(2980.0, 2985.0)}


def test_a_changed_definition_is_named(again: Again, late: pipeline.RunSummary, tmp_path: Path) -> None:
    configs = Path(shutil.copytree(HOSPITAL.study.parents[1], tmp_path / "configs"))
    study = configs / "studies" / HOSPITAL.study.name
    text = study.read_text("utf-8")
    study.write_text(
        text.replace(
            'age: {by: 10.0, title: {en: "Age, per 10 years"', 'age: {by: 5.0, title: {en: "Age, per 5 years"'
        ),
        "utf-8",
    )
    assert study.read_text("utf-8") != text

    summary = again.run(study=study, lang=("en",))

    assert set(summary.landed.values()) == {0}
    assert summary.previous == late.run_id
    age, total = summary.changes
    assert (
        age["figure"]["en"] == "Trial-like: node-positive · Recurrence-free survival · Age, per 5 years · hazard ratio"
    )
    assert (age["before"]["en"], age["after"]["en"]) == ("0.99 (0.91–1.07)", "0.99 (0.95–1.03)")
    assert age["why"] == total["why"] == {"en": "definitions changed: breast_hormonal.yaml"}


@pytest.mark.ci
def test_a_run_before_whose_folder_is_gone_costs_the_comparison_only(again: Again, late: pipeline.RunSummary) -> None:
    runs = sorted((again.home / "runs").iterdir())
    for folder in runs:
        shutil.rmtree(folder)

    summary = again.run(lang=("en",))

    assert late.run_id in [folder.name for folder in runs]
    assert (summary.previous, summary.changes) == (None, ())
    assert [notice for notice in summary.notices if notice.startswith("not compared with run ")]
