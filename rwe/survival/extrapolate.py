# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Fit several families to the same rows and tell what each says beyond the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.averaging import aic_weights, drawn_models
from rwe.survival.curve import Curve
from rwe.survival.data import names, read
from rwe.survival.door import door
from rwe.survival.extrapolated import Asked, Told, summed, told
from rwe.survival.extrapolation import AVERAGED, Extrapolation
from rwe.survival.family_names import USUAL, family_named
from rwe.survival.hazard_fit import Question, fitted
from rwe.survival.kaplan_meier import kaplan_meier
from rwe.survival.life_table import LifeTable
from rwe.survival.parametric_model import Parametric
from rwe.survival.plausibility import Flag, disagreement, implausible
from rwe.survival.population_curve import PopulationCurve, background_hazard, population_curve
from rwe.survival.scenario_curves import YEAR, floored, with_population
from rwe.survival.smoothed_hazard import smoothed_hazard

__all__ = ["Extrapolation", "extrapolate"]

Background: TypeAlias = Literal["none", "floor", "fit"]
BACKGROUND = "_background"


@door
def extrapolate(
    frame: Any,
    *,
    time: str,
    event: str,
    families: Sequence[str] = USUAL,
    entry: str | None = None,
    weights: str | None = None,
    landmarks: Sequence[int] = (1826, 3652, 7305),
    horizon: int = 14_610,
    life_table: LifeTable | None = None,
    age: str | None = None,
    sex: str | None = None,
    date: str | None = None,
    background: Background = "none",
    nested: Extrapolation | None = None,
    draws: int = 1000,
    seed: int = 1,
    conf_level: float = 0.95,
) -> Extrapolation:
    """Compare families on the same rows: AIC, BIC, landmarks, life-years, and what none of them may say.

    Parameters
    ----------
    frame, time, event, entry, weights
        As in `parametric`, in days; survival is that of all rows, without covariates.
    families
        Names as of `family_named`: those of `parametric`, ``spline_hazard_2``, ``m_spline_8``, ``cure_weibull``, ...
        A family without an answer is told with its reason beside the others.
    landmarks, horizon
        Days at which survival is told, and up to which life-years are counted; 40 years, longer than a life.
    life_table, age, sex, date
        Of the population, as in `net_survival`; the table says ``outside="nearest"``, as the future has none.
    background
        ``none``: the life table only judges the curves. ``floor``: hazards never fall below the population's. ``fit``:
        excess hazard is fitted, and the population's added to it.
    nested
        The same for an endpoint that never comes later (progression-free survival), to be lain below this one.
    draws, seed, conf_level
        Draws of the coefficients from their normal approximation, of which the limits are quantiles.

    Raises
    ------
    DefinitionError
        If a column is missing, a family unknown, or an argument is wrong.
    DataError
        If rows break the contract of a column, or leave the life table.
    NoValidAnswer
        If no family has an answer.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": range(10, 510, 10), "e": [1, 1, 1, 0, 1] * 10})
    >>> found = extrapolate(frame, time="t", event="e", families=["exp", "weibull"], landmarks=[365], draws=100)
    >>> found.table["family"].to_list()
    ['weibull', 'exp', 'averaged']
    """
    if not families or not landmarks or horizon <= max(landmarks) or min(landmarks) < 1 or draws < 2:
        raise DefinitionError("give families, landmarks from day 1, a horizon after them, and at least two draws")
    if background not in ("none", "floor", "fit") or (background != "none" and life_table is None):
        raise DefinitionError("background is none, floor or fit; the last two need a life_table")
    persons: dict[str, Any] = {"age": age, "sex": sex, "date": date}
    cells = read(frame, [time, event, *names(entry), *names(weights), *_known(life_table, persons)])
    population = None
    if life_table is not None:
        population = population_curve(cells, life_table=life_table, **persons, horizon=horizon, weights=weights)
        hazard = background_hazard(cells, time=time, life_table=life_table, **persons)
        cells = cells.with_columns(hazard.alias(BACKGROUND))
    inside = BACKGROUND if background == "fit" else None
    question = Question(time, event, entry, weights, None, inside, None, None, {}, None, None, conf_level, "days")
    fits, failed = _fits(cells, question, families)
    asked = Asked(tuple(landmarks), horizon, float(np.max(cells[time].to_numpy())), draws, seed, conf_level)
    roles: dict[str, Any] = {"time": time, "event": event, "entry": entry, "weights": weights}
    return Extrapolation(
        **_tables(fits, population, background, nested, asked),
        failed=failed,
        fits=fits,
        observed=kaplan_meier(cells, **roles, conf_level=conf_level),
        hazard=smoothed_hazard(cells, **roles, conf_level=conf_level),
        population=population,
        asked=asked,
        background=background,
    )


