# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Life-years that one of two groups has more than the other, and what is left of them where the effect fades."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.survival.curve import Curve
from rwe.survival.extrapolated import gained
from rwe.survival.extrapolation import Extrapolation
from rwe.survival.scenario_curves import ScenarioCurve, waned

WANED = "waned"


def compared(parts: Mapping[str, Extrapolation], by: str, treated: str, fading: tuple[int, int]) -> pl.DataFrame:
    """Return the gain of the treated over the others, as the groups' weighted means have it and with a fading effect.

    Parameters
    ----------
    parts
        By group; those of `by` are fitted apart.
    treated
        Level of `by`.
    fading
        Days between which the logarithm of the hazard ratio falls in a line to 0.

    Raises
    ------
    DefinitionError
        If the level is not among the groups.
    NoValidAnswer
        If there are not two groups with an answer.
    """
    levels = [group for group in parts if group.startswith(f"{by}=")]
    mine = f"{by}={treated}"
    if len(levels) != 2:
        raise NoValidAnswer(f"'{by}' has {len(levels)} groups with an answer where two are compared")
    if mine not in levels:
        raise DefinitionError(f"wane.treated '{treated}' is not a level of '{by}'")
    (other,) = (group for group in levels if group != mine)
    with_it, without = parts[mine], parts[other]
    fades = waned(with_it.average(), without.average(), begin=fading[0], end=fading[1], paired=False)
    curves: dict[str, Curve] = {"averaged": with_it.average(), WANED: fades}
    gain = [{"stratum": kind, **gained(curve, without.average(), with_it.asked)} for kind, curve in curves.items()]
    smaller = min((with_it, without), key=lambda one: next(iter(one.fits.values())).n_event)
    told = pl.DataFrame(gain).with_columns(
        group=pl.lit("difference"), estimand=pl.lit("life_years_gained"), time=pl.lit(with_it.asked.horizon),
        **_size(smaller),
    )  # fmt: skip
    return pl.concat([_told(fades, with_it).with_columns(group=pl.lit(mine)), told], how="diagonal_relaxed")


def _told(fades: ScenarioCurve, found: Extrapolation) -> pl.DataFrame:
    """Return life-years and landmarks of the curve whose effect fades."""
    years, marks = found.read(fades)
    whole = years.select("conf_low", "conf_high", estimate="life_years", time=pl.lit(found.asked.horizon))
    rows = {
        "life_years": whole,
        "beyond_data": years.select(estimate="beyond_data"),
        "extrapolated_survival": marks.rename({"survival": "estimate"}),
    }
    named = [table.with_columns(estimand=pl.lit(estimand)) for estimand, table in rows.items()]
    return pl.concat(named, how="diagonal_relaxed").with_columns(stratum=pl.lit(WANED), **_size(found))


def _size(found: Extrapolation) -> dict[str, pl.Expr]:
    """Return persons and events; a difference is shown where those of the smaller group may be."""
    first = next(iter(found.fits.values()))
    return {"n": pl.lit(first.n), "n_event": pl.lit(first.n_event)}
