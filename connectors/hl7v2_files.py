# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Files of messages as wholes: what one is known by, and which places the newest messages fill."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from connectors.files_folder import Drop
from connectors.hl7v2_paths import path
from connectors.hl7v2_rows import FACTS, Hl7, wanted
from connectors.hl7v2_wire import Message, Unreadable, lines, messages, parse

_LOOKED = 1_000  # messages that tell which places are filled


def hl7_columns(found: Sequence[Drop], contract: Hl7) -> list[str]:
    """Return the declared fields, and the places such as PID-30 that the newest messages of the stream fill besides."""
    told = (path(where) for where in (*contract.fields.values(), *contract.merged.values()) if where not in FACTS)
    declared = {f"{one.segment}-{one.field}" for one in told}
    filled = dict.fromkeys(place for message in islice(_newest(found, contract), _LOOKED) for place in _filled(message))
    return [*contract.fields, *(place for place in filled if place not in declared)]


def _newest(found: Sequence[Drop], contract: Hl7) -> Iterator[Message]:
    for drop in reversed(found):
        with drop.open() as file:
            for message, *_ in wanted(messages(lines(file)), contract, Counter()):
                yield message


def _filled(message: Message) -> Iterator[str]:
    for name, *fields in message.segments:
        yield from (f"{name}-{number}" for number, text in enumerate(fields, start=1) if text)


def hl7_known_by(drop: Drop, contract: Hl7) -> str:
    """Return the sha256 of a file, or of one single message and its sender (MSH-3, 4, 7, 10) whatever its line ends."""
    with drop.open() as file:
        first = list(islice(messages(lines(file)), 2))
    if len(first) != 1:
        return drop.sha256()
    try:
        message = parse(first[0], contract.encoding)
    except Unreadable:
        return drop.sha256()
    control = [message.first("MSH", field) for field in (3, 4, 7, 10)]
    said = "\0".join(control).encode() + b"\0" + b"\r".join(first[0])
    return hashlib.sha256(said).hexdigest() if control[-1] else drop.sha256()
