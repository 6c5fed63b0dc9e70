# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two medicines on the invented network: one keeps its trial's benefit, one misses it, and all of it says SYNTHETIC."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.cli.app import main
from rwe.cli.invent import Invent, home_of
from rwe.cli.options import Common
from rwe.cli.voice import Voice
from rwe.cohort import build_cohort
from rwe.errors import DefinitionError, Refused
from rwe.pipeline.align import align
from rwe.pipeline.extract import extract
from rwe.pipeline.invented import hold_apart, invented
from rwe.pipeline.linking import persons
from rwe.pipeline.planning import load_plan
from rwe.pipeline.together import together
from rwe.spec.source import Source
from rwe.store import Store
from synthetic.network.build import Network
from synthetic.network.world import PLANTED

STUDIES = Path(__file__).parents[2] / "configs" / "studies"
SEED = 1
LUNG = ("L01XA02", "L01EB04", "L01FF02", "L01CD02")
# The planted hazard ratio of each medicine, and whether it keeps its trial's benefit.
TOLD = {one.disease: PLANTED.meets(one) for one in PLANTED.margins}


@dataclass(frozen=True)
class Ran:
    """A study that was run: its exit code, its folder, what it told."""

    code: int
    folder: Path
    told: list[dict[str, Any]]

    def figure(self, name: str) -> str:
        return str(next(line["text"]["en"] for line in self.told if line["event"] == "figure" and line["name"] == name))


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    code = main([*words, "--json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("synthetic")


@pytest.mark.ci
@pytest.mark.timeout(600)
def test_each_medicine_gets_the_verdict_that_was_planted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = {}
    for disease in TOLD:
        study = str(STUDIES / f"network_{disease}.yaml")
        code, told = command(capsys, "run", study, "--synthetic", "--seed", str(SEED), "--home", str(home))
        folder = Path(next(line["folder"] for line in told if line["event"] == "run"))
        ran[disease] = Ran(code, folder, told)

    assert {disease: one.code for disease, one in ran.items()} == dict.fromkeys(TOLD, 0)
    assert {d: not one.figure("kept").startswith("Not met") for d, one in ran.items()} == TOLD
    assert all(one.told[-1]["code"] == 0 for one in ran.values())
    for disease, one in ran.items():
        manifest = json.loads((one.folder / "manifest.json").read_text("utf-8"))
        assert len(manifest["synthetic"]) == 7
        for language in ("en", "bg"):
            assert "SYNTHETIC" in (one.folder / "report" / f"dossier.{language}.html").read_text("utf-8")
        assert_as_lived(one.folder, home, disease)


def lived(home: Path, disease: str) -> pl.DataFrame:
    """Return the truth about those who began a medicine once every hospital kept records."""
    return pl.read_parquet(home / "network" / "truth" / "courses").filter(
        "observed",
        pl.col("disease") == disease,
        pl.col("arm") != "delayed",
        pl.col("index_day").is_between(date(2019, 3, 1), date(2023, 12, 31)),
    )


def assert_as_lived(folder: Path, home: Path, disease: str) -> None:
    """Hold the cohort against the truth: whoever began a medicine stands in it, with the days they had."""
    people = pl.read_parquet(folder / "3-select" / "subjects.parquet")

    truth = lived(home, disease).select("index_day", "last", "died", pl.col("stage").cast(pl.String))
    found = people.select(index_day="index_date", last="os_days", died="os_event", stage="stage")
    assert found.sort(pl.all()).rows() == truth.sort(pl.all()).rows()


@pytest.mark.ci
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("disease", "cause"), [("diabetes", "mace"), ("dementia", "institution")])
def test_a_study_of_competing_causes_finds_what_was_lived(
    home: Path, capsys: pytest.CaptureFixture[str], disease: str, cause: str
) -> None:
    study = str(STUDIES / f"network_{disease}.yaml")

    code, told = command(capsys, "run", study, "--synthetic", "--seed", str(SEED), "--home", str(home))

    folder = Path(next(line["folder"] for line in told if line["event"] == "run"))
    people = pl.read_parquet(folder / "3-select" / "subjects.parquet")
    first = pl.col(f"{cause}_event") & (pl.col(f"{cause}_days") == pl.col("first_days"))
    found = people.select(day="index_date", days="first_days", event=first, competed=pl.col("first_event") & ~first)
    truth = lived(home, disease).select(day="index_day", days="exit", event="event", competed="competed")
    assert code == 0
    assert found.sort(pl.all()).rows() == truth.sort(pl.all()).rows()


@pytest.mark.ci
@pytest.mark.timeout(600)
def test_who_was_treated_before_records_began_enters_late(tmp_path: Path) -> None:
    Network("network").write(tmp_path / "network", 1_000, SEED)
    plan, store, key = load_plan(STUDIES / "network_breast.yaml"), Store(tmp_path / "store"), b"k" * 32
    for one in plan.sources:
        extract(one.site, one.mapping.source, store, tmp_path, key)
    found = persons(plan.sources, store)
    cdm = together([align(one, store, {}, found.of(one.site.site)) for one in plan.sources]).cdm
    index = plan.study.index.model_copy(update={"start": PLANTED.first_day, "entry": "observation"})
    study = plan.study.model_copy(update={"index": index, "endpoints": {"os": plan.study.endpoints["os"]}})

    people = build_cohort(cdm, study).subjects

    course = pl.read_parquet(tmp_path / "network" / "truth" / "courses").filter(
        "observed", pl.col("disease") == "breast", pl.col("arm") != "delayed"
    )
    told = people.select(index_day="index_date", entry="entry_days", last="os_days", died="os_event")
    assert (course["entry"] > 0).sum() > 30
    assert told.sort(pl.all()).rows() == course.select(told.columns).sort(pl.all()).rows()


@pytest.mark.ci
@pytest.mark.timeout(600)
def test_no_agreement_is_settled_on_invented_records_by_mistake(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = str(STUDIES / "network_lung.yaml")
    if not (home / "network").exists():
        command(capsys, "run", study, "--synthetic", "--seed", str(SEED), "--home", str(home))

    code, told = command(capsys, "run", study, "--home", str(home))

    assert code == 7
    assert "synthetic" in json.dumps(told)


def test_what_is_invented_and_what_was_lived_are_held_apart() -> None:
    hold_apart(["a", "b"], [], asked=False, settles=True)
    hold_apart(["a", "b"], ["a"], asked=False, settles=False)
    hold_apart(["a", "b"], ["a", "b"], asked=True, settles=True)

    with pytest.raises(Refused, match="of a are synthetic"):
        hold_apart(["a", "b"], ["a"], asked=False, settles=True)
    with pytest.raises(Refused, match="of b do not say"):
        hold_apart(["a", "b"], ["a"], asked=True, settles=True)


@pytest.mark.parametrize(("value", "marked"), [(1, True), (0, False), (None, False)])
def test_one_row_that_bears_the_mark_marks_its_hospital(value: int | None, *, marked: bool) -> None:
    columns = {"who": {"type": "text", "role": "person"}, "mark": {"type": "integer", "synthetic": "1"}}
    plain = {"who": {"type": "text", "role": "person"}}
    streams = {
        "visit": {"table": "visit", "key": "id", "columns": columns},
        "other": {"table": "other", "key": "id", "columns": plain},
    }
    source = Source.model_validate({"source": "clinic", "streams": streams})
    rows = pl.DataFrame({"mark": [0, value]}, schema={"mark": pl.Int64})

    assert invented({"visit": rows.lazy(), "other": pl.DataFrame().lazy()}, source.streams) is marked


def test_a_home_holds_one_network_and_is_new_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    voice, asked = Voice(machine=True), Invent(synthetic=True, seed=3, patients=40)

    home = home_of(Common(), asked, voice)
    before = (home / "network" / "planted.json").stat()
    again = home_of(Common(home=home), asked, voice)

    assert home.parent == tmp_path
    assert again == home
    assert (home / "network" / "planted.json").stat() == before
    with pytest.raises(DefinitionError, match="another network"):
        home_of(Common(home=home), replace(asked, seed=4), voice)


@pytest.mark.ci
@pytest.mark.timeout(600)
def test_lines_of_therapy_are_those_that_were_lived(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = str(STUDIES / "network_lines.yaml")

    code, told = command(capsys, "run", study, "--synthetic", "--seed", str(SEED), "--home", str(home))

    folder = Path(next(line["folder"] for line in told if line["event"] == "run"))
    found = pl.read_parquet(folder / "3-select" / "episode.parquet")
    drugs = pl.read_parquet(home / "network" / "records" / "drugs").filter(pl.col("atc").is_in(LUNG))
    begun = drugs.group_by("person", "line").agg(pl.col("day").min())
    since = (pl.col("day") - pl.col("day").min().over("person")).dt.total_days()
    # what begins within 28 days of the first line is of it, by the rule of the study
    lived_lines = begun.filter((pl.col("line") == 1) | (since > 28)).select("line", "day")
    assert code == 0
    assert (
        found.select("episode_number", "episode_start_date").sort(pl.all()).rows() == lived_lines.sort(pl.all()).rows()
    )
    assert lived_lines["line"].max() == 2
