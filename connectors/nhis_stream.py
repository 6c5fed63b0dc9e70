# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a message to rows: the declared paths of a stream, followed; a value of another kind sets the message aside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from connectors.nhis_message import FAMILIES, Message, finer, instant
from connectors.nhis_xml import Element, Malformed
from rwe.spec.base import Name, Part
from rwe.spec.source import Kind, Stream

Values = dict[str, Any]
MARKS = ("@position", "@signed", "@certificate")
_STEP = r"[A-Za-z][A-Za-z0-9_.-]*"
Way = Annotated[str, StringConstraints(pattern=rf"^{_STEP}(?:/{_STEP})*$")]
_TO = rf"{_STEP}(?:/{_STEP})*(?:/@{_STEP})?"
Path = Annotated[str, StringConstraints(pattern=rf"^(?:{'|'.join(MARKS)}|(?:/|\./)?{_TO}|\./@{_STEP})$")]
Types = Annotated[str, StringConstraints(pattern=rf"^[{''.join(FAMILIES)}](?:\d{{3}})?$")]
List = Annotated[str, StringConstraints(pattern=r"^CL\d{3}$")]
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EXACT = 2**53


class Cancelled(Part):
    """Where a document says that it is void, and the values that say so: its rows are gone."""

    path: Path
    values: tuple[str, ...] = Field(min_length=1)


class Options(Part):
    """What the connector must know of one stream.

    Parameters
    ----------
    messages
        Message types, for example H002, or whole families, H; the family of the table where left out.
    each
        Way to a repeated element of the document: one row each, with ``<number>/<position>`` as its key.
    paths
        Path of each column and of the key, from the document; ``./`` from the repeated element, ``/`` from the
        message. It ends at an element, whose ``value`` it means, or at ``@attribute``. ``@position``, ``@signed``
        and ``@certificate`` stand for themselves.
    cancelled
        Where a document says that it is void.
    codes
        The nomenclature (CL011, ...) that the values of a column are from.
    """

    messages: tuple[Types, ...] = ()
    each: Way | None = None
    paths: dict[Name, Path]
    cancelled: Cancelled | None = None
    codes: dict[Name, List] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _relative_paths_have_a_row(self) -> Options:
        if not self.each and (found := [name for name, path in self.paths.items() if path.startswith("./")]):
            raise ValueError(f"paths of {found} start at a repeated element: name it in 'each'")
        return self


@dataclass(frozen=True, slots=True)
class Document:
    """What one document says to one stream.

    Parameters
    ----------
    number
        What the document is known by; a correction bears the same.
    rows
        Its rows; none where it is void.
    count
        How many it has, void or not.
    blank
        What a row that is gone still says: the values of the document itself.
    """

    number: str
    rows: tuple[Values, ...]
    count: int
    blank: Values


