# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""All 196 figures of kmdata with a published hazard ratio: drawn from their rows, reconstructed, refitted.

A round trip: the rows were themselves reconstructed from figures. The rule by which an arm is drawn:

- the Kaplan-Meier curve of the rows at each time with an event, survival read to a thousandth;
- where the curve ends: the last time of the rows;
- numbers at risk at regular ticks from 0 to the end of the axis, a round step (1, 2, 3, 5, 6 ... times a power of ten)
  of an eighth of the follow-up or more;
- the total of events where the data set's key grants the publication 2 or 3 points for printing it.

``python tests/numerics/test_kmdata.py`` writes the committed table (`tests/kmdata.csv`).
"""

from __future__ import annotations

import sys
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe import survival as sv

DATA = Path(__file__).parents[1] / "data" / "kmdata"
TABLE = Path(__file__).parents[1] / "kmdata.csv"
STEPS = (1, 2, 3, 5, 6, 10, 12, 20)
PUBLISHED = {0.05: 162, 0.1: 182}  # figures whose own rows give the published log hazard ratio within so much


def test_the_committed_table_meets_the_goals() -> None:
    _meets(pl.read_csv(TABLE))


@pytest.mark.ci
def test_all_figures_again() -> None:
    made = table()

    _meets(made)
    old = pl.read_csv(TABLE)
    assert made.select("figure", "reference", "other").equals(old.select("figure", "reference", "other"))
    np.testing.assert_allclose(made["log_hr"], old["log_hr"], atol=2e-4)


def table() -> pl.DataFrame:
    """Return a row a figure: the pair of arms, the published hazard ratio, the fit on the rows and the refit."""
    key = pl.read_csv(DATA / "trials_key.csv", null_values=["NA"], infer_schema_length=None)
    figures = dict(pl.read_csv(DATA / "ipd.csv.gz").partition_by("name", as_dict=True, include_key=False))
    told = key.filter(pl.col("HazardRatio").is_not_null()).sort("name")
    return pl.DataFrame([_figure(one, figures[(one["name"],)]) for one in told.iter_rows(named=True)])


def _meets(made: pl.DataFrame) -> None:
    near = (made["log_hr"] - made["log_hr_rows"]).abs() <= 0.02

    assert made.height == 196
    assert near.mean() >= 0.95
    assert made["accepted"].all()
    for within, at_least in PUBLISHED.items():
        assert _near_published(made, "log_hr_rows", within) == at_least
        assert _near_published(made, "log_hr", within) >= at_least


def _near_published(made: pl.DataFrame, column: str, within: float) -> int:
    """Count figures within `within` of the published log hazard ratio, in either order of the arms."""
    published = made["published_hr"].log()
    return int(((made[column].abs() - published.abs()).abs() <= within).sum())


def _figure(told: dict[str, Any], rows: pl.DataFrame) -> dict[str, Any]:
    reference, other = sorted(rows["arm"].unique())
    made = {arm: _arm(rows.filter(pl.col("arm") == arm), told) for arm in (reference, other)}
    again = pl.concat(found.scenarios[0][1].with_columns(arm=pl.lit(arm)) for arm, found in made.items())
    return {
        "figure": told["name"],
        "endpoint": told["Outcome"],
        "reference": reference,
        "other": other,
        "n": rows.height,
        "events": int(rows["event"].sum()),
        "events_reconstructed": int(again["event"].sum()),
        "published_hr": told["HazardRatio"],
        "log_hr_rows": round(_log_hr(rows, reference), 4),
        "log_hr": round(_log_hr(again, reference), 4),
        "max_error": round(max(found.quality.max_error for found in made.values()), 4),
        "accepted": all(found.accepted for found in made.values()),
    }


def _arm(rows: pl.DataFrame, told: dict[str, Any]) -> cp.Reconstruction:
    km = sv.kaplan_meier(rows, time="time", event="event", clock="continuous").table.filter(pl.col("n_event") > 0)
    time, events = rows["time"].to_numpy(), int(rows["event"].sum())
    end = float(time.max())
    at_risk = [(tick, int((time >= tick).sum())) for tick in _ticks(end)]
    printed = (told["qsTotalEvents"] or 0) >= 2
    curve = [*zip(km["time"], km["survival"].round(3), strict=True)]
    return cp.reconstruct(curve, at_risk, events if printed else None, end=end)


def _ticks(end: float) -> list[float]:
    power = 10.0 ** np.floor(np.log10(end / 8))
    step = next(by * power for by in STEPS if by * power >= 0.999 * end / 8)
    return np.arange(0, end + 0.999 * step, step).tolist()


def _log_hr(rows: pl.DataFrame, reference: str) -> float:
    coded = rows.with_columns(other=(pl.col("arm") != reference).cast(pl.Int64))
    fit = sv.cox(coded, time="time", event="event", covariates=["other"], clock="continuous")
    return float(fit.coefficients["estimate"].item())


if __name__ == "__main__":
    found = table()
    found.write_csv(TABLE)
    off = (found["log_hr"] - found["log_hr_rows"]).abs()
    near = [_near_published(found, "log_hr", within) for within in PUBLISHED]
    sys.stdout.write(
        f"within 0.02 of the rows: {(off <= 0.02).mean():.3f}; published within 0.05, 0.1: {near}; "
        f"median ratio of hazard ratios {exp(float(off.median() or 0)):.4f}, largest {exp(float(off.max() or 0)):.3f}\n"
    )
