# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command that runs all studies of a folder and holds them beside each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.invent import Invent, home_of
from rwe.cli.options import Common, DryRun, Talk
from rwe.cli.words import word

ALL = Common()
LIVED = Invent()
Studies = Annotated[Path, Parameter(name="FOLDER", help=word("help.studies"))]
Out = Annotated[Path | None, Parameter(name="--out", help=word("help.portfolio_out"))]
Jobs = Annotated[int, Parameter(name="--jobs", help=word("help.jobs"), validator=Number(gte=1))]


def portfolio(
    folder: Studies,
    /,
    *,
    out: Out = None,
    jobs: Jobs = 2,
    dry_run: DryRun = False,
    invent: Invent = LIVED,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Run all studies of a folder, and write the table of gaps with what they come to together."""
    from rwe import portfolio as many

    studies = many.studies_of(folder)
    if dry_run:
        for path in studies:
            voice.event("would", study=str(path))
            voice.line(f"  {path}")
        return 0
    if invent.synthetic:
        common = replace(common, home=home_of(common, invent, voice))
    outcomes = []
    for one in many.run_all(studies, common.place, synthetic=invent.synthetic, jobs=jobs, lang=common.languages):
        outcomes.append(one)
        voice.progress(f"portfolio {one.study}", len(outcomes) / len(studies))
        voice.event("outcome", study=one.study, exit_code=one.exit_code, reason=one.reason)
        key = "portfolio.failed" if one.folder is None else "portfolio.done"
        voice.say(key, study=one.study, code=one.exit_code, reason=one.reason)
    found = many.gaps(outcomes, common.languages[0])
    voice.event("portfolio", table=found.table.to_dicts(), notes=list(found.notes))
    for path in many.write(found, out or common.place / "portfolio", common.languages):
        voice.event("file", path=str(path))
        voice.say("portfolio.file", path=path)
    return max((one.exit_code for one in outcomes), default=0)
