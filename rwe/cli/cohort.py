# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command that writes a foreign cohort definition as a study file."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rwe.cli.options import Common, Talk
from rwe.cli.words import word

ALL = Common()
Definition = Annotated[Path, Parameter(name="FILE", help=word("help.definition"))]
Sites = Annotated[list[str], Parameter(name="--site", help=word("help.site_files"), negative="")]
Cut = Annotated[datetime, Parameter(help=word("help.as_of"))]
Out = Annotated[Path, Parameter(help=word("help.study_out"))]


def import_definition(
    file: Definition, /, *, site: Sites, as_of: Cut, out: Out, _common: Common = ALL, voice: Talk
) -> int:
    """Write a cohort definition of ATLAS as a study file."""
    import yaml

    from rwe.chain import on_disk
    from rwe.errors import DefinitionError, Problem
    from rwe.spec.circe import read_circe

    day: date = as_of.date()
    study = read_circe(file, site, day)
    if out.exists():
        raise DefinitionError(Problem(str(out), 1, 1, "", "is there already; name another file"))
    with on_disk(out):
        out.write_text(yaml.safe_dump(study, allow_unicode=True, sort_keys=False, width=120), "utf-8")
    voice.event("study", file=str(out), records=len(study["records"]), criteria=len(study["eligibility"]))
    voice.say("cohort.done", file=out, records=len(study["records"]), criteria=len(study["eligibility"]))
    return 0
