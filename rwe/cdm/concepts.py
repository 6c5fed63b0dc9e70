# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of concepts: the domain they belong to, and the concepts below them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import polars as pl

from rwe.cdm.athena import Vocabulary
from rwe.spec.mapping import Mapping
from rwe.spec.vocabulary import PLAIN

PAIRS = {"ancestor_concept_id": pl.Int64, "descendant_concept_id": pl.Int64}


def domains(vocabulary: Vocabulary, concepts: Collection[int]) -> dict[int, str]:
    """Return the domain of each of `concepts` that the vocabulary holds."""
    wanted = pl.DataFrame({"concept_id": sorted(concepts)}, schema={"concept_id": pl.Int64}).lazy()
    held = vocabulary.tables["concept"].join(wanted, on="concept_id", how="semi").select("concept_id", "domain_id")
    return dict(held.collect(engine="streaming").iter_rows())


def tree(mapping: Mapping) -> pl.DataFrame:
    """Return which concepts of a map stand above which, by the beginnings of their codes.

    Only vocabularies whose `levels` are declared have a tree: ``C50`` stands above ``C50.1``, ``L02B`` above
    ``L02BA01``.
    """
    meant: dict[tuple[str, str], set[int]] = {}
    for rule in mapping.concepts:
        vocabulary = mapping.source.vocabularies.get(rule.vocabulary, PLAIN)
        meant.setdefault((rule.vocabulary, vocabulary.spelled(rule.code)), set()).add(rule.concept_id)
    pairs = {
        (above, concept)
        for (name, code), concepts in meant.items()
        for ancestor in mapping.source.vocabularies.get(name, PLAIN).ancestors(code)
        for above in meant.get((name, ancestor), ())
        for concept in concepts
    }
    return pl.DataFrame(sorted(pairs), schema=PAIRS, orient="row")


def with_descendants(concepts: Collection[int], pairs: Iterable[pl.LazyFrame]) -> tuple[int, ...]:
    """Return `concepts` and all that stand below them.

    Parameters
    ----------
    pairs
        Frames of ``ancestor_concept_id`` and ``descendant_concept_id``, each with every descendant of its ancestors,
        as CONCEPT_ANCESTOR of a vocabulary is.
    """
    found = set(concepts)
    for frame in pairs:
        below = frame.filter(pl.col("ancestor_concept_id").is_in(list(found))).select("descendant_concept_id")
        found |= set(below.collect(engine="streaming").to_series())
    return tuple(sorted(found))
