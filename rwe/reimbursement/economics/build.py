# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a price file to models: parameters, curves with the patients they are fitted to, strategies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from rwe.errors import DefinitionError
from rwe.reimbursement.economics import fits
from rwe.reimbursement.economics.accrual import Accrual, Once, Stay
from rwe.reimbursement.economics.curves import Named, Proportional, Sample, Source
from rwe.reimbursement.economics.distributions import Counts, Parameter, Ratio, Uncertain
from rwe.reimbursement.economics.evaluate import Strategy
from rwe.reimbursement.economics.family_curve import FamilyCurve, published_curve
from rwe.reimbursement.economics.illness_death import IllnessDeath
from rwe.reimbursement.economics.markov import Markov, Phase, ways_out
from rwe.reimbursement.economics.partitioned import Partitioned
from rwe.reimbursement.economics.paths import Model
from rwe.reimbursement.economics.timing import LENGTHS, Timing, cycles_of
from rwe.spec import price_curves, price_model
from rwe.spec.base import Where, placed
from rwe.spec.price import PriceFile, Time

Made = TypeVar("Made")


def timing_of(time: Time) -> Timing:
    """Return cycles and discounting."""
    cycle = LENGTHS[time.cycle] if isinstance(time.cycle, str) else time.cycle
    rates = time.discount
    return Timing(cycle, cycles_of(cycle, time.years), rates.costs, rates.effects, rates.at, time.correction)


def parameters_of(file: PriceFile, path: Path) -> dict[str, Parameter]:
    """Return what is uncertain, by name.

    Raises
    ------
    DefinitionError
        With every parameter that no distribution can have, at its place.
    """
    return _each(path, "parameters", file.parameters.items(), _parameter)


def curves_of(file: PriceFile, path: Path) -> dict[str, Source]:
    """Return the curves by name, each fitted where the file says so.

    Raises
    ------
    DefinitionError
        With every curve that cannot be read, at its place.
    NoValidAnswer
        If a family has no maximum on the patients.
    Refused
        If a curve rests on fewer patients than may be shown.
    """
    plain = [(name, curve) for name, curve in file.curves.items() if curve.scaled is None]
    made = _each(path, "curves", plain, lambda curve: _curve(curve, path))
    found: dict[str, Source] = {name: Named(name, curve) for name, curve in made.items()}
    for name, curve in file.curves.items():
        if curve.scaled is not None:
            base = Named(curve.scaled.of, made[curve.scaled.of])
            found[name] = Proportional(base, curve.scaled.hazard_ratio, curve.scaled.wanes)
    return found


def strategies_of(
    file: PriceFile, curves: Mapping[str, Source], models: Mapping[str, price_model.Model]
) -> dict[str, Strategy]:
    """Return the strategies, each with the model that `models` holds for it, else with its own."""
    cycle = timing_of(file.time).cycle
    return {
        name: Strategy(
            model_of(models.get(name, one.model), curves),
            _items(one.costs, cycle),
            _items(one.units, cycle),
            (*(Stay(state, value) for state, value in one.utilities.items()), *_items(one.effects, cycle)),
        )
        for name, one in file.strategies.items()
    }


def model_of(model: price_model.Model, curves: Mapping[str, Source]) -> Model:
    """Return the model of a strategy."""
    if model.partitioned is not None:
        return Partitioned({state: curves[name] for state, name in model.partitioned.items()})
    if model.steps is not None:
        steps = model.steps
        return IllnessDeath(curves[steps.progression], curves[steps.death], curves[steps.after], steps.clock)
    assert model.markov is not None, "a model is one of three"
    return Markov(model.markov.states, _phases(model.markov), model.markov.start)


def check_matrices(file: PriceFile, path: Path, samples: Sequence[Sample]) -> None:
    """Hold every row of the file's matrices against what probabilities may be.

    Raises
    ------
    DefinitionError
        With every row that cannot be one, at its place.
    """
    wrong = [
        ((part, name, *way, "markov", "phases", i, "matrix", j), fault)
        for part, name, way, model in _models(file)
        if model.markov is not None
        for i, phase in enumerate(_phases(model.markov))
        for j, state in enumerate(model.markov.states)
        if (fault := _row_fault(phase, j, state, samples))
    ]
    if wrong:
        raise DefinitionError(placed(path, wrong))


def _models(file: PriceFile) -> Iterator[tuple[str, str, Where, price_model.Model]]:
    yield from (("strategies", name, ("model",), one.model) for name, one in file.strategies.items())
    yield from (("promised", name, (), model) for name, model in file.promised.items())


def _row_fault(phase: Phase, j: int, state: str, samples: Sequence[Sample]) -> str:
    try:
        for sample in samples:
            ways_out(phase, j, state, sample)
    except DefinitionError as exc:
        return str(exc)
    return ""


def _phases(markov: price_model.Matrices) -> tuple[Phase, ...]:
    return tuple(Phase(one.matrix, one.cycles, one.ratio, one.scale) for one in markov.phases)


def _each(
    path: Path, part: str, given: Iterable[tuple[str, fits.Given]], make: Callable[[fits.Given], Made]
) -> dict[str, Made]:
    """Make each piece of a part of the file; faults are gathered with their places."""
    made: dict[str, Made] = {}
    wrong: list[tuple[Where, str]] = []
    for name, one in given:
        try:
            made[name] = make(one)
        except DefinitionError as exc:
            wrong.append(((part, name), str(exc)))
    if wrong:
        raise DefinitionError(placed(path, wrong))
    return made


def _parameter(one: price_curves.Parameter) -> Parameter:
    if isinstance(one, price_curves.ByCounts):
        return Counts(one.counts)
    if isinstance(one, price_curves.ByLimits):
        return Ratio(one.ratio, one.low, one.high)
    return Uncertain(one.shape, one.mean, one.se)


def _curve(curve: price_curves.Curve, path: Path) -> FamilyCurve:
    if curve.published is not None:
        told = curve.published
        return published_curve(told.family, told.parameters, told.covariance, LENGTHS[told.unit])
    if curve.fit is not None:
        return fits.of_file(curve.fit, path)
    assert curve.trial is not None, "a curve that is not scaled is one of three"
    return fits.of_trial(curve.trial, path)


def _items(items: Sequence[price_model.Item], cycle: float) -> tuple[Accrual, ...]:
    found: list[Accrual] = []
    for item in items:
        if item.on == "stay":
            per = cycle if item.per == "cycle" else LENGTHS[item.per]
            found.append(Stay(item.state or "", item.amount, per, item.from_day, item.to_day))
        else:
            found.append(Once(item.amount, item.on, item.state or ""))
    return tuple(found)
