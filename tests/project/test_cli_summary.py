# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a run came to, as a person reads it in either language and as a machine reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rwe.cli import words
from rwe.cli.summary import show_plan, show_run
from rwe.cli.voice import Voice
from rwe.pipeline import KeyFigure, RunSummary

FIRST = RunSummary(
    run_id="r1",
    folder=Path("runs/r1"),
    dossier={"en": Path("runs/r1/report/dossier.en.html"), "bg": Path("runs/r1/report/dossier.bg.html")},
    figures=(
        KeyFigure("people", {"en": "Patients", "bg": "Пациенти"}, {"en": "2,980", "bg": "2980"}),
        KeyFigure("rfs", {"en": "Free of recurrence", "bg": "Без рецидив"}, {"en": "61.3%", "bg": "61,3 %"}),
    ),
    landed={"rotterdam/patient": 2982, "rotterdam/death": 1272},
    unchanged={"rotterdam/patient": 0, "rotterdam/death": 0},
    rejected=3,
    previous=None,
    changes=(),
    notices=(),
)
SECOND = replace(
    FIRST,
    run_id="r2",
    landed={"rotterdam/patient": 0, "rotterdam/death": 0},
    unchanged={"rotterdam/patient": 2982, "rotterdam/death": 1272},
    previous="r1",
)
NONE = {"en": "", "bg": ""}
CORRECTED = replace(
    SECOND,
    changes=(
        {
            "figure": FIRST.figures[1].label,
            "before": FIRST.figures[1].text,
            "after": {"en": "61.4%", "bg": "61,4 %"},
            "why": {"en": "1 corrected", "bg": "1 поправен"},
        },
        {"figure": {"en": "9 in all", "bg": "общо 9"}, "before": NONE, "after": NONE, "why": NONE},
    ),
    notices=("MLflow did not take the run",),
)


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    words.use("en")


@pytest.mark.parametrize(
    ("summary", "language", "said"),
    [
        (FIRST, "en", ["Rows: 4254 new, 0 here already, 3 rejected.", "  Patients            2,980"]),
        (FIRST, "bg", ["Редове: 4254 нови, 0 вече налични, 3 отхвърлени.", "  Без рецидив  61,3 %"]),
        (
            SECOND,
            "en",
            [
                "No new row in the sources since the last run (4254 sent again as they were); 3 rejected.",
                "No figure changed since run r1.",
            ],
        ),
        (
            CORRECTED,
            "en",
            [
                "What changed since run r1 (1 corrected):",
                "  Free of recurrence: 61.3% -> 61.4%",
                "  9 in all.",
                "Note: MLflow did not take the run",
            ],
        ),
        (
            CORRECTED,
            "bg",
            ["Какво се промени след изпълнение r1 (1 поправен):", "  Без рецидив: 61,3 % -> 61,4 %", "  общо 9."],
        ),
    ],
)
def test_words_for_people(
    summary: RunSummary, language: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words.use(language)

    code = show_run(Voice(), summary)

    shown, progress = capsys.readouterr()
    assert (code, progress) == (0, "")
    assert [line for line in said if line not in shown.splitlines()] == []
    assert [str(path) for path in summary.dossier.values() if str(path) not in shown] == []


def test_a_first_run_is_compared_with_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_run(Voice(), FIRST)

    assert "since run" not in capsys.readouterr().out


def test_lines_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    show_run(Voice(machine=True), CORRECTED)

    lines, said = capsys.readouterr()
    events = [json.loads(line) for line in lines.splitlines()]
    kinds = ["rows", "figure", "figure", "compared", "change", "change", "notice", "dossier", "dossier", "run"]
    assert [event["event"] for event in events] == kinds
    assert events[0]["unchanged"] == {"rotterdam/patient": 2982, "rotterdam/death": 1272}
    assert events[4]["why"]["en"] == "1 corrected"
    assert "Run r2 is finished." in said


def test_a_plan_names_what_would_be_read_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(Voice(), {"reads": ["rotterdam/patient", "rotterdam/death"], "writes": "runs"})

    assert "  reads: rotterdam/patient, rotterdam/death\n  writes to: runs\n" in capsys.readouterr().out
