# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is not decided yet, on the demonstration hospital under an agreement that judges after twelve years."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from rwe.cli.app import main
from tests.demo.conftest import Demo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def late_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the demonstration study with an agreement under which many are still open."""
    folder = tmp_path_factory.mktemp("late") / "configs"
    shutil.copytree(ROOT / "configs", folder)
    contract = folder / "agreements" / "hormonal_breast.yaml"
    contract.write_text(contract.read_text("utf-8").replace("assess_day: 1826", "assess_day: 4380"), "utf-8")
    return folder / "studies" / "breast_hormonal.yaml"


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.ci
def test_forecast_reserves_and_looks_ahead(demo: Demo, late_study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["forecast", str(late_study), "--home", str(demo.home), "--periods", "6", "--json"])

    said = lines(capsys.readouterr().out)
    reserve = next(line for line in said if line["event"] == "reserve")
    periods = {line["period"]: line for line in said if line["event"] == "period"}
    assert code == 0
    assert reserve["open"] == 100
    assert float(str(reserve["conf_low"])) <= float(str(reserve["reserve"])) <= float(str(reserve["conf_high"]))
    assert reserve["oldest_due"] == "2002-03-10"
    assert list(periods) == ["2001", "2002", "2003", "2004", "2005", "2006", "all"]
    total = float(str(periods["all"]["payback"]))
    assert total == pytest.approx(float(str(reserve["reserve"])), abs=1500)


@pytest.mark.ci
def test_open_patients_are_told_apart_by_a_cox_model(
    demo: Demo, late_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["forecast", str(late_study), "--home", str(demo.home), "--covariates", "age,nodes"]
    code = main([*words, "--json"])

    said = lines(capsys.readouterr().out)
    reserve = next(line for line in said if line["event"] == "reserve")
    total = next(line for line in said if line["event"] == "period" and line["period"] == "all")
    assert code == 0
    assert reserve["open"] == 100
    assert 0 < float(str(total["payback"])) <= 1.1 * float(str(reserve["conf_high"]))
    assert main([*words, "--lang", "bg"]) == 0
    bulgarian = capsys.readouterr().out
    assert "ЗА ВРЪЩАНЕ" in bulgarian
    assert re.search(r"\d\u00a0\d{3},\d\d", bulgarian)


@pytest.mark.parametrize("words", [("--covariates", "shoe"), ("--covariates", "age", "--family", "exp")])
def test_covariates_that_cannot_be_are_refused(
    words: tuple[str, ...], demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(ROOT / "configs/studies/breast_hormonal.yaml")

    code = main(["forecast", study, *words, "--home", str(demo.home), "--json"])

    assert code == 2
    assert "--covariates are baseline variables of the study" in capsys.readouterr().out


@pytest.mark.ci
def test_the_dossier_tells_what_is_reserved(demo: Demo, late_study: Path) -> None:
    summary = demo.again(study=late_study, run_id="late")

    english, bulgarian = (summary.dossier[lang].read_text("utf-8") for lang in ("en", "bg"))
    assert "Still to be decided" in english
    assert "Още не е решено" in bulgarian
    assert (summary.folder / "6-reimburse" / "reserve.csv").is_file()


def test_nothing_is_open_where_everybody_was_judged(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["forecast", str(ROOT / "configs/studies/breast_hormonal.yaml"), "--home", str(demo.home), "--json"])

    assert code == 0
    assert lines(capsys.readouterr().out)[-2]["event"] == "nothing_open"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--periods", "0"), "--periods is a whole number from 1"),
        (("--conf-level", "1.5"), "--conf-level a number between 0 and 1"),
        (("--conf-level", "nan"), "--conf-level a number between 0 and 1"),
        (("--new-patients", "-1"), "--new-patients a number from 0"),
        (("--new-patients", "5"), "--new-patients needs --every-days"),
        (("--units", "abc"), "--units a number above 0"),
        (("--every-days", "0"), "--every-days and --doses are whole numbers from 1"),
    ],
)
def test_what_cannot_be_foreseen_is_refused_before_anything_is_settled(
    words: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(ROOT / "configs/studies/breast_hormonal.yaml")

    code = main(["forecast", study, *words, "--home", str(tmp_path / "none"), "--json"])

    assert code == 2
    assert told in capsys.readouterr().out


@pytest.mark.ci
def test_schemes_are_compared_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "designs"
    shutil.copytree(ROOT / "configs" / "designs", folder)
    plan = folder / "lung.yaml"
    plan.write_text(plan.read_text("utf-8").replace("simulations: 200", "simulations: 20"), "utf-8")

    code = main(["forecast", "design", str(plan), "--figure", str(tmp_path / "schemes.svg"), "--json"])

    said = lines(capsys.readouterr().out)
    schemes = [line for line in said if line["event"] == "scheme"]
    assert code == 0
    assert len(schemes) == 9
    discount = next(line for line in schemes if line["scheme"] == "discount")
    assert float(str(discount["payback"])) == pytest.approx(0.12 * float(str(discount["gross"])), rel=1e-6)
    assert float(str(discount["effective_price"])) == pytest.approx(1500 * 0.88, rel=1e-6)
    waiting = next(line for line in said if line["event"] == "waiting")
    assert float(str(waiting["collect"])) == pytest.approx(float(str(waiting["wait"])) + 150 * 1500, abs=1)
    assert (tmp_path / "schemes.svg").read_text("utf-8").startswith("<svg")
