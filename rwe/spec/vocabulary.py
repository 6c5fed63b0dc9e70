# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How the codes of one list are written, so that two spellings of a code meet and a code finds its parents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rwe.spec.base import Flag, Int, Part

Ignored = Literal["alphabet", "blanks", "case", "dots", "marks"]
Length = Annotated[Int, Field(ge=1)]

_CYRILLIC = "АВЕКМНОРСТУХЅІЈаеорсухѕіјԁԛԝ"
_LATIN = "ABEKMHOPCTYXSIJaeopcyxsijdqw"
_GREEK = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"
_LIKE_GREEK = "ABEZHIKMNOPTYX"
_LOOKS_LIKE = str.maketrans(_CYRILLIC + _GREEK, _LATIN + _LIKE_GREEK)
_DOTS = str.maketrans("", "", ".·")


def _blanks(code: str) -> str:
    return "".join(code.split())


def _dots(code: str) -> str:
    return code.translate(_DOTS)


def _marks(code: str) -> str:
    return code.strip("*+†‡! \t")


def _alphabet(code: str) -> str:
    return code.translate(_LOOKS_LIKE)


# In the order in which they are applied: capitals first, because a small Cyrillic letter looks like none of ours.
_STEPS: dict[Ignored, Callable[[str], str]] = {
    "blanks": _blanks,
    "case": str.upper,
    "alphabet": _alphabet,
    "dots": _dots,
    "marks": _marks,
}


class Vocabulary(Part):
    """What does not matter in the spelling of the codes of one `source_vocabulary_id`, and who their parents are.

    Parameters
    ----------
    ignore
        ``alphabet``: Cyrillic and Greek letters that look like Latin ones; ``blanks``; ``case``; ``dots``;
        ``marks``: the dagger and asterisk of ICD-10 at the ends of a code.
    levels
        Lengths of the codes of a tree as they are compared, where a parent is the beginning of its children:
        3, 4, 5 for ICD-10 without dots, 1, 3, 4, 5, 7 for ATC.
    fall_back
        Lengths of the parents whose meaning a code takes that the map does not hold, the longest first.
    many
        Whether a code may stand for several concepts at once; each makes a row.

    Examples
    --------
    >>> Vocabulary(ignore=("alphabet", "blanks", "case", "dots")).spelled(" с34.1")
    'C341'
    """

    ignore: tuple[Ignored, ...] = ()
    levels: tuple[Length, ...] = ()
    fall_back: tuple[Length, ...] = ()
    many: Flag = False

    @model_validator(mode="after")
    def _levels_rise(self) -> Vocabulary:
        if list(self.levels) != sorted(set(self.levels)):
            raise ValueError("levels are lengths of codes, the shortest first")
        if unknown := set(self.fall_back) - set(self.levels):
            raise ValueError(f"fall_back {sorted(unknown)}: name these lengths under levels too")
        return self

    def spelled(self, code: str) -> str:
        """Return the code as it is compared; to spell it so once more changes nothing."""
        while (once := self._step(code)) != code:  # a dot that goes may leave a blank at the end
            code = once
        return code

    def _step(self, code: str) -> str:
        code = code.strip()
        for name, step in _STEPS.items():
            if name in self.ignore:
                code = step(code)
        return code

    def parents(self, spelled: str) -> list[str]:
        """Return the codes whose meaning stands in for one that has none, the nearest first."""
        lengths = sorted((n for n in self.fall_back if n < len(spelled)), reverse=True)
        return [spelled[:n] for n in lengths]

    def ancestors(self, spelled: str) -> list[str]:
        """Return the codes above a code in its tree."""
        return [spelled[:n] for n in self.levels if n < len(spelled)]


PLAIN = Vocabulary()
