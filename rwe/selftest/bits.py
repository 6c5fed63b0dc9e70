# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Single bits flipped in every kind of file of a store: each must be refused or do no harm, and none may end a process.

Every flip is read in a process of its own kind, so that a library that aborts is counted and not joined.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from rwe.chain import Chain
from rwe.errors import RweError
from rwe.selftest.processes import received, running
from rwe.selftest.state import WHO, begin, files, fingerprint, go_on, restore, tables

CHAIN = "erased.jsonl"
KINDS = {"_delta_log": "Delta log", "_seal": "seal log", CHAIN: "chain"}
_SILENT = 120.0


@dataclass(frozen=True, slots=True)
class Flip:
    """One flipped bit: the kind of its file, and ``detected``, ``harmless``, ``silent``, ``aborted`` or ``broken``.

    *broken* is an error that is not one of the engine's own.
    """

    flip: int
    file: str
    byte: int
    bit: int
    outcome: str

    @property
    def good(self) -> bool:
        """Whether it was refused or did no harm."""
        return self.outcome in ("detected", "harmless")


def bits(folder: Path, flips: int, seed: int, tell: Callable[[int], None]) -> Iterator[Flip]:
    """Flip bits in a store of two tables and a chain that has been through landing, correction and erasure.

    Parameters
    ----------
    folder
        An empty folder to work in.
    tell
        Told the number of flips made so far.
    """
    for table in tables(folder).values():
        begin(table)
        go_on(table)
        table.erase(WHO, "self test")
    for n in range(3):
        Chain(folder / CHAIN).append({"kind": "erased", "references": [str(n)]})
    draw, found = random.Random(seed), files(folder)
    weights = [path.stat().st_size ** 0.5 for path in found]  # else big files would get nearly all
    chosen = [(path, draw.randrange(path.stat().st_size)) for path in draw.choices(found, weights, k=flips)]
    plan = [(path.relative_to(folder).as_posix(), byte, draw.randrange(8)) for path, byte in chosen]
    done = 0
    while done < flips:
        with running(flip, folder, plan[done:]) as (_, connection):
            for outcome in received(connection, _SILENT):
                yield _flip(done, plan, outcome)
                done += 1
                tell(done)
        if done < flips:  # the process ended at this one
            yield _flip(done, plan, "aborted")
            done += 1


def _flip(number: int, plan: list[tuple[str, int, int]], outcome: str) -> Flip:
    place, byte, bit = plan[number]
    kind = next((kind for part, kind in KINDS.items() if part in Path(place).parts), "data file")
    return Flip(number + 1, kind, byte, bit, outcome)


def flip(connection: Connection, folder: Path, plan: list[tuple[str, int, int]]) -> None:
    """Flip one bit after another, tell what a reader was told, and put things back."""
    whole = {path: path.read_bytes() for path in files(folder)}
    readers = {table.folder: partial(fingerprint, table) for table in tables(folder).values()}
    readers[folder] = partial(_said, Chain(folder / CHAIN))
    expected = {place: read() for place, read in readers.items()}
    for place, byte, bit in plan:
        path = folder / place
        content = bytearray(whole[path])
        content[byte] ^= 1 << bit
        path.write_bytes(content)
        reader = next(folder for folder in readers if path.is_relative_to(folder))
        connection.send(_told(readers[reader], expected[reader]))
        restore(folder, whole)


def _said(chain: Chain) -> str:
    return repr([(entry.seq, entry.payload) for entry in chain.entries()])


def _told(read: Callable[[], str], expected: str) -> str:
    try:
        return "harmless" if read() == expected else "silent"
    except RweError:
        return "detected"
    except Exception:  # anything else is what this test looks for
        return "broken"
