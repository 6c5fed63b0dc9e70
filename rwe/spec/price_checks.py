# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A price file held against itself: every name it uses must be defined in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from rwe.spec.base import Where
from rwe.spec.names import unknown
from rwe.spec.price_curves import ByCounts, ByError, ByLimits, Parameter

if TYPE_CHECKING:
    from rwe.spec.price import PriceFile
    from rwe.spec.price_model import Matrices, Model, Strategy

Fault = tuple[Where, str]
REST, DEAD = "rest", "dead"
MOST = 1.0  # the utility of full health


def faults(found: PriceFile) -> Iterator[Fault]:
    """Yield each name that is not defined, as its place in the file and what is wrong."""
    yield from _curves(found)
    numbers = _numbers(found)
    for name, strategy in found.strategies.items():
        yield from _model(("strategies", name, "model"), strategy.model, found.curves, numbers)
        yield from _values(("strategies", name), strategy, strategy.model.states(), numbers)
        yield from _worth(("strategies", name), strategy, found.parameters)
        if name in found.promised and set(found.promised[name].states()) != set(strategy.model.states()):
            yield ("promised", name), f"other states than the strategy: {', '.join(found.promised[name].states())}"
    for name, model in found.promised.items():
        yield from _known(("promised", name), name, found.strategies, "strategy")
        yield from _model(("promised", name), model, found.curves, numbers)
    yield from _known(("medicine", "strategy"), found.medicine.strategy, found.strategies, "strategy")
    yield from _money(found)
    for i, pair in enumerate(found.correlations):
        for j, name in enumerate(pair.between):
            yield from _known(("correlations", i, "between", j), name, found.parameters, "parameter")


def _known(where: Where, name: object, allowed: Collection[str], what: str) -> Iterator[Fault]:
    if name not in allowed:
        yield where, unknown(name, tuple(allowed), what)


def _numbers(found: PriceFile) -> tuple[str, ...]:
    """Return the names by which parameters are used."""
    names: list[str] = []
    for name, one in found.parameters.items():
        names += [f"{name}.{i + 1}" for i in range(len(one.counts))] if isinstance(one, ByCounts) else [name]
    return tuple(names)


def _curves(found: PriceFile) -> Iterator[Fault]:
    plain = tuple(name for name, curve in found.curves.items() if curve.scaled is None)
    for name, curve in found.curves.items():
        if curve.scaled is not None:
            where: Where = ("curves", name, "scaled")
            yield from _known((*where, "of"), curve.scaled.of, plain, "curve (that is not scaled itself)")
            yield from _amount((*where, "hazard_ratio"), curve.scaled.hazard_ratio, _numbers(found))


def _amount(where: Where, amount: object, numbers: Collection[str]) -> Iterator[Fault]:
    if isinstance(amount, str):
        yield from _known(where, amount, numbers, "parameter")


def _model(where: Where, model: Model, curves: Collection[str], numbers: Collection[str]) -> Iterator[Fault]:
    if model.partitioned is not None:
        for state, curve in model.partitioned.items():
            yield from _known((*where, "partitioned", state), curve, curves, "curve")
    if model.steps is not None:
        for step in ("progression", "death", "after"):
            yield from _known((*where, "steps", step), getattr(model.steps, step), curves, "curve")
    if model.markov is not None:
        yield from _matrices((*where, "markov"), model.markov, numbers)


def _matrices(where: Where, markov: Matrices, numbers: Collection[str]) -> Iterator[Fault]:
    size = len(markov.states)
    if DEAD not in markov.states:
        yield (*where, "states"), f"one of the states must be '{DEAD}'"
    for i, phase in enumerate(markov.phases):
        at: Where = (*where, "phases", i)
        if phase.cycles is None and i + 1 < len(markov.phases):
            yield at, "needs cycles: only the last phase holds to the end"
        yield from _amount((*at, "ratio"), phase.ratio, numbers)
        if len(phase.matrix) != size:
            yield (*at, "matrix"), f"{len(phase.matrix)} rows for {size} states"
        for j, row in enumerate(phase.matrix):
            if len(row) != size:
                yield (*at, "matrix", j), f"{len(row)} numbers for {size} states"
            for k, cell in enumerate(row):
                if cell != REST:
                    yield from _amount((*at, "matrix", j, k), cell, numbers)


def _values(where: Where, strategy: Strategy, states: Collection[str], numbers: Collection[str]) -> Iterator[Fault]:
    for kind in ("costs", "units", "effects"):
        for i, item in enumerate(getattr(strategy, kind)):
            if item.state is not None:
                yield from _known((*where, kind, i, "state"), item.state, states, "state")
            yield from _amount((*where, kind, i, "amount"), item.amount, numbers)
    for state, amount in strategy.utilities.items():
        yield from _known((*where, "utilities", state), state, states, "state")
        yield from _amount((*where, "utilities", state), amount, numbers)


def _worth(where: Where, strategy: Strategy, parameters: Mapping[str, Parameter]) -> Iterator[Fault]:
    """Yield utilities above that of full health, and states without one that would silently count for nothing."""
    for state, amount in strategy.utilities.items():
        known = parameters.get(amount) if isinstance(amount, str) else amount
        mean = known.mean if isinstance(known, ByError) else known.ratio if isinstance(known, ByLimits) else known
        if isinstance(mean, float) and mean > MOST:
            yield (*where, "utilities", state), f"a utility of {mean:g} for a year: full health is 1"
    told = {*strategy.utilities, DEAD, *(item.state for item in strategy.effects if item.on == "stay")}
    if missing := [state for state in strategy.model.states() if state not in told]:
        yield (*where, "utilities"), f"no utility for {', '.join(missing)}; write 0.0 if a year there is worth none"


def _money(found: PriceFile) -> Iterator[Fault]:
    strategy = found.strategies.get(found.medicine.strategy)
    if strategy is not None and not strategy.units:
        yield ("strategies", found.medicine.strategy), "uses no units of the medicine whose price is asked for"
    if found.budget is not None:
        others = tuple(name for name in found.strategies if name != found.medicine.strategy)
        for name in found.budget.displaced:
            yield from _known(("budget", "displaced", name), name, others, "other strategy")
        if len(found.budget.eligible) > found.time.years:
            yield ("budget", "eligible"), "more years than the model looks ahead"
