# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Declared places in a message, such as ``PID-3[GRAO:NI].1`` or ``OBX-5{NM}``, and the text that stands there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from connectors.hl7v2_wire import Marks, Unreadable

_PATH = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})-(?P<field>[1-9]\d?)"
    r"(?:\[(?P<authority>[^\]:]*)(?::(?P<kind>[^\]]*))?\])?"
    r"(?:\{(?P<types>[A-Z]{2,3}(?:,[A-Z]{2,3})*)\})?"
    r"(?:\.(?P<component>[1-9]\d?)(?:\.(?P<sub>[1-9]\d?))?)?"
)
_ESCAPE = re.compile(r"\\(F|S|T|R|E|H|N|\.br|X(?:[0-9A-Fa-f]{2})+)\\")
_NULL = '""'
Told = Literal["@control", "@side", "@row"]


@dataclass(frozen=True, slots=True)
class Path:
    """A place in a message.

    Parameters
    ----------
    segment, field, component, sub
        Where; the first component and subcomponent unless told.
    authority, kind
        Which repetition: that of this assigning authority (component 4) and kind of number (component 5); the
        first where neither is told.
    types
        Kinds of value (OBX-2) for which there is one.
    """

    segment: str
    field: int
    component: int = 1
    sub: int = 1
    authority: str = ""
    kind: str = ""
    types: tuple[str, ...] = ()


def path(text: str) -> Path:
    """Read a declared place.

    Raises
    ------
    ValueError
        If it is none; says how one is written.

    Examples
    --------
    >>> path("PID-3[GRAO:NI].1")
    Path(segment='PID', field=3, component=1, sub=1, authority='GRAO', kind='NI', types=())
    """
    found = _PATH.fullmatch(text)
    if not found:
        raise ValueError("not a place in a message, for example PID-3[GRAO:NI].1, OBX-5{NM} or PV1-44")
    types = tuple(found["types"].split(",")) if found["types"] else ()
    numbers = (int(found["field"]), int(found["component"] or 1), int(found["sub"] or 1))
    return Path(found["segment"], *numbers, found["authority"] or "", found["kind"] or "", types)


def text_at(place: Path, segments: Mapping[str, list[str]], marks: Marks, page: str) -> str | None:
    """Return what stands at a place, None where nothing does or the message says that nothing is known.

    Raises
    ------
    Unreadable
        If several repetitions are of the declared authority and differ.
    """
    fields = segments.get(place.segment, [])
    if len(fields) <= place.field or not fields[place.field]:
        return None
    if place.types and (len(fields) < 3 or fields[2] not in place.types):
        return None
    if place.segment == "MSH" and place.field <= 2:
        return fields[place.field]
    found = {_within(one, place, marks) for one in _repetitions(fields[place.field], place, marks)} - {""}
    if len(found) > 1:
        raise Unreadable(f"several values of one authority in {place.segment}-{place.field}")
    text = unescaped(found.pop(), marks, page) if found else _NULL
    return None if text in (_NULL, "") else text


def _repetitions(field: str, place: Path, marks: Marks) -> list[str]:
    repeated = field.split(marks.repetition)
    if not (place.authority or place.kind):
        return repeated[:1]
    wanted = [(4, place.authority), (5, place.kind)]
    return [one for one in repeated if all(not want or _part(one, at, 1, marks) == want for at, want in wanted)]


def _within(repetition: str, place: Path, marks: Marks) -> str:
    return _part(repetition, place.component, place.sub, marks)


def _part(repetition: str, component: int, sub: int, marks: Marks) -> str:
    components = repetition.split(marks.component)
    if len(components) < component:
        return ""
    parts = components[component - 1].split(marks.subcomponent)
    return parts[sub - 1] if len(parts) >= sub else ""


def unescaped(text: str, marks: Marks, page: str) -> str:
    r"""Return text with its escapes replaced by what they stand for.

    Examples
    --------
    >>> unescaped(r"5 \T\ 6 \X41\\.br\", Marks("|", "^", "~", "\\", "&"), "utf-8")
    '5 & 6 A\n'
    """
    if marks.escape not in text:
        return text
    plain = text if marks.escape == "\\" else text.replace(marks.escape, "\\")
    letters = {
        "F": marks.field,
        "S": marks.component,
        "T": marks.subcomponent,
        "R": marks.repetition,
        "E": marks.escape,
    }

    def said(found: re.Match[str]) -> str:
        word = found[1]
        if word.startswith("X"):
            return _decoded(bytes.fromhex(word[1:]), page)
        return letters.get(word, "\n" if word == ".br" else "")

    return _ESCAPE.sub(said, plain)


def _decoded(raw: bytes, page: str) -> str:
    try:
        return raw.decode(page)
    except UnicodeDecodeError:
        raise Unreadable("an escape (X) that is not of its code page") from None
