# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The gap between what a trial promised and what practice shows: whom it left out, case mix, and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.follow_up import follow_up, refuse_beyond
from rwe.compare.people import people, require, weight_values
from rwe.compare.replicates import Ask, Contrasts, TwoArms, Weigh, lost_note, weighing, within
from rwe.compare.trial import TrialBaseline
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.result import Result, tidy
from rwe.survival.distribution import Distribution, refuse_draws

METHOD = {
    "total": "all who are treated less the trial",
    "ineligible": "all who are treated less those of them whom the trial would have taken",
    "case_mix": "those whom the trial would have taken less the same people weighted to the trial's patients",
    "residual": "the weighted people less the trial: what neither eligibility nor the measured case mix explains",
    "limits": "percentiles of replicates in which practice and trial are drawn and weights are found anew",
}
SIDES = ("trial", "all", "eligible", "ineligible", "aligned")
# each part of the gap as what is added and what is taken off
PARTS: Mapping[str, tuple[str, str]] = {
    "total": ("all", "trial"),
    "ineligible": ("all", "eligible"),
    "case_mix": ("eligible", "aligned"),
    "residual": ("aligned", "trial"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """The efficacy-effectiveness gap and its parts, which add up to it.

    Parameters
    ----------
    table
        One row a part (total, ineligible, case_mix, residual) and estimand: part, estimand (milestone or rmst),
        time, estimate, std_error, conf_low, conf_high. Below 0: practice falls short of the trial.
    sides
        One row a side (trial, all, eligible, ineligible, aligned) and estimand, likewise, with its persons n.
    share_ineligible
        Share of those treated whom the trial would not have taken.
    conf_level, replicates, seed, notes
        How the limits were found, and what a reader must know.
    """

    table: pl.DataFrame
    sides: pl.DataFrame
    share_ineligible: float
    conf_level: float
    replicates: int
    seed: int
    notes: tuple[str, ...]

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the long tidy form: analysis ``gap``, a stratum a side, with the groups of a contrast.

        The whole gap is the difference of the stratum ``all``, the residual that of ``aligned``; the parts between
        sides of practice have the estimands ``gap_milestone`` and ``gap_rmst`` and the stratum ``part``.
        """
        n = dict(self.sides.select("side", "n").iter_rows())
        parts = [self._side(side, n[side]) for side in n if side != "trial"]
        between = self.table.filter(pl.col("part").is_in(["ineligible", "case_mix"]))
        whose = pl.col("part").replace_strict({"ineligible": n.get("all"), "case_mix": n["eligible"]})
        named = {"estimand": pl.format("gap_{}", "estimand"), "stratum": pl.lit("part"), "n": whose}
        parts.append(between.with_columns(**named).rename({"part": "group"}))
        settings: dict[str, Any] = {"conf_level": self.conf_level, "replicates": self.replicates, "seed": self.seed}
        settings |= {"method": METHOD, "notes": list(self.notes)}
        table = pl.concat(parts, how="diagonal_relaxed")
        return Result(tidy(table, analysis="gap", population=population, outcome=outcome), settings)

    def _side(self, side: str, n: int) -> pl.DataFrame:
        """Return a side of practice, the trial beside it, and their difference where that is a part."""
        ours = self.sides.filter(side=side).select(pl.lit("registry").alias("group"), pl.exclude("side"))
        trial = self.sides.filter(side="trial").select(pl.lit("trial").alias("group"), pl.exclude("side"))
        part = {"all": "total", "aligned": "residual"}.get(side, "")
        difference = self.table.filter(part=part).select(pl.lit("difference").alias("group"), pl.exclude("part"))
        rows = [ours, trial, difference.with_columns(n=pl.lit(n, pl.Int64))]
        return pl.concat(rows, how="diagonal_relaxed").with_columns(stratum=pl.lit(side))


def gap(
    cohort_or_frame: Any,
    trial: TrialBaseline,
    *,
    endpoint: str,
    eligible: str,
    weights: Any,
    trial_endpoint: str | None = None,
    arm: str = "all",
    milestones: Sequence[int] = (365, 1096, 1826),
    tau: int = 1826,
    replicates: int = 1000,
    seed: int = 1,
    conf_level: float = 0.95,
    min_persons: int = 13,
) -> Gap:
    """Split the efficacy-effectiveness gap (Eichler et al. 2011, Nat Rev Drug Discov 10:495) into three parts.

    Total = ineligible + case mix + residual, on survival at the milestones and on restricted mean survival,
    which add up where hazard ratios do not.

    Parameters
    ----------
    cohort_or_frame
        All who are treated, one row a person, with ``<endpoint>_days`` and ``<endpoint>_event``.
    trial, trial_endpoint, arm, milestones, tau
        As in `contrast`.
    eligible
        Boolean column: whom the trial would have taken.
    weights
        What aligned the eligible people, in their order, with the trial: the result of `rake`, `maic` or
        `entropy`, whose weights are found anew in each replicate; or one weight a row, which then stays.
    replicates, seed
        Bootstrap replicates, and the seed that makes them.
    min_persons
        Where fewer, but not none, are ineligible, nothing rests on them: their side, that of all, and the parts made
        of these are left out, and a note says so.

    Raises
    ------
    DataError
        If `eligible` is not a boolean column without missing values.
    NoValidAnswer
        If nobody is eligible, `tau` lies beyond a side's follow-up, or too many replicates have no answer.

    Examples
    --------
    >>> from rwe.compare.gap import PARTS
    >>> list(PARTS)
    ['total', 'ineligible', 'case_mix', 'residual']
    """
    refuse_draws("percentile", replicates, seed, conf_level)
    rows = people(cohort_or_frame)
    chosen = _eligible(rows, eligible)
    practice = follow_up(rows, endpoint)
    theirs = trial.patients(trial_endpoint or endpoint, arm).select("days", "event")
    for side in (theirs, practice.filter(pl.Series(chosen)), practice):
        refuse_beyond(tau, {"the trial": theirs, "practice": side})
    source = Contrasts(TwoArms.of(practice, theirs), _weighings(chosen, weights), Ask(tuple(milestones), tau))
    estimate, draws = source.estimate(), source.draw(replicates, seed)
    n = {"trial": theirs.height, "all": chosen.size, "eligible": int(chosen.sum())}
    n |= {"ineligible": n["all"] - n["eligible"], "aligned": n["eligible"]}
    found = _told(source, estimate, draws, n, seed, conf_level)
    return _without(found) if 0 < n["ineligible"] < min_persons else found


def _without(found: Gap) -> Gap:
    """Leave out what rests on the ineligible: they are too few."""
    return replace(
        found,
        table=found.table.filter(~pl.col("part").is_in(["total", "ineligible"])),
        sides=found.sides.filter(~pl.col("side").is_in(["all", "ineligible"])),
        notes=(*found.notes, "too few are ineligible to estimate what they add to the gap"),
    )


def _eligible(rows: pl.DataFrame, column: str) -> Any:
    require(rows, [column])
    if rows.schema[column] != pl.Boolean or (missing := rows[column].null_count()):
        odd = f"missing in {missing} rows" if rows.schema[column] == pl.Boolean else f"of type {rows.schema[column]}"
        raise DataError(f"'{column}' is {odd}; it must say true or false of each person")
    if not rows[column].any():
        raise NoValidAnswer(f"nobody here is eligible by '{column}': nothing to align with the trial")
    return rows[column].to_numpy()


def _weighings(chosen: Any, weights: Any) -> tuple[Weigh, ...]:
    """Return the weighings of SIDES but the trial; one that would weigh nobody finds no weights."""
    values = np.asarray(weight_values(weights), np.float64)
    if values.size != chosen.sum():
        raise DefinitionError(f"{values.size} weights for {int(chosen.sum())} eligible people; give one each")
    return (
        _as_drawn,
        within(_as_drawn, chosen),
        within(_as_drawn, ~chosen),
        _scattered(weighing(weights, values), chosen),
    )


def _as_drawn(times: I8) -> F8:
    return times.astype(np.float64)


def _scattered(weigh: Weigh, chosen: Any) -> Weigh:
    """Return the weighing of all people by what weighs the chosen ones; the others weigh nothing."""
    place = np.flatnonzero(chosen)

    def all_people(times: I8) -> F8 | None:
        found = weigh(np.ascontiguousarray(times[place]))
        if found is None:
            return None
        out = np.zeros(times.size)
        out[place] = found
        return out

    return all_people


def _told(source: Contrasts, estimate: F8, draws: F8, n: Mapping[str, int], seed: int, conf_level: float) -> Gap:
    width, ask = source.ask.width, source.ask
    place = {side: slice(i * width, (i + 1) * width - 1) for i, side in enumerate(SIDES)}  # the median is left out

    def told(name: str, of: str, value: F8, values: F8) -> pl.DataFrame:
        spread = Distribution(value, values, source)
        found = pl.DataFrame(spread.columns("percentile", conf_level), nan_to_null=True).drop("bias")
        labels = {"estimand": ["milestone"] * len(ask.milestones) + ["rmst"], "time": [*ask.milestones, ask.tau]}
        return pl.DataFrame({of: [name] * (width - 1)} | labels).hstack(found)

    sides = [told(side, "side", estimate[at], draws[:, at]) for side, at in place.items() if n[side]]
    parts = [
        told(part, "part", estimate[place[more]] - estimate[place[less]], draws[:, place[more]] - draws[:, place[less]])
        for part, (more, less) in PARTS.items()
    ]
    lost = int(np.isnan(draws[:, place["aligned"].stop - 2]).sum())
    counted = pl.concat(sides).with_columns(n=pl.col("side").replace_strict(dict(n), return_dtype=pl.Int64))
    share = n["ineligible"] / n["all"]
    return Gap(pl.concat(parts), counted, share, conf_level, draws.shape[0], seed, tuple(lost_note(lost, len(draws))))
