# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command that invents a hospital network whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.invent import Invent, write
from rwe.cli.options import Common, Talk
from rwe.cli.words import word

ALL = Common()
Patients = Annotated[int, Parameter(help=word("help.patients"), validator=Number(gte=1))]
Seed = Annotated[int, Parameter(help=word("help.synth_seed"))]
Out = Annotated[Path, Parameter(help=word("help.synth_out"))]
Dirt = Annotated[str, Parameter(help=word("help.dirt"))]


def synth(
    *,
    out: Out,
    patients: Patients = 10_000,
    seed: Seed = 1,
    dirt: Dirt = "none",
    _common: Common = ALL,
    voice: Talk,
) -> int:
    """Invent a hospital network: the truth about its patients, their clean records, and what was planted."""
    rows = write(out, Invent(seed=seed, patients=patients, dirt=dirt), voice)
    voice.event("network", folder=str(out), patients=patients, seed=seed, synthetic=True, tables=rows)
    voice.table([[table, str(n)] for table, n in rows.items()])
    voice.say("synth.done", patients=patients, folder=out)
    return 0