@dataclass(frozen=True, slots=True)
class Plan:
    """A stream and how its rows are found; `cut` names columns in which times were cut to microseconds."""

    name: str
    stream: Stream
    options: Options
    zone: ZoneInfo
    cut: set[str] = field(default_factory=set, compare=False)

    @property
    def types(self) -> tuple[str, ...]:
        """The message types, or families, that it reads."""
        families = tuple(letter for letter, table in FAMILIES.items() if table == self.stream.table)
        return self.options.messages or families

    @property
    def marks_deleted(self) -> bool:
        """Whether its rows bear ``_op``."""
        return bool(self.options.each or self.options.cancelled)

    def takes(self, message: Message) -> bool:
        """Return whether the message is of a type that the stream reads."""
        return message.kind.startswith(self.types)

    def documents(self, message: Message) -> list[Document]:
        """Return what the message says to this stream.

        Raises
        ------
        Malformed
            If a number or a person is missing, a number comes twice, one path leads to several values, or a
            value is not of its declared type.
        """
        found = [self._document(message, one) for one in message.documents if one.all(self.stream.table)]
        if len({document.number for document in found}) < len(found):
            raise Malformed(f"two of its documents bear the same '{self.stream.key}'")
        return found

    def numbers(self, message: Message) -> list[str]:
        """Return the number of each document in the message that concerns this stream.

        Raises
        ------
        Malformed
            If one is missing.
        """
        return [self._number(message, one) for one in message.documents if one.all(self.stream.table)]

    def _number(self, message: Message, document: Element) -> str:
        number = self._text(message, document, None, self.stream.key, self.options.paths[self.stream.key])
        if not number:
            raise Malformed(f"it lacks '{self.stream.key}'")
        return number

    def _document(self, message: Message, document: Element) -> Document:
        number = self._number(message, document)
        each = self.options.each
        rows = list(enumerate(document.all(*each.split("/")) if each else [document], start=1))
        made = () if self._void(message, document) else tuple(self._values(message, document, row) for row in rows)
        blank = self._blank(made[0]) if made else self._values(message, document, None)
        persons = [name for name, column in self.stream.columns.items() if column.role == "person"]
        if any(row[name] is None for row in made for name in persons):
            raise Malformed(f"it lacks '{persons[0]}'")
        return Document(number, made, len(rows), blank)

    def _blank(self, row: Values) -> Values:
        """Return a row without what only its repeated element says."""
        own = {name for name, path in self.options.paths.items() if path.startswith("./") or path == MARKS[0]}
        return {name: None if name in own else value for name, value in row.items()}

    def _void(self, message: Message, document: Element) -> bool:
        said = self.options.cancelled
        return said is not None and self._text(message, document, None, "cancelled", said.path) in said.values

    def _values(self, message: Message, document: Element, row: tuple[int, Element] | None) -> Values:
        return {
            name: self._value(self._text(message, document, row, name, self.options.paths.get(name)), column.type, name)
            for name, column in self.stream.columns.items()
        }

    def _text(
        self, message: Message, document: Element, row: tuple[int, Element] | None, name: str, path: str | None
    ) -> str | None:
        """Return the text at a path, None where there is none."""
        if path is None:
            return None
        if path in MARKS:
            position = str(row[0]) if row else None
            marks = position, "yes" if message.signed else "no", message.certificate or None
            return dict(zip(MARKS, marks, strict=True))[path]
        if path.startswith("./") and row is None:
            return None
        start = message.root if path.startswith("/") else row[1] if row and path.startswith("./") else document
        steps = path.removeprefix("./").removeprefix("/").split("/")
        attribute = steps.pop()[1:] if steps[-1].startswith("@") else "value"
        found = start.all(*steps)
        if len(found) > 1:
            raise Malformed(f"it has several values for '{name}', which is declared once; declare a stream with 'each'")
        return (found[0].attributes.get(attribute) or None) if found else None

    def _value(self, text: str | None, kind: Kind, name: str) -> Any:
        if text is None:
            return None
        value = _convert(text, kind, self.zone)
        if kind == "timestamp" and finer(text):
            self.cut.add(name)
        if value is None:
            raise Malformed(f"its value for '{name}' is not of type {kind}")
        return value


def _convert(text: str, kind: Kind, zone: ZoneInfo) -> Any:
    """Return the value of a text, None where it is not of this kind."""
    if kind == "text":
        return text
    bare = text.strip()
    if kind == "timestamp":
        return instant(bare, zone)
    if kind == "integer":
        return int(bare) if _INTEGER.fullmatch(bare) else None
    if kind == "number":
        return _number(bare)
    try:
        return date.fromisoformat(bare) if _DATE.fullmatch(bare) else None
    except ValueError:
        return None


def _number(text: str) -> float | None:
    """Return a finite double; a whole number that a double would change is none."""
    if not _NUMBER.fullmatch(text) or (text.lstrip("+-").isdecimal() and abs(int(text)) > _EXACT):
        return None
    return float(text) if isfinite(float(text)) else None


def rows_of(plan: Plan, document: Document, highest: int) -> Iterator[tuple[str, str, Values]]:
    """Yield key, operation and values of every row that a document brings or takes away.

    Parameters
    ----------
    highest
        The most rows that earlier messages about it had: positions beyond the rows it has now are gone.
    """
    each = plan.options.each is not None
    for position, row in enumerate(document.rows, start=1):
        yield f"{document.number}/{position}" if each else document.number, "upsert", row
    for position in range(len(document.rows) + 1, max(document.count, highest) + 1):
        yield f"{document.number}/{position}" if each else document.number, "delete", document.blank
