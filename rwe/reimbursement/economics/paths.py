# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Where people are over time: what every model of states gives, and the sums over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from rwe import execute
from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.economics.accrual import Ask
from rwe.reimbursement.economics.curves import Sample
from rwe.reimbursement.economics.timing import Timing

DEAD = "dead"
CELLS = 1 << 17  # numbers of one curve in a block of draws: they stay near the processor


@dataclass(frozen=True, slots=True)
class Paths:
    """Shares of people in each state at each end of a cycle, shape (draws, ends), by state.

    `flow` gives those who enter or leave a state in each cycle; `capped` counts, in each draw, the ends of cycles
    where a curve was lowered to the one above it.
    """

    stays: Mapping[str, F8]
    flow: Callable[[str, str, Mapping[str, F8]], F8]
    capped: F8

    def sums(self, on: str, state: str, weights: F8) -> F8:
        """Return sums over time in each draw, a column for each of the weights."""
        known = self.stays[state] if on == "stay" else self.flow(on, state, self.stays)
        found: F8 = known @ weights
        return found


Block: TypeAlias = Callable[[slice], Paths]


class Model(Protocol):
    """What a strategy needs of a model."""

    @property
    def states(self) -> tuple[str, ...]:
        """The states, the dead last."""

    def block(self, days: F8, sample: Sample) -> Block:
        """Return what gives the paths of some of the draws."""


def trace(model: Model, timing: Timing, sample: Sample) -> Paths:
    """Return the paths of the first draw."""
    return model.block(timing.days, sample)(slice(0, 1))


def totals(model: Model, timing: Timing, sample: Sample, asked: Sequence[Ask]) -> tuple[list[F8], F8]:
    """Return each sum in each draw, and how often a curve was capped; blocks of draws run on all threads.

    Raises
    ------
    DefinitionError
        If a state is not one of the model.
    """
    if strange := sorted({ask.state for ask in asked} - set(model.states)):
        raise DefinitionError(f"unknown state {', '.join(strange)}; states: {', '.join(model.states)}")
    alike = {(ask.on, ask.state): [a for a in asked if (a.on, a.state) == (ask.on, ask.state)] for ask in asked}
    weights = {key: np.concatenate([ask.weights for ask in group], axis=1) for key, group in alike.items()}
    block = model.block(timing.days, sample)
    size = max(CELLS // timing.days.size, 1)

    def work(part: slice) -> tuple[list[F8], F8]:
        paths = block(part)
        return [paths.sums(*key, weight) for key, weight in weights.items()], paths.capped

    with threadpool_limits(1, "blas"):  # its own threads would stand in the way of ours
        done = execute.run(work, [slice(low, min(low + size, sample.n)) for low in range(0, sample.n, size)])
    whole = {key: np.concatenate([found[0][i] for found in done]) for i, key in enumerate(weights)}
    pieces = {key: iter(np.split(whole[key], len(alike[key]), axis=1)) for key in weights}
    return [next(pieces[ask.on, ask.state]) for ask in asked], np.concatenate([found[1] for found in done])
