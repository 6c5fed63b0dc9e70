# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A hospital whose years of birth are not plausible: the gates of its study withhold one estimate and mark another."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import pipeline, plugins

pytestmark = pytest.mark.ci
HOSPITAL = plugins.hospital("breast")
OLD = 60  # of 2,982 patients more than the one in a hundred that may have an implausible year
GATES = """gates:
  - check: plausibleValueLow
    table: person
    action: withhold
    analyses: [against_trial, against_trial_check, against_trial_grade, against_trial_maic, gap, treated]
    reason: {en: Years of birth are not plausible., bg: Години на раждане не са правдоподобни.}
  - check: plausibleValueLow
    table: person
    action: mark
    analyses: [cox_rfs]
    reason: {en: Age is a term of the model., bg: Възрастта е член на модела.}
"""


@pytest.fixture(scope="module")
def gated(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> pipeline.RunSummary:
    """Run the study again, its comparison with the trial behind a gate, on a hospital where births lie too far back."""
    home = Path(shutil.copytree(demo.home, tmp_path_factory.mktemp("gated") / "home"))
    configs = Path(shutil.copytree(HOSPITAL.study.parents[1], home / "configs"))
    study = configs / "studies" / HOSPITAL.study.name
    text = study.read_text("utf-8")
    study.write_text(text[: text.index("gates:")] + GATES + text[text.index("\nfocus:") :], "utf-8")
    database = home / "hospitals" / "breast.db"
    with closing(sqlite3.connect(database)) as hospital, hospital:
        query = (
            "UPDATE patient SET birth_date = '1840-06-01', modified_at = '2026-01-01 00:00:00.000000' WHERE row_id <= ?"
        )
        hospital.execute(query, (OLD,))
    return pipeline.run(study, home=home, site_urls={HOSPITAL.site: f"sqlite:///{database.as_posix()}"})


def test_a_withheld_estimate_is_neither_made_nor_released(gated: pipeline.RunSummary) -> None:
    written = {path.name for path in gated.folder.rglob("*") if path.is_file()}

    assert not [name for name in written if "against_trial" in name]
    assert [name for name in written if "cox_rfs" in name]
    lines = pl.read_csv(gated.folder / "2-harmonise" / "rotterdam-checks.csv")
    assert lines.filter(status="failed").select("check", "field", "violated").rows() == [
        ("plausibleValueLow", "year_of_birth", OLD)
    ]


@pytest.mark.parametrize(
    ("lang", "withheld", "marked"),
    [
        ("en", "withheld: Years of birth are not plausible.", "To be read with a reservation (cox_rfs): Age is a term"),
        ("bg", "задържано: Години на раждане не са", "Да се чете с уговорка (cox_rfs): Възрастта е"),
    ],
)
def test_the_dossier_says_what_is_withheld_and_why(
    gated: pipeline.RunSummary, lang: str, withheld: str, marked: str
) -> None:
    page = gated.dossier[lang].read_text("utf-8")

    assert withheld in page
    assert marked in page
    figures = {figure.name: figure.text[lang] for figure in gated.figures}
    assert withheld in figures["hazard_ratio"]


def test_what_rests_on_a_withheld_estimate_has_no_verdict(gated: pipeline.RunSummary) -> None:
    settlement = (gated.folder / "6-reimburse" / "settlement.json").read_text("utf-8")

    assert '"undetermined"' in settlement
    assert '"no_evidence"' in settlement


def test_the_run_says_what_drifted_since_the_one_before(gated: pipeline.RunSummary) -> None:
    drift = pl.read_csv(gated.folder / "2-harmonise" / "rotterdam-drift.csv")

    people = drift.filter(estimand="people", group="person").select("outcome", "stratum", "n").rows()
    assert people == [("changed", "corrected", OLD)]
    assert drift.filter(estimand="ks", stratum="year_of_birth")["estimate"].item() == pytest.approx(
        OLD / 2982, abs=0.002
    )
