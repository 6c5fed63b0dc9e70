# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Do as many respond in practice as in the trial: a response rate against the published one, as it is and weighted."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

import rwe
from analyses.alignment import Alignment, align, trial_of
from rwe.errors import DefinitionError
from rwe.plugins import Inputs
from rwe.result import Result, bind
from rwe.spec.base import Flag, Name, Real, Text
from rwe.spec.endpoint import Response
from rwe.spec.names import OutcomeName, TrialRateName
from rwe.spec.trial_published import Rate

UNKNOWN = "the trial file does not say how its response is defined"
UNSTATED = "the study does not say whether practice and trial define the response alike"


class Options(Alignment):
    """A response of the study and the trial's rate (`trial_rate`, of the same name unless told).

    `same_definition: true` says that both are defined alike, `definition_differs` in what they differ; where neither
    is said the result is marked.
    """

    outcome: OutcomeName
    trial_rate: TrialRateName | None = None
    same_definition: Flag = False
    definition_differs: Text | None = None
    difference_limits: Literal["newcombe", "miettinen_nurminen"] = "newcombe"
    conf_level: Real = Field(default=0.95, gt=0, lt=1)
    label: Name = "raked"

    @model_validator(mode="after")
    def _one_word(self) -> Options:
        if self.same_definition and self.definition_differs:
            raise ValueError("same_definition and definition_differs contradict each other; keep one")
        return self


class ResponseComparison:
    """A response of practice against the trial's published rate."""

    options = Options
    needs_trial = True

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Compare the rates before and after weighting; say whether they are of the same thing."""
        if not isinstance(inputs.study.outcomes[options.outcome], Response):
            raise DefinitionError(f"response_comparison: '{options.outcome}' is no response but a change of a number")
        trial = trial_of(inputs, options, "response_comparison")
        how: dict[str, Any] = {
            "outcome": options.outcome,
            "rate": options.trial_rate,
            "arm": options.arm,
            "limits": options.difference_limits,
            "conf_level": options.conf_level,
            "population": inputs.population,
        }
        plain = rwe.compare.response(inputs.people, trial, **how)
        aligned = align(inputs.people, trial, options)
        weighted = rwe.compare.response(aligned.people, trial, weights=aligned.raked, stratum=options.label, **how)
        found = bind([plain, weighted])
        said = _definition(options, trial.rates[options.trial_rate or options.outcome])
        notes = [*found.settings["notes"], *said.pop("notes")]
        return Result(found.table, dict(found.settings) | aligned.settings | said | {"notes": notes})


def _definition(options: Options, rate: Rate | None) -> dict[str, Any]:
    """Return whether both sides measure the same, what the trial measures, and the notes on it."""
    told = rate.definition if rate else None
    verdict, notes = "same" if options.same_definition else "unstated", [] if told else [UNKNOWN]
    if options.definition_differs:
        verdict = "differs"
        notes.append(f"definitions differ: {options.definition_differs.en}")
    elif not options.same_definition:
        notes.append(UNSTATED)
    shown = {"trial_definition": told, "definition_differs": options.definition_differs}
    return {"definition": verdict, "notes": notes} | {key: text and text.model_dump() for key, text in shown.items()}


ANALYSIS = ResponseComparison()
