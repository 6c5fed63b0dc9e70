# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The words of the dossier: one catalogue a language, keys in English, nothing made up where one lacks."""

from __future__ import annotations

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
    """Return the kind of a failure in the language, then what the engine said of it, as it said it."""
    return f"{words(f'failed.why_{exit_code}')} {words('failed.said', reason=reason)}"


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


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested keys joined by dots."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
