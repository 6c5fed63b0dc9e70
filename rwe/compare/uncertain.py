# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers that are not known exactly: a value, or a distribution by its name and its numbers, and draws of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.intervals import normal_quantile

Uncertain: TypeAlias = float | Mapping[str, Sequence[float]]
SIZES = {"uniform": 2, "triangular": 3, "trapezoidal": 4, "beta": 2, "lognormal": 2}


def drawn(given: Uncertain, n: int, rng: np.random.Generator, name: str, low: float, high: float) -> F8:
    """Return `n` draws.

    Parameters
    ----------
    given
        A number; or one of ``{"uniform": [low, high]}``, ``{"triangular": [low, likeliest, high]}``,
        ``{"trapezoidal": [low, from, to, high]}`` (flat between the middle two), ``{"beta": [a, b]}``,
        ``{"lognormal": [low, high]}`` (the limits that hold 95 % of it).
    name, low, high
        What it is, and the bounds within which every draw must lie.

    Raises
    ------
    DefinitionError
        If the distribution is unknown, its numbers are not as many or as ordered as it needs, or draws lie outside.
    """
    if not isinstance(given, Mapping):
        return np.full(n, _within(np.array([float(given)]), name, low, high)[0])
    if len(given) != 1 or (kind := next(iter(given))) not in SIZES:
        raise DefinitionError(f"{name}: give a number or one distribution of {', '.join(SIZES)}")
    numbers = [float(value) for value in given[kind]]
    rising = kind == "beta" or numbers == sorted(numbers)
    if len(numbers) != SIZES[kind] or not all(map(math.isfinite, numbers)) or not rising:
        raise DefinitionError(f"{name}: {kind} needs {SIZES[kind]} numbers" + ("" if kind == "beta" else ", rising"))
    if kind in ("beta", "lognormal") and numbers[0] <= 0:
        raise DefinitionError(f"{name}: the numbers of {kind} must be above 0")
    return _within(_of(kind, numbers, n, rng), name, low, high)


def _of(kind: str, numbers: list[float], n: int, rng: np.random.Generator) -> F8:
    if kind == "uniform":
        return rng.uniform(numbers[0], numbers[1], n)
    if kind == "beta":
        return rng.beta(numbers[0], numbers[1], n)
    if kind == "lognormal":
        ends = np.log(numbers)
        return np.asarray(np.exp(rng.normal(ends.mean(), (ends[1] - ends[0]) / 2 / normal_quantile(0.95), n)))
    a, b, c, d = numbers if kind == "trapezoidal" else (numbers[0], numbers[1], numbers[1], numbers[2])
    return _trapezoidal(rng.uniform(size=n), a, b, c, d)


def _trapezoidal(u: F8, a: float, b: float, c: float, d: float) -> F8:
    """Return quantiles of a density that rises from a to b, is flat to c and falls to d."""
    whole = (d - a) + (c - b)
    if whole == 0:
        return np.full(u.size, a)
    rise, fall = (b - a) / whole, 1 - (d - c) / whole
    up = a + np.sqrt(np.maximum(u * whole * (b - a), 0))
    flat = (u * whole + a + b) / 2
    down = d - np.sqrt(np.maximum((1 - u) * whole * (d - c), 0))
    return np.where(u < rise, up, np.where(u <= fall, flat, down))


def _within(values: F8, name: str, low: float, high: float) -> F8:
    if not ((values >= low) & (values <= high)).all():
        raise DefinitionError(f"{name} must lie from {low:g} to {high:g}; the distribution goes beyond")
    return values
