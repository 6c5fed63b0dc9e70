# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What states cost and are worth: rates while somebody stays, amounts when somebody begins, enters or leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.economics.distributions import Values
from rwe.reimbursement.economics.timing import YEAR, Timing

Value: TypeAlias = float | str  # a number, or the name of a parameter


@dataclass(frozen=True, slots=True)
class Stay:
    """So much for staying in a state.

    Parameters
    ----------
    state
        Name of the state.
    value
        Number, or name of a parameter.
    per
        Days that it is for: a utility is for a year, a cost for a month or for a cycle of treatment.
    start, stop
        It is counted in cycles that begin from day `start` on and before day `stop`.
    """

    state: str
    value: Value
    per: float = YEAR
    start: float = 0.0
    stop: float | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """So much once: at the ``start``, or whenever somebody enters or leaves a state.

    Parameters
    ----------
    value
        Number, or name of a parameter.
    on
        ``start``, ``enter`` or ``leave``.
    state
        Name of the state, none for the start.
    """

    value: Value
    on: Literal["start", "enter", "leave"] = "start"
    state: str = ""


Accrual: TypeAlias = Stay | Once


@dataclass(frozen=True, slots=True)
class Ask:
    """A sum over time that a model is asked for: of those who stay in a state, or enter or leave it, by `weights`.

    Weights have a row for each end of a cycle (a stay) or for each cycle, and a column for each sum.
    """

    on: Literal["stay", "start", "enter", "leave"]
    state: str
    weights: F8


def value_of(value: Value, values: Values, n: int) -> F8:
    """Return a value in each draw.

    Raises
    ------
    DefinitionError
        If it names no parameter, or is no finite number.
    """
    if isinstance(value, str):
        if value not in values:
            raise DefinitionError(f"unknown parameter '{value}'; known: {', '.join(sorted(values)) or 'none'}")
        return values[value]
    return np.full(n, finite(value, "an amount"))


def finite(value: float, what: str) -> float:
    """Return a number.

    Raises
    ------
    DefinitionError
        If it is not finite: every figure would silently be none.
    """
    if not math.isfinite(value):
        raise DefinitionError(f"{what} is no finite number")
    return float(value)


def at_start(one: Accrual) -> bool:
    """Return whether an accrual is there before any time has passed, and so rests on no state."""
    return isinstance(one, Once) and one.on == "start"


def columns(one: Accrual, timing: Timing, rate: float, years: int) -> F8:
    """Return the weights of an accrual: discounted over all time, not discounted, and not discounted in each year."""
    rates = (rate, 0.0)
    if at_start(one):
        return np.array([1.0, 1.0, *([1.0] + [0.0] * years)[:years]])
    start, stop = (one.start, one.stop) if isinstance(one, Stay) else (0.0, None)
    whole = timing.window(start, stop)
    yearly = [whole & timing.window(YEAR * year, YEAR * (year + 1)) for year in range(years)]
    count = timing.stays if isinstance(one, Stay) else timing.flows
    parts = [*(count(rate, whole) for rate in rates), *(count(0.0, part) for part in yearly)]
    found: F8 = np.stack(parts, axis=1)
    return found * (YEAR / one.per) if isinstance(one, Stay) else found


def asks(accruals: Sequence[Accrual], timing: Timing, rate: float, years: int) -> list[Ask]:
    """Return what a model must be asked for, in the order of the accruals that rest on its states."""
    return [
        Ask("stay" if isinstance(one, Stay) else one.on, one.state, columns(one, timing, rate, years))
        for one in accruals
        if not at_start(one)
    ]
