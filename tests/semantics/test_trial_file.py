# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A trial file says what its patients say, and every slip in one is named with its place."""

from __future__ import annotations

import csv
import re
from fractions import Fraction
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

import synthetic.gbsg_trial as script
from rwe.errors import DefinitionError
from rwe.spec.trial import TrialFile, load_trial_file
from synthetic.breast_rows import REGISTRY

GBSG = Path(__file__).parents[2] / "configs" / "trials" / "gbsg.yaml"


@pytest.fixture(scope="module")
def trial() -> TrialFile:
    return load_trial_file(GBSG)


def test_the_committed_file_is_what_the_script_writes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    script.main()

    assert capfdbinary.readouterr().out == GBSG.read_bytes()


def test_kaplan_meier_by_hand() -> None:
    steps = script.kaplan_meier([(5, True), (3, True), (3, False), (9, False), (5, True), (2, False)])

    assert steps == [(0, 1), (3, Fraction(4, 5)), (5, Fraction(4, 15))]


def test_median_of_a_flat_stretch_is_its_middle() -> None:
    assert script.median([(0, Fraction(1)), (4, Fraction(1, 2)), (9, Fraction(1, 4))]) == "6.5"
    assert script.median([(0, Fraction(1)), (4, Fraction(2, 3))]) == "unknown"


def test_figures_equal_those_of_r(trial: TrialFile) -> None:
    arms = trial.endpoints["rfs"].arms

    # R 4.2.2, survival 3.5-3: survfit(Surv(rfstime, status) ~ hormon), summary(times = c(365, 1460)), quantile(0.5)
    expected = {
        "no_hormonal": (440, 205, 1528, 0.8966193372, 0.5081962350),
        "hormonal": (246, 94, 2018, 0.9495842, 0.6453896373),
    }
    for name, (n, n_event, median, year_1, year_4) in expected.items():
        steps = dict(arms[name].curve)
        survival = [steps[max(day for day in steps if day <= at)] for at in (365, 1460)]
        assert (arms[name].n, arms[name].n_event, arms[name].median) == (n, n_event, median)
        assert_allclose(survival, [year_1, year_4], atol=5e-7, err_msg=f"survival of {name}")


def test_no_overall_survival_and_a_reason(trial: TrialFile) -> None:
    missing = trial.endpoints["os"]

    assert (missing.available, missing.arms) == (False, {})
    assert missing.reason is not None


def test_what_the_records_cannot_express(trial: TrialFile) -> None:
    not_applied = [criterion for criterion in trial.criteria if not criterion.expressible]
    with REGISTRY.open(encoding="utf-8", newline="") as file:
        registry = list(csv.DictReader(file))

    assert trial.criteria[0].name == "node_positive"
    assert not_applied[0].name == "chemotherapy"
    assert all(criterion.reason for criterion in not_applied)
    assert {row["grade"] for row in registry} == {"2", "3"}  # the reason given for grade 1
    assert {row["chemo"] for row in registry if row["nodes"] != "0"} == {"0", "1"}  # the reason given for chemotherapy
    assert {min(row["year"] for row in registry), max(row["year"] for row in registry)} == {"1978", "1993"}


