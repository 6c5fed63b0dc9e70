# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The register of decisions: who said of two units that they are one person or two, why and when; it can be undone.

A unit goes by a handle, made of its hospital and the token of its hospital number; a pair by both handles. Neither
says anything without the landing tables. Nothing is taken out of the register: to undo is an entry of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock, Timeout

from rwe.chain import Chain, on_disk
from rwe.errors import Busy, DefinitionError

Said = Literal["same", "apart"]
_WAIT = 30


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision.

    Parameters
    ----------
    number
        Its place in the register.
    pair
        The two handles, in order.
    undone
        Number of the entry that undid it.
    """

    number: int
    said: Said
    pair: tuple[str, str]
    by: str
    why: str
    utc: str
    undone: int | None = None


def handle(site: str, token: str) -> str:
    """Return what a unit is called where a person reads it.

    Examples
    --------
    >>> handle("north", "00" * 16)
    'fd5ef5f1dc11'
    """
    return blake2b(f"{site}\0{token}".encode(), digest_size=6).hexdigest()


def paired(one: str, other: str) -> str:
    """Return the name of a pair."""
    return "-".join(sorted((one, other)))


@dataclass(frozen=True, slots=True)
class Register:
    """The register of a store.

    Parameters
    ----------
    root
        Folder of the store.
    """

    root: Path

    @property
    def _chain(self) -> Chain:
        return Chain(self.root / "links.jsonl")

    def decisions(self) -> list[Decision]:
        """Return all decisions, oldest first.

        Raises
        ------
        TornStore
            If the register was changed.
        """
        made = [(entry.seq, entry.utc, entry.payload) for entry in self._chain.entries()]
        undone = {said["undoes"]: seq for seq, _, said in made if "undoes" in said}
        return [
            Decision(
                seq, said["said"], (said["pair"][0], said["pair"][1]), said["by"], said["why"], utc, undone.get(seq)
            )
            for seq, utc, said in made
            if "said" in said
        ]

    def standing(self) -> list[Decision]:
        """Return those that count: not undone, and of one pair the last."""
        return list({one.pair: one for one in self.decisions() if one.undone is None}.values())

    def decide(self, pair: str, said: str, by: str, why: str) -> int:
        """Enter a decision on a pair; return its number.

        Raises
        ------
        DefinitionError
            If the pair is none, or nobody or no reason is named.
        Busy
            If another process decides.
        """
        handles = pair.split("-")
        if len(handles) != 2 or not all(len(one) == 12 and set(one) <= set("0123456789abcdef") for one in handles):
            raise DefinitionError(f"'{pair}' is no pair; 'rwe link show' names those to be looked at")
        if said not in get_args(Said):
            raise DefinitionError(f"'{said}' is no decision; write same or apart")
        return self._enter({"said": said, "pair": sorted(handles)}, by, why)

    def undo(self, number: int, by: str, why: str) -> int:
        """Undo a decision; return the number of the entry that does.

        Raises
        ------
        DefinitionError
            If it stands nowhere or was undone before, or nobody or no reason is named.
        Busy
            If another process decides.
        """
        standing = [one.number for one in self.decisions() if one.undone is None]
        if number not in standing:
            raise DefinitionError(f"there is no decision {number} to undo; 'rwe link decisions' lists them")
        return self._enter({"undoes": number}, by, why)

    def _enter(self, what: dict[str, str | int | Sequence[str]], by: str, why: str) -> int:
        if not by.strip() or not why.strip():
            raise DefinitionError("a decision needs who decides (--by) and the reason (--why)")
        with on_disk(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(self.root / "links.lock", timeout=_WAIT)
            try:
                with lock:
                    return self._chain.append({"kind": "link", **what, "by": by, "why": why}).seq
            except Timeout:
                raise Busy("another process writes into the register of decisions; try again later") from None
