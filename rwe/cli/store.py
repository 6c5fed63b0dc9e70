# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands over the store: verify, history, as-of, erase."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from rwe.cli.options import Common, Talk
from rwe.cli.words import word
from rwe.errors import DataError, DefinitionError

if TYPE_CHECKING:
    from datetime import datetime

    from rwe.pipeline.erasure import Erasure, Person
    from rwe.store import Table

ALL = Common()
LATE_DAYS = 30
At = Annotated[str, Parameter(name="AT", help=word("help.at"))]
Name = Annotated[str, Parameter(name="TABLE", help=word("help.table"))]
AnyName = Annotated[str | None, Parameter(name="TABLE", help=word("help.any_table"))]
From = Annotated[str | None, Parameter(name="--from", help=word("help.from"))]
To = Annotated[str | None, Parameter(name="--to", help=word("help.to"))]
Late = Annotated[int, Parameter(help=word("help.late_days"))]
Keys = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.keys"))]
File = Annotated[str | None, Parameter(name="--file", help=word("help.file"))]
Token = Annotated[str | None, Parameter(name="TOKEN", help=word("help.token"))]
Yes = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.yes"))]


def verify(*, common: Common = ALL, voice: Talk) -> int:
    """Read every byte of the store and compare it with its chains."""
    from rwe.pipeline.erased_people import NOTE
    from rwe.store import Store

    store = Store(common.place / "store")
    bad, files, size = 0, 0, 0
    parts = {name: store.table(name).scrub for name in store.names()}
    parts |= {path.relative_to(store.root).as_posix(): partial(_chain, path) for path in store.chains()}
    for name, scrub in parts.items():
        voice.progress("verify " + name)
        try:
            found = scrub()
        except DataError as exc:
            bad += 1
            voice.event("table", table=name, good=False, message=str(exc))
            voice.warn(f"{name}: {exc}")
            continue
        files, size = files + found[0], size + found[1]
        voice.event("table", table=name, good=True, files=found[0], bytes=found[1])
    if (store.root / NOTE).exists():
        voice.event("notice", message=word("store.unfinished"))
        voice.say("store.unfinished")
    _notices(voice, store.notices)
    voice.event("verified", files=files, bytes=size, bad=bad)
    voice.say("store.bad" if bad else "store.good", files=files, megabytes=f"{size / 1e6:.1f}", bad=bad)
    return DataError.exit_code if bad else 0


def _chain(path: Path) -> tuple[int, int]:
    """Read a chained log; return files and bytes."""
    from rwe.chain import Chain

    Chain(path).entries()
    return 1, path.stat().st_size


def _notices(voice: Talk, notices: Sequence[str]) -> None:
    for text in notices:
        voice.event("notice", message=text)
        voice.say("run.notice", text=text)


