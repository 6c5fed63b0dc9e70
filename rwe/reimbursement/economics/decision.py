# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which strategy is worth its money: dominance, net benefit, and what is lost by not knowing more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8

ON, DOMINATED, EXTENDED = "efficient", "dominated", "extendedly_dominated"


def icers(names: Sequence[str], cost: F8, effect: F8) -> pl.DataFrame:
    """Return strategies by cost, with the price of each step along the frontier of those worth considering.

    A strategy is dominated if another costs no more and brings no less (of two alike the first stays), extendedly
    dominated if a step over it has a lower ratio than the step to it. Money and effects are means a person.

    Returns
    -------
    polars.DataFrame
        ``strategy``, ``cost``, ``effect``, ``status``; against the next cheaper efficient one ``cost_more``,
        ``effect_more``, ``icer``, null for those not efficient and for the cheapest.

    Raises
    ------
    DefinitionError
        If a figure is not finite.

    Examples
    --------
    >>> icers(["usual", "new"], np.array([100.0, 400.0]), np.array([1.0, 2.0]))["icer"].to_list()
    [None, 300.0]
    """
    _finite(cost, effect)
    order = sorted(range(len(names)), key=lambda i: (cost[i], -effect[i], i))
    status = dict.fromkeys(order, DOMINATED)
    best = -np.inf
    for i in order:
        if effect[i] > best:
            status[i], best = ON, effect[i]
    kept = _frontier([i for i in order if status[i] == ON], cost, effect)
    status |= {i: EXTENDED for i in order if status[i] == ON and i not in kept}
    before = dict(zip(kept[1:], kept, strict=False))
    rows = []
    for i in order:
        row = {"strategy": names[i], "cost": float(cost[i]), "effect": float(effect[i]), "status": status[i]}
        if i in before:
            more, gain = float(cost[i] - cost[before[i]]), float(effect[i] - effect[before[i]])
            row |= {"cost_more": more, "effect_more": gain, "icer": more / gain}
        rows.append(row)
    number = pl.Float64()
    schema = {"strategy": pl.String(), "cost": number, "effect": number, "status": pl.String()}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(("cost_more", "effect_more", "icer"), number))


def _finite(*figures: F8) -> None:
    """Refuse figures that compare with nothing: they would pass for the best."""
    if lost := sum(int((~np.isfinite(part)).sum()) for part in figures):
        raise DefinitionError(f"{lost} of the costs, effects and thresholds are no finite numbers")


def _frontier(rising: list[int], cost: F8, effect: F8) -> list[int]:
    """Return those of strategies, rising in both, whose steps have rising ratios."""
    kept: list[int] = []
    for i in rising:
        while len(kept) > 1 and _ratio(kept[-2], kept[-1], cost, effect) > _ratio(kept[-1], i, cost, effect):
            kept.pop()
        kept.append(i)
    return kept


def _ratio(low: int, high: int, cost: F8, effect: F8) -> float:
    return float((cost[high] - cost[low]) / (effect[high] - effect[low]))


def net_benefit(cost: F8, effect: F8, threshold: float, *, health: bool = False) -> F8:
    """Return ``threshold * effect - cost``, or with `health` that in effects: ``effect - cost / threshold``.

    Raises
    ------
    DefinitionError
        If net health benefit is asked for at a threshold of 0.
    """
    if not health:
        return threshold * effect - cost
    if not threshold > 0:
        raise DefinitionError("net health benefit needs a threshold above 0")
    return effect - cost / threshold


def acceptability(names: Sequence[str], cost: F8, effect: F8, thresholds: Sequence[float]) -> pl.DataFrame:
    """Return, by threshold, how often each strategy has the highest net benefit, and what perfect knowledge is worth.

    Parameters
    ----------
    cost, effect
        One row a draw, one column a strategy.
    thresholds
        Money for one unit of effect.

    Returns
    -------
    polars.DataFrame
        One row a threshold and strategy: ``threshold``, ``strategy``, ``net_benefit`` (mean), ``probability`` (CEAC;
        of equals the first counts), ``best`` (highest mean net benefit: its probability is the CEAF), and ``evpi`` a
        person.

    Raises
    ------
    DefinitionError
        If a figure is not finite.
    """
    _finite(cost, effect, np.asarray(thresholds, np.float64))
    parts = []
    for threshold in thresholds:
        benefit = net_benefit(cost, effect, threshold)
        mean = benefit.mean(axis=0)
        wins = np.bincount(benefit.argmax(axis=1), minlength=len(names)) / len(benefit)
        columns = {"strategy": list(names), "net_benefit": mean, "probability": wins}
        part = pl.DataFrame(columns).with_columns(
            threshold=pl.lit(float(threshold)),
            best=pl.Series(np.arange(len(names)) == mean.argmax()),
            evpi=pl.lit(max(float(benefit.max(axis=1).mean() - mean.max()), 0.0)),
        )
        parts.append(part.select("threshold", "strategy", "net_benefit", "probability", "best", "evpi"))
    return pl.concat(parts)


def population_evpi(evpi: float, people: Sequence[float], rate: float = 0.0) -> float:
    """Return what perfect knowledge is worth to all whom a decision concerns.

    Parameters
    ----------
    evpi
        A person.
    people
        Who begin in each year for which the decision stands; the first year is not discounted.
    rate
        Discount rate a year.
    """
    return evpi * sum(n / (1.0 + rate) ** year for year, n in enumerate(people))
