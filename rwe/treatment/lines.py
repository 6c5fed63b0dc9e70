# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Lines of therapy: every person's next line is found at once, then the next of those who have exposures left."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rwe.spec.treatment_lines import Lines
from rwe.treatment.ordered import apart, numbered

_WHO = "person_id"


@dataclass(frozen=True, slots=True)
class Found:
    """Lines and what they are made of.

    Parameters
    ----------
    lines
        ``person_id``, ``number`` from 1, ``start``, ``end`` (at most the day before the next line), ``regimen``
        (numbers of its medicines, in order), ``site`` of the first exposure.
    members
        ``person_id``, ``number``, ``id`` of each exposure.
    """

    lines: pl.DataFrame
    members: pl.DataFrame


def find(exposures: pl.DataFrame, rules: Lines, drugs: dict[str, int], since: pl.DataFrame | None) -> Found:
    """Find the lines of everyone.

    Parameters
    ----------
    exposures
        ``person_id``, ``drug``, ``start``, ``end``, ``id``, ``site``.
    drugs
        Numbers of the medicines by their names.
    since
        ``person_id`` and ``day`` from which lines count; None where they count from the first exposure.
    """
    left = _ordered(exposures, rules, drugs, since)
    lines, members, number = [], [], 0
    while number == 0 or not left.is_empty():
        number += 1
        judged = _judge(left, rules, drugs)
        inside = judged.filter(pl.col("in_line"))
        lines.append(_line(inside, rules).with_columns(number=pl.lit(number, dtype=pl.Int64)))
        members.append(inside.select(_WHO, "id", number=pl.lit(number, dtype=pl.Int64)))
        left = judged.filter(~pl.col("in_line")).select(left.columns)
    found = pl.concat(lines).sort(_WHO, "number")
    before_next = pl.col("start").shift(-1).over(_WHO) - pl.duration(days=1)
    return Found(
        found.with_columns(pl.min_horizontal("end", before_next).alias("end")),
        pl.concat(members).sort(_WHO, "number", "id"),
    )


def _ordered(exposures: pl.DataFrame, rules: Lines, drugs: dict[str, int], since: pl.DataFrame | None) -> pl.DataFrame:
    """Return the exposures that lines are made of, with the medicine they count as and whether it begins."""
    rows = exposures.filter(pl.col("drug").is_in([drugs[name] for name in rules.of]))
    rows = rows.select(_WHO, "drug", "start", "end", "id", "site", _class(rules, drugs).alias("class"))
    if since is not None:
        rows = (
            rows.join(since, on=_WHO)
            .filter(pl.col("start") >= pl.col("day") - pl.duration(days=rules.lead))
            .drop("day")
        )
    rows = numbered(rows.sort(_WHO, "class", "start", "end"), [_WHO, "class"])
    rows = rows.with_columns(begins=pl.col("_begins") | apart(rules.gap), taken=pl.col("_group")).drop(
        "_begins", "_group"
    )
    return rows.sort(_WHO, "start", "end", "class", "drug", "site", "id")


def _class(rules: Lines, drugs: dict[str, int]) -> pl.Expr:
    """Return the number of a medicine, or of the first of those that may take each other's place."""
    same = {drugs[name]: min(drugs[each] for each in group) for group in rules.substitutes for name in group}
    return pl.col("drug").replace(same) if same else pl.col("drug")


def _judge(left: pl.DataFrame, rules: Lines, drugs: dict[str, int]) -> pl.DataFrame:
    """Say of the exposures that are in no line yet which are of the next one (``in_line``).

    Those before the first that ends it: one after a gap, or one with which a medicine begins that is not of the line.
    """
    first = pl.col("start").first().over(_WHO)
    rows = numbered(left, [_WHO]).with_columns(
        (pl.col("start") - first).dt.total_days().alias("day"), apart(rules.gap).alias("gone")
    )
    rows = rows.with_columns(pl.col("day").min().over("taken").alias("joined"))
    own = pl.col("joined") <= rules.added_until
    gone = pl.col("gone").fill_null(value=False)
    if rules.restart == "same_line":
        gone &= ~own
    strange = pl.col("begins") & ~(own | _welcome(rules, drugs))
    ends = pl.col("day").filter(gone | strange).min().over(_WHO)
    return rows.with_columns((pl.col("day") < ends).fill_null(value=True).alias("in_line"))


def _welcome(rules: Lines, drugs: dict[str, int]) -> pl.Expr:
    """Return whether a medicine may come to the line however late it begins."""
    may = pl.col("drug").is_in([drugs[name] for name in rules.joins])
    for rule in rules.maintenance:
        within = pl.col("day") <= rules.window
        there = [(within & (pl.col("drug") == drugs[name])).any().over(_WHO) for name in rule.after]
        may |= pl.col("drug").is_in([drugs[name] for name in rule.of]) & pl.all_horizontal(there)
    return may


def _line(inside: pl.DataFrame, rules: Lines) -> pl.DataFrame:
    return inside.group_by(_WHO, maintain_order=True).agg(
        pl.col("start").first(),
        pl.col("end").max(),
        pl.col("drug").filter(pl.col("day") <= rules.window).unique().sort().alias("regimen"),
        pl.col("site").first(),
    )
