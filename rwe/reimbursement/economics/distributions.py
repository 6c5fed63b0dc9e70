# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How uncertain a parameter is: distributions by mean and standard error, and draws of all of them from one seed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy import special, stats

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8

Shape = Literal["normal", "lognormal", "gamma", "beta"]
LIMIT = 1.959963984540054  # 97.5 % of a standard normal


@dataclass(frozen=True, slots=True)
class Uncertain:
    """One number that is known with an error; the distribution has the mean and the standard error given.

    Parameters
    ----------
    shape
        ``normal``; ``lognormal`` (ratios), ``gamma`` (costs), both above 0; ``beta`` (probabilities, utilities),
        within 0 and 1.
    mean, se
        Mean and standard error of the number itself, not of its logarithm.

    Raises
    ------
    DefinitionError
        If no such distribution has this mean and error.
    """

    shape: Shape
    mean: float
    se: float

    def __post_init__(self) -> None:
        if not self.se > 0:
            raise DefinitionError("a standard error must be above 0; write the number alone where it is certain")
        if self.shape in ("lognormal", "gamma") and not self.mean > 0:
            raise DefinitionError(f"a {self.shape} needs a mean above 0")
        if self.shape == "beta" and not (0 < self.mean < 1 and self.se**2 < self.mean * (1 - self.mean)):
            raise DefinitionError("a beta needs a mean within 0 and 1, and se * se below mean * (1 - mean)")

    def of(self, scores: F8) -> F8:
        """Return the values that stand where standard normal scores stand."""
        if self.shape == "normal":
            return self.mean + self.se * scores
        if self.shape == "lognormal":
            centre, spread = self._log
            return np.asarray(np.exp(centre + spread * scores), np.float64)
        share = special.ndtr(scores)
        if self.shape == "gamma":
            return np.asarray(stats.gamma.ppf(share, self._k, scale=self.se**2 / self.mean), np.float64)
        return np.asarray(stats.beta.ppf(share, *self._ab), np.float64)

    @property
    def _log(self) -> tuple[float, float]:
        spread = math.log1p((self.se / self.mean) ** 2)
        return math.log(self.mean) - spread / 2, math.sqrt(spread)

    @property
    def _k(self) -> float:
        return (self.mean / self.se) ** 2

    @property
    def _ab(self) -> tuple[float, float]:
        size = self.mean * (1 - self.mean) / self.se**2 - 1
        return self.mean * size, (1 - self.mean) * size


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio published with its limits: normal on the log scale, its median the estimate.

    Parameters
    ----------
    estimate, low, high
        Hazard, rate or risk ratio with its 95 % limits.

    Raises
    ------
    DefinitionError
        If they are not above 0 and in order.
    """

    estimate: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.estimate < self.high:
            raise DefinitionError("a ratio needs 0 < low < estimate < high")

    @property
    def mean(self) -> float:
        """The estimate: what the base case uses."""
        return self.estimate

    def of(self, scores: F8) -> F8:
        """Return the values that stand where standard normal scores stand."""
        spread = math.log(self.high / self.low) / (2 * LIMIT)
        return np.asarray(self.estimate * np.exp(spread * scores), np.float64)


@dataclass(frozen=True, slots=True)
class Counts:
    """Probabilities that sum to 1, as counted: Dirichlet; each is called ``name.1``, ``name.2`` ...

    Parameters
    ----------
    counts
        How many were seen of each; 0 stays 0.
    """

    counts: tuple[float, ...]

    def __post_init__(self) -> None:
        if min(self.counts, default=-1) < 0 or not sum(self.counts) > 0:
            raise DefinitionError("counts are 0 or more, and not all 0")

    def shares(self) -> F8:
        """Return the proportions seen."""
        seen = np.array(self.counts, dtype=float)
        return np.asarray(seen / seen.sum(), np.float64)

    def draw(self, rng: np.random.Generator, n: int) -> F8:
        """Return draws, shape (n, counts)."""
        parts = rng.standard_gamma(np.array(self.counts, dtype=float), (n, len(self.counts)))
        return np.asarray(parts / parts.sum(axis=1, keepdims=True), np.float64)


Parameter: TypeAlias = Uncertain | Ratio | Counts
Values: TypeAlias = dict[str, F8]
Correlated: TypeAlias = Mapping[tuple[str, str], float]


def stream(seed: int, name: str) -> int:
    """Return the seed of one name, which no other name changes."""
    state = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def base(parameters: Mapping[str, Parameter]) -> Values:
    """Return each parameter's mean, as one draw."""
    found: Values = {}
    for name, one in parameters.items():
        if isinstance(one, Counts):
            found |= {f"{name}.{i}": np.array([share]) for i, share in enumerate(one.shares(), 1)}
        else:
            found[name] = np.array([one.mean])
    return found


def draw(parameters: Mapping[str, Parameter], n: int, seed: int, correlated: Correlated | None = None) -> Values:
    """Draw each parameter `n` times; a parameter's draws rest on the seed and its name alone.

    Parameters
    ----------
    correlated
        Correlation of the normal scores of two parameters (Gaussian copula); of the parameters themselves where both
        are normal, and close to it elsewhere.

    Raises
    ------
    DefinitionError
        If a correlation names a parameter that is not there or is counted, or no distribution has such correlations.
    """
    single = [name for name, one in parameters.items() if not isinstance(one, Counts)]
    scores = {name: np.random.default_rng(stream(seed, name)).standard_normal(n) for name in single}
    if correlated:
        names = sorted({name for pair in correlated for name in pair})
        mixed = _mixer(names, correlated, single) @ np.array([scores[name] for name in names])
        scores |= dict(zip(names, mixed, strict=True))
    found: Values = {}
    for name, one in parameters.items():
        if isinstance(one, Counts):
            parts = one.draw(np.random.default_rng(stream(seed, name)), n)
            found |= {f"{name}.{i}": np.ascontiguousarray(part) for i, part in enumerate(parts.T, 1)}
        else:
            found[name] = one.of(scores[name])
    return found


def _mixer(names: Sequence[str], correlated: Correlated, single: Sequence[str]) -> F8:
    """Return the Cholesky factor of the correlations."""
    if strange := [name for name in names if name not in single]:
        raise DefinitionError(f"correlation names {', '.join(strange)}, no single uncertain parameter of the file")
    matrix = np.eye(len(names))
    for (one, other), value in correlated.items():
        i, j = names.index(one), names.index(other)
        if i == j or not -1 < value < 1:
            raise DefinitionError(f"correlation of {one} and {other}: two parameters, and a number within -1 and 1")
        matrix[i, j] = matrix[j, i] = value
    try:
        return np.asarray(np.linalg.cholesky(matrix), np.float64)
    except np.linalg.LinAlgError:
        raise DefinitionError(f"correlations of {', '.join(names)} contradict each other") from None
