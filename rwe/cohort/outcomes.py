# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is measured once a person: the best response, and the change of a number."""

from __future__ import annotations

import polars as pl

from rwe.cohort.baseline import level_of
from rwe.cohort.records import Derived, Read, first, nearest, of_any, since_index
from rwe.spec.endpoint import Change, Response
from rwe.spec.study import Study


def outcomes(study: Study, index: pl.DataFrame, read: Read) -> list[Derived]:
    """Return ``<name>_best`` and ``<name>_responder``, or ``<name>_before``, ``<name>_after`` and ``<name>_change``."""
    return [
        _response(name, spec, index, read) if isinstance(spec, Response) else _change(name, spec, index, read)
        for name, spec in study.outcomes.items()
    ]


def _response(name: str, spec: Response, index: pl.DataFrame, read: Read) -> Derived:
    order = {level: rank for rank, level in enumerate(spec.levels)}
    rank = level_of(spec.levels).replace_strict(order, default=None, return_dtype=pl.Int64)
    rows = since_index(read(spec.record), index).with_columns(rank.alias("rank"))
    rows = rows.filter(pl.col("gap").is_between(*spec.window), pl.col("rank").is_not_null())
    if spec.until:
        ended = since_index(of_any(spec.until, read), index).filter(pl.col("gap") >= 0)
        rows = rows.join(first(ended, "ended"), on="person_id", how="left")
        rows = rows.filter(pl.col("ended").is_null() | (pl.col("day") <= pl.col("ended")))
    best = f"_{name}/best"
    lasts = [
        ((pl.col("rank") <= order[level]) & (pl.col("gap") >= day)).any().alias(f"_{name}/lasting/{order[level]}")
        for level, day in spec.lasting.items()
    ]
    frame = rows.group_by("person_id").agg(pl.col("rank").min().alias(best), *lasts)
    counts = pl.any_horizontal(_reached(name, spec, level, order[level]) for level in spec.responders)
    titles = {rank: level for level, rank in order.items()}
    named = pl.col(best).replace_strict(titles, default=None, return_dtype=pl.String)
    return Derived([named.alias(f"{name}_best"), counts.alias(f"{name}_responder")], [frame])


def _reached(name: str, spec: Response, level: str, rank: int) -> pl.Expr:
    at_best = (pl.col(f"_{name}/best") == rank).fill_null(value=False)
    return at_best & pl.col(f"_{name}/lasting/{rank}").fill_null(value=False) if level in spec.lasting else at_best


def _change(name: str, spec: Change, index: pl.DataFrame, read: Read) -> Derived:
    rows = since_index(read(spec.record).filter(pl.col("number").is_not_null()), index)
    before, after = f"_{name}/before", f"_{name}/after"
    frames = [
        nearest(rows, spec.before).select("person_id", pl.col("number").alias(before)),
        nearest(rows, spec.window, spec.at).select("person_id", pl.col("number").alias(after)),
    ]
    values = {"before": pl.col(before), "after": pl.col(after), "change": pl.col(after) - pl.col(before)}
    return Derived([value.alias(f"{name}_{part}") for part, value in values.items()], frames)
