# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How a reconstruction shows: its errors as the tidy table, and its curve over the one that was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rwe.compare.reconstruct_quality import median_of
from rwe.compare.reconstruct_solve import survival_of
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.km_parts import Series
from rwe.figures.look import INK, PALETTE
from rwe.figures.steps import Block, Curve, Frame, steps
from rwe.figures.svg import Caption
from rwe.figures.tongue import Tongue
from rwe.kernels._jit import F8
from rwe.result import Result, tidy

if TYPE_CHECKING:
    from rwe.compare.reconstruct import Reconstruction

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
METHOD = "Guyot et al. (2012), numbers at risk kept exactly; gate of Liu et al. (2021)"


def result_of(found: Reconstruction, population: str, outcome: str) -> Result:
    """Return errors, counts and ranges of a reconstruction."""
    q = found.quality
    n = found.scenarios[0][1].height
    whole = [{"estimand": name, "n": n, "estimate": getattr(q, name)} for name in ("rmse", "max_error")]
    for name, values in (
        ("events", found.over(lambda rows: float(rows["event"].sum()))),
        ("median", found.over(median_of)),
    ):
        low, high = values
        one = low if low == high else None
        whole.append({"estimand": name, "n": n, "estimate": one, "conf_low": low, "conf_high": high})
    ticks = [
        {"estimand": "at_risk_error", "stratum": f"{time:g}", "n": count, "estimate": float(off)}
        for time, count, _, off in q.at_risk.iter_rows()
    ]
    table = tidy(pl.DataFrame([*whole, *ticks]), analysis="reconstruction", population=population, outcome=outcome)
    settings = {
        "method": METHOD,
        "accepted": found.accepted,
        "reasons": [*found.reasons],
        "despite": [*found.despite],
        "assumptions": [*found.assumptions],
    }
    return Result(table, settings)


def chart(found: Reconstruction, title: str | None, time: str | None, language: str) -> Chart:
    """Draw clicks and reconstruction over each other, with published and reconstructed numbers at risk."""
    say = Tongue(language)
    q, read, rows = found.quality, found.clicks, found.scenarios[0][1]
    end = max(float(rows["time"].to_numpy().max()), float(read.time[-1]))
    looks = (
        Series("drawn", say("drawn"), PALETTE[0], dashed=True, band=False),
        Series("rebuilt", say("rebuilt"), PALETTE[1], band=False),
    )
    made = np.unique(rows["time"].filter(rows["event"]).to_numpy())
    curves = [_curve(looks[0], read.time, read.drawn), _curve(looks[1], made, survival_of(rows, made))]
    ticks = tuple(q.at_risk["time"].to_list())
    cells = [(say(name), tuple(map(say.count, q.at_risk[name].to_list()))) for name in ("published", "reconstructed")]
    titles = (time or say("time"), say("survival"))
    frame = Frame(titles, ticks, QUARTERS, end, say.percent, say.short)
    note = say("rebuilt_note", rmse=say.number(q.rmse, 4), error=say.number(q.max_error, 4))
    heading = title or say("rebuilt_title"), note
    key = key_of(heading, language, ticks, cells, [float(one.value.sum()) for one in curves])
    caption = Caption(key, heading[0], note)
    return headed(steps(curves, [Block(say("at_risk"), INK, tuple(cells))], frame, caption), *heading)


def _curve(look: Series, time: F8, value: F8) -> Curve:
    nothing = np.full(time.size + 1, np.nan)
    return Curve(look, np.append(0.0, time), np.append(1.0, value), nothing, nothing, np.empty(0))
