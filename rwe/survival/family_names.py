# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every family by one name, splines and cure models among them: what a comparison of families is asked for by."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from rwe.errors import DefinitionError
from rwe.spec.families import CURE, FLEXIBLE, SPLINE
from rwe.survival.cure_family import Cure
from rwe.survival.family import Family, Follow
from rwe.survival.m_spline_family import flexible_hazard
from rwe.survival.parametric import FAMILIES
from rwe.survival.royston_parmar import Scale, royston_parmar

USUAL = (*FAMILIES, *(f"spline_{scale}_{knots}" for scale in ("hazard", "odds", "normal") for knots in (1, 2, 3)))


def family_named(name: str) -> Callable[[Follow], Family]:
    """Return how a family is chosen of the follow-up.

    Parameters
    ----------
    name
        One of `parametric`; ``spline_<scale>_<knots>``; ``cure_<family>`` (mixture) or ``nonmixture_<family>``;
        ``m_spline_<knots>``.

    Raises
    ------
    DefinitionError
        If no family has this name.
    """
    if name in FAMILIES:
        return lambda _: FAMILIES[name]
    if spline := SPLINE.fullmatch(name):
        scale, inner = cast(Scale, spline[1]), int(spline[2])
        return lambda follow: royston_parmar(follow, inner, scale)
    if flexible := FLEXIBLE.fullmatch(name):
        knots = int(flexible[1])
        return lambda follow: flexible_hazard(follow, knots)
    if cured := CURE.fullmatch(name):
        whole = Cure(FAMILIES[cured[2]], mixing=cured[1] == "cure")
        return lambda _: whole
    known = f"{', '.join(FAMILIES)}, spline_hazard_2 (odds, normal), m_spline_8, cure_weibull, nonmixture_weibull"
    raise DefinitionError(f"family '{name}' is not known; write for example {known}")
