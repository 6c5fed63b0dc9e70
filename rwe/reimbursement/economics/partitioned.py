# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Partitioned survival: who is in which state is read off curves that lie one upon another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.economics.curves import Sample, Source
from rwe.reimbursement.economics.paths import DEAD, Block, Paths

SLACK = 1e-12  # by which rounding alone may put one curve above another


@dataclass(frozen=True, slots=True)
class Partitioned:
    """States by the curve of not having left them, the last of which is overall survival.

    A curve that lies above the next one is capped at it, where it does: progression-free survival
    at overall survival. How often that was is counted. Curves that were fitted apart are drawn apart.

    Parameters
    ----------
    curves
        By state, from the best to the last one alive: ``{"progression_free": pfs, "progressed": os}``.
    """

    curves: Mapping[str, Source]

    @property
    def states(self) -> tuple[str, ...]:
        """The states, the dead last."""
        return (*self.curves, DEAD)

    def block(self, days: F8, sample: Sample) -> Block:
        """Return what gives the paths of some of the draws."""
        rows = [curve.rows(days, sample) for curve in self.curves.values()]

        def paths(part: slice) -> Paths:
            above, stays, capped = np.ones(1), [], np.zeros(part.stop - part.start)
            for survival in (row(part) for row in reversed(rows)):
                capped += np.count_nonzero(survival - above > SLACK, axis=-1)
                stays.append(np.minimum(survival, above))
                above = stays[-1]
            stays.reverse()
            between = [stays[0], *(late - soon for soon, late in pairwise(stays))]
            return Paths(dict(zip(self.states, [*between, 1.0 - stays[-1]], strict=True)), self._flow, capped)

        return paths

    def _flow(self, on: str, state: str, stays: Mapping[str, F8]) -> F8:
        """Return who enters or leaves a state in each cycle, where curves tell it."""
        if (on, state) == ("enter", DEAD):
            return np.diff(stays[DEAD], axis=-1)
        if (on, state) == ("leave", self.states[0]):
            return -np.diff(stays[state], axis=-1)
        told = f"enter {DEAD}, leave {self.states[0]}"
        raise DefinitionError(f"curves do not tell who {on}s '{state}' when; they tell: {told}. Use a Markov model")
