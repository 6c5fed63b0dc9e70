# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Names that one definition uses of another are checked before a row moves, with their place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rwe import pipeline
from rwe.cli.app import main
from rwe.pipeline.planning import load_plan
from rwe.plugins import hospital

CONFIGS = hospital("breast").study.parents[1]
COVARIATES = "covariates: [hormonal, chemotherapy, age, menopause, size, grade, nodes, pgr, er]"
STUDY, AGREEMENT = "studies/breast_hormonal.yaml", "agreements/hormonal_breast.yaml"
EXAMPLES = "examples/breast_hormonal_patients.yaml"
HAS_RECORDS = "records: {of: [hormonal], window: [0, 90], at_least: 1}"
CAUSES = "studies/breast_recurrence.yaml"


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONFIGS, tmp_path / "configs"))


def edited(configs: Path, file: str, old: str, new: str) -> list[str]:
    path = configs / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    study = configs / (file if file.startswith("studies/") else STUDY)
    return [str(p).removeprefix(f"{configs}/") for p in pipeline.check(study)]


@pytest.mark.parametrize("study", [STUDY, CAUSES])
def test_the_shipped_definitions_have_no_fault(configs: Path, study: str) -> None:
    assert pipeline.check(configs / study) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            STUDY,
            "covariates: [hormonal,",
            "covariates: [hormonall,",
            "covariates.0: unknown baseline variable of the study 'hormonall'; did you mean",
        ),
        (
            STUDY,
            "endpoints: [os, rfs, rfs_check]",
            "endpoints: [os, rsf]",
            "endpoints.1: unknown endpoint of the study 'rsf'; did you mean 'rfs'?",
        ),
        (
            STUDY,
            "{by: hormonal}",
            "{by: hormone}",
            "by: unknown baseline variable of the study 'hormone'; did you mean 'hormonal'?",
        ),
        (
            STUDY,
            "check: plausibleBeforeDeath",
            "check: plausibleBeforeDead",
            "gates.0.check: nothing is asked of 'plausibleBeforeDead'; did you mean 'plausibleBeforeDeath'?",
        ),
        (
            STUDY,
            "field: year_of_birth",
            "field: year_of_death",
            "gates.1.field: nothing is asked of 'year_of_death'; did you mean 'year_of_birth'?",
        ),
        (
            STUDY,
            "analyses: [cox_rfs, against_trial,",
            "analyses: [cox_rsf, against_trial,",
            "gates.1.analyses.0: unknown name 'cox_rsf'; did you mean 'cox_rfs'?",
        ),
        (STUDY, COVARIATES, "formula: hormonal + log(sise)", "formula: unknown baseline variable of the study 'sise'"),
        (STUDY, COVARIATES, "formula: hormonal + open(1)", "formula: 'open(1)' is not a term: open() is not allowed"),
        (STUDY, COVARIATES, "formula: hormonal:age", "formula: products ['hormonal:age'] need their columns as terms"),
        (STUDY, "      units:\n", "      strata: [gradee]\n      units:\n", "strata.0: unknown baseline variable of"),
        (STUDY, "      units:\n", "      strata: [grade]\n      units:\n", "strata and terms of the model share grade"),
        (
            STUDY,
            "      units:\n",
            "      formula: age\n      units:\n",
            "needs covariates (a list of variables) or formula",
        ),
        (STUDY, "      units:\n", "      penalty: frith\n      units:\n", "penalty: Input should be 'firth'"),
        (
            STUDY,
            "      units:\n",
            "      ties: effron\n      units:\n",
            "ties: Input should be 'efron', 'breslow' or 'exact'",
        ),
        (
            STUDY,
            "      units:\n",
            "      penalty: firth\n      robust: true\n      units:\n",
            "options: penalty: firth goes with ties efron or breslow, and without robust",
        ),
        (STUDY, "      units:\n", "      conf_level: 95\n      units:\n", "conf_level: Input should be"),
        (STUDY, "tau: 1826}", "tau: 1826, compare: [rmst]}", "compare and day_weights need groups: name a variable"),
        (STUDY, "{by: hormonal", "{by: hormonal, compare: [rmst]", "options.compare: unknown key"),
        (
            STUDY,
            "by: hormonal, milestones",
            "by: hormonal, day_weights: [gehen], milestones",
            "day_weights.0: Input should",
        ),
        (STUDY, "tau: 1826}", "tau: -1}", "tau: Input should be greater than or equal to 0"),
        (
            CAUSES,
            "causes: [recurrence, death], m",
            "causes: [recurence, death], m",
            "causes.0: unknown endpoint of the study 'recurence'; did you mean 'recurrence'?",
        ),
        (CAUSES, "causes: [recurrence, death], m", "causes: [death], m", "options: causes: name two or more"),
        (
            AGREEMENT,
            "endpoint: rfs\n    at_day",
            "endpoint: efs\n    at_day",
            "endpoint: unknown endpoint of the study 'efs'",
        ),
        (
            AGREEMENT,
            "population: treated",
            "population: registry",
            "records.population: the study settles population 'treated'; write the same here",
        ),
        (
            EXAMPLES,
            "rfs_days: 730, rfs_event: true, rfs_reason",
            "rfs_days: 731, rfs_event: true, rfs_reason",
            "relapsed_under_therapy.expect.values.rfs_days: expected 731, the definition gives 730",
        ),
        (EXAMPLES, "- [nodes, 1985-03-11, 4]", "- [nodse, 1985-03-11, 4]", "the study has no record 'nodse'; it has"),
        (EXAMPLES, "populations: [", "popultions: [", "popultions: unknown key; did you mean 'populations'?"),
        (
            STUDY,
            "../examples/breast",
            "../examples/brest",
            "examples: no such file '../examples/brest_hormonal_patients.yaml'",
        ),
        (
            STUDY,
            "names: [hormonal, chemo",
            "names: [hormonall, chemo",
            "names.0: unknown name 'hormonall'; did you mean",
        ),
        (
            STUDY,
            "min_follow_up: 1\n",
            f"min_follow_up: 1\n  - {{name: given, title: {{en: x, bg: x}}, {HAS_RECORDS}}}\n",
            "eligibility.2.records: given: counts records up to 90 days after the index date",
        ),
    ],
)
def test_a_name_that_nothing_bears_is_placed(configs: Path, file: str, old: str, new: str, said: str) -> None:
    faults = edited(configs, file, old, new)

    assert len(faults) == 1
    assert faults[0].startswith(f"{file}:")
    assert said in faults[0]


