# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The words of the dossier: one catalogue a language, keys in English, nothing made up where one lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from rwe.errors import DefinitionError
from rwe.spec.base import parse

LANGUAGES = ("en", "bg")
FOLDER = Path(__file__).parent / "words"
ENGINE = "engine."


@dataclass(frozen=True, slots=True)
class Words:
    """The catalogue of one language; `asked` gathers the keys used, so that tests find idle ones."""

    lang: str
    entries: dict[str, str]
    asked: set[str] = field(default_factory=set)

    def __call__(self, key: str, **values: Any) -> str:
        """Return the words of `key` with `values` in their places; as markup if a value is.

        Raises
        ------
        DefinitionError
            If the catalogue has no such key.
        """
        if key not in self.entries:
            raise DefinitionError(f"words/{self.lang}.yaml has no '{key}'; add it there and in the other languages")
        self.asked.add(key)
        text = self.entries[key]
        if any(isinstance(value, Markup) for value in values.values()):
            return Markup(escape(text)).format(**values)
        return text.format(**values)


def failure(words: Words, exit_code: int, reason: str) -> str:
    """Return the kind of a failure in the language, then what the engine said of it."""
    return f"{words(f'failed.why_{exit_code}')} {words('failed.said', reason=told(words, reason))}"


def told(words: Words, sentence: str) -> str:
    """Return a sentence of the engine in the language; as it was said where the catalogue does not know it.

    What varies in it is looked up as a sentence of its own.
    """
    for key, pattern in _sentences():
        if found := pattern.fullmatch(sentence):
            return words(key, **{name: told(words, part) for name, part in found.groupdict().items()})
    return sentence


def load_words(lang: str) -> Words:
    """Return the catalogue of `lang`.

    Raises
    ------
    DefinitionError
        If there is none.
    """
    if lang not in LANGUAGES:
        raise DefinitionError(f"no catalogue for language '{lang}'; there are {', '.join(LANGUAGES)}")
    return Words(lang, _entries(lang))


@cache
def _entries(lang: str) -> dict[str, str]:
    return dict(_flat(parse(FOLDER / f"{lang}.yaml")[0]))


@cache
def _sentences() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return keys of the sentences that are known, and what the engine says: its numbers may have been taken out."""
    known = {key: text for key, text in _entries("en").items() if key.startswith(ENGINE)}
    return tuple((key, re.compile(_pattern(text), re.DOTALL)) for key, text in known.items())


def _pattern(text: str) -> str:
    pieces = re.split(r"{(\w+)}", text)
    fixed = [re.sub(r"\d+", lambda n: f"(?:{n[0]}|…)", re.escape(piece)) for piece in pieces[::2]]
    slots = [*(f"(?P<{name}>.*?)" for name in pieces[1::2]), ""]
    return "".join(one for pair in zip(fixed, slots, strict=True) for one in pair)


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested keys joined by dots."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
