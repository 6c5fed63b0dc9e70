# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Sentences of the engine are told in the language of the page, and each that is known is still said."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from rwe import compare as cp
from rwe.errors import NoValidAnswer
from rwe.report.words import ENGINE, failure, load_words, told

ROOT = Path(__file__).parents[3]


def _said_in(file: Path) -> Iterator[str]:
    """Yield the texts of a source, what varies as {}."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_sentence_that_is_known_is_still_said() -> None:
    rooms = [path for room in ("rwe/compare", "rwe/survival", "analyses") for path in (ROOT / room).rglob("*.py")]
    said = {text for path in rooms for text in _said_in(path)} | {"the treated arm", "the control arm"}

    known = {key: text for key, text in load_words("en").entries.items() if key.startswith(ENGINE)}

    assert known
    assert {key for key, text in known.items() if re.sub(r"{\w+}", "{}", text) not in said} == set()


def test_what_the_engine_says_is_told_in_the_language() -> None:
    people = pl.DataFrame({"stage": ["1", "2"]})
    with pytest.raises(NoValidAnswer) as refused:
        cp.rake(people, {"stage": {"1": 5, "2": 5, "3": 5}})

    found = failure(load_words("bg"), 5, str(refused.value))

    assert "не може да се претегли към „stage“: нивото „3“" in found
    assert not re.search("[a-z]{3,}", found.replace("stage", ""))


def test_what_varies_is_told_in_the_language_too_and_numbers_may_be_gone() -> None:
    bg, en = load_words("bg"), load_words("en")
    nested = "no hazard ratio: no common horizon of … days: the treated arm is followed for …; choose a shorter tau"
    without = "cannot weight to 'age': level 'a' has … in the margin and people here; exclude them from the "

    assert told(bg, nested) == (
        "няма отношение на рисковете: няма общ хоризонт от … дни: рамото на лекуваните е с проследяване до …; "
        "изберете по-къс хоризонт"
    )
    assert told(bg, without + "population, where attrition shows it").startswith("не може да се претегли към „age“")
    assert told(en, nested) == nested


def test_a_sentence_that_is_not_known_stays_as_it_was_said() -> None:
    assert told(load_words("bg"), "something else") == "something else"
