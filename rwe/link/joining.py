# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Decisions and rules carried out on the pairs in their order, and what became of each pair in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rwe.link.clusters import Clusters, Pair
from rwe.link.register import Decision
from rwe.link.zones import RULES


def joined(
    pairs: pl.DataFrame, units: pl.DataFrame, handles: Sequence[str], decisions: Sequence[Decision]
) -> tuple[pl.DataFrame, list[int]]:
    """Return the pairs with what became of them in the end, and for each unit the one that stands for its person.

    Parameters
    ----------
    pairs
        With ``rule`` and ``reason`` (`rwe.link.zones`).
    units
        With ``national`` and ``site`` (`rwe.link.blocks.Candidates`).
    handles
        Of the units (`rwe.link.register.handle`).
    """
    decided = _decided(handles, decisions)
    apart = [pair for pair, said in decided.items() if said == "apart"]
    clusters = Clusters(units["national"].to_list(), _alike(pairs, units), apart)
    for pair in (pair for pair, said in decided.items() if said == "same"):
        clusters.force(*pair)
    failed: dict[Pair, str] = {}
    for rule in RULES[1:]:
        edges = pairs.filter(pl.col("rule") == rule).sort("probability", "i", "j", descending=[True, False, False])
        failed |= _carried_out(list(edges.select("i", "j").iter_rows()), clusters, doubting=rule == "weighed")
    return _told(pairs, decided, failed), [clusters.root(i) for i in range(len(handles))]


def _carried_out(edges: list[Pair], clusters: Clusters, *, doubting: bool) -> dict[Pair, str]:
    """Join what may be joined; return the pairs that may not, with the reason."""
    torn = clusters.torn(edges) if doubting else set()
    doubtful = {pair for pair in edges if torn and torn & {clusters.root(i) for i in pair}}
    failed = dict.fromkeys(doubtful, "two_candidates")
    for pair in edges:
        if pair not in doubtful and not clusters.join(*pair):
            failed[pair] = "would_join_two_people"
    return failed


def _told(pairs: pl.DataFrame, decided: Mapping[Pair, str], failed: Mapping[Pair, str]) -> pl.DataFrame:
    """Return the pairs, those decided among them, with the rule that joined them or the reason to look at them."""
    for name, found in (("said", decided), ("why", failed)):
        rows = [(i, j, word) for (i, j), word in found.items()]
        beside = pl.DataFrame(rows, {"i": pl.UInt32, "j": pl.UInt32, name: pl.String}, orient="row")
        pairs = pairs.join(beside, on=["i", "j"], how="full", coalesce=True)
    undecided = pl.col("said").is_null()
    same = pl.when(pl.col("said") == "same").then(pl.lit("decided"))
    rule = same.when(undecided & pl.col("why").is_null()).then("rule")
    reason = pl.when(undecided).then(pl.coalesce("why", "reason"))
    return pairs.with_columns(rule.alias("rule"), reason.alias("reason")).sort("i", "j")


def _alike(pairs: pl.DataFrame, units: pl.DataFrame) -> set[Pair]:
    """Return the pairs of different numbers that may be one: a slip apart, or two slips of a third one.

    The second only between units of one birth date and whole name: otherwise the third is the slip, of either. Two
    numbers that one hospital holds apart, under two numbers of its own and not under one name, are two.
    """
    numbers, sites = units["national"], units["site"]
    slips, named = pl.col("number").is_in(["near", "tail"]), pl.col("names").is_in(["all", "close"])
    one_hospital = pl.Series(sites.gather(pairs["i"]) == sites.gather(pairs["j"]))
    near = _numbers_of(pairs.filter(slips), numbers)
    near -= _numbers_of(pairs.filter(one_hospital & slips & ~named & ~pl.col("own")), numbers)
    around: dict[int, set[int]] = {}
    for one, other in near:
        around.setdefault(one, set()).add(other)
        around.setdefault(other, set()).add(one)
    alone = (pl.col("number") == "differs") & (pl.col("birth") == "same") & named
    twice = _numbers_of(pairs.filter(alone), numbers)
    return near | {(a, b) for a, b in twice if around.get(a, set()) & around.get(b, set())}


def _numbers_of(pairs: pl.DataFrame, numbers: pl.Series) -> set[Pair]:
    both = zip(numbers.gather(pairs["i"]), numbers.gather(pairs["j"]), strict=True)
    return {(min(pair), max(pair)) for pair in both}


def _decided(handles: Sequence[str], decisions: Sequence[Decision]) -> dict[Pair, str]:
    """Return what was decided of pairs of units that are here."""
    asked = {one for decision in decisions for one in decision.pair}
    places: dict[str, list[int]] = {}
    for i, one in enumerate(handles):
        if one in asked:
            places.setdefault(one, []).append(i)
    return {
        (min(i, j), max(i, j)): decision.said
        for decision in decisions
        for i in places.get(decision.pair[0], ())
        for j in places.get(decision.pair[1], ())
        if i != j
    }
