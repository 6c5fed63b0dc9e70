# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The curves of a trial file as patients: clicks read, reconstructed, and brought to whole days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any

import polars as pl

from rwe import survival as sv
from rwe.compare.reconstruct import Reconstruction, reconstruct
from rwe.spec.base import locate
from rwe.spec.trial import Curve, Endpoint
from rwe.spec.trial_published import Digitised, HazardRatio

DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}


@dataclass(frozen=True, slots=True)
class Drawing:
    """One arm's published curve, with what is printed of the arm: times in `unit`, ready for `reconstruct`."""

    points: Sequence[tuple[float, float]]
    unit: str
    printed: dict[str, Any]

    def reconstruct(self) -> Reconstruction:
        """Return the patients behind the curve, with the proof."""
        return reconstruct(self.points, **self.printed)

    def days(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return reconstructed rows as ``days`` (whole, at least 1) and ``event``."""
        days = (pl.col("time") * DAYS[self.unit]).round().clip(lower_bound=1).cast(pl.Int64)
        return rows.select(days.alias("days"), "event")


def drawing(curve: Curve, beside: Path) -> Drawing:
    """Return the curve of a trial file; clicks in a csv are looked for from `beside` (checked by `load_trial_file`)."""
    drawn = curve.digitised
    unit = drawn.unit if drawn else "days"
    limits = curve.median_interval
    printed: dict[str, Any] = {
        "n": curve.n,
        "total_events": curve.n_event,
        "at_risk": curve.at_risk,
        "scale": "proportion",
        "median": curve.median and curve.median / DAYS[unit],
        "median_interval": limits and (limits[0] / DAYS[unit], limits[1] / DAYS[unit]),
    }
    if drawn is None:
        return Drawing(curve.curve, unit, printed)
    printed |= {"at_risk": drawn.at_risk, "scale": drawn.scale, "censor_ticks": drawn.censored_at, "end": drawn.end}
    return Drawing(_points(drawn, beside), unit, printed | {"assume": drawn.assume, "despite": drawn.despite})


def _points(drawn: Digitised, beside: Path) -> Sequence[tuple[float, float]]:
    if drawn.file is None:
        return drawn.points
    table = pl.read_csv(locate(drawn.file, beside), infer_schema=False)
    for column, value in drawn.rows.items():
        table = table.filter(pl.col(column) == value)
    return table.select(pl.col("time", "survival").cast(pl.Float64)).rows()


@dataclass(frozen=True, slots=True)
class RatioCheck:
    """A published hazard ratio beside that of the reconstructed patients."""

    of: str
    versus: str
    published: float
    reconstructed: float
    passed: bool


def ratios(endpoint: Endpoint, arms: dict[str, pl.DataFrame], within: float) -> list[RatioCheck]:
    """Return the check of each published ratio: within its interval, or `within` on the log scale without one."""
    known = [(ratio, ratio.estimate) for ratio in endpoint.hazard_ratios if {ratio.of, ratio.versus} <= arms.keys()]
    return [_ratio(ratio, told, arms, within) for ratio, told in known if told is not None]


def _ratio(ratio: HazardRatio, told: float, arms: dict[str, pl.DataFrame], within: float) -> RatioCheck:
    both = pl.concat(arms[arm].with_columns(of=pl.lit(int(arm == ratio.of))) for arm in (ratio.versus, ratio.of))
    fit = sv.cox(both, time="days", event="event", covariates=["of"]).coefficients
    made = float(fit["hazard_ratio"].item())
    low, high = ratio.interval or (told / exp(within), told * exp(within))
    return RatioCheck(ratio.of, ratio.versus, told, made, low <= made <= high)
