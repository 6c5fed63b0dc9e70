# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From messages to rows: the declared places, the cancels, the pairs of a merge; what cannot be read is set aside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from connectors.files_contract import Contract, Delivered
from connectors.files_folder import Drop
from connectors.files_text import from_text
from connectors.hl7v2_paths import Path, path, text_at
from connectors.hl7v2_wire import Message, Unreadable, check_counts, lines, messages, parse
from rwe.errors import DataError
from rwe.spec.source import Kind, SourceName, Stream

CANCELS = {
    "A01": ("A11", "A23", "A29"),
    "A02": ("A12",),
    "A03": ("A13",),
    "A04": ("A11", "A23", "A29"),
    "A05": ("A38",),
}
_TIME = re.compile(
    r"(?P<day>\d{8})(?P<hour>\d{2})(?P<minute>\d{2})(?:(?P<second>\d{2})(?P<part>\.\d{1,6})?)?(?P<zone>[+-]\d{4})?"
)
Said = dict[str, str | None]
_KEY_JOIN = "\x1f"
FACTS = ("@control", "@event", "@side", "@row")


class Hl7(Delivered):
    """Options of a stream that comes as HL7 v2, beside those of every file.

    Parameters
    ----------
    messages
        Which ones bring its rows, for example ``[ADT^A01, ADT^A08]``; others are left to other streams.
    cancels
        Which ones take a row back; where not told, those that cancel its messages by the standard.
    rows
        The segment that makes a row, for example ``OBX``, or the message; ``MRG`` gives two, one for each number.
    fields
        Where each column, and the key, stands; ``@control`` is MSH-10, ``@event`` the trigger, ``@row`` the number
        of the row in its message, ``@side`` ``surviving`` or ``merged``.
    merged
        For merges: the column of the number, and where the merged one stands.
    encoding
        Code page of messages that name none in MSH-18.
    """

    mode: Literal["append"] = "append"
    messages: tuple[str, ...] = Field(min_length=1)
    cancels: tuple[str, ...] | None = None
    rows: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9]{2}$")
    fields: dict[SourceName, str] = Field(min_length=1)
    merged: dict[SourceName, str] = Field(default_factory=dict)
    encoding: Literal["ascii", "utf-8", "windows-1251", "iso-8859-5"] = "utf-8"

    @model_validator(mode="after")
    def _places_are_places(self) -> Hl7:
        for column, place in (*self.fields.items(), *self.merged.items()):
            if place not in FACTS:
                try:
                    path(place)
                except ValueError as exc:
                    raise ValueError(f"{column}: {exc}") from None
        if self.merged and (self.rows != "MRG" or set(self.merged) - set(self.fields)):
            raise ValueError("merged is for rows: MRG, and its columns are fields")
        return self

    def taking_back(self) -> frozenset[str]:
        """Return the triggers that take a row back."""
        if self.cancels is not None:
            return frozenset(word.split("^")[-1] for word in self.cancels)
        return frozenset(c for word in self.messages for c in CANCELS.get(word.split("^")[-1], ()))


