# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands that make faults on this machine and show what came of them: kill, bits, faults."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.options import Common, Talk
from rwe.cli.words import word
from rwe.errors import RweError

if TYPE_CHECKING:
    from rwe.selftest.bits import Flip
    from rwe.selftest.kill import Kill
    from rwe.selftest.outcome import Check

ALL = Common()
Kills = Annotated[int, Parameter(help=word("help.kills"), validator=Number(gte=0))]
Rows = Annotated[int, Parameter(help=word("help.rows"), validator=Number(gte=100))]
Flips = Annotated[int, Parameter(help=word("help.flips"), validator=Number(gte=1))]
Seed = Annotated[int, Parameter(help=word("help.seed"))]
Out = Annotated[Path | None, Parameter(help=word("help.out"))]
Quick = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.quick"))]
COLUMNS = ("kill", "seconds", "landed", "lost", "doubled", "altered", "scraps", "left")


def kill(
    *, kills: Kills = 40, rows: Rows = 1_000_000, seed: Seed = 1, out: Out = None, common: Common = ALL, voice: Talk
) -> int:
    """Kill extractions at random moments; after each the landing must equal the source."""
    from rwe.selftest.kill import kill as killed

    found: list[Kill] = []
    with apart(common) as folder:
        for one in killed(folder, kills, rows, seed, lambda n: voice.progress("kill", n / kills if kills else None)):
            voice.event("kill", **asdict(one), good=one.good)
            found.append(one)
    lines = [[f"{value:.2f}" if isinstance(value, float) else str(value) for value in _row(one)] for one in found]
    voice.table([[word(f"selftest.head.{name}") for name in COLUMNS], *lines])
    bad = sum(not one.good for one in found)
    _write(out, found)
    voice.say("selftest.kills", kills=sum(one.killed for one in found), rows=rows, bad=bad)
    return RweError.exit_code if bad else 0


def _row(one: Kill) -> list[int | float | str]:
    facts = asdict(one)
    return [str(one.kill) if one.killed else word("selftest.whole"), *(facts[name] for name in COLUMNS[1:])]


def bits(*, flips: Flips = 10_000, seed: Seed = 1, out: Out = None, common: Common = ALL, voice: Talk) -> int:
    """Flip single bits in every kind of file of a store; each must be refused or do no harm."""
    from rwe.selftest.bits import bits as flipped

    found: list[Flip] = []
    with apart(common) as folder:
        for one in flipped(folder, flips, seed, lambda n: voice.progress("bits", n / flips)):
            found.append(one)
            if not one.good:
                voice.event("flip", **asdict(one))
    counts = Counter((one.file, one.outcome) for one in found)
    for (file, outcome), n in sorted(counts.items()):
        voice.event("count", file=file, outcome=outcome, n=n)
        voice.line(f"{file}: {n} {word(f'selftest.{outcome}')}")
    bad = sum(not one.good for one in found)
    _write(out, found)
    voice.say("selftest.flips", flips=len(found), bad=bad)
    return RweError.exit_code if bad else 0


def faults(*, quick: Quick = False, out: Out = None, common: Common = ALL, voice: Talk) -> int:
    """Crash, cut, fill, crowd, set the clock and signal; each must leave the old state or the new one."""
    from rwe.selftest.faults import faults as made

    found: list[Check] = []
    with apart(common) as folder:
        for one in made(folder, lambda what: voice.progress("faults " + what), quick=quick):
            voice.event("check", **asdict(one))
            found.append(one)
    for family in dict.fromkeys(one.family for one in found):
        outcomes = Counter(one.outcome for one in found if one.family == family)
        voice.line(f"{family}: " + ", ".join(f"{n} {word(f'selftest.{kind}')}" for kind, n in outcomes.items()))
    for one in found:
        if one.outcome != "passed":
            voice.line(f"  {one.family} {one.case}: {word(f'selftest.{one.outcome}')}: {one.said}")
    skipped = sum(one.outcome == "skipped" for one in found)
    bad = sum(one.outcome == "failed" for one in found)
    _write(out, found)
    voice.say("selftest.faults", checks=len(found) - skipped, bad=bad)
    if skipped:
        voice.say("selftest.not_made", skipped=skipped)
        bad += skipped if os.environ.get("CI") == "true" else 0  # where nobody reads, what is not shown is not so
    return RweError.exit_code if bad else 0


@contextmanager
def apart(common: Common) -> Iterator[Path]:
    """Give a folder on the disk of the home, which is what is to be tried, and take it away again."""
    place = common.place / "selftest"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


def _write(out: Path | None, found: Sequence[Kill | Flip | Check]) -> None:
    if out is None:
        return
    import polars as pl

    from rwe.pipeline.files import write_table

    write_table(out.with_suffix(".csv"), pl.DataFrame([asdict(one) for one in found]))
