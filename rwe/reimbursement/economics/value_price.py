# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The price at which a medicine is worth what it costs: solved from the effect observed, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8

if TYPE_CHECKING:
    from rwe.reimbursement.economics.evaluation import Evaluation


@dataclass(frozen=True, slots=True, eq=False)
class ValuePrice:
    """A price of one unit at which net benefit equals that of the best alternative.

    Parameters
    ----------
    strategy
        Whose medicine it is.
    threshold
        Money for one unit of effect.
    price
        In the base case; below 0 where no price is low enough.
    expected
        At mean net benefit over all draws, None without draws.
    low, high
        Limits within which the prices of single draws lie with the probability `level`.
    worth
        Share of draws in which the medicine is worth the price it has now.
    listed
        The price it has now.
    each
        The price of each draw, None without draws.
    """

    strategy: str
    threshold: float
    price: float
    expected: float | None
    low: float | None
    high: float | None
    level: float
    worth: float | None
    listed: float
    each: F8 | None = None


def value_price(found: Evaluation, strategy: str, threshold: float, *, level: float = 0.95) -> ValuePrice:
    """Return the highest price of one unit at which `strategy` has the highest net benefit.

    Net benefit falls in a straight line with the price, so the price is exact: the smallest over all
    alternatives of ``(threshold * more effect - more other cost) / more units``.

    Parameters
    ----------
    found
        What `evaluate` returned.
    strategy
        The strategy whose medicine is priced.
    threshold
        Money for one unit of effect.

    Raises
    ------
    DefinitionError
        If there is no such strategy, or no other.
    NoValidAnswer
        If it does not use more of the medicine than an alternative: no price decides between them.
    """
    if strategy not in found.names or len(found.names) < 2:
        raise DefinitionError(f"no strategy '{strategy}' beside others; strategies: {', '.join(found.names)}")
    at = found.names.index(strategy)
    price = float(_highest(found.base.other, found.base.units, found.base.effect, at, threshold)[0])
    if found.draws is None:
        return ValuePrice(strategy, threshold, price, None, None, None, level, None, found.price)
    t = found.draws
    each = _highest(t.other, t.units, t.effect, at, threshold)
    other, units, effect = (part.mean(axis=0, keepdims=True) for part in (t.other, t.units, t.effect))
    expected = float(_highest(other, units, effect, at, threshold)[0])
    low, high = np.quantile(each, [(1 - level) / 2, (1 + level) / 2])
    worth = float((each >= found.price).mean())
    return ValuePrice(strategy, threshold, price, expected, float(low), float(high), level, worth, found.price, each)


def _highest(other: F8, units: F8, effect: F8, at: int, threshold: float) -> F8:
    """Return in each draw the price up to which the strategy is no worse than any other."""
    rivals = [i for i in range(other.shape[1]) if i != at]
    more = units[:, [at]] - units[:, rivals]
    if not more.min() > 0:
        raise NoValidAnswer("the strategy does not use more of the medicine than each other: no price decides")
    benefit = threshold * (effect[:, [at]] - effect[:, rivals]) - (other[:, [at]] - other[:, rivals])
    found: F8 = (benefit / more).min(axis=1)
    return found


def promised_threshold(promised: Evaluation, strategy: str, comparator: str) -> float:
    """Return the ratio of cost and effect that was promised at the price of now: what was held worth paying.

    Raises
    ------
    NoValidAnswer
        If more effect was not promised, or not at more cost: then there is no ratio to keep.
    """
    names = promised.names
    if unknown := [name for name in (strategy, comparator) if name not in names]:
        raise DefinitionError(f"unknown strategy {', '.join(unknown)}; strategies: {', '.join(names)}")
    new, old = names.index(strategy), names.index(comparator)
    cost, effect = promised.base.cost(promised.price)[0], promised.base.effect[0]
    gain, more = effect[new] - effect[old], cost[new] - cost[old]
    if not (gain > 0 and more > 0):
        raise NoValidAnswer("the trial promised no more effect at more cost: there is no ratio to keep")
    return float(more / gain)
