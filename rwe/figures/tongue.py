# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The words and numbers of the charts of results, in each language they speak."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from rwe.errors import DefinitionError

Language: TypeAlias = Literal["en", "bg"]
LANGUAGES = ("en", "bg")
NBSP, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all words of one language."""
    return tomllib.loads((Path(__file__).parent / "words" / f"{language}.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language: its words, and its numbers with fixed decimals and a true minus."""

    language: str

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise DefinitionError(f"charts speak {', '.join(LANGUAGES)}, not '{self.language}'")

    def __call__(self, key: str, **values: object) -> str:
        """Return words, with values in their places."""
        return catalogue(self.language)[key].format(**values)

    def number(self, value: float, places: int = 2) -> str:
        """Return a number with these decimals."""
        text = f"{abs(value):.{places}f}"
        sign = MINUS if value < 0 and float(text) else ""
        return sign + self._point(text)

    def short(self, value: float) -> str:
        """Return a number as people write it on an axis, without zeros that say nothing."""
        return (MINUS if value < 0 else "") + self._point(f"{abs(value):.6g}")

    def percent(self, share: float) -> str:
        """Return a proportion in percent."""
        return self.short(round(100 * share, 6)) + ("%" if self.language == "en" else f"{NBSP}%")

    def count(self, value: float) -> str:
        """Return a number of persons, or a sum of weights to one decimal, in groups of three digits."""
        whole = abs(value - round(value)) < 1e-9
        return self._point(f"{value:,.{0 if whole else 1}f}".replace(",", NBSP))

    def p_value(self, value: float) -> str:
        """Return a p-value with its sign of relation."""
        return f"<{NBSP}{self.number(0.001, 3)}" if value < 0.001 else f"={NBSP}{self.number(value, 3)}"

    def _point(self, text: str) -> str:
        return text.replace(".", "," if self.language == "bg" else ".")
