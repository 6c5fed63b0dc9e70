# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A three-state Markov model from fitted curves: each cycle's probabilities follow the hazards of that time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.kernels.survivors import survivors
from rwe.reimbursement.economics.curves import LEAST, Sample, Source
from rwe.reimbursement.economics.paths import DEAD, Block, Paths

WELL, ILL = "progression_free", "progressed"


@dataclass(frozen=True, slots=True)
class IllnessDeath:
    """Progression-free, progressed, dead, by the hazard of each step.

    Parameters
    ----------
    progression, death
        Curves of the time to progression and to death without it, each with the other as censoring.
    after
        Curve of survival after progression.
    clock
        ``forward``: `after` runs from the start of the model (Markov); ``reset``: from progression, which is counted
        at the end of its cycle (semi-Markov).
    """

    progression: Source
    death: Source
    after: Source
    clock: Literal["forward", "reset"] = "forward"

    def __post_init__(self) -> None:
        if self.clock not in ("forward", "reset"):
            raise DefinitionError("clock is 'forward' or 'reset'")

    @property
    def states(self) -> tuple[str, ...]:
        """The states, the dead last."""
        return (WELL, ILL, DEAD)

    def block(self, days: F8, sample: Sample) -> Block:
        """Return what gives the paths of some of the draws."""
        rows = [curve.rows(days, sample) for curve in (self.progression, self.death, self.after)]

        def paths(part: slice) -> Paths:
            to_ill, to_death = (np.diff(-np.log(np.maximum(row(part), LEAST))) for row in rows[:2])
            well: F8 = np.exp(-np.cumsum(np.pad(to_ill + to_death, ((0, 0), (1, 0))), axis=1))
            left = -np.diff(well)
            fell = left * _share(to_ill, to_death)
            follow = _forward if self.clock == "forward" else _reset
            ill = follow(fell, rows[2](part))
            stays = {WELL: well, ILL: ill, DEAD: 1.0 - well - ill}

            def flow(on: str, state: str, stays: Mapping[str, F8]) -> F8:
                died = np.diff(stays[DEAD])
                told = {("leave", WELL): left, ("enter", ILL): fell, ("enter", DEAD): died}
                told |= {("leave", ILL): died - (left - fell)}
                return told.get((on, state), np.zeros_like(left))

            return Paths(stays, flow, np.zeros(part.stop - part.start))

        return paths


def _share(first: F8, second: F8) -> F8:
    """Return the share of the first of two hazards, 0 where there is none."""
    both = first + second
    found: F8 = np.divide(first, both, out=np.zeros_like(both), where=both > 0)
    return found


def _forward(entries: F8, survival: F8) -> F8:
    """Return who is ill at each end where all die by the hazard of that day."""
    ill = np.empty_like(survival)
    survivors(np.ascontiguousarray(entries), np.ascontiguousarray(survival), ill)
    return ill


def _reset(entries: F8, survival: F8) -> F8:
    """Return who is ill at each end where each dies by the hazard of the days since progression."""
    size = 2 * survival.shape[1]
    begun = np.pad(entries, ((0, 0), (1, 0)))
    found = np.fft.irfft(np.fft.rfft(begun, size) * np.fft.rfft(survival, size), size)[:, : survival.shape[1]]
    return np.asarray(np.maximum(found, 0.0), np.float64)
