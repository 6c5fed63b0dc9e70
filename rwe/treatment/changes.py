# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What changed in a course of treatment: stopped for long, left for another medicine, begun again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from rwe.spec.treatment_lines import Change, Discontinuation, Rechallenge, Switch
from rwe.treatment.eras import runs

_DAY = ["person_id", "day", "site"]


def change(exposures: pl.DataFrame, spec: Change, drugs: Mapping[str, int], followed: pl.DataFrame) -> pl.DataFrame:
    """Return the days on which a change is known: ``person_id``, ``day``, ``site``, in the order of persons and days.

    Parameters
    ----------
    followed
        ``person_id``, ``until``: the last day on which the person was alive and under observation.
    """
    found = _KINDS[spec.kind](exposures, spec, drugs, followed)
    return found.select(_DAY).unique(["person_id", "day"]).sort(_DAY)


def _runs(exposures: pl.DataFrame, of: Sequence[str], drugs: Mapping[str, int], gap: int) -> pl.DataFrame:
    return runs(exposures.filter(pl.col("drug").is_in([drugs[name] for name in of])), [], gap)


def _stopped(
    exposures: pl.DataFrame, spec: Discontinuation, drugs: Mapping[str, int], followed: pl.DataFrame
) -> pl.DataFrame:
    over = (pl.col("end") + pl.duration(days=spec.gap)).alias("day")
    ended = _runs(exposures, spec.of, drugs, spec.gap).with_columns(over)
    return ended.join(followed, on="person_id").filter(pl.col("day") <= pl.col("until"))


def _switched(exposures: pl.DataFrame, spec: Switch, drugs: Mapping[str, int], _: pl.DataFrame) -> pl.DataFrame:
    came = _runs(exposures, spec.to, drugs, spec.within).select("person_id", pl.col("start").alias("day"), "site")
    went = _runs(exposures, spec.left, drugs, spec.within).select("person_id", "start", "end")
    pairs = came.join(went, on="person_id")
    return pairs.filter(
        pl.col("start") <= pl.col("day"),
        pl.col("day") <= pl.col("end") + pl.duration(days=spec.within),
        pl.col("end") <= pl.col("day") + pl.duration(days=spec.overlap),
    )


def _again(exposures: pl.DataFrame, spec: Rechallenge, drugs: Mapping[str, int], _: pl.DataFrame) -> pl.DataFrame:
    begun = _runs(exposures, spec.of, drugs, spec.gap).rename({"start": "day"})
    return begun.filter(pl.col("day") > pl.col("day").min().over("person_id"))


_KINDS: dict[str, Callable[..., pl.DataFrame]] = {
    "discontinuation": _stopped,
    "switch": _switched,
    "rechallenge": _again,
}
