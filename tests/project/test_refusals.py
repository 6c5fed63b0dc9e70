# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Errors that have a name are told in Bulgarian too: each name has its words, and the words what stands in them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from rwe import reimbursement as rb
from rwe.cli import words
from rwe.cli.app import main
from rwe.cli.words import refusal
from rwe.errors import DefinitionError, OddRecords, OddRows
from rwe.reimbursement.odd import Rule
from rwe.reimbursement.period import last_day

RWE = Path(rb.__file__).parents[1]
NAMED = re.compile(r"\.known_as\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


def test_every_name_of_an_error_has_words_with_its_facts() -> None:
    told = tomllib.loads((RWE / "cli" / "words" / "refused.bg.toml").read_text("utf-8"))
    used: dict[str, set[str]] = {}

    for path in RWE.rglob("*.py"):
        for call in NAMED.findall(path.read_text("utf-8")):
            facts = set(re.findall(r"(\w+)=", call))
            used |= dict.fromkeys(re.findall(r'"(\w+)"', call.partition("=")[0]), facts)

    used |= {f"odd_{rule}": {"what", "column", "n", "where"} for rule in get_args(Rule)}
    assert used.keys() == told.keys()
    assert all(set(re.findall(r"{(\w+)}", told[key])) <= facts for key, facts in used.items())


def test_an_error_is_told_in_the_language_in_use() -> None:
    with pytest.raises(DefinitionError) as caught:
        last_day("2025-04", "quarter")
    english = refusal(caught.value)
    words.use("bg")
    try:
        bulgarian = refusal(caught.value)
    finally:
        words.use("en")

    assert english == str(caught.value) == "'2025-04' is no period of this agreement: write a quarter as 2025-Q2"
    assert bulgarian == "„2025-04“ не е период на това споразумение: пишете го като 2025-Q2"


def test_records_that_cannot_be_settled_are_told_by_their_rule() -> None:
    found = OddRows("doses", "credit_unmatched", "units", 7, "7 credit notes", (1, 2, 3, 4, 5))
    words.use("bg")
    try:
        told = refusal(OddRecords([found, replace(found, n=5, places=("a/b, commit 1, row 4",))]))
    finally:
        words.use("en")

    assert "кредитни известия без по-ранна доза на пациента, редове 7;" in told.splitlines()[0]
    assert told.splitlines()[0].endswith("(column 'units', row 1, 2, 3, 4, 5, ...)")
    assert told.splitlines()[1].endswith("(a/b, commit 1, row 4)")


def test_people_read_their_language_and_machines_english(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = str(RWE.parent / "configs" / "studies" / "network_lines.yaml")

    code = main(["settle", study, "--home", str(tmp_path), "--lang", "bg", "--json"])

    told = capsys.readouterr()
    assert code == 2
    assert "names no agreement" in told.out
    assert "не посочва споразумение" in told.err
