# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The outcome model of G-computation: fitted on practice, an arm at a time, and averaged over a population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe import survival as sv
from rwe.compare.logistic import logistic
from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.design import design
from rwe.survival.linear import aliased
from rwe.survival.standard import matrix_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What is fitted and told."""

    model: str
    covariates: tuple[str, ...]
    outcome: str | None
    time: str | None
    event: str | None
    treatment: str | None
    milestones: tuple[int, ...]

    @property
    def columns(self) -> list[str]:
        """Columns that practice must have."""
        named = (*self.covariates, self.outcome, self.time, self.event, self.treatment)
        return [name for name in named if name is not None]

    @property
    def arms(self) -> tuple[tuple[str, int], ...]:
        """The arms and their codes; none without a treatment."""
        return () if self.treatment is None else (("treated", 1), ("control", 0))

    def labels(self) -> list[tuple[str, str, int | None]]:
        """Return group, estimand and time of each number that `predicted` gives."""
        kind = {"linear": "mean", "logistic": "risk", "cox": "survival"}[self.model]
        times: tuple[int | None, ...] = self.milestones if self.model == "cox" else (None,)
        groups = ["all"] if self.treatment is None else ["treated", "control", "difference"]
        told = [(group, kind, at) for group in groups for at in times]
        ratio = self.model == "logistic" and self.treatment is not None
        return [*told, ("difference", "log_odds_ratio", None)] if ratio else told


def predicted(rows: pl.DataFrame, target: pl.DataFrame, asked: Asked) -> F8:
    """Return the averages over the population, in the order of `Asked.labels`.

    Raises
    ------
    NoValidAnswer
        If a model has no estimate, an arm has nobody, or a milestone lies beyond follow-up.
    """
    if asked.treatment is None:
        return _average(rows, target, asked)
    found = [_average(_arm(rows, asked.treatment, name, code), target, asked) for name, code in asked.arms]
    told = [*found, found[0] - found[1]]
    if asked.model == "logistic":
        odds = [np.log(risk / (1 - risk)) for risk in found]
        told.append(odds[0] - odds[1])
    return np.concatenate(told)


def _arm(rows: pl.DataFrame, treatment: str, name: str, code: int) -> pl.DataFrame:
    mine = rows.filter(pl.col(treatment).cast(pl.Int64) == code)
    if mine.height == 0:
        raise NoValidAnswer(f"'{treatment}': nobody is {name} (coded {code})")
    return mine


def _average(rows: pl.DataFrame, target: pl.DataFrame, asked: Asked) -> F8:
    if asked.model == "cox":
        return _survival(rows, target, asked)
    plan = design(rows, list(asked.covariates))
    there = np.column_stack([np.ones(target.height), matrix_of(plan, target)])
    if asked.model == "linear":
        here = np.column_stack([np.ones(rows.height), matrix_of(plan, rows)])
        return np.array([float((there @ _least_squares(here, rows, str(asked.outcome), plan.names)).mean())])
    fit = logistic(rows, outcome=str(asked.outcome), covariates=list(asked.covariates))
    eta = there @ fit.coefficients["estimate"].to_numpy()
    return np.array([float((1 / (1 + np.exp(-eta))).mean())])


def _least_squares(x: F8, rows: pl.DataFrame, outcome: str, names: tuple[str, ...]) -> F8:
    unit = np.abs(x).max(axis=0)
    unit[unit == 0] = 1.0
    gram = (x / unit).T @ (x / unit)
    if same := aliased(gram):
        raise NoValidAnswer(f"terms {[names[j - 1] for j in same]} are constant or a combination of others")
    y = rows[outcome].cast(pl.Float64).to_numpy()
    return np.asarray(np.linalg.solve(gram, (x / unit).T @ y) / unit)


def _survival(rows: pl.DataFrame, target: pl.DataFrame, asked: Asked) -> F8:
    time, event = str(asked.time), str(asked.event)
    last = rows[time].cast(pl.Float64).max()
    if isinstance(last, float) and (late := [day for day in asked.milestones if day > last]):
        raise NoValidAnswer(f"milestones {late} lie beyond follow-up: ask for earlier ones")
    fit = sv.cox(rows, time=time, event=event, covariates=list(asked.covariates))
    there = fit.predict_survival(target, [float(day) for day in asked.milestones])["survival"].to_numpy()
    return np.asarray(there.reshape(target.height, len(asked.milestones)).mean(axis=0))
