# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The M-spline family: a hazard that is a positive sum of bumps, held back by a penalty from what data do not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.family import Family, Follow, Parameter, Terms
from rwe.survival.hazard_climb import highest
from rwe.survival.hazard_likelihood import Likelihood
from rwe.survival.hazard_rows import Cells, folded
from rwe.survival.m_spline_basis import level, m_basis_of
from rwe.survival.natural_spline import quantile_knots

ROUNDS, SETTLED = 30, 0.03  # of the search for the strength
WEAKEST, STRONGEST = 1e-3, 1e5


@dataclass(frozen=True)
class FlexibleHazard(Family):
    """h(t) = exp(eta) x the sum of w_k exp(u_k) M_k(t), with w the weights that make it constant and u_1 = 0.

    Where all u are 0 the hazard is constant up to the last knot; after it, it stays what it is there. Covariates move
    eta: hazards are proportional (the form of Jackson 2023, BMC Med Res Methodol 23:282).

    Parameters
    ----------
    knots
        In time, from 0 to the last failure.
    strength
        How much a difference between neighbouring u costs: strength / 2 x its square.
    """

    knots: tuple[float, ...]
    strength: float
    name: str = field(init=False)
    parameters: tuple[Parameter, ...] = field(init=False)
    location = "eta"

    def __post_init__(self) -> None:
        others = (Parameter(f"u{k}", "identity") for k in range(2, len(self.knots) + 1))
        object.__setattr__(self, "parameters", (Parameter("eta", "identity"), *others))
        object.__setattr__(self, "name", f"m_spline_{len(self.knots) - 2}")

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the sum of bumps and of their areas."""
        heights, areas = m_basis_of(t.tobytes(), self.knots)
        weight = np.exp(theta[:, :1] + np.pad(theta[:, 1:], ((0, 0), (1, 0)))) * level(np.array(self.knots))
        heights, areas = heights * weight, areas * weight
        hazard, total = heights.sum(axis=1), areas.sum(axis=1)
        heights[:, 0], areas[:, 0] = hazard, total
        return Terms(np.log(hazard), total, heights / hazard[:, None], areas)

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the exponential."""
        return [np.r_[np.log(follow.rate * self.knots[-1]), np.zeros(len(self.knots) - 1)]]

    @property
    def penalty(self) -> F8:
        """Matrix of the penalty: a constant hazard costs nothing."""
        return self.strength * differences(len(self.knots))


def differences(n: int) -> F8:
    """Return the matrix of the sum of squared differences of neighbouring u, the first of which is 0."""
    steps = np.diff(np.eye(n), axis=0)
    steps[:, 0] = 0.0  # the place of eta
    return np.asarray(steps.T @ steps, np.float64)


def flexible_hazard(follow: Follow, inner: int) -> FlexibleHazard:
    """Return the family whose inner knots lie at equal shares of the times of failure, the last at the last failure.

    How strongly it is held back is what the rows say, without covariates: the strength under which they are most
    likely, were u a random walk (marginal likelihood by Laplace, Wood & Fasiolo 2017, Biometrics 73:1071).

    Raises
    ------
    DefinitionError
        If the number of inner knots is not from 1 to 30.
    NoValidAnswer
        If failures are at too few different times.
    """
    if not 1 <= inner <= 30:
        raise DefinitionError("an M-spline has from 1 to 30 inner knots")
    knots = quantile_knots(follow.time[follow.event], inner)
    family = FlexibleHazard((0.0, *knots[1:].tolist()), 1.0)
    cells = folded(follow, [np.ones((follow.time.size, 1)) for _ in family.parameters])
    for _ in range(ROUNDS):
        strength = _stronger(family, cells)
        settled = abs(np.log(strength / family.strength)) < SETTLED
        family = replace(family, strength=strength)
        if settled:
            break
    return family


def _stronger(family: FlexibleHazard, cells: Cells) -> float:
    """Return the next strength: differences left free by the data over the sum of squares that they come to."""
    _, top = highest(Likelihood(family, cells), [p.name for p in family.parameters])
    shape = differences(len(family.knots))
    free = len(family.knots) - 1 - family.strength * float(np.trace(np.linalg.solve(top.information, shape)))
    return float(np.clip(free / max(float(top.beta @ shape @ top.beta), 1e-12), WEAKEST, STRONGEST))
