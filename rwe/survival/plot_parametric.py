# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The chart of a fitted family: survival of some persons, with limits where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.lines import Axis, Line, lines
from rwe.figures.look import PALETTE
from rwe.figures.svg import Caption
from rwe.figures.tongue import Language, Tongue
from rwe.survival.axis import Unit, axis

if TYPE_CHECKING:
    from rwe.survival.parametric_model import Parametric

POINTS = 201
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def survival_chart(
    fit: Parametric, new: Any, *, horizon: float | None, unit: Unit | None, labels: Sequence[str] | None,
    title: str | None, subtitle: str | None, time: str | None, language: Language,
) -> Chart:  # fmt: skip
    """Draw survival; see `Parametric.plot`."""
    say, where = Tongue(language), axis(fit._clock, fit._last, horizon, unit)
    times = np.linspace(0.0, fit._last if horizon is None else float(horizon), POINTS)
    parts = fit.survival(times.tolist(), new).partition_by("row", maintain_order=True)
    names = [str(i + 1) for i in range(len(parts))] if labels is None else list(labels)
    names = [fit.family.name] if labels is None and len(parts) == 1 else names
    if len(names) != len(parts) or len(parts) > len(PALETTE):
        raise DefinitionError(
            f"{len(names)} labels for {len(parts)} rows; draw one to {len(PALETTE)} rows, one label each"
        )
    x = where.of(times).tolist()
    drawn = [Line(x, part["survival"].to_list(), name) for part, name in zip(parts, names, strict=True)]
    bounds = [_bound(parts[0], column) for column in ("conf_low", "conf_high")] if len(parts) == 1 else []
    drawn = [*(Line(x, bound) for bound in bounds), *drawn]
    level, counts = say.percent(fit.conf_level), {"n": say.count(fit.n), "events": say.count(fit.n_event)}
    kind = "parametric_limits" if len(parts) == 1 else "parametric_note"
    note = say(kind, family=fit.family.name, level=level, **counts)
    heading = title or say("parametric_title"), note if subtitle is None else subtitle
    horizontal = Axis(where.title(say, time), 0.0, where.end, say.short, where.ticks)
    vertical = Axis(say("survival"), 0.0, 1.0, say.percent, QUARTERS)
    caption = Caption(
        key_of(heading, *names, float(drawn[-1].y[-1])), heading[0], f"{vertical.title}: {', '.join(names)}"
    )
    return headed(lines(drawn, horizontal, vertical, caption), *heading)


def _bound(part: pl.DataFrame, column: str) -> list[float]:
    """Return a limit, which is survival itself at time 0."""
    return [float(v) for v in part[column].fill_null(part["survival"])]
