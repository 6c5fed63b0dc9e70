# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F3: the newest log file loses its end at each byte, or is all zeros: nothing is lost in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rwe.errors import TornStore
from rwe.selftest.outcome import Check, judged
from rwe.selftest.state import begin, files, fingerprint, go_on, restore, tables
from rwe.store.seal import log_file


def torn(folder: Path, tell: Callable[[str], None], every: int = 1) -> Iterator[Check]:
    """Cut the newest file of each log at every byte (or each n-th), fill it with zeros; yield what was seen."""
    for name, table in tables(folder).items():
        tell("F3")
        chain, newest = table.folder / "_seal" / "log.jsonl", log_file(table.folder, 2)
        begin(table)
        old, sealed = fingerprint(table), chain.read_bytes()
        go_on(table)
        states, whole = (old, fingerprint(table)), {path: path.read_bytes() for path in files(folder)}
        text = whole[newest]
        for case, before in (("Delta commit, sealed", whole[chain]), ("Delta commit, not yet sealed", sealed)):
            cuts = [{newest: cut, chain: before} for cut in _cuts(b"", text, every)]
            wanted = {"refused"} if before == whole[chain] else {"whole", "last sealed, said"}
            yield _judged(name, case, wanted, _all(folder, name, whole, states, cuts))
        cuts = [{chain: cut} for cut in _cuts(sealed, whole[chain][len(sealed) :], every)]
        yield _judged(name, "seal", {"whole"}, _all(folder, name, whole, states, cuts))


def _cuts(kept: bytes, text: bytes, every: int) -> Iterator[bytes]:
    """Yield `kept` and less and less of `text`, then zeros in its place; never the whole."""
    for end in range(0, len(text), every):
        yield kept + text[:end]
    yield kept + bytes(len(text))


def _all(
    folder: Path, name: str, whole: dict[Path, bytes], states: tuple[str, str], cuts: list[dict[Path, bytes]]
) -> list[str]:
    """Return what a reader was told after each cut."""
    told = []
    for cut in cuts:
        for path, content in cut.items():
            path.write_bytes(content)
        told.append(_told(folder, name, states))
        restore(folder, whole)
    return told


def _told(folder: Path, name: str, states: tuple[str, str]) -> str:
    table = tables(folder)[name]
    try:
        seen = fingerprint(table)
    except TornStore:
        return "refused"
    if seen == states[1]:
        return "whole"
    return "last sealed, said" if seen == states[0] and table.store.notices else "silent loss"


def _judged(name: str, case: str, wanted: set[str], told: list[str]) -> Check:
    counts = {kind: told.count(kind) for kind in sorted(set(told))}
    said = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    return judged("F3", f"{name} table: newest {case}, cut at {len(told)} places", good=set(told) <= wanted, said=said)
