# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a family of survival distributions must tell a likelihood: log hazard, cumulative hazard, and how they turn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from rwe.kernels._jit import F8, Flags
from rwe.survival.integrals import mean_time

LinkName: TypeAlias = Literal["log", "identity", "logit"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a family; what is estimated, and moved by covariates, is its link.

    Parameters
    ----------
    name
        Name, as in R's flexsurv where it has the family.
    link
        log, identity or logit.
    limit
        The family that is left where the link runs to minus infinity; empty where none is. A maximum that lies
        there is then an answer.
    """

    name: str
    link: LinkName
    limit: str = ""

    def natural(self, theta: F8) -> F8:
        """Return the parameter itself from its link."""
        if self.link == "identity":
            return theta
        return np.asarray(np.exp(theta) if self.link == "log" else 1 / (1 + np.exp(-theta)), np.float64)

    def slope(self, theta: F8) -> F8:
        """Return how the parameter moves with its link."""
        if self.link == "identity":
            return np.ones_like(theta)
        value = self.natural(theta)
        return value if self.link == "log" else value * (1 - value)


class Terms(NamedTuple):
    """What a family says at times: values, shape (rows,), and derivatives by the links, shape (rows, parameters)."""

    log_hazard: F8
    cumulative_hazard: F8
    d_log_hazard: F8
    d_cumulative_hazard: F8


@dataclass(frozen=True, slots=True, eq=False)
class Follow:
    """Follow-up as a likelihood sees it, in one unit of time.

    Parameters
    ----------
    time, entry
        When a row is left, and since when it is seen (0: from the start).
    event, weight
        Whether it fails then, and how often it counts.
    background
        Hazard at that time of what else it may die of; 0 without.
    """

    time: F8
    entry: F8
    event: Flags
    weight: F8
    background: F8

    def some(self, rows: Flags | slice) -> Follow:
        """Return some of the rows."""
        return Follow(
            self.time[rows], self.entry[rows], self.event[rows], self.weight[rows], self.background[rows]
        )  # fmt: skip

    @property
    def rate(self) -> float:
        """Failures per unit of time."""
        return float(self.weight @ self.event) / float(self.weight @ (self.time - self.entry))


class Family(ABC):
    """A family of distributions of a time to failure; families are values: equal names, equal meaning."""

    name: str
    parameters: tuple[Parameter, ...]
    location: str  # the parameter that covariates move unless another is named

    @abstractmethod
    def terms(self, t: F8, theta: F8) -> Terms:
        """Return hazards at times above 0 where row i has the links ``theta[i]``; shape (rows, parameters)."""

    @abstractmethod
    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return one or several places (links) from which to look for the maximum."""

    @property
    def penalty(self) -> F8 | None:
        """Matrix P that takes b'P b / 2 off the log likelihood, b the links' intercepts; None takes nothing off."""
        return None

    def mean(self, theta: F8) -> F8:
        """Return the mean time of each row of links; infinite where it does not exist."""
        return mean_time(self.cumulative, theta)

    def cumulative(self, t: F8, theta: F8) -> F8:
        """Return the cumulative hazard alone."""
        return self.terms(t, theta).cumulative_hazard

    def place(self, name: str) -> int:
        """Return which parameter has this name."""
        return [p.name for p in self.parameters].index(name)


def columns(*given: F8 | float) -> F8:
    """Return derivatives by one parameter each, side by side."""
    return np.stack(np.broadcast_arrays(*given), axis=1).astype(np.float64, copy=False)
