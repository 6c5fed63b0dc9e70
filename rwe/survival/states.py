# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a multi-state model tells: occupation and transition probabilities, their long form and their picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, I8
from rwe.kernels.states import carried, multinomial, occupation
from rwe.result import Result, tidy
from rwe.survival.clock import Clock
from rwe.survival.intervals import share_limits
from rwe.survival.kaplan_meier import Times
from rwe.survival.levels import Levels, text
from rwe.survival.show import Shown, Story

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language
    from rwe.survival.axis import Unit
    from rwe.survival.plots import Labels


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
        return self._groups.spread(group, columns | self._limits(value, variance))

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
        columns = {**names, "time": asked[at], **self._limits(value, variance)}
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

    def _limits(self, value: F8, variance: F8) -> dict[str, F8]:
        return share_limits("probability", value, variance, self.conf_level, self.conf_type)

    def _from(self, course: Course, state: int, since: int) -> Course:
        """Return the course of one who is in a state on the day `since`."""
        later = course.days > since
        moves, risk = course.moves[later], course.risk[later]
        probability = occupation(np.eye(risk.shape[1])[state], moves)
        variance = np.full(probability.shape, np.nan)
        if self.variance == "greenwood":
            variance = greenwood(probability, risk, moves)
        return Course(course.days[later], course.last, moves, risk, probability, variance)

    def plot(
        self,
        *,
        horizon: float | None = None,
        unit: Unit | None = None,
        title: str | None = None,
        subtitle: str | None = None,
        time: str | None = None,
        labels: Labels = None,
        state_labels: Labels = None,
        language: Language = "en",
    ) -> Chart:
        """Draw the probabilities of the states one upon another, a panel a group.

        Parameters
        ----------
        state_labels
            Names of the states, in their order or by state.
        horizon, unit, title, subtitle, time, labels, language
            As in `KaplanMeier.plot`.
        """
        from rwe.survival.plot_states import multi_state_chart  # the chart library is slow to import

        return multi_state_chart(
            self, horizon=horizon, unit=unit, title=title, subtitle=subtitle, time=time, labels=labels,
            state_labels=state_labels, language=language,
        )  # fmt: skip

    def _story(self) -> Story:
        title = f"State probabilities, {self.conf_level:.0%} {self.conf_type} limits, variance {self.variance}"
        return title, self.table, self.notes


def greenwood(probability: F8, risk: F8, steps: F8) -> F8:
    """Return the variance of each state for independent persons, by occasion."""
    spread = carried(steps, multinomial(probability[:-1], risk, steps), np.zeros_like(steps))
    return np.vstack([np.zeros(risk.shape[1]), np.einsum("kii->ki", spread)])
