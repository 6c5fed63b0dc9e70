# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which likelihood a Cox model climbs: Efron's or Breslow's, the exact one, or one with Firth's penalty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rwe.errors import DefinitionError
from rwe.survival.ascent import Hill
from rwe.survival.data import Response
from rwe.survival.maximum import maximise, plain_hill
from rwe.survival.partial import Point
from rwe.survival.rows import Rows

Ties: TypeAlias = Literal["efron", "breslow", "exact"]
Maximise: TypeAlias = Callable[[Rows, tuple[str, ...]], tuple[Point, Point]]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """One likelihood of a Cox model.

    Parameters
    ----------
    maximise
        Gives the points at no effect and at the maximum.
    hill
        The same likelihood as a function of the coefficients.
    steps
        How many steps a climb of it may take.
    """

    maximise: Maximise
    hill: Callable[[Rows], Hill]
    steps: int


def likelihood(response: Response, *, ties: str, penalty: str | None, robust: bool | None) -> Likelihood:
    """Return the likelihood asked for.

    Raises
    ------
    DefinitionError
        If ties or penalty are unknown, or the likelihood has no answer to weights, clusters or `robust`.
    """
    if ties not in ("efron", "breslow", "exact"):
        raise DefinitionError(f"ties '{ties}' is not one of efron, breslow, exact")
    if penalty not in (None, "firth"):
        raise DefinitionError(f"penalty '{penalty}' is not firth; ridge and elastic_net are functions of their own")
    if penalty:
        from rwe.survival.firth import STEPS, firth_hill, maximise_firth, refuse_firth

        refuse_firth(response, robust=robust, ties=ties)
        return Likelihood(maximise_firth, firth_hill, STEPS)
    if ties == "exact":
        from rwe.survival.exact import exact_hill, maximise_exact, refuse_exact

        refuse_exact(response, robust=robust)
        return Likelihood(maximise_exact, exact_hill, 40)
    return Likelihood(maximise, plain_hill, 40)
