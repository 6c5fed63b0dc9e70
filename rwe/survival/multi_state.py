# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilities to be in each state of any multi-state model, with limits (Aalen & Johansen 1978)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.states import carried, influence_squares, matrices, occupation
from rwe.survival.clock import ClockName
from rwe.survival.data import names
from rwe.survival.door import door
from rwe.survival.histories import Histories, histories
from rwe.survival.intervals import ConfType, share_limits
from rwe.survival.levels import Levels
from rwe.survival.states import Course, MultiState, greenwood

VARIANCES = ("jackknife", "greenwood")
__all__ = ["MultiState", "multi_state"]


@door
def multi_state(
    frame: Any,
    *,
    start: str,
    stop: str,
    state_from: str,
    to: str,
    person: str | None = None,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    censored: Any = None,
    conf_level: float = 0.95,
    conf_type: ConfType = "log-log",
    variance: Literal["jackknife", "greenwood"] = "jackknife",
    clock: ClockName = "days",
) -> MultiState:
    """Estimate the probability to be in each state by a time, in any multi-state model, as R ``survfit``.

    All moves of a day act at once, by the product of matrices, so ties are exact. Errors are given the distribution
    at the beginning, which is that of the persons at risk just before the first move.

    Parameters
    ----------
    frame
        One row a stretch of a person's follow-up in one state.
    start, stop
        Columns of the day after which a row is at risk, and of its last day.
    state_from, to
        Columns of the state on the stretch, and of the state entered at its end (`censored`: none).
    person
        Column of the person; histories are then checked, and rows of a person belong together in the jackknife.
        Without it each row is a person.
    by, weights, conf_level, conf_type, clock
        As in `kaplan_meier`.
    cluster
        Column that tells which persons belong together.
    censored
        What `to` holds where no state is entered; null without it.
    variance
        jackknife: the infinitesimal jackknife, as R ``survfit``. greenwood: of Greenwood's type, for independent
        persons, as R ``mstate`` has it.

    Raises
    ------
    DefinitionError
        If a column is missing or an argument is not one of those allowed.
    DataError
        If rows break the contract of a column; stretches of a person overlap; or a person begins a stretch in
        another state than the one entered.
    NoValidAnswer
        If nobody moves in a group.

    Examples
    --------
    >>> rows = {"a": [0, 2, 0], "b": [2, 5, 4], "was": ["well", "ill", "well"], "then": ["ill", "dead", None]}
    >>> found = multi_state(pl.DataFrame(rows), start="a", stop="b", state_from="was", to="then")
    >>> found.at(3)["probability"].to_list()
    [0.0, 0.5, 0.5]
    """
    if variance not in VARIANCES:
        raise DefinitionError(f"variance '{variance}' is not one of {', '.join(VARIANCES)}")
    rows = histories(
        frame, start=start, stop=stop, state_from=state_from, to=to, person=person, by=names(by), weights=weights,
        cluster=cluster, censored=censored, clock=clock,
    )  # fmt: skip
    if variance == "greenwood" and (cluster is not None or not rows.response.whole):
        raise DefinitionError("Greenwood's variance is for independent persons: with clusters or weights jackknife")
    return _estimated(rows, conf_level, conf_type, variance)


def _estimated(rows: Histories, conf_level: float, conf_type: str, variance: str) -> MultiState:
    response = rows.response
    weight = response.weight
    risk, moves, counted = rows.risk(weight), rows.moves(weight), rows.moves(None).sum(axis=3)
    if (counted.sum(axis=(1, 2)) == 0).any():
        raise NoValidAnswer(
            f"nobody moves in {int((counted.sum(axis=(1, 2)) == 0).sum())} of {counted.shape[0]} groups"
        )
    courses = tuple(_course(rows, g, risk[g], moves[g], variance) for g in range(response.group.n))
    groups = replace(response.group, code=np.empty(0, np.int64))
    state = [pl.Series([rows.states[k] for k in a.ravel()]) for a in np.indices(counted.shape)[1:]]
    every = np.indices(counted.shape)[0].ravel()
    start_at = np.concatenate([course.probability[0] for course in courses])
    names_of = pl.Series(list(rows.states) * len(courses))
    return MultiState(
        table=_table(rows, groups, risk, moves, courses, conf_level, conf_type),
        transitions=groups.spread(every, {"from": state[0], "to": state[1], "n": counted.ravel().astype(np.int64)}),
        initial=groups.spread(
            np.repeat(np.arange(len(courses)), len(rows.states)), {"state": names_of, "probability": start_at}
        ),
        conf_level=conf_level,
        conf_type=conf_type,
        variance=variance,
        states=rows.states,
        notes=_notes(rows),
        _groups=groups,
        _clock=response.clock,
        _courses=courses,
    )


