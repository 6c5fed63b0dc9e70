# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Names that one file takes from another, held against what stands there when both are at hand.

Who reads a file gives what is defined elsewhere as the context of the reading, by kind: ``{"endpoint":
("os", "rfs")}``. Without it any name passes, so that a file can be read alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core.core_schema import ValidationInfo

from rwe.spec.base import Name, locate

Context = Mapping[str, Collection[str]]


def unknown(word: object, allowed: Collection[str], what: str) -> str:
    """Return the message for a word of a file that is none of `allowed`, with the nearest that is."""
    near = difflib.get_close_matches(str(word), allowed, n=1)
    cure = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(allowed) or 'none'}"
    return f"unknown {what} '{word}'; {cure}"


def _defined(what: str) -> AfterValidator:
    def check(name: str, info: ValidationInfo) -> str:
        context: Context = info.context or {}
        if name not in context.get(what, (name,)):
            raise ValueError(unknown(name, context[what], what))
        return name

    return AfterValidator(check)


def _located(name: str, info: ValidationInfo) -> str:
    context: Context = info.context or {}
    if BESIDE not in context:
        return name
    (beside,) = context[BESIDE]
    file = locate(name, Path(beside))
    if not file.is_file():
        raise ValueError(unknown(name, [found.name for found in file.parent.glob(f"*{file.suffix}")], "file"))
    return str(file)


BESIDE = "file that is read"
VARIABLE, POPULATION, ENDPOINT = "baseline variable of the study", "population of the study", "endpoint of the study"
OUTCOME, INTERVAL = "outcome of the study", "interval of the study"
TRIAL_ENDPOINT, TRIAL_RATE, ARM = "endpoint of the trial", "rate of the trial", "arm of the trial"

VariableName = Annotated[Name, _defined(VARIABLE)]
PopulationName = Annotated[Name, _defined(POPULATION)]
EndpointName = Annotated[Name, _defined(ENDPOINT)]
OutcomeName = Annotated[Name, _defined(OUTCOME)]
IntervalName = Annotated[Name, _defined(INTERVAL)]
TrialEndpointName = Annotated[Name, _defined(TRIAL_ENDPOINT)]
TrialRateName = Annotated[Name, _defined(TRIAL_RATE)]
ArmName = Annotated[Name, _defined(ARM)]
FileName = Annotated[str, AfterValidator(_located)]  # beside the file that names it, as `locate` has it
