# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""HL7 v2 as bytes: frames, batches and their counts, segments, and the code page that each message names."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from rwe.errors import DataError

_BLOCK = 1 << 20
_ENDS = re.compile(rb"[\r\n\x0b\x1c]+")
_PAGES = {
    "": "",
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UNICODE": "utf-8",
    "8859/1": "iso-8859-1",
    "8859/5": "iso-8859-5",
    "WINDOWS-1251": "windows-1251",
    "CP1251": "windows-1251",
}
_ENVELOPE = (b"FHS", b"BHS", b"BTS", b"FTS")


class Unreadable(Exception):
    """A message that is set aside; the reason is words of ours and holds nothing of the message."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The letters that part a message, as its MSH-1 and MSH-2 tell them."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its letters, its code page, and its segments as lists of fields (MSH-n is at n)."""

    marks: Marks
    page: str
    segments: tuple[list[str], ...]

    def first(self, segment: str, field: int) -> str:
        """Return the text of a field of the first such segment, empty where there is none."""
        found = next((s for s in self.segments if s[0] == segment), [])
        return found[field] if len(found) > field else ""


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the segments of a file, whatever ends them; frames of MLLP are taken off."""
    rest = file.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
    while block := file.read(_BLOCK):
        *whole, rest = _ENDS.split(rest + block)
        yield from filter(None, whole)
    yield from filter(None, _ENDS.split(rest))


def messages(segments: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Yield the segments of each message; the envelopes of batches are left out."""
    held: list[bytes] = []
    for segment in segments:
        if segment[:3] in (b"MSH", *_ENVELOPE):
            if held:
                yield held
            held = []
        if segment[:3] not in _ENVELOPE:
            held.append(segment)
    if held:
        yield held


def check_counts(segments: Iterator[bytes], name: str) -> None:
    """Hold the envelopes of a file to what they count: messages of a batch, batches of a file.

    Raises
    ------
    DataError
        If a batch or file is not closed, or closes with another number than it brought.
    """
    inside = batches = 0
    open_: list[bytes] = []
    for segment in segments:
        kind = segment[:3]
        inside += kind == b"MSH"
        if kind in (b"FHS", b"BHS"):
            open_.append(kind)
            inside, batches = (0, batches) if kind == b"BHS" else (inside, 0)
        elif kind in (b"BTS", b"FTS"):
            if not open_ or open_.pop() != {b"BTS": b"BHS", b"FTS": b"FHS"}[kind]:
                raise DataError(f"file '{name}': {kind.decode()} closes what was not opened; send it again")
            _held_to(segment, inside if kind == b"BTS" else batches, name)
            batches += kind == b"BTS"
    if open_:
        raise DataError(f"file '{name}': {open_[-1].decode()} is not closed, so the file is cut; send it again")


def _held_to(segment: bytes, found: int, name: str) -> None:
    fields = segment.split(segment[3:4])
    told = fields[1].strip() if len(fields) > 1 else b""
    if told and told != str(found).encode():
        kind, what = segment[:3].decode(), "messages" if segment[:3] == b"BTS" else "batches"
        raise DataError(f"file '{name}': {kind}-1 does not count the {found} {what} before it; send it again")


def parse(raw: list[bytes], page: str) -> Message:
    """Return a message as text.

    Parameters
    ----------
    raw
        Its segments.
    page
        The code page of a message that names none.

    Raises
    ------
    Unreadable
        If it has no header, names a code page that is not read, or is not of the page it names.
    """
    head = raw[0]
    if head[:3] != b"MSH" or len(head) < 9 or head[3:4].isalnum():
        raise Unreadable("no header (MSH)")
    fields = head.split(head[3:4])
    named = fields[17].split(head[5:6])[0].decode("ascii", "replace").strip().upper() if len(fields) > 17 else ""
    if named not in _PAGES:
        raise Unreadable("a code page (MSH-18) that is not read")
    page = _PAGES[named] or page
    try:
        texts = [segment.decode(page) for segment in raw]
    except UnicodeDecodeError:
        raise Unreadable("letters that are not of its code page (MSH-18)") from None
    mark = texts[0][3]
    marks = Marks(mark, *(texts[0].split(mark)[1] + "^~\\&"[len(texts[0].split(mark)[1]) :])[:4])
    segments = [text.split(mark) for text in texts]
    segments[0].insert(1, mark)
    if any(not re.fullmatch(r"[A-Z][A-Z0-9]{2}", segment[0]) for segment in segments):
        raise Unreadable("a segment without a name: an end of line within a field")
    return Message(marks, page, tuple(segments))
