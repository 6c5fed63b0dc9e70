# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The self test of privacy at the door: marks in identifying columns, faults at every boundary, nothing found."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.options import Common, Talk
from rwe.cli.selftest import apart
from rwe.cli.words import word
from rwe.errors import RweError

ALL = Common()
Faults = Annotated[int, Parameter(help=word("help.faults"), validator=Number(gte=0))]


def canary(*, faults: Faults = 200, common: Common = ALL, voice: Talk) -> int:
    """Extract a marked hospital under faults, and look for its marks in everything said or written."""
    from rwe.cli.app import main
    from rwe.selftest.canary import IDENTIFYING, canary

    voice.progress("canary", 0.0)
    with apart(common) as folder:
        report = canary(main, folder, faults=faults, tell=lambda kind, part: voice.progress(f"canary {kind}", part))
    voice.event("canary", faults=report.faults, exit_codes=report.codes, columns=len(IDENTIFYING), found=report.found)
    voice.say("selftest.canary", faults=sum(report.faults.values()), columns=len(IDENTIFYING), n=len(report.found))
    for place in report.found:
        voice.line(f"  {place}")
    return RweError.exit_code if report.found else 0
