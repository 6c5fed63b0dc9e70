# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilities to be in each state of any multi-state model, with limits (Aalen & Johansen 1978)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.states import carried, influence_squares, matrices, multinomial, occupation
from rwe.result import Result, tidy
from rwe.survival.clock import Clock, ClockName
from rwe.survival.data import Levels, names, text
from rwe.survival.histories import Histories, histories
from rwe.survival.intervals import ConfType, survival_limits
from rwe.survival.kaplan_meier import Times
from rwe.survival.show import Shown, Story

VARIANCES = ("jackknife", "greenwood")


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One group on its occasions (days with transitions).

    Parameters
    ----------
    days, last
        Days of the occasions, and the last day followed.
    moves, risk
        Matrix of each occasion, and weight at risk in each state.
    probability, variance
        Before the first occasion and after each, shape (occasions + 1, states).
    """

    days: I8
    last: int
    moves: F8
    risk: F8
    probability: F8
    variance: F8


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultiState(Shown):
    """Probabilities to be in each state.

    Parameters
    ----------
    table
        One row a group, state and time at which someone left a state: the columns of ``by``, then state, time,
        n_risk (in the state just before), n_event (entered it), n_censor (were last seen in it; sums of weights
        where rows are weighted), probability, std_error, conf_low, conf_high.
    transitions
        Moves counted in rows: the columns of ``by``, from, to, n.
    initial
        Share of each state among those at risk just before the first move: the columns of ``by``, state, probability.
    conf_level, conf_type, variance
        Settings.
    states
        Names of the states, in the order of the table.
    notes
        What a reader must know, for example gaps in histories.
    """

    table: pl.DataFrame
    transitions: pl.DataFrame
    initial: pl.DataFrame
    conf_level: float
    conf_type: str
    variance: str
    states: tuple[Any, ...]
    notes: tuple[str, ...]
    _groups: Levels = field(repr=False)
    _clock: Clock = field(repr=False)
    _courses: tuple[Course, ...] = field(repr=False)

    def at(self, times: Times) -> pl.DataFrame:
        """Return the probabilities at these times; null after the last time followed in a group."""
        asked, n = self._clock.asked(times, "times"), len(self.states)
        parts = [self._at(course, asked) for course in self._courses]
        value, variance = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        group, state, at = (a.ravel() for a in np.indices((len(parts), n, asked.size)))
        columns = {"state": pl.Series([self.states[k] for k in state]), "time": asked[at]}
        return self._groups.spread(group, columns | _limits(value, variance, self.conf_level, self.conf_type))

    def transition_probabilities(self, times: Times, *, since: float = 0) -> pl.DataFrame:
        """Return the probability to be in state ``to`` at these times for one who is in ``from`` at `since`.

        Errors are of Greenwood's type, for independent persons; they are null where that variance was not asked for.
        """
        asked, begin = self._clock.asked(times, "times"), self._clock.asked(since, "since")
        if (asked < begin[0]).any():
            raise DefinitionError("times lie before since")
        n, parts = len(self.states), []
        for course in self._courses:
            parts += [self._at(self._from(course, j, int(self._clock.index(begin)[0])), asked) for j in range(n)]
        value, variance = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        group, first, to, at = (a.ravel() for a in np.indices((len(self._courses), n, n, asked.size)))
        names = {"from": [self.states[k] for k in first], "to": [self.states[k] for k in to]}
        columns = {**names, "time": asked[at], **_limits(value, variance, self.conf_level, self.conf_type)}
        return self._groups.spread(group, columns)

    def to_result(self, *, population: str = "", outcome: str = "", milestones: Sequence[int] = ()) -> Result:
        """Return the probabilities in the long tidy form; stratum is the state.

        Estimands: state_probability at each time of the table, or at the milestones alone where these are given.
        """
        self._clock.whole("a result in the long form")
        source = self.at(milestones) if milestones else self.table
        labels = self._groups.labels()
        rows = source.height // len(labels) if milestones else 0
        group = np.repeat(np.arange(len(labels)), rows) if milestones else self._group_of_table()
        table = source.select(
            pl.Series("group", [labels[g] for g in group], pl.String),
            pl.Series("stratum", [text(state) for state in source["state"]], pl.String),
            pl.lit("state_probability").alias("estimand"),
            pl.col("time").cast(pl.Int64),
            pl.col("probability").alias("estimate"),
            "std_error", "conf_low", "conf_high",
        )  # fmt: skip
        settings = {"conf_level": self.conf_level, "conf_type": self.conf_type, "variance": self.variance}
        tidied = tidy(table, analysis="multi_state", population=population, outcome=outcome)
        return Result(tidied, settings | {"notes": list(self.notes)})

    def _group_of_table(self) -> I8:
        keys = self._groups.frame.with_row_index("_rwe_group")
        if not self._groups.frame.width:
            return np.zeros(self.table.height, np.int64)
        on = self._groups.frame.columns
        return self.table.join(keys, on=on, how="left", maintain_order="left")["_rwe_group"].to_numpy().astype(np.int64)

    def _at(self, course: Course, asked: Any) -> tuple[F8, F8]:
        """Return probability and variance by state, then time."""
        upto = np.searchsorted(course.days, self._clock.index(asked), side="right")
        known = self._clock.reached(np.full(asked.size, course.last), asked)[:, None]
        pair = (np.where(known, values[upto], np.nan).T.ravel() for values in (course.probability, course.variance))
        value, variance = pair
        return value, variance

    def _from(self, course: Course, state: int, since: int) -> Course:
        """Return the course of one who is in a state on the day `since`."""
        later = course.days > since
        moves, risk = course.moves[later], course.risk[later]
        probability = occupation(np.eye(risk.shape[1])[state], moves)
        variance = np.full(probability.shape, np.nan)
        if self.variance == "greenwood":
            variance = _greenwood(probability, risk, moves)
        return Course(course.days[later], course.last, moves, risk, probability, variance)

    def _story(self) -> Story:
        title = f"State probabilities, {self.conf_level:.0%} {self.conf_type} limits, variance {self.variance}"
        return title, self.table, self.notes


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
    response = rows.response
    if variance == "greenwood" and (cluster is not None or not response.whole):
        raise DefinitionError("Greenwood's variance is for independent persons: with clusters or weights jackknife")
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
        return Course(days, last, steps, at, probability, _greenwood(probability, at, steps))
    return Course(days, last, steps, at, probability, _jackknife(rows, np.flatnonzero(member), days, at, steps))


def _greenwood(probability: F8, risk: F8, steps: F8) -> F8:
    spread = carried(steps, multinomial(probability[:-1], risk, steps), np.zeros_like(steps))
    return np.vstack([np.zeros(risk.shape[1]), np.einsum("kii->ki", spread)])


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
    return groups.spread(g, head | counted | _limits(value, variance, level, kind))


def _limits(value: F8, variance: F8, conf_level: float, conf_type: str) -> dict[str, Any]:
    low, high = survival_limits(value, variance / np.where(value > 0, value, 1.0) ** 2, conf_level, conf_type)
    error = np.where(np.isnan(value), np.nan, np.sqrt(np.maximum(variance, 0.0)))
    return {"probability": value, "std_error": error, "conf_low": low, "conf_high": high}


def _notes(rows: Histories) -> tuple[str, ...]:
    dropped = rows.response.dropped
    notes = [f"{dropped} rows of weight 0 left out"] if dropped else []
    if rows.gaps:
        notes.append(f"{rows.gaps} gaps in histories: persons count as not observed there")
    return tuple(notes)
