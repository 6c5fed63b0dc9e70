# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From the columns of a frame to a fitted family: rows validated, folded, climbed, told in the units of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.survival.clock import ClockName
from rwe.survival.columns import numeric, refuse
from rwe.survival.curves import robust_rule
from rwe.survival.data import Response, names, read, respond
from rwe.survival.design import Design, design
from rwe.survival.family import Family, Follow
from rwe.survival.hazard_climb import Top, highest
from rwe.survival.hazard_likelihood import Likelihood
from rwe.survival.hazard_rows import Cells, Scale, folded, scaled
from rwe.survival.intervals import normal_quantile
from rwe.survival.parametric_model import Parametric
from rwe.survival.parametric_tables import coefficient_table, natural_table
from rwe.survival.standard import matrix_of
from rwe.survival.terms import columns_of, model_of


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for beside the frame and the family; as `parametric` says."""

    time: str
    event: str
    entry: str | None
    weights: str | None
    cluster: str | None
    background: str | None
    covariates: Sequence[str] | None
    formula: str | None
    on: Mapping[str, str | Sequence[str]]
    reference: Mapping[str, Any] | None
    robust: bool | None
    conf_level: float
    clock: ClockName

    @property
    def location(self) -> str | list[str] | None:
        """The model of the location; None without covariates."""
        if self.covariates is None and self.formula is None:
            return None
        return model_of(self.covariates, self.formula)

    def read(self, frame: Any) -> tuple[pl.DataFrame, Response]:
        """Return the rows that count, and their validated response."""
        models = [model for model in (self.location, *self.on.values()) if model is not None]
        roles = [self.time, self.event, *names(self.entry), *names(self.weights), *names(self.cluster)]
        table = read(frame, [*roles, *names(self.background), *(c for model in models for c in columns_of(model))])
        response = respond(
            table, time=self.time, event=self.event, entry=self.entry, weights=self.weights, cluster=self.cluster,
            clock=self.clock,
        )  # fmt: skip
        return table.filter(response.kept), response

    def designs(self, table: pl.DataFrame, family: Family) -> tuple[Design | None, ...]:
        """Return the design of each parameter of the family; None where nothing moves it."""
        known = [p.name for p in family.parameters]
        if odd := sorted(set(self.on) - set(known)):
            raise DefinitionError(f"on names {odd}; the parameters of family '{family.name}' are {', '.join(known)}")
        asked: dict[str, str | Sequence[str]] = {name: model for name, model in self.on.items() if model}
        if self.location is not None:
            if family.location in asked:
                raise DefinitionError(f"'{family.location}' has covariates twice: as location, and by name in `on`")
            asked[family.location] = self.location
        left = dict(self.reference or {})
        found = {name: design(table, model, _of(left, model)) for name, model in asked.items()}
        if odd := sorted(set(left) - {column for plan in found.values() for column in plan.levels}):
            raise DefinitionError(f"reference names {odd}, which are not levels of this model")
        return tuple(found.get(name) for name in known)


def fitted(frame: Any, question: Question, choose: Callable[[Follow], Family]) -> Parametric:
    """Fit the family that is chosen of the follow-up.

    Raises
    ------
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If nobody fails, or the likelihood has no finite maximum.
    """
    z = normal_quantile(question.conf_level)
    table, response = question.read(frame)
    follow = _follow(table, response, question)
    family = choose(follow)
    plans = question.designs(table, family)
    made = [
        scaled(np.empty((0, 0)) if plan is None else matrix_of(plan, table), follow.weight, plan.names if plan else ())
        for plan in plans
    ]
    lived = follow.time > 0  # who is censored at time 0 tells nothing
    rows, seen = [x[lived] for x, _ in made], follow.some(lived)
    likelihood = Likelihood(family, folded(seen, rows))
    labels = [(p.name, term) for p, plan in zip(family.parameters, plans, strict=True) for term in _terms(plan)]
    null, top = highest(likelihood, [name if term == "intercept" else f"{name}: {term}" for name, term in labels])
    cost, counted = _penalised(likelihood, top)
    robust = robust_rule(response, asked=question.robust)
    cluster = None if response.cluster is None else response.cluster[lived]
    spread = _spread(likelihood, top, Cells(seen, seen.weight**2, tuple(rows)), cluster, robust=robust)
    turn = _turn([scale for _, scale in made])
    beta, covariance = turn @ np.where(top.free, top.beta, 0.0), turn @ spread @ turn.T
    beta = np.where(top.free, beta, top.beta)
    return Parametric(
        family=family,
        coefficients=coefficient_table(labels, beta, covariance, z),
        covariance=covariance,
        parameters=natural_table(family, labels, beta, covariance, z),
        loglik=top.value + cost,
        n_par=counted,
        loglik_null=null.value,
        n=follow.time.size,
        n_event=int(follow.event.sum()),
        robust=robust,
        conf_level=question.conf_level,
        notes=_notes(family, response, top, labels, question),
        designs=plans,
        _beta=beta,
        _last=float(follow.time.max()),
        _clock=response.clock,
    )


def _terms(plan: Design | None) -> tuple[str, ...]:
    return ("intercept", *(plan.names if plan else ()))


def _of(reference: Mapping[str, Any], model: str | Sequence[str]) -> dict[str, Any]:
    """Return the chosen references among the columns of one model."""
    return {column: level for column, level in reference.items() if column in columns_of(model)}


def _follow(table: pl.DataFrame, response: Response, question: Question) -> Follow:
    """Return follow-up as numbers; failures at time 0 are refused."""
    time = np.asarray(response.clock.times(response.time), np.float64)
    late = np.asarray(response.clock.times(response.late), np.float64) if response.late.size else np.zeros(time.size)
    if not response.event.any():
        raise NoValidAnswer("there are no events: a parametric model has no answer")
    lived = "give them the time they lived (half a day)"
    if response.clock.ticks is None:
        lived += " on clock='continuous', count the day of the start as day 1"
    advice = f"{lived}, or leave them out"
    refuse(
        int((response.event & (time <= 0)).sum()),
        time.size,
        question.time,
        "fail at time 0, where no family has a density",
        advice,
    )
    hazard = np.zeros(time.size)
    if question.background is not None:
        hazard = numeric(table[question.background]).cast(pl.Float64).to_numpy()
        refuse(int((hazard < 0).sum()), time.size, question.background, "are below 0")
    return Follow(time, late, np.asarray(response.event, np.bool_), response.weights, hazard)


def _spread(likelihood: Likelihood, top: Top, rows: Cells, cluster: I8 | None, *, robust: bool) -> F8:
    """Return the covariance of the coefficients on the scale of the cells; 0 for what is held."""
    free, found = top.free, np.zeros(top.information.shape)
    block = np.ix_(free, free)
    found[block] = np.linalg.inv(top.information[block])
    if not robust:
        return found
    if cluster is None:
        score, square = likelihood.scores(top.beta), likelihood.cells.square[:, None]
        return np.asarray(found @ ((score * square).T @ score) @ found, np.float64)
    score = Likelihood(likelihood.family, rows).scores(top.beta) * rows.follow.weight[:, None]
    total = np.zeros((int(cluster.max()) + 1, score.shape[1]))
    np.add.at(total, cluster, score)
    return np.asarray(found @ (total.T @ total) @ found, np.float64)


def _penalised(likelihood: Likelihood, top: Top) -> tuple[float, float]:
    """Return what a penalty took off the log likelihood, and how many parameters it left free (Gray 1992)."""
    cost = likelihood.penalty(top.beta.size)
    if cost is None:
        return 0.0, float(top.beta.size)
    free = top.beta.size - float(np.trace(np.linalg.solve(top.information, cost)))
    return float(top.beta @ cost @ top.beta) / 2, free


def _turn(scales: Sequence[Scale]) -> F8:
    """Return the matrix that takes coefficients on the scale of the cells to those of the data."""
    blocks = [scale.turn for scale in scales]
    ends = np.cumsum([0, *(len(b) for b in blocks)])
    found = np.zeros((int(ends[-1]), int(ends[-1])))
    for block, start, end in zip(blocks, ends[:-1], ends[1:], strict=True):
        found[start:end, start:end] = block
    return found


def _notes(
    family: Family, response: Response, top: Top, labels: Sequence[tuple[str, str]], question: Question
) -> tuple[str, ...]:
    notes = [f"{response.dropped} rows of weight 0 left out"] if response.dropped else []
    for i in np.flatnonzero(~top.free):
        limit = family.parameters[family.place(labels[int(i)][0])].limit
        notes.append(f"the maximum lies at {labels[int(i)][0]} = 0, where the family is {limit}: it is held there")
    if (events := int(response.event.sum())) <= len(labels):
        counted = f"{events} event{'s' * (events > 1)} for {len(labels)} parameter{'s' * (len(labels) > 1)}"
        notes.append(f"{counted}: the curve is that of the family, and its limits cannot be relied on")
    if question.background is not None:
        notes.append("excess hazard over a background: the log likelihood is known up to a constant")
    return tuple(notes)
