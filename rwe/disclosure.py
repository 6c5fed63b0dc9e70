# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one door out: what of a `Result` may be shown, so that no count from 1 to 12 is shown or told by its own table.

Counts from 1 to `Policy.threshold` are masked, the others rounded to `Policy.rounding`; estimates
that rest on a masked count go with it, standardised differences of its levels too; proportions
and totals are made again from released counts (where a cell of the family is masked, from the
rounded sum of all); a lone masked cell of an additive family takes the smallest other with it.
Means and spreads keep three digits, one decimal from 10 on: more would tell their denominator.
Curves come on a fixed grid of days whose steps hold enough events, the first one too, and end where
too few are at risk. Survival and incidence are rounded to whole fives of the persons they began with and come
without their standard errors, standardised differences have two decimals, and a total spend beside a masked cell
is masked. Published figures of a trial (``group="trial"``) are public and pass unchanged. What a
reader can narrow by subtracting rounded tables from each other is not yet audited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from rwe.result import LABELS, SCHEMA, Result

ESTIMATES = ("estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value")
CURVES = ("survival", "cumulative_incidence", "at_risk", "baseline_hazard")
# shares of the persons that a curve began with, or of those asked
OF_PERSONS = ("survival", "cumulative_incidence", "milestone", "response")
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


def protect(result: Result, policy: Policy | None = None) -> Released:
    """Return the releasable form of `result`.

    Parameters
    ----------
    result
        Exact estimates; rows of ``group="trial"`` are published and pass as they are.
    policy
        Thresholds; the default is the strictest in use.
    """
    policy = policy or Policy()
    table = _sized(result.table.with_row_index("_row").with_columns(pl.lit("").alias("masked")), policy)
    public = (pl.col("group") == "trial") | pl.col("estimand").str.ends_with("_trial")
    curve = pl.col("estimand").is_in(CURVES)
    cells = _round(_mask(_families(table.filter(~public & ~curve)), policy), policy)
    cells = _attrition(_totals(_proportions(_moments(cells), policy), policy), policy)
    cells = cells.drop("_family", "_total", "_whole")
    private = _in_persons(
        pl.concat([_curves(table.filter(~public & curve), policy), cells], how="vertical_relaxed"), policy
    )
    parts = [table.filter(public), private]
    released = pl.concat(parts, how="vertical_relaxed").sort("_row").select(*RELEASED)
    return Released(released, {**result.settings, "policy": asdict(policy)})