def history(
    table: AnyName = None,
    /,
    *,
    since: From = None,
    until: To = None,
    late_days: Late = LATE_DAYS,
    keys: Keys = False,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Show the commits of a table, or what differs between two of them."""
    from rwe.pipeline.exports import find_table

    if table is None:
        return _tables(common.place, voice)
    chosen = find_table(common.place, table)
    if since is not None:
        return _differences(chosen, since, until, late_days, voice, keys=keys)
    from rwe.store.history import CLASSES
    from rwe.store.history import history as told

    lines = []
    for one in told(chosen, late_days):
        seal, cursor = one.seal, one.seal.cursor
        facts = {"commit": seal.commit, "utc": seal.utc, "kind": seal.kind, "rows": seal.rows, "batch": seal.batch}
        voice.event("commit", table=table, **facts, cursor=[cursor.value, cursor.key] if cursor else None, **one.counts)
        shown = [seal.utc[:19].replace("T", " "), seal.kind, str(seal.rows), *(str(one.counts[c]) for c in CLASSES)]
        lines.append([str(seal.commit), *shown, seal.batch[:12], cursor.value if cursor else ""])
    heads = ["commit", "utc", "kind", "rows", *CLASSES, "batch", "cursor"]
    voice.table([[word(f"store.head.{name}") for name in heads], *lines], ["strong"])
    return 0


def _tables(home: Path, voice: Talk) -> int:
    from rwe.store import Store

    store, lines = Store(home / "store"), []
    for name in store.names():
        seals = store.table(name).seals()
        last, rows = seals[-1].utc if seals else "", sum(seal.rows for seal in seals)
        voice.event("table", table=name, commits=len(seals), rows=rows, utc=last)
        lines.append([name, str(len(seals)), str(rows), last[:19].replace("T", " ")])
    if lines:
        heads = [word(f"store.head.{head}") for head in ("table", "commits", "rows", "utc")]
        voice.table([heads, *lines], ["strong"])
    else:
        voice.say("store.none", folder=store.root)
    return 0


def _differences(table: Table, since: str, until: str | None, late_days: int, voice: Talk, *, keys: bool) -> int:
    from rwe.pipeline.exports import moment
    from rwe.store.history import CLASSES, between

    first, last = _commit(table, moment(since)), _commit(table, moment(until)) if until else table.commit
    found = between(table, first, last, late_days)
    counts: Mapping[str, int] = dict(found["class"].value_counts().iter_rows())
    shown = {name: counts[name] for name in CLASSES if name in counts}
    voice.event(
        "between", table=table.name, before=first, after=last, **{name: counts.get(name, 0) for name in CLASSES}
    )
    voice.say("store.between" if shown else "store.same", table=table.name, before=first, after=last)
    for name, n in shown.items():
        voice.line(f"  {word(f'store.head.{name}')}: {n}")
    for key, kind in found.iter_rows() if keys else ():
        voice.event("key", key=key, kind=kind)
        voice.line(f"  {word(f'store.head.{kind}')}  {key}")
    return 0


def _commit(table: Table, at: int | datetime) -> int:
    return at if isinstance(at, int) else table.commit_at(at)


def as_of(table: Name, at: At, /, *, file: File = None, common: Common = ALL, voice: Talk) -> int:
    """Write a table as it was known at a commit or an instant, inside the zone."""
    from rwe.pipeline.exports import export, find_table, moment

    path, rows = export(find_table(common.place, table), moment(at), common.place, file)
    voice.event("export", table=table, path=str(path), rows=rows)
    voice.say("store.export", path=path, rows=rows)
    return 0


def erase(token: Token = None, /, *, yes: Yes = False, common: Common = ALL, voice: Talk) -> int:
    """Take a person out of store, runs and exports; the identifier comes on stdin, or a token is named."""
    from rwe.pipeline import erasure

    if (before := erasure.resume(common.place)) is not None:
        voice.say("store.resumed")
        _erased(before, voice)
    person = erasure.find(_tokens(token, common.place), common.place)
    voice.event("found", numbers=len(person.numbers), nationals=len(person.nationals), tables=_counts(person))
    voice.say("store.found", numbers=len(person.numbers), nationals=len(person.nationals))
    for name, n in _counts(person).items():
        voice.line(f"  {name}: {n}")
    if not yes:
        voice.say("store.sure")
        return 0
    _erased(erasure.erase(person, common.place), voice)
    voice.say("store.deliveries")
    if (common.place / "ledger").is_dir():
        voice.say("store.ledger")
    return 0


def _tokens(token: str | None, home: Path) -> list[str]:
    """Return the tokens to look for; an identifier is read from stdin, because a shell keeps its commands."""
    from rwe.pipeline.erasure import tokens_of

    if token is not None:
        if not re.fullmatch(r"[0-9a-f]{32}", token):
            raise DefinitionError(word("store.no_token"))
        return [token]
    if sys.stdin.isatty():
        sys.stderr.write(f"{word('store.prompt')} ")
        sys.stderr.flush()
    if not (text := sys.stdin.readline().strip()):
        raise DefinitionError(word("store.no_identifier"))
    return tokens_of(text, home)


def _counts(person: Person) -> dict[str, int]:
    return {name: len(found) for name, found in sorted(person.keys.items())}


def _erased(done: Erasure, voice: Talk) -> None:
    voice.event("erased", reference=done.reference, tables=done.tables, runs=done.runs, files=done.files)
    voice.say("store.erased", rows=sum(done.tables.values()), tables=len(done.tables), reference=done.reference)
    for run in done.runs:
        voice.say("store.run_marked", run=run)
    for name in done.files:
        voice.line(f"  {name}")
