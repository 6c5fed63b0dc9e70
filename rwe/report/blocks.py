# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The pieces that a section of the dossier is made of; each has a template of its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["", "head", "level", "total"]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table: the name of the row first. `head` is a heading over the `level`s below it."""

    cells: tuple[str, ...]
    kind: Kind = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; columns after the first hold numbers unless `words` names them (counted from 0)."""

    caption: str
    head: Sequence[str]
    lines: Sequence[Line]
    note: str = ""
    words: Sequence[int] = ()
    template: str = field(default="table", init=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its title and the note below it."""

    title: str
    svg: str
    note: str = ""
    template: str = field(default="figure", init=False)


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs; `small` sets them as a note, `title` stands over them."""

    paragraphs: Sequence[str]
    small: bool = False
    title: str = ""
    template: str = field(default="prose", init=False)


@dataclass(frozen=True, slots=True)
class Item:
    """A term with its explanation; `mark` sets a coloured bar."""

    term: str
    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list of terms with explanations."""

    title: str
    items: Sequence[Item]
    template: str = field(default="items", init=False)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the attrition: who remains, who left, and the share of the first step in percent."""

    name: str
    remaining: str
    excluded: str
    share: float


@dataclass(frozen=True, slots=True)
class Flow:
    """How many remain after each criterion, as a table with bars."""

    caption: str
    head: Sequence[str]
    steps: Sequence[Step]
    template: str = field(default="flow", init=False)


Block = Table | Figure | Prose | Items | Flow


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter: its id for links, its title and its blocks."""

    key: str
    title: str
    blocks: Sequence[Block]
