# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""G-computation: an outcome model of practice, averaged over the persons of another population (or its own).

With a treatment it gives the effect in that population; without one what practice would have seen there, which is a
simulated treatment comparison once it is held against what the trial saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.compare.outcome import Asked, predicted
from rwe.compare.people import people, require
from rwe.compare.target import population_of
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile

Model = Literal["linear", "logistic", "cox"]
FAILED = 0.05  # share of replicates without an answer from which errors are not given


@dataclass(frozen=True, slots=True, eq=False)
class Standardised:
    """What the outcome would be in a population.

    Parameters
    ----------
    table
        ``group`` (all; or treated, control, difference), ``estimand`` (mean, risk or survival; of a difference also
        log_odds_ratio), ``time`` (days; null without), ``estimate``, ``std_error``, ``conf_low``, ``conf_high``:
        bootstrap errors with normal limits; null without replicates.
    settings
        Model, covariates, population, replicates and seed.
    n
        Persons that the model was fitted on.
    """

    table: pl.DataFrame
    settings: dict[str, Any]
    n: int

    def to_result(self, population: str = "") -> Result:
        """Return the tidy table: analysis ``standardised``."""
        return Result(tidy(self.table.with_columns(n=pl.lit(self.n)), analysis="standardised", population=population),
                      self.settings)  # fmt: skip


def standardise(
    frame: Any, *, covariates: Sequence[str], model: Model, outcome: str | None = None, time: str | None = None,
    event: str | None = None, treatment: str | None = None, to: Any = None, milestones: Sequence[int] = (),
    replicates: int = 200, seed: int = 1, simulated: int = 2000, conf_level: float = 0.95,
) -> Standardised:  # fmt: skip
    """Average the predictions of an outcome model over a population.

    Parameters
    ----------
    frame
        A cohort or a frame of practice, one row a person.
    covariates
        Columns of the model; with a treatment it meets each of them (one model an arm).
    model
        ``linear`` or ``logistic`` of `outcome`, or ``cox`` (Efron ties) of `time` and `event`.
    outcome, time, event
        Columns of the outcome.
    treatment
        Column of 0 and 1: both are set for everybody, one after the other. None to predict practice as it is.
    to
        The population: None for the frame itself; ``"treated"`` for its treated; a frame with the covariates, such as
        the patients of a trial; or targets as `maic` takes them, from which `simulated` persons are drawn with the
        correlation and the shape of practice.
    milestones
        Days at which survival of a cox model is told.
    replicates, seed
        Bootstrap replicates, of which each draws practice anew, and a frame given as `to` too (its sampling is part
        of the answer); 0 for none.

    Raises
    ------
    DefinitionError
        If the outcome does not go with the model, or the population is no population.
    DataError
        If a column is missing or rows break its contract.
    NoValidAnswer
        If the model has no estimate, or not in one replicate of twenty; milestones lie beyond follow-up.
    """
    rows = people(frame)
    _refuse_outcome(model, outcome, time, event, milestones)
    asked = Asked(model, tuple(covariates), outcome, time, event, treatment, tuple(milestones))
    require(rows, asked.columns)
    target = population_of(to, rows, asked, simulated, seed)
    point = predicted(rows, target, asked)
    drawn = _replicates(rows, to, target, asked, replicates, seed) if replicates else None
    labels = asked.labels()
    table = pl.DataFrame(labels, schema=["group", "estimand", "time"], orient="row").with_columns(estimate=point)
    table = table.with_columns(pl.col("time").cast(pl.Int64), **_errors(point, drawn, conf_level))
    settings: dict[str, Any] = {"model": model, "covariates": list(covariates), "replicates": replicates, "seed": seed}
    settings |= {"errors": "bootstrap of practice and of the rows of the population", "conf_level": conf_level}
    return Standardised(table, settings, rows.height)


def _refuse_outcome(model: str, outcome: Any, time: Any, event: Any, milestones: Sequence[int]) -> None:
    if model not in ("linear", "logistic", "cox"):
        raise DefinitionError(f"unknown model '{model}'; use linear, logistic or cox")
    if model == "cox" and (time is None or event is None or not milestones or outcome is not None):
        raise DefinitionError("a cox model needs time, event and milestones, and no outcome")
    if model != "cox" and (outcome is None or time is not None or event is not None):
        raise DefinitionError(f"a {model} model needs an outcome, and no time or event")


def _replicates(rows: pl.DataFrame, to: Any, target: pl.DataFrame, asked: Asked, replicates: int, seed: int) -> F8:
    """Return one row a replicate; where practice is the population too, both are the persons drawn."""
    found, failed = [], 0
    of_others = isinstance(to, pl.DataFrame) or (to is not None and not isinstance(to, str | Mapping))
    for stream in np.random.default_rng(seed).spawn(replicates):
        again = rows[stream.integers(0, rows.height, rows.height)]
        whole = target[stream.integers(0, target.height, target.height)] if of_others else target
        try:
            own = population_of(to, again, asked, 0, seed) if to is None or isinstance(to, str) else whole
            found.append(predicted(again, own, asked))
        except NoValidAnswer:
            failed += 1
    if failed > FAILED * replicates:
        raise NoValidAnswer(
            f"the outcome model has no estimate in {failed} of {replicates} replicates: fewer covariates"
        )
    return np.array(found)


def _errors(point: F8, drawn: F8 | None, conf_level: float) -> dict[str, Any]:
    if drawn is None:
        return dict.fromkeys(("std_error", "conf_low", "conf_high"), pl.lit(None, pl.Float64))
    error = drawn.std(axis=0, ddof=1)
    half = normal_quantile(conf_level) * error
    return {"std_error": pl.Series(error), "conf_low": pl.Series(point - half), "conf_high": pl.Series(point + half)}
