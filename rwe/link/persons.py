# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`link`: every unit gets a person, the same ones whenever the same units and decisions are linked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rwe.link.blocks import candidates
from rwe.link.joining import joined
from rwe.link.levels import compared
from rwe.link.register import Decision, handle, paired
from rwe.link.units import ids
from rwe.link.weights import Weights, weigh
from rwe.link.zones import RULES, zoned

_SAYS = pl.Enum(["fits", "right", "contradicts", "wrong"])


@dataclass(frozen=True, slots=True)
class Linked:
    """Who is whom.

    Parameters
    ----------
    persons
        ``_key`` of each unit, ``person_id``, and ``rule``: the first of the rules that joins it to another unit,
        ``alone`` where none does.
    review
        Pairs that a person should look at, most likely first: ``pair``, the two hospitals (``site``, ``other_site``),
        ``number``, ``birth``, ``names`` (how far they agree), ``sexes_differ``, ``probability``, ``reason``.
    weights
        What agreement is worth here.
    passed_over
        Tokens borne by too many to be compared.
    """

    persons: pl.DataFrame
    review: pl.DataFrame
    weights: Weights
    passed_over: int

    @property
    def counts(self) -> dict[str, int]:
        """Units by rule, persons, and pairs to be looked at by reason."""
        rules = dict(self.persons["rule"].value_counts().rows())
        reasons = dict(self.review["reason"].value_counts(sort=True).rows())
        found = {rule: rules.get(rule, 0) for rule in (*RULES, "alone")}
        return found | {
            "persons": self.persons["person_id"].n_unique(),
            **{f"review/{why}": n for why, n in reasons.items()},
        }


def link(units: pl.DataFrame, decisions: Sequence[Decision] = ()) -> Linked:
    """Say which units are one person.

    Parameters
    ----------
    units
        In the shape of `rwe.link.units.UNITS`, of all hospitals of a home.
    decisions
        What people decided, and nobody undid.

    Raises
    ------
    DataError
        If tokens are no tokens, or two give one id.
    """
    units = units.sort("_key")
    found = candidates(units)
    pairs = compared(found)
    weights = weigh(found.units, pairs)
    pairs = zoned(pairs.with_columns(weights.probabilities(pairs).alias("probability")))
    handles = [handle(site, token) for site, token in units.select("site", "person_token").iter_rows()]
    pairs, roots = joined(pairs, found.units, handles, decisions)
    people = units.with_columns(root=pl.Series(roots, dtype=pl.Int64), rule=_first_rules(pairs, units.height))
    people = people.join(_ids(people), on="root", how="left", validate="m:1", maintain_order="left")
    review = _review(pairs, units["site"], handles, roots)
    return Linked(people.select("_key", "person_id", "rule"), review, weights, found.passed_over)


def _first_rules(pairs: pl.DataFrame, height: int) -> pl.Series:
    """Return for each unit the first of the rules of its pairs."""
    linked = pairs.filter(pl.col("rule").is_not_null()).with_columns(pl.col("rule").cast(pl.Enum(RULES)))
    ends = pl.concat([linked.select(pl.col(end).alias("i"), "rule") for end in ("i", "j")])
    first = ends.group_by("i").agg(pl.col("rule").min())
    places = pl.DataFrame({"i": pl.Series(range(height), dtype=pl.UInt32)})
    found = places.join(first, on="i", how="left", maintain_order="left")
    return found.select(pl.col("rule").cast(pl.String).fill_null("alone")).to_series()


def _ids(people: pl.DataFrame) -> pl.DataFrame:
    """Return ``person_id`` of each root: that of a national number which is the person's own, else of a hospital's.

    A number that stands for several persons belongs to the one whose birth date it tells, else to the one with most
    units; where that is nobody, to nobody.
    """
    counted = (
        people.drop_nulls("national_token")
        .group_by("national_token", "root")
        .agg(
            (pl.col("national_says") == "fits").sum().alias("fits"),
            pl.len().alias("n"),
            pl.col("national_says").cast(_SAYS).min().alias("says"),
        )
    )
    rank = pl.struct("fits", "n")
    best = (
        counted.sort("fits", "n", descending=True)
        .group_by("national_token", maintain_order=True)
        .agg(pl.col("root").first(), pl.col("says").first(), pl.col("n").first(), tied=(rank == rank.first()).sum() > 1)
    )
    own = best.filter(~pl.col("tied")).sort(
        "root", "says", pl.col("n"), "national_token", descending=[False, False, True, False], nulls_last=True
    )
    named = own.unique("root", keep="first", maintain_order=True).select("root", "national_token")
    least = people.group_by("root").agg(pl.col("person_token").min()).sort("root")
    chosen = least.join(named, on="root", how="left", maintain_order="left")
    token = chosen.select(pl.coalesce("national_token", "person_token")).to_series()
    return chosen.select("root", ids(token).alias("person_id"))


def _review(pairs: pl.DataFrame, sites: pl.Series, handles: list[str], roots: list[int]) -> pl.DataFrame:
    """Return the pairs to be looked at whose units are not one person by other links, each pair of handles once."""
    open_pairs = pairs.filter(pl.col("reason").is_not_null())
    apart = [roots[i] != roots[j] for i, j in open_pairs.select("i", "j").iter_rows()]
    left = open_pairs.filter(pl.Series(apart, dtype=pl.Boolean))
    named = [paired(handles[i], handles[j]) for i, j in left.select("i", "j").iter_rows()]
    return (
        left.select(
            pl.Series("pair", named, dtype=pl.String),
            sites.gather(left["i"]).alias("site"),
            sites.gather(left["j"]).alias("other_site"),
            "number",
            "birth",
            "names",
            "sexes_differ",
            "probability",
            "reason",
        )
        .sort("probability", "pair", descending=[True, False])
        .unique("pair", keep="first", maintain_order=True)
    )
