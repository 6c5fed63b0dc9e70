# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Words that the command line shows people, from one catalogue a language."""

from __future__ import annotations

import tomllib
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from rwe.errors import OddRecords, OddRows, RweError

LANGUAGES = ("en", "bg")
_language: ContextVar[str] = ContextVar("language", default="en")


def use(language: str) -> None:
    """Show words in `language` from now on."""
    _language.set(language)


def language() -> str:
    """Return the language in use."""
    return _language.get()


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all words of one language by key, ``section.name``.

    The files are TOML, because help has half a second and the import of a YAML reader costs a
    sixth of it.
    """
    text = (Path(__file__).parent / "words" / f"{language}.toml").read_text("utf-8")
    return {f"{section}.{name}": words for section, part in tomllib.loads(text).items() for name, words in part.items()}


def word(key: str, **values: Any) -> str:
    """Return the words of `key` in the language in use, with `values` put in."""
    return catalogue(_language.get())[key].format(**values)


def known(key: str, otherwise: str) -> str:
    """Return the words of `key`, or `otherwise` where the catalogue has none."""
    return catalogue(_language.get()).get(key, otherwise)


@cache
def _refusals(language: str) -> dict[str, str]:
    path = Path(__file__).parent / "words" / f"refused.{language}.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def refusal(exc: RweError) -> str:
    """Return the message of an error in the language in use, in English where it has no words of its own there."""
    told = _refusals(_language.get())
    if isinstance(exc, OddRecords):
        return "\n".join(_odd(told.get(f"odd_{one.rule}", ""), one) for one in exc.found)
    text = told.get(exc.key)
    return text.format(**exc.facts) if text else str(exc)


def _odd(text: str, found: OddRows) -> str:
    return text.format(what=found.what, column=found.column, n=found.n, where=found.where) if text else str(found)


def pick(text: Any) -> str:
    """Return the words of a text given in both languages, or a plain text as it is."""
    return str(text[_language.get()] if isinstance(text, dict) else text)