def _sized(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Say how many persons each figure rests on, rounded, and for a difference the trial's own figure."""
    whose = pl.col("group").replace({"difference": "registry"})
    same = ["analysis", "population", "stratum", "outcome"]
    size = _rounded(pl.col("n").max().over(*same, whose), policy)
    trial = pl.col("estimate").filter(pl.col("group") == "trial").first().over(*same, "estimand", "time")
    offset = pl.when(pl.col("group") == "difference").then(trial).otherwise(0.0)
    return frame.with_columns(size.alias("_size"), offset.fill_null(0.0).alias("_offset"))


def _in_persons(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Round survival and incidence to whole fives of the persons they began with, and shorten what would tell more.

    Survival to its last digit, or its error, tells the exact events of a step: two curves or a curve and its
    part would then tell the few by which they differ.
    """
    # what a sum owed rests on stays as exact as the sum, from which it can be computed
    of_persons = pl.col("estimand").is_in(OF_PERSONS) & (pl.col("analysis") != "settlement")
    of_persons &= pl.col("_size") > 0
    unit = policy.rounding / pl.col("_size")

    def rounded(column: str, offset: pl.Expr | float) -> pl.Expr:
        value = ((pl.col(column) + offset) / unit).round() * unit - offset
        return pl.when(of_persons).then(value.round(6)).otherwise(pl.col(column)).alias(column)

    frame = frame.with_columns(
        rounded("estimate", pl.col("_offset")),
        rounded("conf_low", 0.0),
        rounded("conf_high", 0.0),
        *(pl.when(~of_persons).then(pl.col(c)).alias(c) for c in ("std_error", "statistic")),
        pl.when(of_persons).then(pl.col("p_value").round(3)).otherwise(pl.col("p_value")).alias("p_value"),
    )
    short = pl.when(pl.col("estimand") == "smd").then(pl.col("estimate").round(2)).otherwise(pl.col("estimate"))
    return frame.with_columns(short.alias("estimate"))


def _families(frame: pl.DataFrame) -> pl.DataFrame:
    """Name the family of each additive cell, whose sum is shown beside it, and how many it is a share of."""
    rest = {e: [c for c in LABELS if c != level] for e, level in ADDITIVE.items()}
    names = [pl.when(pl.col("estimand") == e).then(pl.concat_str(labels, separator="|")) for e, labels in rest.items()]
    total = pl.col("estimand").is_in(ADDITIVE) & (pl.col("outcome") == "all")
    frame = frame.with_columns(pl.coalesce(names).alias("_family"), total.alias("_total"))
    # a cell alone, the unknown of a number for example, is a share of more than its family
    alone = pl.col("_family").is_not_null() & (pl.len().over("_family") == 1) & (pl.col("estimate") > 0)
    whole = pl.when(alone).then(pl.col("n") / pl.col("estimate")).otherwise(pl.col("n").sum().over("_family"))
    return frame.with_columns(whole.round().cast(pl.Int64).alias("_whole"))


def _small(name: str, policy: Policy) -> pl.Expr:
    return pl.col(name).is_between(1, policy.threshold).fill_null(value=False)


def _mask(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Hide small counts, the cells that would give them away, and every estimate resting on them."""
    # persons without the event are a count too: 40 of 45 tells that 5 had none; where n is those at risk it is not
    rest = (pl.col("n") - pl.col("n_event")).is_between(1, policy.threshold).fill_null(value=False)
    hide_n = _small("n", policy) | _lone(policy)
    level = pl.col("_family").is_not_null() & (pl.len().over("_family") > 1)
    told = (hide_n & level).any().over("analysis", "population", "outcome")
    frame = frame.with_columns(
        (hide_n | (told & (pl.col("estimand") == "smd"))).alias("_hide_n"),
        (_small("n_event", policy) | (rest & ~pl.col("estimand").is_in((*CURVES, "milestone")))).alias("_hide_event"),
    )
    either = pl.col("_hide_n") | pl.col("_hide_event")
    hidden = {"n": pl.col("_hide_n"), **dict.fromkeys(("n_event", *ESTIMATES), either)}
    names = [pl.when(hide & pl.col(c).is_not_null()).then(pl.lit(c)) for c, hide in hidden.items()]
    frame = frame.with_columns(pl.concat_str(names, separator=",", ignore_nulls=True).alias("masked"))
    blank = [pl.when(hide).then(None).otherwise(pl.col(c)).alias(c) for c, hide in hidden.items()]
    return frame.with_columns(blank).drop("_hide_n", "_hide_event")


def _lone(policy: Policy) -> pl.Expr:
    """Tell which cell goes with a lone masked one of its family, so that subtraction cannot give it."""
    cell = pl.col("_family").is_not_null() & ~pl.col("_total")
    small = _small("n", policy) & cell
    alone = small.sum().over("_family") == 1
    # of two equal smallest cells the first in the table goes
    larger = pl.when(cell & (pl.col("n") > policy.threshold)).then(pl.col("n"))
    return (alone & (larger.rank("ordinal").over("_family") == 1)).fill_null(value=False)


def _round(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    return frame.with_columns(_rounded(pl.col(c), policy).alias(c) for c in ("n", "n_event"))


def _rounded(count: pl.Expr, policy: Policy) -> pl.Expr:
    return (count + policy.rounding // 2) // policy.rounding * policy.rounding


def _moments(frame: pl.DataFrame) -> pl.DataFrame:
    """Shorten means, spreads, shares of time: a long mean of whole numbers is a fraction that tells the exact count."""
    moment = pl.col("estimand").is_in(("mean", "sd", "mean_change", "completeness", "completeness_simplified"))

    def shortened(value: pl.Expr) -> pl.Expr:
        short = pl.when(value.abs() < 10).then(value.round_sig_figs(3)).otherwise(value.round(1))
        return pl.when(moment).then(short).otherwise(value)

    return frame.with_columns(shortened(pl.col(c)) for c in ("estimate", "conf_low", "conf_high"))


def _proportions(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Make proportions again from the released counts of their family."""
    raw = (pl.col("estimand") == "proportion") | (
        (pl.col("estimand") == "proportion_registry") & (pl.col("stratum") == "before")
    )
    counted = raw & pl.col("n").is_not_null()
    whole = (pl.len().over("_family") > 1) & (pl.col("n").null_count().over("_family") == 0)
    of = pl.when(whole).then(pl.col("n").sum().over("_family")).otherwise(_rounded(pl.col("_whole"), policy))
    share = pl.when(of > 0).then(pl.col("n") / of)
    return frame.with_columns(pl.when(counted).then(share).otherwise(pl.col("estimate")).alias("estimate"))


def _totals(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Make the persons of a total again: the sum of the released cells of its family."""
    cells = pl.when(~pl.col("_total")).then(pl.col("n"))
    total = pl.col("_total") & pl.col("n").is_not_null() & (cells.count().over("_family") > 0)
    frame = frame.with_columns(pl.when(total).then(cells.sum().over("_family")).otherwise(pl.col("n")).alias("n"))
    # where the estimate is the count itself, it is the released count; an effective size is one of persons
    counted = (pl.col("estimand") == "patients") & pl.col("n").is_not_null()
    sized = pl.col("estimand") == "effective_sample_size"
    rounded = (pl.col("estimate") / policy.rounding).round() * policy.rounding
    estimate = pl.when(counted).then(pl.col("n")).when(sized).then(rounded).otherwise(pl.col("estimate"))
    # where a cell is masked, the exact total of money would tell the persons behind it
    hidden = (pl.col("masked") != "").any().over("analysis", "population", "estimand")
    told = hidden & pl.col("_total") & (pl.col("estimand") == "spend") & (pl.col("masked") == "")
    return frame.with_columns(
        pl.when(~told).then(estimate).alias("estimate"),
        pl.when(told).then(pl.lit("estimate")).otherwise(pl.col("masked")).alias("masked"),
    )


def _attrition(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Re-base the persons remaining on the released exclusions, so that no difference gives a masked one."""
    line = (pl.col("analysis") == "attrition") & (pl.col("estimand") == "remaining") & (pl.col("masked") == "")
    lost = pl.when(pl.col("estimand") == "excluded").then(pl.col("n").fill_null(0)).otherwise(0)
    left = (pl.col("n").filter(line).first() - lost.cum_sum()).over("analysis", "population", order_by="_row")
    small = line & left.is_between(1, policy.threshold)
    return frame.with_columns(
        pl.when(small).then(None).when(line).then(left).otherwise(pl.col("n")).alias("n"),
        pl.when(small).then(pl.lit("n")).otherwise(pl.col("masked")).alias("masked"),
    )


def _curves(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Return each curve on the release grid; what lies between its points is not released."""
    keys = ["analysis", "population", "group", "stratum", "outcome", "estimand"]
    parts = frame.partition_by(*keys, maintain_order=True)
    kept = [_CURVE[part["estimand"][0]](part.sort("time"), policy) for part in parts]
    return pl.concat(kept) if kept else frame


def _curve(part: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Return one curve at those grid days that close a step of enough events, while enough are at risk.

    ``n`` is the number at risk just before the day, ``n_event`` the events up to and on it.
    """
    chosen: list[dict[str, Any]] = []
    steps = 0
    for row in _on_grid(part, policy).iter_rows(named=True):
        if row["n"] < policy.curve_at_risk:
            break
        if row["n_event"] - steps >= policy.step_events or (not chosen and row["n_event"] == 0):
            chosen.append(row)
            steps = row["n_event"]
    return _counts(pl.DataFrame(chosen, schema=part.schema), policy)


def _on_grid(part: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Return the state of a curve on each grid day: that of the last exact point on or before it.

    At risk are those of the next exact point, because points stand where somebody leaves.
    """
    last = part["time"].to_list()[-1]
    grid = pl.DataFrame({"time": range(0, last + 1, policy.grid_days)}, schema={"time": pl.Int64})
    exact = part.set_sorted("time")
    carried = grid.join_asof(exact.drop("n"), on="time", strategy="backward")
    carried = carried.join_asof(exact.select("time", "n"), on="time", strategy="forward")
    return carried.filter(pl.col("_row").is_not_null()).select(part.columns)


def _counts(part: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Mask and round the counts of a curve; its estimates rest on steps that are large enough."""
    names = [pl.when(_small(c, policy)).then(pl.lit(c)) for c in ("n", "n_event")]
    masked = part.with_columns(pl.concat_str(names, separator=",", ignore_nulls=True).alias("masked"))
    blank = [pl.when(_small(c, policy)).then(None).otherwise(pl.col(c)).alias(c) for c in ("n", "n_event")]
    return _round(masked.with_columns(blank), policy)


_CURVE: dict[str, Callable[[pl.DataFrame, Policy], pl.DataFrame]] = {
    "survival": _curve,
    "cumulative_incidence": _curve,
    "baseline_hazard": _curve,
    "at_risk": _counts,
}
