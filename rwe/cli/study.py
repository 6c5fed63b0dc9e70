# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands over one study: demo, check, run, report."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from rwe.cli.invent import Invent, home_of
from rwe.cli.options import Common, DryRun, Study, Talk
from rwe.cli.summary import show_plan, show_run
from rwe.cli.words import word
from rwe.errors import DefinitionError

HOSPITAL = "breast"
ALL = Common()
LIVED = Invent()
Run = Annotated[str, Parameter(name="RUN", help=word("help.run"))]
RunId = Annotated[str | None, Parameter(name="--run-id", help=word("help.run_id"))]
Track = Annotated[str | None, Parameter(name="--track", help=word("help.track"))]


def demo(*, dry_run: DryRun = False, common: Common = ALL, voice: Talk) -> int:
    """Build the hospital database of the demo and run its study."""
    from rwe import pipeline, plugins

    hospital = plugins.hospital(HOSPITAL)
    database = common.place / "hospitals" / f"{HOSPITAL}.db"
    if dry_run:
        return show_plan(voice, {"database": str(database), **pipeline.plan(hospital.study, common.place)})
    url = f"sqlite:///{database.as_posix()}"
    voice.progress("hospital")
    voice.event("hospital", site=hospital.site, tables=hospital.build(url))
    return _run(hospital.study, common, voice, site_urls={hospital.site: url})


def check(*studies: Study, _common: Common = ALL, voice: Talk) -> int:
    """Check studies and every file they name; say all faults at once, and what may mislead."""
    if not studies:
        raise DefinitionError(word("error.no_study"))
    from rwe import pipeline

    if problems := [problem for study in studies for problem in pipeline.check(study)]:
        raise DefinitionError(problems)
    for study in studies:
        for remark in pipeline.remarks(study):
            voice.event("remark", **asdict(remark))
            voice.say("check.remark", text=remark)
        voice.event("checked", study=str(study))
        voice.say("check.good", study=study)
    return 0


def run(
    study: Study,
    /,
    *,
    run_id: RunId = None,
    track: Track = None,
    dry_run: DryRun = False,
    invent: Invent = LIVED,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Run a study from its hospitals to its dossier."""
    from rwe import pipeline

    if dry_run:
        return show_plan(voice, pipeline.plan(study, common.place))
    how = {"run_id": run_id, "track": track}
    if not invent.synthetic:
        return _run(study, common, voice, **how)
    pipeline.load_plan(study)  # a fault of the study is told before a network is invented for it
    home = home_of(common, invent, voice)
    return _run(study, replace(common, home=home), voice, synthetic=True, **how)


def _run(study: Path, common: Common, voice: Talk, **how: Any) -> int:
    from rwe import pipeline

    summary = pipeline.run(study, home=common.place, lang=common.languages, progress=voice.progress, **how)
    return show_run(voice, summary)


def report(run: Run, /, *, common: Common = ALL, voice: Talk) -> int:
    """Write the dossier of a finished run again from its released tables."""
    from rwe import pipeline
    from rwe.provenance import erased

    for path in pipeline.report(run, common.place, common.languages):
        voice.event("report", path=str(path))
        voice.say("run.dossier", path=path)
    if erased(path.parents[1]):
        voice.event("erased", run=path.parents[1].name)
        voice.say("run.erased", run=path.parents[1].name)
    return 0
