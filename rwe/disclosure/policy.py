# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What may be shown, and how a count is masked and rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe.result import SCHEMA

ESTIMATES = ("estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value")
CURVES = ("survival", "cumulative_incidence", "at_risk", "baseline_hazard")
# shares of the persons that a curve began with, or of those asked
OF_PERSONS = ("survival", "cumulative_incidence", "milestone", "gap_milestone", "response", "risk_ratio")
# estimands whose cells add up to a total that is shown: the label that tells the cells apart
ADDITIVE = {
    "count": "stratum",
    "proportion": "stratum",
    "proportion_registry": "group",
    "excluded": "outcome",
    "patients": "outcome",
    "spend": "outcome",
    "payback": "outcome",
}
RELEASED = {**SCHEMA, "masked": pl.String()}


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be shown.

    Parameters
    ----------
    threshold
        Largest count of persons that is masked. 12, because rounding to 5 would show 10 for
        exactly 11 and 12.
    rounding
        Counts shown are multiples of this.
    grid_days
        Days between the points of a released curve, chosen before data are seen.
    step_events
        Fewest events that one step of a released curve holds.
    curve_at_risk
        A curve ends before fewer than this many are at risk.
    """

    threshold: int = 12
    rounding: int = 5
    grid_days: int = 30
    step_events: int = 13
    curve_at_risk: int = 11

    @property
    def marker(self) -> str:
        """What stands in the place of a masked value."""
        return f"[<{self.threshold + 1}]"


@dataclass(frozen=True, slots=True)
class Released:
    """A `Result` after `protect`: masked values are null and named in the column ``masked``."""

    table: pl.DataFrame
    settings: Mapping[str, Any]


def few(name: str, policy: Policy) -> pl.Expr:
    """Return whether a count is one that is masked."""
    return pl.col(name).is_between(1, policy.threshold).fill_null(value=False)


def round_counts(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Round the persons and events of each row."""
    return frame.with_columns(rounded(pl.col(c), policy).alias(c) for c in ("n", "n_event"))


def rounded(count: pl.Expr, policy: Policy) -> pl.Expr:
    """Return a count as a multiple of the policy's."""
    return (count + policy.rounding // 2) // policy.rounding * policy.rounding
