# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`evaluate`: strategies run through their models, in the base case and in draws of all that is uncertain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.economics.accrual import Accrual, Stay, asks, at_start, columns, finite
from rwe.reimbursement.economics.curves import Sample
from rwe.reimbursement.economics.distributions import Correlated, Parameter, base, draw
from rwe.reimbursement.economics.evaluation import Evaluation
from rwe.reimbursement.economics.paths import DEAD, Model, totals, trace
from rwe.reimbursement.economics.timing import Timing
from rwe.reimbursement.economics.totals import Totals


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to treat: its model, and what its states cost and are worth.

    Parameters
    ----------
    model
        `Partitioned`, `Markov` or `IllnessDeath`.
    costs
        Money, but for the medicine whose price is asked for.
    units
        Units of that medicine: its cost is their number times the price.
    effects
        Utilities; summed over time they are quality-adjusted life years.
    """

    model: Model
    costs: tuple[Accrual, ...] = ()
    units: tuple[Accrual, ...] = ()
    effects: tuple[Accrual, ...] = ()


def evaluate(
    strategies: Mapping[str, Strategy],
    timing: Timing,
    *,
    parameters: Mapping[str, Parameter] | None = None,
    correlated: Correlated | None = None,
    price: float = 0.0,
    draws: int = 0,
    seed: int = 1,
    years: int = 0,
) -> Evaluation:
    """Return what strategies cost and bring, in the base case and in draws.

    Money out of a model is an estimate and travels as a float; what is settled is a `Decimal` of the ledger.

    Parameters
    ----------
    strategies
        By name; a curve of one name, or a parameter, is the same draw in all of them.
    parameters
        What is uncertain beside the curves, by name.
    correlated
        Correlations of pairs of parameters.
    price
        Of one unit of the medicine.
    draws
        How many; 0 for the base case alone, which takes each parameter's mean and each curve's estimate.
    seed
        From which all draws follow.
    years
        For how many years undiscounted costs are kept apart (for the budget).

    Raises
    ------
    DefinitionError
        If a state, a parameter or a correlation is unknown or impossible, or a number is not finite.
    DataError
        If a curve gives no survival.
    """
    if not strategies or draws < 0 or draws == 1:
        raise DefinitionError("an evaluation needs strategies, and no draws or at least 2")
    known = parameters or {}
    certain = Sample(1, None, base(known))
    names = tuple(strategies)
    one = _run(strategies, timing, certain, years)
    many = _run(strategies, timing, Sample(draws, seed, draw(known, draws, seed, correlated)), years) if draws else None
    paths = {name: trace(strategy.model, timing, certain) for name, strategy in strategies.items()}
    shares = {name: {state: found[0] for state, found in path.stays.items()} for name, path in paths.items()}
    return Evaluation(names, timing, finite(price, "the price"), one, many, shares, seed)


def _run(strategies: Mapping[str, Strategy], timing: Timing, sample: Sample, years: int) -> Totals:
    found = [_of(strategy, timing, sample, years) for strategy in strategies.values()]
    return Totals(*(np.stack(part, axis=1) for part in zip(*found, strict=True)))


def _of(strategy: Strategy, timing: Timing, sample: Sample, years: int) -> tuple[F8, ...]:
    """Return what `Totals` holds, of one strategy."""
    alive = tuple(Stay(state, 1.0) for state in strategy.model.states if state != DEAD)
    lists = (strategy.costs, strategy.units, strategy.effects, alive)
    rates = (timing.costs, timing.costs, timing.effects, timing.effects)
    asked = [asks(part, timing, rate, years) for part, rate in zip(lists, rates, strict=True)]
    sums, capped = totals(strategy.model, timing, sample, [ask for part in asked for ask in part])
    given = iter(sums)
    costs, units, effects, life = (
        _added(part, given, timing, rate, sample, years) for part, rate in zip(lists, rates, strict=True)
    )
    lived = (life[:, 0], life[:, 1])
    return costs[:, 0], units[:, 0], effects[:, 0], *lived, costs[:, 2:], units[:, 2:], capped


def _added(part: Sequence[Accrual], sums: Iterator[F8], timing: Timing, rate: float, sample: Sample, years: int) -> F8:
    """Return the sum of a list of accruals, each times its value: one row a draw."""
    total = np.zeros((sample.n, 2 + years))
    for one in part:
        over = columns(one, timing, rate, years)[None, :] if at_start(one) else next(sums)
        total += sample.of(one.value)[:, None] * over
    return total
