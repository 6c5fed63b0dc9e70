# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a fitted curve may not say: fewer deaths than the population, more alive than there, progression after death."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from rwe.kernels._jit import F8, Flags

Flag: TypeAlias = dict[str, Any]
LEFT = 0.01  # of the persons: where fewer are left a hazard matters to nobody
ROUNDING = 1e-9
CLOSE_AIC, FAR_YEARS = 2.0, 1.2  # families that fit alike, and the ratio of life-years from which they disagree


def implausible(family: str, times: F8, survival: F8, population: F8 | None, nested: F8 | None) -> Iterator[Flag]:
    """Yield what is wrong with a curve, each fault with the first day on which it shows.

    Parameters
    ----------
    times
        Ascending, from 0.
    survival, population, nested
        Survival at these times: of the family, of the population, and of an endpoint that never comes later than
        this one (progression-free survival beside overall survival).
    """
    if population is not None:
        hazard, of_all = (np.diff(-np.log(np.maximum(s, 1e-300))) for s in (survival, population))
        below = hazard < of_all * (1 - 1e-6)
        below &= survival[1:] > LEFT
        yield from _first(family, "hazard_below_population", times[1:], below)
        yield from _first(family, "survival_above_population", times, survival > population + ROUNDING)
    if nested is not None:
        yield from _first(family, "below_nested_endpoint", times, survival < nested - ROUNDING)


def disagreement(aic: Mapping[str, float], years: Mapping[str, float]) -> Iterator[Flag]:
    """Yield the families that fit as well as the best while life-years among them differ by more than a fifth."""
    best = min(aic.values())
    alike = [name for name, value in aic.items() if value <= best + CLOSE_AIC]
    told = [years[name] for name in alike]
    if len(alike) > 1 and max(told) > FAR_YEARS * min(told):
        for name in alike:
            yield {"family": name, "flag": "alike_fit_other_life_years", "day": None}


def _first(family: str, flag: str, times: F8, wrong: Flags) -> Iterator[Flag]:
    if wrong.any():
        yield {"family": family, "flag": flag, "day": int(np.ceil(times[int(np.argmax(wrong))]))}
