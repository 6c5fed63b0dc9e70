# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Why practice differs from the trial: patients it would not have taken, case mix, and what neither explains."""

from __future__ import annotations

import polars as pl
from pydantic import Field

import rwe
from analyses.alignment import Alignment, align, trial_of
from rwe.errors import NoValidAnswer
from rwe.plugins import Inputs
from rwe.result import Result
from rwe.spec.base import Day, Int, Real
from rwe.spec.names import EndpointName, PopulationName, TrialEndpointName


class Options(Alignment):
    """Whom of the population the trial would have taken (`eligible`), and the margins that those are raked to."""

    endpoint: EndpointName
    trial_endpoint: TrialEndpointName | None = None
    eligible: PopulationName
    milestones: tuple[Day, ...] = (365, 1096, 1826)
    tau: Day = 1826
    conf_level: Real = Field(default=0.95, gt=0, lt=1)
    replicates: Int = Field(default=1000, ge=100)
    seed: Int = Field(default=1, ge=0)


class Gap:
    """The gap between a population of practice and the trial, in its parts."""

    options = Options
    needs_trial = True

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Split the gap; who is eligible stands in the study's own populations."""
        trial = trial_of(inputs, options, "gap")
        everyone = inputs.people.with_columns(_eligible=pl.col(f"in_{options.eligible}"))
        eligible = everyone.filter("_eligible")
        if eligible.is_empty():
            raise NoValidAnswer(f"nobody of '{inputs.population}' is in '{options.eligible}': no gap to split")
        aligned = align(eligible, trial, options)
        found = rwe.compare.gap(
            everyone,
            trial,
            endpoint=options.endpoint,
            eligible="_eligible",
            weights=aligned.raked,
            trial_endpoint=options.trial_endpoint,
            arm=options.arm,
            milestones=options.milestones,
            tau=options.tau,
            replicates=options.replicates,
            seed=options.seed,
            conf_level=options.conf_level,
        ).to_result(population=inputs.population, outcome=options.endpoint)
        named = {"trial": trial.name, "arm": options.arm, "eligible": options.eligible, "tau": options.tau}
        return Result(found.table, dict(found.settings) | aligned.settings | named)


ANALYSIS = Gap()
