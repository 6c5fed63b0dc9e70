# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`rwe settle` on the demonstration hospital: close, dispute, decide, bridge and export, without Python."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import plugins
from rwe.cli.app import main
from rwe.pipeline.guards import alone
from rwe.store import Store
from tests.demo.conftest import Demo

STUDY = str(plugins.hospital("breast").study)


@dataclass(frozen=True)
class Desk:
    """Somebody at the command line in one home."""

    demo: Demo
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        code = main(["settle", *words, "--home", str(self.demo.home), "--json"])
        return code, [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]

    def said(self, event: str, *words: str) -> dict[str, Any]:
        code, told = self(*words)
        assert code == 0, told
        return next(line for line in told if line["event"] == event)


@pytest.fixture(scope="module")
def demo_to_close(make_demo: Callable[[], Demo]) -> Demo:
    """Return a home of its own: what is closed in it is closed for good."""
    return make_demo()


@pytest.fixture
def desk(demo_to_close: Demo, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(demo_to_close, capsys)


@pytest.mark.parametrize(
    ("lang", "failed", "verdict"),
    [("en", "failure", "guarantee_5y: not met, because"), ("bg", "неуспех", "guarantee_5y: неизпълнено, защото")],
)
def test_outcomes_and_verdicts_are_told_in_the_language_asked_for(
    demo: Demo, lang: str, failed: str, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["settle", STUDY, "--home", str(demo.home), "--lang", lang])

    told = capsys.readouterr().out
    assert code == 0
    assert (failed in told, verdict in told, "not_evaluable" in told) == (True, True, False)


def test_a_run_keeps_what_its_settlement_left_out_and_what_each_hospital_gets(demo: Demo) -> None:
    folder = demo.summary.folder / "6-reimburse"
    kept = {name: pl.read_csv(folder / f"{name}.csv", infer_schema=False) for name in ("sites", "pools", "rejected")}
    lines = pl.read_csv(folder / "lines.csv", infer_schema=False)

    assert sum(map(Decimal, kept["sites"]["amount"])) == sum(map(Decimal, lines["amount"])) == Decimal("231822.86")
    assert set(kept["sites"]["site_id"]) == set(lines["site_id"]) == {"rotterdam"}
    assert kept["pools"].select("term", "payback").rows() == [("guarantee_5y", "27822.86")]
    assert set(lines["version"]) == {"1"}
    assert kept["rejected"].is_empty()


@pytest.mark.ci
@pytest.mark.timeout(900)
def test_two_years_are_closed_disputed_decided_and_told(desk: Desk) -> None:
    whole = desk.said("settled", STUDY)
    drawn = desk.said("would_post", STUDY, "--period", "1990")
    closed = desk.said("closed", STUDY, "--period", "1990", "--close")
    repeated = desk.said("closed", STUDY, "--period", "1990", "--close")
    entries = pl.read_csv(next(desk.demo.home.glob("ledger/*/0001-1990.csv")), infer_schema=False)
    failed = entries.filter(term="result_5y", outcome="failure", period="1990")["person_id"].to_list()
    held = desk.said("entered", "dispute", STUDY, failed[0], "--by", "company", "--why", "read once")
    decided = desk.said(
        "entered", "decide", STUDY, failed[1], "stable", "1990-12-01", "--by", "council", "--why", "seen"
    )
    second = desk.said("closed", STUDY, "--period", "1991", "--close")
    again = desk.said("again", STUDY, "--again", "1991")
    code, told = desk(STUDY, "--bridge")

    assert (whole["total"], whole["currency"]) == ("231822.86", "EUR")
    assert (drawn["entries"], drawn["payable"]) == (closed["entries"], closed["payable"]) == (84, "48000.00")
    assert repeated == closed
    assert decided["number"] == held["number"] + 1
    assert (again["sha256"], again["payable"]) == (second["sha256"], second["payable"])
    moved = {line["reason"]: line for line in told if line["event"] == "step" and line["closed"] == "1991"}
    assert (moved["dispute"]["payable"], moved["dispute"]["disputed"]) == ("-1200.00", "1200.00")
    assert (code, moved["decision"]["payable"], moved["decision"]["spending"]) == (0, "-1200.00", "1200.00")
    after = [line for line in told if line["event"] == "stands"]
    assert [line["payable_before"] for line in after] == ["0.00", "48000.00"]
    assert [line["disputed"] for line in after] == ["0.00", "1200.00"]


@pytest.mark.ci
@pytest.mark.timeout(900)
def test_views_leave_and_the_next_dossier_tells_the_bridge(desk: Desk) -> None:
    payer = Path(desk.said("export", STUDY, "--export", "nhif", "--period", "1990", "--form", "xlsx")["path"])
    company = Path(desk.said("export", STUDY, "--export", "company", "--period", "1990")["path"])
    summary = desk.demo.again(lang=("en", "bg"))

    shown = pl.read_csv(company)
    assert payer.stat().st_size > 5_000
    assert shown.select("reason", "patients", "payable").rows() == [("new", 40, 48000.0), ("all", 40, 48000.0)]
    assert "€231,822.86" not in {figure.text["en"] for figure in summary.figures}  # a decision took one failure away
    pages = {lang: summary.dossier[lang].read_text("utf-8") for lang in ("en", "bg")}
    assert "Closed periods, in EUR" in pages["en"]
    assert "Приключени периоди, в EUR" in pages["bg"]
    assert [*(summary.folder / "release").glob("*-bridge.csv")]


@pytest.mark.ci
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((STUDY, "--period", "1993", "--close"), 2, "close 1992 first"),
        ((STUDY, "--period", "1990", "--close", "--as-of", "1990-12-31"), 3, "1990 is closed"),
        ((STUDY, "--period", "1990-Q1"), 2, "write a year as 2025"),
        ((STUDY, "--as-of", "2999-01-01"), 2, "still to come"),
        ((STUDY, "--as-of", "soon"), 2, "'soon' is no day"),
        ((STUDY, "--close"), 2, "--period"),
        ((STUDY, "--again", "1985"), 2, "1985 is not closed; closed are 1990, 1991"),
        (("undo", STUDY, "99", "--by", "x", "--why", "x"), 2, "no event 99 to undo"),
        (("decide", STUDY, "77", "stable", "1990-12-01", "--by", "x", "--why", "x"), 2, "nobody of that id has a dose"),
        ((STUDY, "--synthetic"), 7, "--synthetic is for invented records"),
    ],
)
def test_what_cannot_be_is_refused_by_name(desk: Desk, words: tuple[str, ...], code: int, why: str) -> None:
    found, told = desk(*words)

    assert (found, why in json.dumps(told)) == (code, True), told