def test_an_agreement_may_ask_for_a_larger_smallest_cell_never_for_a_smaller(configs: Path) -> None:
    assert edited(configs, AGREEMENT, "min_cell: 13", "min_cell: 50") == []
    assert load_plan(configs / STUDY).policy.threshold == 49
    assert edited(configs, AGREEMENT, "min_cell: 50", "min_cell: 2") == []
    assert load_plan(configs / STUDY).policy.threshold == 12


def test_a_definition_that_changed_meets_its_examples(configs: Path) -> None:
    given = edited(
        configs,
        STUDY,
        "kind: exists, record: hormonal, window: [0, 90]",
        "kind: exists, record: hormonal, window: [0, 91]",
    )

    late = "therapy_a_day_too_late.expect"
    assert [fault.split(": ", 2)[1:] for fault in given] == [
        [
            f"patients.{late}.populations",
            "expected [registry, node_positive], the definition gives [registry, node_positive, treated]",
        ],
        [f"patients.{late}.values.hormonal", "expected no, the definition gives yes"],
    ]


def test_what_looks_past_day_zero_without_a_reason_is_remarked(
    configs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.remarks(configs / STUDY) == []
    assert edited(configs, STUDY, "names: [hormonal, chemotherapy]", "names: [chemotherapy]") == []

    assert main(["check", str(configs / STUDY), "--json"]) == 0

    said = capsys.readouterr()
    remark, checked = map(json.loads, said.out.splitlines()[:2])
    assert (remark["event"], checked["event"]) == ("remark", "checked")
    assert remark["where"] == "baseline.hormonal.window"
    assert "splits people by what happens up to 90 days after the index date" in said.err


WRONG = """\
contract: {id: C, product: own, indication: y, start: 2026-01-01, end: 2026-12-31, currency: EUR}
price:
  - {from: 2026-01-01, to: 2026-06-30, net: "10", unit: vial}
  - {from: 2026-06-01, to: 2026-11-30, net: "9", unit: vial, currency: BGN}
terms:
  - {id: a, type: discount, rate: "1.10"}
  - {id: b, type: continuation, assess_day: 56, window: [-7, 14], failure: [worse]}
  - {id: c, type: price_volume, per: year, mode: marginal, tiers: [{from_units: "5", price: "9"}]}
"""


def test_an_agreement_is_checked_without_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "agreement.yaml"
    path.write_text(WRONG, "utf-8")

    assert main(["check", str(path)]) == 2

    told = capsys.readouterr().err
    assert f"{path}:4:12: price.1.from: overlaps the price before, which holds up to 2026-06-30" in told
    assert f"{path}:4:28: price.1.to: no price from 2026-12-01 to 2026-12-31" in told
    assert f"{path}:4:72: price.1.currency: no rate for BGN under contract.fx" in told
    assert f"{path}:6:35: " in told
    assert f"{path}:7:77: " in told
    assert "unknown failure outcome 'worse'" in told
    assert f"{path}:8:81: " in told
    assert "the first tier must begin at 0" in told


def test_a_case_that_an_agreement_has_no_rule_for_is_remarked(capsys: pytest.CaptureFixture[str]) -> None:
    shipped = CONFIGS / "agreements/schemes"

    assert main(["check", str(shipped / "several_terms.yaml"), str(shipped / "success_fee.yaml"), "--json"]) == 0

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["where"] for event in events if event["event"] == "remark"] == ["terms.0.missing"]
    assert "no rule for moved, death: such a patient is not evaluable" in str(events)
