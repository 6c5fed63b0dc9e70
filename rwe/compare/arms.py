# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`arms`: survival of the treated against that of the controls of one cohort, as they are, weighted or matched."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from rwe import survival as sv
from rwe.compare import contrast_rows as rows
from rwe.compare.follow_up import curve, refuse_beyond
from rwe.compare.logistic_climb import outcomes
from rwe.compare.people import people, require, row_weights, weight_values
from rwe.compare.weights import effective_sample_size
from rwe.errors import NoValidAnswer
from rwe.result import Result, tidy

YEAR = 365.25
ARMS = ("treated", "control")
METHOD = {
    "weights": "taken as fixed: that they were estimated is left out of the errors, which makes them a little large",
    "difference": "treated minus control; normal limits on the plain scale, the arms as independent",
    "hazard_ratio": "treated to control, Cox model, Efron ties, sandwich error (Lin & Wei 1989), by pair where paired",
}


def arms(
    frame: Any,
    *,
    time: str,
    event: str,
    treatment: str,
    weights: Any = None,
    milestones: Sequence[int] = (365, 1096, 1826),
    tau: int = 1826,
    conf_level: float = 0.95,
    stratum: str = "",
    population: str = "",
    outcome: str = "",
) -> Result:
    """Compare an endpoint between two arms of one cohort.

    Parameters
    ----------
    frame
        A cohort or a frame, one row a person.
    time, event
        Columns of days and of whether the event happened.
    treatment
        Column of 0 and 1, or of truth values.
    weights
        What `weight` or `match` returned, a column name or one weight a row; unweighted by default. Persons of one
        pair count as one in the error of the hazard ratio.
    milestones
        Days on which survival is compared; null beyond the follow-up of either arm.
    tau
        Common horizon of restricted mean survival time, days.
    stratum, population, outcome
        Labels of the rows.

    Returns
    -------
    Result
        Groups treated, control and difference (treated minus control). Persons in rows of the difference are those of
        the arm with fewer events, so that a small one masks it.

    Raises
    ------
    DataError
        If columns are missing, hold something else than they must, or weights are not one finite number >= 0 a row.
    NoValidAnswer
        If an arm is empty, or `tau` lies beyond the shorter follow-up of the two.

    Examples
    --------
    >>> two = pl.DataFrame({"t": [5, 8, 9, 3, 6, 9], "e": [1, 0, 1, 1, 1, 0], "a": [1, 1, 1, 0, 0, 0]})
    >>> found = arms(two, time="t", event="e", treatment="a", milestones=(6,), tau=8).table
    >>> found.filter(estimand="milestone", group="difference")["estimate"].round(3).to_list()
    [0.333]
    """
    both = _both(people(frame), time, event, treatment, weights)
    sides = {name: both.filter(practice=code) for name, code in zip(ARMS, (1, 0), strict=True)}
    if empty := [name for name, side in sides.items() if side.is_empty()]:
        raise NoValidAnswer(f"'{treatment}': nobody is {empty[0]}")
    shorter = refuse_beyond(tau, {f"the {name} arm": side for name, side in sides.items()})
    curves = {name: curve(side, conf_level, weighted=weights is not None) for name, side in sides.items()}
    days = [math.ceil(YEAR * k) if k else 0 for k in range(int(shorter / YEAR) + 1)]
    told = [part for name, km in curves.items() for part in _side(km, sides[name], name, milestones, days, tau)]
    ratio, notes = rows.hazard_ratio(both, conf_level)
    between = [rows.differences(curves["treated"], curves["control"], milestones, tau, conf_level), ratio]
    least = _least(sides)
    labels = {"analysis": "arms", "population": population, "stratum": stratum, "outcome": outcome}
    parts = [tidy(part, **labels) for part in [*told, *(part.with_columns(**least) for part in between)]]
    settings = {"tau": tau, "conf_level": conf_level, "milestones": [*milestones], "method": METHOD, "notes": notes}
    return Result(pl.concat(parts), settings)


def _both(frame: pl.DataFrame, time: str, event: str, treatment: str, weights: Any) -> pl.DataFrame:
    """Return days, event, weight and arm (practice: 1 is treated) of each person with a weight, and its pair."""
    require(frame, [time, event, treatment])
    _, treated, _ = outcomes(frame, treatment, None)
    found = frame.select(
        pl.col(time).cast(pl.Int64).alias("days"),
        pl.col(event).cast(pl.Boolean).alias("event"),
        pl.Series("weight", row_weights(frame, weight_values(weights))),
        pl.Series("practice", treated.astype(int)),
    )
    group = getattr(weights, "group", None)
    if getattr(weights, "method", "") in ("nearest", "optimal") and group is not None and group.drop_nulls().len():
        found = found.with_columns(pl.Series("pair", group))
    return found.filter(pl.col("weight") > 0)


def _side(
    km: sv.KaplanMeier, side: pl.DataFrame, name: str, milestones: Sequence[int], days: Sequence[int], tau: int
) -> list[pl.DataFrame]:
    size = {"group": name, "estimand": "effective_sample_size", "n": side.height}
    worth = pl.DataFrame([{**size, "estimate": effective_sample_size(side["weight"])}])
    return [rows.group(km, name, milestones, days, tau), worth]


def _least(sides: dict[str, pl.DataFrame]) -> dict[str, pl.Expr]:
    """Return the persons and events of the arm whose counts come nearest to being masked."""
    counts = [(side.height, int(side["event"].sum())) for side in sides.values()]
    n, n_event = min(counts, key=lambda one: min(part for part in (one[0], one[1], one[0] - one[1]) if part))
    return {"n": pl.lit(n, pl.Int64), "n_event": pl.lit(n_event, pl.Int64)}
