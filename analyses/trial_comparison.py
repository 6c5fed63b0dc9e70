# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Does practice reach the trial: an endpoint against the trial's own patients, as it is and after raking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import Field, model_validator

import rwe
from analyses.alignment import Aligned, Alignment, align, trial_of
from rwe.plugins import Inputs
from rwe.result import Result
from rwe.spec.base import Day, Int, Name, Part, Real
from rwe.spec.claim import margin_fault
from rwe.spec.names import EndpointName, TrialEndpointName

if TYPE_CHECKING:
    from rwe.compare import TrialBaseline

Shown = Literal["unadjusted", "raked", "balance"]


class Claim(Part):
    """What is claimed of practice against the trial, laid down before the data are seen (`rwe.compare.Hypothesis`)."""

    kind: Literal["non_inferiority", "equivalence", "superiority"]
    estimand: Literal["milestone", "rmst", "hazard_ratio"]
    margin: Real
    time: Day | None = None
    min_at_risk: Int = Field(default=11, ge=1)

    @model_validator(mode="after")
    def _margin_on_its_scale(self) -> Claim:
        if fault := margin_fault(self.estimand, self.margin, self.time):
            raise ValueError(fault)
        return self


class Options(Alignment):
    """What is compared, and the margins that practice is raked to.

    `errors` are ``robust`` (weights taken as fixed) or ``bootstrap`` (practice and trial drawn, weights found anew).
    `claim` is held against the raked comparison. `label` names that where a study has several.
    """

    endpoint: EndpointName
    trial_endpoint: TrialEndpointName | None = None
    milestones: tuple[Day, ...] = (365, 1096, 1826)
    tau: Day = 1826
    conf_level: Real = Field(default=0.95, gt=0, lt=1)
    errors: Literal["robust", "bootstrap"] = "robust"
    replicates: Int = Field(default=1000, ge=100)
    seed: Int = Field(default=1, ge=0)
    claim: Claim | None = None
    label: Name = "raked"
    show: tuple[Shown, ...] = ("unadjusted", "raked", "balance")


class TrialComparison:
    """A population of practice against a trial."""

    options = Options
    needs_trial = True

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Contrast the endpoint before and after raking; say which margins were refused and how far weights reach."""
        trial = trial_of(inputs, options, "trial_comparison")
        aligned = align(inputs.people, trial, options)
        parts = _parts(inputs, options, trial, aligned)
        if options.claim:
            parts["claim"] = _held(inputs, options, trial, aligned, options.claim)
        table = pl.concat([part.table for name, part in parts.items() if name in (*options.show, "claim")])
        settings = dict(parts["raked"].settings) | aligned.settings
        settings |= dict(parts["claim"].settings) if options.claim else {}
        return Result(table, settings | {"smd_denominator": parts["balance"].settings["smd_denominator"]})


def _parts(inputs: Inputs, options: Options, trial: TrialBaseline, aligned: Aligned) -> dict[str, Result]:
    how: dict[str, Any] = {
        "endpoint": options.endpoint,
        "trial_endpoint": options.trial_endpoint,
        "arm": options.arm,
        "milestones": options.milestones,
        "tau": options.tau,
        "conf_level": options.conf_level,
        "errors": options.errors,
        "replicates": options.replicates,
        "seed": options.seed,
        "population": inputs.population,
    }
    people, raked = aligned.people, aligned.raked
    return {
        "unadjusted": rwe.compare.contrast(people, trial, **how),
        "raked": rwe.compare.contrast(people, trial, weights=raked, stratum=options.label, **how),
        "balance": raked.balance.to_result(inputs.population),
    }


def _held(inputs: Inputs, options: Options, trial: TrialBaseline, aligned: Aligned, claim: Claim) -> Result:
    return rwe.compare.hold(
        aligned.people,
        trial,
        rwe.compare.Hypothesis(**claim.model_dump()),
        endpoint=options.endpoint,
        trial_endpoint=options.trial_endpoint,
        weights=aligned.raked,
        arm=options.arm,
        conf_level=options.conf_level,
        stratum=options.label,
        population=inputs.population,
    )


ANALYSIS = TrialComparison()
