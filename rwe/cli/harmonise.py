# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command that brings what has landed to the common model, and says what was not understood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from rwe.cli.options import Common, Talk
from rwe.cli.voice import Voice
from rwe.cli.words import word

if TYPE_CHECKING:
    from rwe.pipeline.align import Aligned

ALL = Common()
Hospitals = Annotated[Path, Parameter(name="FILE", help=word("help.hospitals"))]
SHOWN = 20  # the codes that most rows wait for; --json has them all


def harmonise(file: Hospitals, /, *, common: Common = ALL, voice: Talk) -> int:
    """Bring what has landed of a study's hospitals, or of one, to the common model."""
    from rwe.pipeline.realign import realign

    for part in realign(file, home=common.place, progress=voice.progress):
        _show_rows(voice, part)
        _show_codes(voice, part)
    return 0


def _show_rows(voice: Voice, part: Aligned) -> None:
    """Say what became of the rows of each stream."""
    found: dict[str, dict[str, int]] = {}
    for stream, record, _, outcome, n in part.cdm.accounting.iter_rows():
        counts = found.setdefault(stream, dict.fromkeys(("accepted", "rejected", "merged"), 0))
        if not record:
            counts[outcome] += n
    for stream, counts in found.items():
        voice.event("harmonised", site=part.site, stream=stream, **counts)
        voice.say("harmonise.stream", stream=f"{part.site}/{stream}", **counts)
    for line in part.cdm.accounting.iter_rows(named=True):
        voice.event("rule", site=part.site, **line)


def _show_codes(voice: Voice, part: Aligned) -> None:
    """Say which codes have no concept, those of most rows first."""
    lines = part.codes.iter_rows(named=True)
    lacking = sorted((line for line in lines if line["code"]), key=lambda line: -line["n"])
    for line in lacking:
        voice.event("unmapped", site=part.site, **line)
    if not lacking:
        voice.say("harmonise.all_mapped", site=part.site)
        return
    voice.say("harmonise.unmapped", site=part.site, count=len(lacking))
    head = [word(f"harmonise.head.{name}") for name in ("field", "vocabulary", "code", "rows", "share")]
    cells = [
        [f"{line['stream']}.{line['field']}", line["vocabulary"], line["code"], str(line["n"]), f"{line['share']:.1%}"]
        for line in lacking[:SHOWN]
    ]
    voice.table([[f"  {first}", *rest] for first, *rest in (head, *cells)])
