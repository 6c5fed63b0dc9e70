# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command that brings hospitals up to date and nothing more."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.options import Common, Talk
from rwe.cli.summary import show_aside
from rwe.cli.voice import Voice
from rwe.cli.words import word

if TYPE_CHECKING:
    from rwe.pipeline.extract import Extracted

ALL = Common()
Hospitals = Annotated[Path, Parameter(name="FILE", help=word("help.hospitals"))]
Compare = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.compare_keys"))]
Deletions = Annotated[int, Parameter(help=word("help.allow_deletions"), validator=Number(gte=0))]
Accept = Annotated[tuple[str, ...], Parameter(negative="", show_default=False, help=word("help.accept"))]


def extract(
    file: Hospitals,
    /,
    *,
    compare_keys: Compare = False,
    allow_deletions: Deletions = 0,
    accept: Accept = (),
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Bring what is new in the hospitals of a study, or in one, into their landing tables."""
    from rwe.pipeline.deletions import Allowance
    from rwe.pipeline.extract import Asked
    from rwe.pipeline.fetch import exit_code, fetch

    asked = Asked(compare_keys, Allowance(allow_deletions), frozenset(accept))
    taken = []
    for part in fetch(file, home=common.place, asked=asked, progress=voice.progress):
        show(voice, part)
        taken.append(part)
    return exit_code(taken)


def show(voice: Voice, part: Extracted) -> None:
    """Say what one hospital brought, by stream, and what was not read and why."""
    voice.event("extracted", site=part.site, session=dict(part.session), unreachable=part.unreachable)
    for read in part.reads:
        voice.event("stream", **asdict(read))
        counts = {"new": read.new, "late": read.late, "corrected": read.corrected, "deleted": read.deleted}
        voice.say("extract.stream", stream=f"{read.site}/{read.stream}", **counts, unchanged=read.unchanged)
        for remark in read.remarks:
            voice.say("extract.remark", stream=f"{read.site}/{read.stream}", remark=remark)
    show_aside(voice, {f"{read.site}/{read.stream}": read.fault for read in part.reads if read.fault})
    if part.unreachable:
        voice.say("extract.unreachable", site=part.site, reason=part.unreachable)
