# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Practice against the trial on several endpoints at once, the gravest first: win ratio, net benefit, win odds."""

from __future__ import annotations

from pydantic import Field

import rwe
from analyses.alignment import Alignment, align, trial_of
from rwe.plugins import Inputs
from rwe.result import Result, bind
from rwe.spec.base import Day, Real
from rwe.spec.names import EndpointName


class Options(Alignment):
    """The endpoints in the order in which they decide, and the margins that practice is raked to."""

    endpoints: tuple[EndpointName, ...] = Field(min_length=1)
    tau: Day
    conf_level: Real = Field(default=0.95, gt=0, lt=1)


class Win:
    """Every person of practice against every patient of the trial."""

    options = Options
    needs_trial = True

    def run(self, inputs: Inputs, options: Options) -> Result:
        """Compare as it is and after raking."""
        trial = trial_of(inputs, options, "win")
        aligned = align(inputs.people, trial, options)
        parts = [
            rwe.compare.win(
                aligned.people,
                trial,
                endpoints=options.endpoints,
                tau=options.tau,
                weights=weights,
                arm=options.arm,
                conf_level=options.conf_level,
            ).to_result(population=inputs.population, stratum=stratum)
            for stratum, weights in (("unadjusted", None), ("raked", aligned.raked))
        ]
        found = bind(parts)
        return Result(found.table, dict(found.settings) | aligned.settings | {"trial": trial.name, "arm": options.arm})


ANALYSIS = Win()