def _course(rows: Histories, group: int, risk: F8, moves: F8, variance: str) -> Course:
    days = np.flatnonzero(moves.sum(axis=(0, 1)) > 0)
    at, moved = np.ascontiguousarray(risk[:, days].T), np.ascontiguousarray(np.moveaxis(moves[:, :, days], 2, 0))
    steps = matrices(at, moved)
    probability = occupation(at[0] / at[0].sum(), steps)
    member = rows.response.group.code == group
    last = int(rows.response.time[member].max())
    if variance == "greenwood":
        return Course(days, last, steps, at, probability, greenwood(probability, at, steps))
    return Course(days, last, steps, at, probability, _jackknife(rows, np.flatnonzero(member), days, at, steps))


def _jackknife(rows: Histories, member: I8, days: I8, risk: F8, steps: F8) -> F8:
    response, n = rows.response, risk.shape[1]
    unit = member if response.cluster is None else response.cluster[member]
    member = member[np.argsort(unit, kind="stable")]
    before = occupation(risk[0] / risk[0].sum(), steps)[:-1]
    share = np.divide(before, risk, where=risk > 0, out=np.zeros_like(risk))
    begin, end = (np.searchsorted(days, day[member], side="right") for day in (response.entry, response.time))
    squares, ended = influence_squares(
        np.sort(unit, kind="stable"), begin, end, rows.state[member], rows.to[member], response.weights[member],
        share, steps,
    )  # fmt: skip
    spread = carried(steps, np.zeros_like(steps), ended[:-1].reshape(-1, n, n))
    return np.vstack([np.zeros(n), squares + np.einsum("kii->ki", spread)])


def _table(
    rows: Histories, groups: Levels, risk: F8, moves: F8, courses: tuple[Course, ...], level: float, kind: str
) -> pl.DataFrame:
    response, n = rows.response, len(rows.states)
    lost = ((rows.leaves > 0) & (rows.to < 0)).astype(np.float64)
    censored = rows.table(response.weights * lost, rows.state, n, response.time)
    entered, left = moves.sum(axis=1), (moves.sum(axis=(1, 2)) + censored.sum(axis=1)) > 0
    g, state, day = np.nonzero(np.repeat(left[:, None, :], n, axis=1))
    upto = np.concatenate([np.searchsorted(courses[k].days, day[g == k], side="right") for k in range(len(courses))])
    value, variance = (
        np.concatenate([getattr(c, name)[upto[g == k], state[g == k]] for k, c in enumerate(courses)])
        for name in ("probability", "variance")
    )
    whole = pl.Float64 if response.weight is not None else pl.Int64
    numbers = {"n_risk": risk, "n_event": entered, "n_censor": censored}
    counted = {name: pl.Series(values[g, state, day]).cast(whole) for name, values in numbers.items()}
    head = {"state": pl.Series([rows.states[k] for k in state]), "time": response.clock.times(day)}
    return groups.spread(g, head | counted | share_limits("probability", value, variance, level, kind))


def _notes(rows: Histories) -> tuple[str, ...]:
    dropped = rows.response.dropped
    notes = [f"{dropped} rows of weight 0 left out"] if dropped else []
    if rows.gaps:
        notes.append(f"{rows.gaps} gaps in histories: persons count as not observed there")
    return tuple(notes)