def _known(life_table: LifeTable | None, persons: Mapping[str, str | None]) -> list[str]:
    """Return the columns that place persons in a life table; all or none."""
    given = [column for column in persons.values() if column is not None]
    if len(given) != (0 if life_table is None else len(persons)):
        raise DefinitionError("a life_table needs age, sex and date, and they need a life_table")
    return given


def _fits(
    cells: pl.DataFrame, question: Question, families: Sequence[str]
) -> tuple[dict[str, Parametric], dict[str, str]]:
    chosen = {name: family_named(name) for name in families}
    fits: dict[str, Parametric] = {}
    failed: dict[str, str] = {}
    for name, choose in chosen.items():
        try:
            fits[name] = fitted(cells, question, choose)
        except NoValidAnswer as exc:
            failed[name] = str(exc)
    if not fits:
        raise NoValidAnswer(f"no family has an answer: {next(iter(failed.values()))}")
    return dict(sorted(fits.items(), key=lambda one: one[1].aic)), failed


def _tables(
    fits: Mapping[str, Parametric], population: PopulationCurve | None, background: Background,
    nested: Extrapolation | None, asked: Asked,
) -> dict[str, Any]:  # fmt: skip
    """Return the curves and the three tables made of them."""
    curves = {name: _curve(fit, population, background) for name, fit in fits.items()}
    weight = aic_weights([fit.aic for fit in fits.values()])
    told_of = {name: told(curve, asked) for name, curve in curves.items()}
    told_of[AVERAGED] = _mixed(list(told_of.values()), weight, asked)
    rows = [
        {"family": name, **_fitted(fit), "weight": w, **told_of[name].row, "mean_years": _mean(fit, background)}
        for (name, fit), w in zip(fits.items(), weight.tolist(), strict=True)
    ]
    rows.append({"family": AVERAGED, **told_of[AVERAGED].row})
    marks = [one.landmarks.insert_column(0, pl.lit(name).alias("family")) for name, one in told_of.items()]
    flags = list(_flags(fits, told_of, population, background, nested, asked.times))
    schema = {"family": pl.String, "flag": pl.String, "day": pl.Int64}
    return {
        "table": pl.DataFrame(rows, infer_schema_length=None), "landmarks": pl.concat(marks),
        "flags": pl.DataFrame(flags, schema=schema), "curves": curves,
    }  # fmt: skip


def _mixed(parts: Sequence[Told], weight: F8, asked: Asked) -> Told:
    """Return what the weighted mean says; each draw is one of a model chosen by weight."""
    chosen = drawn_models(weight.tolist(), asked.draws, asked.seed)
    drawn = np.stack([parts[k].drawn[i] for i, k in enumerate(chosen)])
    return summed(np.asarray(weight @ np.stack([part.survival for part in parts])), drawn, asked)


def _curve(fit: Parametric, population: PopulationCurve | None, background: Background) -> Curve:
    if population is None or background == "none":
        return fit.curve()
    return (floored if background == "floor" else with_population)(fit.curve(), population)


def _fitted(fit: Parametric) -> dict[str, float]:
    return {"n_par": fit.n_par, "loglik": fit.loglik, "aic": fit.aic, "bic": fit.bic}


def _mean(fit: Parametric, background: Background) -> float | None:
    """Return the mean without a horizon, that of the fit alone."""
    return float(fit.mean()["mean"].item()) / YEAR if background == "none" else None


def _flags(
    fits: Mapping[str, Parametric], told_of: Mapping[str, Told], population: PopulationCurve | None,
    background: Background, nested: Extrapolation | None, times: F8,
) -> list[Flag]:  # fmt: skip
    """Return what is wrong with each curve; under a floor, of the fit below it."""
    known = None if population is None else population.survival_at(times)
    below = None if nested is None else nested.curves
    found: list[Flag] = []
    for name, fit in fits.items():
        own = below.get(name) if below is not None else None
        of = fit.survival_at(times) if background == "floor" else told_of[name].survival
        found += implausible(name, times, of, known, None if own is None else own.survival_at(times))
    years = {name: told_of[name].years for name in fits}
    return [*found, *disagreement({name: fit.aic for name, fit in fits.items()}, years)]
