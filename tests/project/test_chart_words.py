# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts have the same words in each language, with the same values in them, and every word is used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

from rwe.figures.tongue import LANGUAGES, catalogue

ROOT = Path(__file__).parents[2] / "rwe"


def test_each_language_has_the_same_words_with_the_same_values() -> None:
    first, *others = ({key: _values(text) for key, text in catalogue(name).items()} for name in LANGUAGES)

    for other in others:
        assert other == first


def test_every_word_is_asked_for_somewhere() -> None:
    code = "".join(file.read_text("utf-8") for file in ROOT.rglob("*.py"))
    asked = {*re.findall(r"[\"']([a-z_0-9]+)[\"']", code)}
    families = tuple(re.findall(r"f[\"']([a-z_]+_)\{", code)) + tuple(re.findall(r"\}(_[a-z_]+)\"", code))

    unused = {word for word in catalogue("en") if word not in asked}
    assert {word for word in unused if not word.startswith(families) and not word.endswith(families)} == set()


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
