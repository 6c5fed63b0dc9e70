# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of the baseline hazard, from the sums of r by key."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.execute import cuts, run
from rwe.kernels._jit import F8
from rwe.kernels.partial_likelihood import run_back, tie_sums
from rwe.survival.digits import score_error
from rwe.survival.occasions import Occasions

CROWD = 100_000  # failures from which occasions are summed up in parts
SOME, PARTS = 64, 16  # occasions of a part at least, and parts at most


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What sums of r by key say of the hazard.

    Parameters
    ----------
    ties
        Rows h, g, u, v, z of `tie_sums`.
    at_risk
        Sum of r over those at risk, by occasion.
    logs
        Sum of the logarithms of the risk sets.
    error
        Rounding error that late entries leave.
    """

    ties: F8
    at_risk: F8
    logs: float
    error: float


def steps_of(when: Occasions, r: F8) -> Steps:
    """Return the hazard of sums of r by key."""
    own, failing = r[: when.n].copy(), np.zeros(when.n)
    failing[when.tied] = r[when.n : when.nowhere]
    at_risk = (own + failing)[:, None]
    run_back(at_risk, when.opens)
    whole = at_risk[:, 0].copy()
    found = ties_of(when, whole, failing)
    return Steps(found[:5], whole, float(found[5].sum()), score_error(whole, when.w_event, when.opens))


def ties_of(when: Occasions, at_risk: F8, failing: F8) -> F8:
    """Return the sums of each occasion; where thousands fail together they take as long as a read of the rows."""

    def part(bounds: tuple[int, int]) -> F8:
        at = slice(*bounds)
        return tie_sums(when.n_event[at], when.w_event[at], at_risk[at], failing[at], float(when.efron))

    return np.concatenate(run(part, shares(when)), axis=1)


def shares(when: Occasions) -> list[tuple[int, int]]:
    """Return bounds of the occasions that are summed up at once: of continuous times nearly each failure is one."""
    return cuts(when.n, when.n if when.n_event.sum() < CROWD else max(SOME, -(-when.n // PARTS)))