SLIPS = [
    ("[731, 458]", "[731, 603]", "at_risk.2", "the number at risk rises from 602 on day 365 to 603 on day 731"),
    ("[731, 458]", "[365, 458]", "at_risk.2", "day 365 stands after day 365; days must rise"),
    ("[[0, 686], [365", "[[0, 687], [365", "at_risk.0", "687 at risk among 686 patients"),
    ("[98, 0.997024]", "[98, 0.999000]", "curve.2", "survival rises from 0.998512 on day 72 to 0.999 on day 98"),
    ("[98, 0.997024]", "[98, 1.997024]", "curve.2.1", "less than or equal to 1"),
    ("[731, 166]", "[731, 55]", "events.2", "the number of events falls from 56 on day 365 to 55 on day 731"),
    ("[2557, 299]", "[2557, 301]", "events.7", "301 events, n_event says 299"),
    ("n_event: 299", "n_event: 700", "n_event", "700 events among 686 patients"),
    ("median: 1807.0", "median: 1500.0", "median", "still above one half"),
    ("median: 1807.0", "median:", "median", "write the word unknown"),
    ("[153, 345, 188]", "[153, 345, 189]", "n.all", "counts add up to 687, the arm has 686 patients"),
    ("[153, 345, 188]", "[153, 533]", "n.all", "2 counts for 3 levels"),
    ("all: {n: 686}", "all: {n: 685}", "arms.all.n", "the other arms hold 686 patients, this one says 685"),
    (
        'levels: ["pre", "post"]',
        'levels: ["post", "pre"]',
        "levels",
        "differ from those of individual.columns: pre, post",
    ),
    ("variable: er", "variable: her2", "variable", "individual.columns has no 'her2'"),
    ("sha256: 60d3", "sha256: 60d4", "individual.sha256", "another checksum"),
    ("breast/gbsg.csv", "breast/gbsg2.csv", "individual.file", "no such file"),
    ("package://synthetic", "package://nothing_here", "individual.file", "package 'nothing_here' is not installed"),
    ('"post": "1"', '"post": "2"', "individual.columns.menopause.levels.post", "column 'meno' never holds '2'"),
    ('"post": "1"', '"post": "0"', "individual.columns.menopause.levels", "396 rows of column 'meno' hold a value"),
    ("menopause: {column: meno", "menopause: {column: menu", "menopause.column", "the file has no column 'menu'"),
    ('hormonal: "1"}', 'hormonal: "7"}', "individual.arm.levels.hormonal", "0 rows in the file, the arm has 246"),
    ("rfs: {days", "pfs: {days", "individual.endpoints.pfs", "no endpoint of this name"),
    ("available: false", "available: true", "endpoints.os", "needs a definition and arms"),
    ("checked_by:", "cheked_by:", "cheked_by", "did you mean 'checked_by'?"),
    ("cuts: [45, 60]", "cuts: [45]", "margins.0", "needs one level more than it has cuts"),
    ("n: 440\n", "n: many\n", "arms.no_hormonal.n", "valid integer"),
]


@pytest.mark.parametrize(("right", "wrong", "where", "message"), SLIPS, ids=[f"{s[2]}: {s[3]}" for s in SLIPS])
def test_every_slip_is_named_at_its_line(tmp_path: Path, right: str, wrong: str, where: str, message: str) -> None:
    text = GBSG.read_text("utf-8")
    line = text[: text.index(right)].count("\n") + 1
    copy = tmp_path / "gbsg.yaml"
    copy.write_text(text.replace(right, wrong, 1), "utf-8")

    with pytest.raises(DefinitionError) as caught:
        load_trial_file(copy)

    named = [p for p in caught.value.problems if p.where.endswith(where) and message in p.message]
    assert named, str(caught.value)
    assert abs(named[0].line - line) <= 2, f"line {named[0].line}, the slip is on line {line}"


def test_the_place_is_the_entry_itself(tmp_path: Path) -> None:
    text = GBSG.read_text("utf-8").replace("[731, 458]", "[731, 603]", 1)
    (tmp_path / "gbsg.yaml").write_text(text, "utf-8")
    number, line = next((i, s) for i, s in enumerate(text.splitlines(), start=1) if "[731, 603]" in s)

    with pytest.raises(DefinitionError) as caught:
        load_trial_file(tmp_path / "gbsg.yaml")

    place = f"gbsg.yaml:{number}:{line.index('[731, 603]') + 1}: endpoints.rfs.arms.all.at_risk.2: "
    assert place in str(caught.value)


def test_all_slips_at_once(tmp_path: Path) -> None:
    text = GBSG.read_text("utf-8")
    for right, wrong in (
        ("[731, 458]", "[731, 603]"),
        ("[731, 166]", "[731, 55]"),
        ("[153, 345, 188]", "[153, 345, 189]"),
    ):
        text = text.replace(right, wrong, 1)
    (tmp_path / "gbsg.yaml").write_text(text, "utf-8")

    with pytest.raises(DefinitionError) as caught:
        load_trial_file(tmp_path / "gbsg.yaml")

    assert len(caught.value.problems) == 3


def test_unknown_is_a_statement(tmp_path: Path) -> None:
    text = re.sub(r"median: 1807\.0", "median: unknown", GBSG.read_text("utf-8"), count=1)
    text = text.replace("all: [153, 345, 188]", "all: unknown", 1)
    (tmp_path / "gbsg.yaml").write_text(text, "utf-8")

    trial = load_trial_file(tmp_path / "gbsg.yaml")

    assert trial.endpoints["rfs"].arms["all"].median is None
    assert trial.margins[0].n["all"] is None
