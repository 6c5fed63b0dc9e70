# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Markov models from matrices: probabilities of one cycle, which may change with time and with a treatment's effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.economics.accrual import Value
from rwe.reimbursement.economics.curves import Sample
from rwe.reimbursement.economics.paths import Block, Paths

REST = "rest"  # the entry that makes its row sum to 1
SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Phase:
    """A matrix that holds for some cycles.

    Parameters
    ----------
    matrix
        Rows from a state, columns to one: numbers, names of parameters, or once a row ``rest``.
    cycles
        How many cycles it holds; the last phase holds to the end.
    ratio
        Effect on every way out of a state, a number or a parameter.
    scale
        What the ratio multiplies: the ``probability`` (as textbooks do), or the ``hazard``, which stays below 1.
    """

    matrix: tuple[tuple[Value, ...], ...]
    cycles: int | None = None
    ratio: Value = 1.0
    scale: Literal["probability", "hazard"] = "probability"


@dataclass(frozen=True, slots=True)
class Markov:
    """A cohort that moves between states by probabilities a cycle.

    Parameters
    ----------
    states
        Names, in the order of the matrices.
    phases
        Matrices in the order of time.
    start
        Shares of people in the states at first; all in the first if left out.
    """

    states: tuple[str, ...]
    phases: tuple[Phase, ...]
    start: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.states)
        for phase in self.phases:
            if len(phase.matrix) != size or any(len(row) != size for row in phase.matrix):
                raise DefinitionError(f"a matrix needs {size} rows of {size}, as many as there are states")
        if not self.phases or any(phase.cycles is None for phase in self.phases[:-1]):
            raise DefinitionError("each phase but the last says for how many cycles it holds")
        if self.start and (len(self.start) != size or abs(sum(self.start) - 1) > SLACK or min(self.start) < 0):
            raise DefinitionError("start needs a share for each state; they sum to 1")

    def block(self, days: F8, sample: Sample) -> Block:
        """Return what gives the paths of some of the draws."""
        matrices = [transition(phase, self.states, sample) for phase in self.phases]
        ends = np.cumsum([phase.cycles or days.size for phase in self.phases])
        at = np.minimum(np.searchsorted(ends, np.arange(days.size - 1), side="right"), len(ends) - 1)
        first = np.array(self.start or (1.0, *[0.0] * (len(self.states) - 1)))

        def paths(part: slice) -> Paths:
            now = [np.ascontiguousarray(matrix[:, :, part]) for matrix in matrices]
            shares = np.empty((days.size, len(self.states), part.stop - part.start))
            shares[0] = first[:, None]
            for i, phase in enumerate(at):
                np.einsum("in,ijn->jn", shares[i], now[phase], out=shares[i + 1])
            stays = {name: np.ascontiguousarray(shares[:, s].T) for s, name in enumerate(self.states)}
            kept = {name: np.stack([m[s, s] for m in now])[at].T for s, name in enumerate(self.states)}

            def flow(on: str, state: str, stays: Mapping[str, F8]) -> F8:
                here = stays[state]
                left: F8 = here[:, :-1] * (1.0 - kept[state])
                return left if on == "leave" else here[:, 1:] - here[:, :-1] + left

            return Paths(stays, flow, np.zeros(part.stop - part.start))

        return paths


def transition(phase: Phase, states: Sequence[str], sample: Sample) -> F8:
    """Return a matrix in each draw, shape (from, to, draws).

    Raises
    ------
    DefinitionError
        If a row cannot be one of probabilities.
    """
    return np.array([ways_out(phase, i, state, sample) for i, state in enumerate(states)])


def ways_out(phase: Phase, i: int, state: str, sample: Sample) -> F8:
    """Return the row of one state in each draw, shape (to, draws).

    Raises
    ------
    DefinitionError
        If it cannot be one of probabilities.
    """
    found = _row(phase.matrix[i], sample, state)
    if phase.ratio != 1.0:
        found = _changed(found, i, sample.of(phase.ratio), phase.scale)
    if not (found.min() >= -SLACK and _whole(found)):
        raise DefinitionError(f"probabilities from {state} must be 0 or more and sum to 1, in each draw")
    return found


def _whole(row: F8) -> bool:
    return bool(np.abs(row.sum(axis=0) - 1).max() <= SLACK)


def _row(row: Sequence[Value], sample: Sample, state: str) -> F8:
    """Return one row in each draw, shape (to, draws)."""
    if row.count(REST) > 1:
        raise DefinitionError(f"probabilities from {state}: '{REST}' stands once a row at most")
    found = np.array([np.zeros(sample.n) if cell == REST else sample.of(cell) for cell in row])
    if REST in row:
        found[row.index(REST)] = 1.0 - found.sum(axis=0)
    return found


def _changed(row: F8, own: int, ratio: F8, scale: str) -> F8:
    """Return a row whose ways out are changed by a ratio; who does not leave stays."""
    out = np.delete(row, own, axis=0)
    leave = out.sum(axis=0)
    if scale == "hazard":
        with np.errstate(divide="ignore", invalid="ignore"):
            changed = -np.expm1(ratio * np.log1p(-leave)) / leave
        new = out * np.where(leave > 0, changed, 0.0)
    else:
        new = out * ratio
    return np.insert(new, own, 1.0 - new.sum(axis=0), axis=0)
