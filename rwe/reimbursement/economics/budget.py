# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Budget impact: what a payer spends each year with a medicine and without it (Sullivan et al. 2014, ISPOR)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8

if TYPE_CHECKING:
    from rwe.reimbursement.economics.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class Market:
    """Who begins treatment in each year, and with what.

    Parameters
    ----------
    eligible
        People who begin in each year.
    uptake
        Share of them that begins with the medicine, where it is paid.
    strategy
        Its strategy.
    displaced
        With what the others begin, and all where it is not paid: shares that sum to 1.

    Raises
    ------
    DefinitionError
        If years, shares or names do not fit.
    """

    eligible: tuple[float, ...]
    uptake: tuple[float, ...]
    strategy: str
    displaced: Mapping[str, float]

    def __post_init__(self) -> None:
        if len(self.eligible) != len(self.uptake) or not self.eligible:
            raise DefinitionError("a budget needs eligible people and an uptake for each of its years")
        if min(self.eligible) < 0 or min(self.uptake) < 0 or max(self.uptake) > 1:
            raise DefinitionError("eligible people are 0 or more, an uptake is a share")
        if self.strategy in self.displaced or abs(sum(self.displaced.values()) - 1) > 1e-9:
            raise DefinitionError("displaced: shares of the other strategies, which sum to 1")


def budget(found: Evaluation, market: Market, *, price: float | None = None, level: float = 0.95) -> pl.DataFrame:
    """Return what is spent each year with the medicine and without it, not discounted.

    Who begins in a year begins on its first day; in later years they cost what the model's later years cost.

    Parameters
    ----------
    found
        What `evaluate` returned for at least as many `years` as the market has.
    price
        Of one unit; as evaluated if left out.

    Returns
    -------
    polars.DataFrame
        One row a year: ``year``, ``eligible``, ``treated`` (who begin with the medicine), ``without``, ``with``,
        ``medicine`` (what of ``with`` is the medicine), ``impact``, and its limits ``low``, ``high`` (null without
        draws).

    Raises
    ------
    DefinitionError
        If a strategy is unknown or costs were not kept for so many years.
    """
    names = [market.strategy, *market.displaced]
    if unknown := [name for name in names if name not in found.names]:
        raise DefinitionError(f"unknown strategy {', '.join(unknown)}; strategies: {', '.join(found.names)}")
    years, charged = len(market.eligible), found.price if price is None else price
    if found.base.yearly_other.shape[2] < years:
        raise DefinitionError(f"costs were not kept for {years} years: evaluate(..., years={years})")
    base = found.base.yearly(charged)
    started = np.array(market.eligible) * np.array(market.uptake)
    spent = _spent(base, found.names, market)
    only = _layers(charged * found.base.yearly_units[:, found.names.index(market.strategy)], started)
    limits: list[Sequence[float] | None] = [None, None]
    if found.draws is not None:
        each = _spent(found.draws.yearly(charged), found.names, market)
        limits = [end.tolist() for end in np.quantile(each[1] - each[0], [(1 - level) / 2, (1 + level) / 2], axis=0)]
    columns = {"year": list(range(1, years + 1)), "eligible": market.eligible, "treated": started.tolist()}
    columns |= {"without": spent[0][0].tolist(), "with": spent[1][0].tolist(), "medicine": only[0].tolist()}
    columns |= {"impact": (spent[1] - spent[0])[0].tolist()}
    ends: dict[str, Sequence[float | None]] = {"low": limits[0] or [None] * years, "high": limits[1] or [None] * years}
    return pl.DataFrame(columns | ends, schema_overrides=dict.fromkeys(ends, pl.Float64))


def _spent(yearly: F8, names: Sequence[str], market: Market) -> tuple[F8, F8]:
    """Return what all cost in each year without the medicine and with it, shape (draws, years)."""
    eligible, uptake = np.array(market.eligible), np.array(market.uptake)
    usual = sum(share * yearly[:, names.index(name)] for name, share in market.displaced.items())
    old = np.asarray(usual)
    new = yearly[:, names.index(market.strategy)]
    return _layers(old, eligible), _layers(new, eligible * uptake) + _layers(old, eligible * (1 - uptake))


def _layers(person: F8, begun: F8) -> F8:
    """Return the cost of each year of all who have begun by then, from a person's cost by year since the start."""
    years = begun.size
    found = np.zeros((person.shape[0], years))
    for year in range(years):
        found[:, year:] += begun[year] * person[:, : years - year]
    return found