def hl7_parts(drop: Drop, name: str, stream: Stream, contract: Hl7, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of the good messages of a file, at most `rows` of them at a time.

    Raises
    ------
    DataError
        Before any row if batches do not hold what they count; after the last if messages were set aside, with
        their number by reason.
    """
    with drop.open() as file:
        check_counts(lines(file), drop.name)
    aside: Counter[str] = Counter()
    with drop.open() as file:
        for part in _pages(_said(messages(lines(file)), contract, aside), rows):
            frame = _frame(part, stream, contract, aside)
            if frame.height:
                yield frame
    if aside:
        told = ", ".join(f"{n} with {reason}" for reason, n in sorted(aside.items()))
        raise DataError(
            f"stream '{name}', file '{drop.name}': messages were set aside: {told}; send them again, mended"
        )


def _pages(said: Iterator[list[Said]], rows: int) -> Iterator[list[Said]]:
    """Yield the rows of whole messages: as many messages as give no more than `rows`, or one."""
    held: list[Said] = []
    for one in said:
        if held and len(held) + len(one) > rows:
            yield held
            held = []
        held += one
    if held:
        yield held


def _said(raw: Iterator[list[bytes]], contract: Hl7, aside: Counter[str]) -> Iterator[list[Said]]:
    """Yield what each message says at the declared places; one that cannot be read is counted by its reason."""
    places = {column: where if where in FACTS else path(where) for column, where in contract.fields.items()}
    seen: dict[str, int] = {}
    for message, trigger in wanted(raw, contract, aside):
        try:
            control = message.first("MSH", 10)
            if not _repeated(control, message, seen):
                yield _rows(message, trigger, control, places, contract)
        except Unreadable as exc:
            aside[str(exc)] += 1


def wanted(raw: Iterator[list[bytes]], contract: Hl7, aside: Counter[str]) -> Iterator[tuple[Message, str]]:
    """Yield the messages that concern the stream and their triggers; one that cannot be read is counted."""
    for segments in raw:
        try:
            message = parse(segments, contract.encoding)
        except Unreadable as exc:
            aside[str(exc)] += 1
            continue
        trigger = _trigger(message)
        if trigger in contract.messages or trigger.split("^")[-1] in contract.taking_back():
            yield message, trigger


def _trigger(message: Message) -> str:
    kind = message.first("MSH", 9).split(message.marks.component)
    event = kind[1] if len(kind) > 1 and kind[1] else message.first("EVN", 1)
    return f"{kind[0]}^{event}" if event else kind[0]


def _repeated(control: str, message: Message, seen: dict[str, int]) -> bool:
    """Tell whether this very message came before in the file."""
    if not control:
        raise Unreadable("no control id (MSH-10)")
    said = hash(tuple(map(tuple, message.segments)))
    if control in seen and seen[control] != said:
        raise Unreadable("a control id (MSH-10) that another message has")
    return control in seen or bool(seen.update({control: said}))


def _rows(message: Message, trigger: str, control: str, places: dict[str, Path | str], contract: Hl7) -> list[Said]:
    event = trigger.split("^")[-1]
    back = "delete" if event in contract.taking_back() and trigger not in contract.messages else "upsert"
    made = []
    for number, segments in enumerate(_contexts(message, contract.rows), start=1):
        for side in ("surviving", "merged") if contract.merged else ("surviving",):
            facts = {"@control": control, "@event": event, "@side": side, "@row": str(number)}
            chosen = places | {c: path(w) for c, w in contract.merged.items()} if side == "merged" else places
            said = {
                column: facts[place]
                if isinstance(place, str)
                else text_at(place, segments, message.marks, message.page)
                for column, place in chosen.items()
            }
            made.append({**said, "@op": back, "@message": control})
    return made


def _contexts(message: Message, rows: str | None) -> Iterator[dict[str, list[str]]]:
    """Yield the segments that a row may speak of: the last of each kind before it, of the same person and order."""
    near: dict[str, list[str]] = {}
    for segment in message.segments:
        if segment[0] == "PID":
            near = {name: fields for name, fields in near.items() if name in ("MSH", "EVN")}
        if segment[0] == "OBR":
            near = {name: fields for name, fields in near.items() if name not in ("OBX", "NTE")}
        if rows is not None or segment[0] not in near:
            near[segment[0]] = segment
        if segment[0] == rows:
            yield dict(near)
    if rows is None:
        yield near


def _frame(part: list[Said], stream: Stream, contract: Hl7, aside: Counter[str]) -> pl.DataFrame:
    """Return rows in their declared types, without those of messages of which a value does not fit."""
    plain = Contract(time_zone=contract.time_zone, ambiguous=contract.ambiguous)
    of = pl.Series("@message", [said["@message"] for said in part])
    made, spoilt = {}, set[str]()
    for column, declared in stream.columns.items():
        text = pl.Series([_iso(said.get(column), declared.type) for said in part], dtype=pl.String)
        made[column], wrong = from_text(text, declared.type, plain)
        if wrong:
            spoilt |= _aside(
                of.filter(made[column].is_null() & text.is_not_null()), f"{column} not {declared.type}", aside
            )
    keys = [pl.Series([said.get(c) for said in part], dtype=pl.String) for c in contract.key_of or (stream.key,)]
    key = pl.select(pl.concat_str(keys, separator=_KEY_JOIN)).to_series()
    spoilt |= _aside(of.filter(key.is_null()), "no key", aside)
    ops = pl.Series([said["@op"] for said in part])
    held = pl.DataFrame({"_key": key, **made, "_op": ops}).filter(~of.is_in(list(spoilt)))
    last = held.unique("_key", keep="last", maintain_order=True)  # of one part, what was said last counts
    return last if (last["_op"] == "delete").any() else last.drop("_op")


def _aside(messages: pl.Series, reason: str, aside: Counter[str]) -> set[str]:
    if messages.len():
        aside[reason] += messages.n_unique()
    return set(messages)


def _iso(text: str | None, kind: Kind) -> str | None:
    """Return a date or time in its ISO spelling; the day of a time where a date is declared."""
    if text is None or kind not in ("date", "timestamp"):
        return text
    if kind == "date":
        return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if re.fullmatch(r"\d{8}(?:\d{4}.*)?", text) else text
    found = _TIME.fullmatch(text)
    if not found:
        return "not a time"
    day, zone = found["day"], found["zone"] or ""
    clock = f"{found['hour']}:{found['minute']}:{found['second'] or '00'}{found['part'] or ''}"
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock}{zone[:3]}{':' if zone else ''}{zone[3:]}"
