# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Histories of persons who move between states, validated: nobody is in two states at once, nobody jumps unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DataError, NoValidAnswer
from rwe.kernels._jit import F8, I4, I8
from rwe.survival.columns import refuse
from rwe.survival.data import Response, names, read, respond

MOVED = "_rwe_moved"


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """Rows of follow-up in states.

    Parameters
    ----------
    response
        Follow-up of the rows; `event` says whether a row ends in another state.
    states
        Names of the states, ascending.
    state, to
        Code of the state of each row, and of the one it enters when it ends (-1: none).
    leaves
        Whether a row is the last of its person, or is followed by a gap.
    gaps
        Number of gaps in the histories.
    """

    response: Response
    states: tuple[Any, ...]
    state: I8
    to: I8
    leaves: I8
    gaps: int

    def table(self, weight: F8 | None, kind: I8, n_kinds: int, day: I4) -> F8:
        """Return sums of weights (or counts) by group, kind and day."""
        shape = self.response.group.n, n_kinds, self.response.n_days
        at = np.ravel_multi_index((self.response.group.code, kind, day), shape)
        return np.bincount(at, weight, int(np.prod(shape))).reshape(shape).astype(np.float64)

    def risk(self, weight: F8 | None) -> F8:
        """Return who is at risk by group, state and day."""
        n, rows = len(self.states), self.response
        gone, come = (self.table(weight, self.state, n, day) for day in (rows.time, rows.entry + 1))
        left = np.cumsum(gone, axis=2)
        before = np.concatenate([np.zeros((*gone.shape[:2], 1)), left[:, :, :-1]], axis=2)
        return np.asarray(np.cumsum(come, axis=2) - before, np.float64)

    def moves(self, weight: F8 | None) -> F8:
        """Return who moves by group, state, next state and day."""
        n, moved = len(self.states), self.to >= 0
        shape = self.response.group.n, n, n, self.response.n_days
        place = self.response.group.code, self.state, self.to, self.response.time
        at = np.ravel_multi_index(tuple(a[moved] for a in place), shape)
        counted = np.bincount(at, None if weight is None else weight[moved], int(np.prod(shape)))
        return counted.reshape(shape).astype(np.float64)


def histories(
    frame: Any, *, start: str, stop: str, state_from: str, to: str, person: str | None, by: Sequence[str],
    weights: str | None, cluster: str | None, censored: Any, clock: str,
) -> Histories:  # fmt: skip
    """Read and validate histories.

    Raises
    ------
    DataError
        If rows stay in their state and call it a move, stretches of a person overlap, or a person is next seen in
        another state than the one entered.
    NoValidAnswer
        If nobody moves.
    """
    columns = [start, stop, state_from, to, *names(person), *by, *names(weights), *names(cluster)]
    table = read(frame, columns)
    refuse(table[state_from].null_count(), table.height, state_from, "have no value")
    target = table[to].replace({censored: None}) if censored is not None else table[to]
    table = table.with_columns(target, target.is_not_null().alias(MOVED))
    response = respond(
        table, time=stop, event=MOVED, entry=start, by=by, weights=weights, cluster=cluster or person, clock=clock
    )
    table = table.filter(response.kept)
    if not response.event.any():
        raise NoValidAnswer("nobody moves from one state to another")
    states = pl.concat([table[state_from], table[to].drop_nulls().cast(table[state_from].dtype)]).unique().sort()
    code = {name: k for k, name in enumerate(states)}
    state, after = (
        table[column].replace_strict(code, default=-1, return_dtype=pl.Int64).to_numpy() for column in (state_from, to)
    )
    refuse(int((state == after).sum()), state.size, to, "move to the state they are in", "write them as censored")
    who = np.arange(state.size) if person is None else _codes(table[person])
    order = np.lexsort((response.entry, who))
    same = who[order][1:] == who[order][:-1]
    leave, enter = response.time[order][:-1], response.entry[order][1:]
    seen = np.where(after >= 0, after, state)[order][:-1]
    _refuse(int((same & (enter < leave)).sum()), "overlap with the stretch before of the same person")
    touching = same & (enter == leave)
    _refuse(int((touching & (seen != state[order][1:])).sum()), "begin in another state than the one entered before")
    leaves = np.ones(state.size, np.int64)
    leaves[order[:-1][touching]] = 0
    return Histories(response, tuple(states), state, after, leaves, int((same & (enter > leave)).sum()))


def _codes(column: pl.Series) -> I8:
    refuse(column.null_count(), column.len(), column.name, "have no value")
    return column.rank("dense").cast(pl.Int64).to_numpy()


def _refuse(n: int, rule: str) -> None:
    if n:
        raise DataError(f"histories: {n} rows {rule}; mend these histories")
