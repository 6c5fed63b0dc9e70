# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Does practice reach the trial: an endpoint against the trial's own patients, as it is and after raking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import Field

import rwe
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.plugins import Inputs
from rwe.result import Result
from rwe.spec.base import Day, Name, Part, Real
from rwe.spec.names import ArmName, EndpointName, TrialEndpointName, VariableName

if TYPE_CHECKING:
    from rwe.compare import Raked, TrialBaseline

Shown = Literal["unadjusted", "raked", "balance"]


class Options(Part):
    """What is compared, and the margins that practice is raked to.

    `optional_margins` are used where every level of the trial has people here; a margin with a
    level that nobody here has is refused by name and reported. `merge` puts levels of a margin
    together. `label` names the raked comparison where a study has several.
    """

    endpoint: EndpointName
    trial_endpoint: TrialEndpointName | None = None
    arm: ArmName = "all"
    margins: tuple[VariableName, ...] = Field(min_length=1)
    optional_margins: tuple[VariableName, ...] = ()
    merge: dict[Name, dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    milestones: tuple[Day, ...] = (365, 1096, 1826)
    tau: Day = 1826
    conf_level: Real = Field(default=0.95, gt=0, lt=1)
    label: Name = "raked"
    show: tuple[Shown, ...] = ("unadjusted", "raked", "balance")


class TrialComparison:
    """A population of practice against a trial."""

    options = Options
    needs_trial = True

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Contrast the endpoint before and after raking; say which margins were refused and how far weights reach."""
        trial = _trial(inputs, options)
        people = rwe.compare.classes(inputs.people, {name: trial.margins[name] for name in _asked(options)})
        refused = [_absent(people, trial, name, options.arm) for name in options.optional_margins]
        margins = [
            *options.margins,
            *(n for n, gone in zip(options.optional_margins, refused, strict=True) if not gone),
        ]
        raked = rwe.compare.rake(people, trial.targets(margins, options.arm))
        parts = _parts(inputs, options, trial, people, raked)
        table = pl.concat([part.table for name, part in parts.items() if name in options.show])
        settings = {
            "margins": margins,
            "refused": [gone for level in refused for gone in level],
            "merged": {name: {new: list(old) for new, old in groups.items()} for name, groups in options.merge.items()},
            "smd_denominator": parts["balance"].settings["smd_denominator"],
        }
        return Result(table, dict(parts["raked"].settings) | settings)


def _trial(inputs: Inputs, options: Options) -> TrialBaseline:
    if inputs.entry:
        raise DefinitionError("trial_comparison does not take late entry; let index.entry be index for this study")
    if inputs.trial is None:
        raise NoValidAnswer("trial_comparison needs a trial: name one under `trial` in the study file")
    trial = inputs.trial
    for variable, groups in options.merge.items():
        trial = trial.merge(variable, groups)
    trial.targets(_asked(options), options.arm)
    return trial


def _asked(options: Options) -> list[str]:
    return [*options.margins, *options.optional_margins]


def _absent(people: pl.DataFrame, trial: TrialBaseline, name: str, arm: str) -> list[dict[str, Any]]:
    """Return the levels of a margin that the trial has and nobody here, with the trial's patients of them."""
    here = set(people[name].drop_nulls())
    targets = trial.targets([name], arm)[name]
    return [{"variable": name, "level": level, "n": n} for level, n in targets.items() if n and level not in here]


def _parts(
    inputs: Inputs, options: Options, trial: TrialBaseline, people: pl.DataFrame, raked: Raked
) -> dict[str, Result]:
    how: dict[str, Any] = {
        "endpoint": options.endpoint,
        "trial_endpoint": options.trial_endpoint,
        "arm": options.arm,
        "milestones": options.milestones,
        "tau": options.tau,
        "conf_level": options.conf_level,
        "population": inputs.population,
    }
    return {
        "unadjusted": rwe.compare.contrast(people, trial, **how),
        "raked": rwe.compare.contrast(people, trial, weights=raked, stratum=options.label, **how),
        "balance": raked.balance.to_result(inputs.population),
    }


ANALYSIS = TrialComparison()
