# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""XML from outside as a plain tree: within limits, without DTD, entities or anything fetched.

The parser is Python's own expat: it fetches nothing and expands nothing unless told to, hands over one tag at a
time, so that limits act before a tree is built, and needs no package beside Python. A document that declares a DTD
is refused at its first byte, and with it every entity.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

ENCODINGS = ("utf-8", "windows-1251")
_WHOLE = True  # in pieces, expat would read one long attribute from its start again for each piece
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\x00", b"<\x00")


class Malformed(Exception):
    """A document that is refused; the reason is words of ours and holds no value of the document."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may need: bytes, depth, elements, attributes of one element, characters of one value."""

    size: int = 16 * 2**20
    depth: int = 24
    elements: int = 200_000
    attributes: int = 40
    value: int = 100_000


LIMITS = Limits()


@dataclass(slots=True, eq=False)
class Element:
    """One element: its namespace, its name, attributes without a namespace, children, its own text."""

    space: str
    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, *steps: str) -> list[Element]:
        """Return every element on this way of names below; itself where the way has no step."""
        found = [self]
        for step in steps:
            found = [child for one in found for child in one.children if child.name == step]
        return found

    def ways(self, before: str = "") -> Iterator[str]:
        """Yield the way of names to each element below."""
        for child in self.children:
            way = f"{before}{child.name}"
            yield way
            yield from child.ways(f"{way}/")

    def walk(self) -> Iterator[Element]:
        """Yield this element and all below it, in the order of the document."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse(data: bytes, limits: Limits = LIMITS) -> Element:
    """Return the root of a document.

    Parameters
    ----------
    data
        The whole document, UTF-8 or windows-1251 as it declares; UTF-8 where it declares nothing.
    limits
        What it may need.

    Raises
    ------
    Malformed
        If it is not well formed, declares a DTD, another encoding or one that it is not written in, or is beyond
        a limit.

    Examples
    --------
    >>> parse(b'<a><b value="1"/></a>').all("b")[0].attributes
    {'value': '1'}
    >>> parse(b'<!DOCTYPE a [<!ENTITY x "y">]><a/>')
    Traceback (most recent call last):
    connectors.nhis_xml.Malformed: it declares a DTD, which is not read
    """
    if len(data) > limits.size:
        raise Malformed(f"it is larger than {limits.size} bytes")
    if data.startswith(_WIDE):
        raise Malformed(f"it is neither {' nor '.join(ENCODINGS)}")
    builder = _Builder(limits)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.XmlDeclHandler = lambda _version, encoding, _alone: _heed_encoding(data, encoding)
    parser.StartDoctypeDeclHandler = _dtd
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(data, _WHOLE)
    except expat.ExpatError as exc:
        raise Malformed(f"it is not well formed: {expat.ErrorString(exc.code)}, line {exc.lineno}") from None
    except (ValueError, LookupError):  # a byte that its encoding does not have, named with its value
        raise Malformed("it holds bytes that are not of its encoding") from None
    return builder.root[0]


def _dtd(*_: object) -> None:
    raise Malformed("it declares a DTD, which is not read")


def _heed_encoding(data: bytes, declared: str | None) -> None:
    """Refuse encodings that are not read, and UTF-8 under the name of windows-1251: it would read as other letters."""
    encoding = (declared or ENCODINGS[0]).casefold()
    if encoding not in ENCODINGS:
        raise Malformed(f"it declares an encoding other than {' and '.join(ENCODINGS)}")
    if encoding != ENCODINGS[0] and not data.isascii() and _is_utf8(data):
        raise Malformed(f"it declares {encoding} and is written in UTF-8")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Builder:
    """Takes the parser's events, each within the limits."""

    def __init__(self, limits: Limits) -> None:
        self.root: list[Element] = []
        self._limits = limits
        self._open: list[Element] = []
        self._left = limits.elements

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Add an element below the one that is open."""
        self._left -= 1
        if len(self._open) >= self._limits.depth:
            raise Malformed(f"its elements are nested deeper than {self._limits.depth}")
        if self._left < 0:
            raise Malformed(f"it has more than {self._limits.elements} elements")
        if len(attributes) > self._limits.attributes:
            raise Malformed(f"an element has more than {self._limits.attributes} attributes")
        if any(len(value) > self._limits.value for value in attributes.values()):
            raise Malformed(f"a value is longer than {self._limits.value} characters")
        space, _, local = name.rpartition(" ")
        element = Element(space, local, {key: value for key, value in attributes.items() if " " not in key})
        (self._open[-1].children if self._open else self.root).append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        """Close the element that is open."""
        self._open.pop()

    def characters(self, text: str) -> None:
        """Keep text between tags; NHIS has none, signatures have."""
        if not text.isspace():
            self._open[-1].text += text
            if len(self._open[-1].text) > self._limits.value:
                raise Malformed(f"a text is longer than {self._limits.value} characters")