def test_who_settles_beside_a_run_of_the_study_is_told_to_wait(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    with alone(demo.home, "breast_hormonal"):
        code = main(["settle", STUDY, "--home", str(demo.home)])

    assert (code, "by another process; try again later" in capsys.readouterr().err) == (6, True)


def test_doses_before_the_contract_are_refused_with_where_they_landed(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, terms = Path(STUDY), Path(STUDY).parents[1] / "agreements" / "hormonal_breast.yaml"
    late = terms.read_text("utf-8").replace("1978-01-01", "1990-01-01")
    (tmp_path / "agreement.yaml").write_text(late, "utf-8")
    text = study.read_text("utf-8").replace("../agreements/hormonal_breast.yaml", str(tmp_path / "agreement.yaml"))
    (tmp_path / "study.yaml").write_text(text.replace("../", f"{study.parents[1].as_posix()}/"), "utf-8")

    code = main(["settle", str(tmp_path / "study.yaml"), "--home", str(demo.home)])

    told = capsys.readouterr().err
    assert (code, "lie before 1990-01-01" in told) == (3, True), told
    found = re.findall(r"(\w+)/(\w+), commit 1, row (\d+), column '(\w+)'", told)
    site, stream, *_ = found[0]
    landed = Store(demo.home / "store").table(f"{site}/landing/{stream}").rows(1).collect()
    days = [landed[int(row) - 1, column] for *_, row, column in found]
    assert len(found) == 5
    assert all(str(day) < "1990-01-01" and str(day) not in told for day in days)
