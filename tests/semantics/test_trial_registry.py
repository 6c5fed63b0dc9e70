# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The register of trials: shipped files pass their gates, patients are reconstructed, slips have their place."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from rwe import compare as cp
from rwe.cli.app import main
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.spec.trial import load_trial_file
from synthetic import kmdata_trials as script

ROOT = Path(__file__).parents[2]
TRIALS = ROOT / "configs" / "trials"
KMDATA = ROOT / "tests" / "data" / "kmdata"
ELDA = TRIALS / "elda.yaml"


def test_the_committed_files_are_what_the_script_writes() -> None:
    key = [r for r in script._read(KMDATA / "trials_key.csv") if r["ClinicalTrial"] == "ELDA"]
    baseline = [r for r in script._read(KMDATA / "arms_baseline.csv") if r["Publication"] == "ELDA"]
    with gzip.open(KMDATA / "ipd.csv.gz", "rt", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["name"].startswith("ELDA_")]

    written = dict(script.files(key, baseline, rows))

    assert len(written) == 2
    for path, content in written.items():
        assert (ROOT / path).read_bytes() == content


@pytest.mark.parametrize("name", [trial.lower() for trial in script.TRIALS])
def test_a_shipped_trial_passes_its_gates(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["trial", "check", str(TRIALS / f"{name}.yaml"), "--json"])

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    curves = [event for event in events if event["event"] == "reconstruction"]
    ratios = [event for event in events if event["event"] == "hazard_ratio"]
    notes = [event["text"] for event in events if event["event"] == "note"]
    assert code == 0
    assert len(curves) == 4
    assert len(ratios) == 2
    assert all(event["accepted"] for event in curves)
    assert all(event["passed"] for event in ratios)
    assert f"trial file '{name}' not checked by a person" in notes


def test_patients_of_a_trial_without_patients_are_reconstructed() -> None:
    trial = cp.load_trial(ELDA)

    one, whole = trial.patients("dfs", "cmf"), trial.patients("dfs")

    assert trial.origin("dfs") == "reconstructed"
    assert (one.height, whole.height) == (152, 299)
    assert whole.columns == ["arm", "days", "event"]
    assert whole.schema["days"] == pl.Int64
    assert int(one["event"].sum()) == 52


def test_what_the_source_lacks_is_unknown() -> None:
    trial = cp.load_trial(ELDA)

    assert trial.rates == {"orr": None, "cbr": None}
    assert trial.eligibility is None
    assert trial.checked_by == ""
    assert trial.numbers[0].variable == "age"


def test_individual_patients_go_before_curves() -> None:
    assert cp.load_trial(TRIALS / "gbsg.yaml").origin("rfs", "hormonal") == "individual"


def test_a_curve_that_fails_its_gate_gives_no_patients(tmp_path: Path) -> None:
    copy = tmp_path / "elda.yaml"
    copy.write_text(ELDA.read_text("utf-8").replace("median: unknown", "median: 90", 1), "utf-8")

    with pytest.raises(NoValidAnswer, match=r"trial 'elda', 'dfs' of arm 'cmf': .*median"):
        cp.load_trial(copy).patients("dfs")
    assert main(["trial", "check", str(copy)]) == NoValidAnswer.exit_code


SLIPS = [
    ("of: wdocetaxel", "of: docetaxel", "hazard_ratios.0.of", "no arm of this name; known: cmf, wdocetaxel"),
    ("versus: cmf", "versus: wdocetaxel", "hazard_ratios.0.versus", "an arm has no ratio to itself"),
    ("interval: unknown", "interval: [1.3, 1.4]", "hazard_ratios.0.interval", "does not hold the estimate 1.21"),
    ("interval: unknown", "interval:", "hazard_ratios.0.interval", "write the word unknown"),
    ("scale: percent", "scale: percents", "digitised.scale", "'proportion' or 'percent'"),
    ("endpoint: dfs", "endpoint: pfs", "digitised.rows", "no row of the file is so"),
    ("unit: years", "units: years", "digitised.units", "did you mean 'unit'?"),
    ("kmdata/elda.csv", "kmdata/elba.csv", "digitised.file", "no such file"),
    ("orr: unknown", "orr: {title: {en: a, bg: b}, definition: unknown, arms: {cmf: {n: 900, responders: 1}}}",
     "rates.orr.arms.cmf", "900 patients, the arm has 152"),
    ("orr: unknown", "orr: {title: {en: a, bg: b}, definition: unknown, arms: {cmf: {n: 9}}}",
     "rates.orr.arms.cmf", "needs responders or a proportion"),
    ("eligibility: unknown", "eligibility: [{name: adult, title: {en: a, bg: b}}]",
     "eligibility.0", "exactly one test"),
    ("criteria: unknown", "criteria:", "criteria", "write the word unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "where", "message"), SLIPS, ids=[f"{s[2]}: {s[3]}" for s in SLIPS])
def test_every_slip_is_named_at_its_line(tmp_path: Path, right: str, wrong: str, where: str, message: str) -> None:
    text = ELDA.read_text("utf-8")
    line = text[: text.index(right)].count("\n") + 1
    copy = tmp_path / "elda.yaml"
    copy.write_text(text.replace(right, wrong, 1), "utf-8")

    with pytest.raises(DefinitionError) as caught:
        load_trial_file(copy)

    named = [p for p in caught.value.problems if p.where.endswith(where) and message in p.message]
    assert named, str(caught.value)
    assert abs(named[0].line - line) <= 2


PRINTED = """
numbers:
- variable: age
  arms: {cmf: {n: 150, mean: 70.1, sd: 4.2, median: 70, range: [65, 79]}, wdocetaxel: unknown}
joint:
- variables: [sex, ecog]
  arms: {cmf: [{levels: [f, '0'], n: 100}, {levels: [f, '1'], n: 52}], wdocetaxel: unknown}
"""


def test_margins_may_be_proportions_numbers_and_joint_tables(tmp_path: Path) -> None:
    text = ELDA.read_text("utf-8")
    start, end = text.index("margins:"), text.index("endpoints:")
    share = "margins:\n- {variable: ecog, levels: ['0', '1'], proportions: {cmf: [0.75, 0.25]}, of: {cmf: 148}}"
    copy = tmp_path / "elda.yaml"
    copy.write_text(text[:start] + share + PRINTED + text[end:], "utf-8")

    trial = cp.load_trial(copy)

    assert trial.targets(["ecog"], "cmf") == {"ecog": {"0": 111, "1": 37}}
    assert trial.numbers[0].arms["wdocetaxel"] is None
    assert trial.joint[0].arms["cmf"] is not None


def test_the_list_tells_where_patients_come_from_and_names_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elda.yaml").write_bytes(ELDA.read_bytes())
    (tmp_path / "odd.yaml").write_text("trial: odd\n", "utf-8")

    code = main(["trial", "list", "--folder", str(tmp_path), "--json"])

    out = capsys.readouterr()
    (listed,) = [event for event in map(json.loads, out.out.splitlines()) if event["event"] == "trial"]
    assert code == DefinitionError.exit_code
    assert listed["endpoints"] == {"dfs": "reconstructed", "os": "reconstructed"}
    assert "odd.yaml" in out.err


def test_an_arm_is_told_as_its_publication_calls_it(capsys: pytest.CaptureFixture[str]) -> None:
    main(["trial", "check", str(TRIALS / "checkmate017.yaml")])

    assert "d1 (Docetaxel)" in capsys.readouterr().out
