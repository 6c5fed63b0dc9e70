# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of fitted families: their curves over Kaplan-Meier, their hazards over the smoothed one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.lines import Axis, Line, lines
from rwe.figures.look import PALETTE
from rwe.figures.scales import even_ticks, linear_ticks
from rwe.figures.svg import Caption
from rwe.figures.tongue import Language, Tongue
from rwe.kernels._jit import F8
from rwe.survival.scenario_curves import YEAR

if TYPE_CHECKING:
    from rwe.survival.extrapolation import Extrapolation

BEST = 5  # families drawn unless some are named
POINTS = 241
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def curves_chart(
    found: Extrapolation, families: Sequence[str] | None, horizon: float | None, title: str | None,
    subtitle: str | None, language: Language,
) -> Chart:  # fmt: skip
    """Draw survival; see `Extrapolation.plot`."""
    say, names = Tongue(language), _named(found, families)
    times = np.linspace(0.0, float(horizon or found.asked.horizon), POINTS)
    observed = found.observed.table.filter(found.observed.table["time"] <= times[-1])
    at, value = (np.repeat(observed[column].to_numpy(), 2) for column in ("time", "survival"))
    steps = Line(_years(np.r_[0.0, at]), np.r_[1.0, 1.0, value[:-1]].tolist(), say("observed"))
    drawn = [steps, *(_line(times, found.curves[name].survival_at(times), name) for name in names)]
    if found.population is not None:
        drawn.append(_line(times, found.population.survival_at(times), ""))
    y = Axis(say("survival"), 0.0, 1.0, say.percent, QUARTERS)
    note = say("extrapolated_note" if found.population is None else "extrapolated_population", last=_last(found, say))
    return _charted(drawn, times, y, (title or say("extrapolated_title"), note if subtitle is None else subtitle), say)


def hazards_chart(
    found: Extrapolation, families: Sequence[str] | None, horizon: float | None, title: str | None,
    subtitle: str | None, language: Language,
) -> Chart:  # fmt: skip
    """Draw hazards; see `Extrapolation.plot_hazard`."""
    say, names = Tongue(language), _named(found, families)
    if found.hazard is None:
        raise NoValidAnswer("failures at fewer than two times have no smoothed hazard to draw")
    smooth = found.hazard.table
    times = np.linspace(0.0, float(horizon or found.asked.last), POINTS)
    of = smooth["time"].to_numpy()
    band = [Line(_years(of), (smooth[c].fill_null(0.0).to_numpy() * YEAR).tolist()) for c in ("conf_low", "conf_high")]
    seen = Line(_years(of), (smooth["hazard"].to_numpy() * YEAR).tolist(), say("smoothed"))
    middles = (times[1:] + times[:-1]) / 2
    fitted = [_line(middles, _hazard(found.curves[name].survival_at(times), times), name) for name in names]
    top = 1.5 * max(float(np.max(seen.y)), *(float(np.quantile(line.y, 0.95)) for line in fitted))
    heights = linear_ticks(top)
    y = Axis(say("hazard_a_year"), 0.0, heights[-1], say.short, heights)
    note = say("smoothed_note", level=say.percent(found.asked.conf_level))
    return _charted([*band, seen, *fitted], times, y, (title or say("hazards_title"), subtitle or note), say)


def _named(found: Extrapolation, families: Sequence[str] | None) -> list[str]:
    names = list(found.curves)[:BEST] if families is None else list(families)
    if odd := sorted(set(names) - set(found.curves)):
        raise DefinitionError(f"families {odd} have no answer here; those with one are {', '.join(found.curves)}")
    if len(names) >= len(PALETTE):
        raise DefinitionError(f"{len(names)} families are too many to tell apart: name {len(PALETTE) - 1} or fewer")
    return names


def _line(times: F8, value: F8, label: str) -> Line:
    return Line(_years(times), value.tolist(), label)


def _years(times: F8) -> list[float]:
    return [float(time) / YEAR for time in times]


def _hazard(survival: F8, times: F8) -> F8:
    """Return the hazard a year over each step."""
    return np.asarray(np.diff(-np.log(np.maximum(survival, 1e-300))) / np.diff(times) * YEAR, np.float64)


def _last(found: Extrapolation, say: Tongue) -> str:
    return f"{say.number(found.asked.last / YEAR, 1)} {say('year')}"


def _charted(drawn: Sequence[Line], times: F8, y: Axis, heading: tuple[str, str], say: Tongue) -> Chart:
    end = float(times[-1]) / YEAR
    x = Axis(say("years"), 0.0, end, say.short, even_ticks(end))
    names = ", ".join(line.label for line in drawn if line.label)
    caption = Caption(key_of(heading, names, float(np.sum(drawn[0].y))), heading[0], f"{y.title}: {names}")
    return headed(lines(drawn, x, y, caption), *heading)
