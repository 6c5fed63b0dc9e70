# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Linking held against the truth: whose a row is, whom it is linked to, and whether that could be known at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import polars as pl

PRECISION, RECALL = 0.999, 0.98
_PERSON, _TOKENS = "person", ("number", "named")


@dataclass(frozen=True, slots=True)
class Links:
    """Pairs of patients of two hospitals, or of one, that are one person.

    Parameters
    ----------
    right, wrong, missed
        Pairs linked that are one person and that are not, pairs that are one person and not linked; the missed are
        of patients of whom a true token is left that tells who they are.
    apart, apart_right
        Pairs of which one patient has none left: how many there are, and how many were linked all the same.
    borrowed
        Patients told under the number and the name of somebody else: they are in none of the pairs.
    """

    right: int
    wrong: int
    missed: int
    apart: int
    apart_right: int
    borrowed: int

    @property
    def precision(self) -> float:
        """Part of the linked pairs that are one person."""
        return (self.right + self.apart_right) / max(self.right + self.apart_right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """Part of the pairs that are one person, and could be known to be, that are linked."""
        return self.right / max(self.right + self.missed, 1)

    @property
    def enough(self) -> bool:
        """Whether of 1,000 linked pairs 999 are right, and of 100 that could be known 98 are linked."""
        return self.precision >= PRECISION and self.recall >= RECALL


def total(parts: Sequence[Links]) -> Links:
    """Return the counts of several networks together."""
    return Links(*(sum(column) for column in zip(*map(astuple, parts), strict=True)))


def judged(people: pl.DataFrame, clean: pl.DataFrame) -> pl.DataFrame:
    """Say of each row whether it is linked to another row of its person.

    Parameters
    ----------
    people, clean
        As `rwe.selftest.told.Told.persons`, of the records with dirt and of the clean ones, whose tokens are true.

    Returns
    -------
    polars.DataFrame
        `people` with ``alone`` (the person has no other row), ``linked``, ``known`` (another row of the person bears
        the same true number, or the same true name and birth date), ``borrowed`` (number and name are told, and
        neither is true) and ``mixed`` (linked to a row of somebody else that is not borrowed).
    """
    for name in _TOKENS:
        true = clean.select(_PERSON, name).unique().drop_nulls().with_columns(pl.lit(value=True).alias(f"true_{name}"))
        people = people.join(true, on=[_PERSON, name], how="left", maintain_order="left")
    here = pl.col(_PERSON).is_in(clean[_PERSON].unique().implode())  # the others were added with the dirt
    false = [pl.col(name).is_not_null() & pl.col(f"true_{name}").is_null() for name in _TOKENS]
    shared = [pl.col(f"true_{name}").is_not_null() & (pl.len().over(_PERSON, name) > 1) for name in _TOKENS]
    people = people.with_columns(
        alone=pl.len().over(_PERSON) == 1,
        linked=pl.len().over(_PERSON, "id") > 1,
        known=pl.any_horizontal(shared),
        borrowed=here & pl.all_horizontal(false),
    )
    own = pl.col(_PERSON).filter(~pl.col("borrowed"))
    return people.with_columns(mixed=own.n_unique().over("id") > 1).drop(f"true_{name}" for name in _TOKENS)


def links(people: pl.DataFrame, clean: pl.DataFrame) -> Links:
    """Count the pairs of patients (as `judged` takes them); a patient of a site with many rows counts once."""
    named = judged(people, clean).drop_nulls(["id", "unit"])
    units = named.group_by("unit", "id", _PERSON).agg(pl.col("known").any(), pl.col("borrowed").all())
    own = units.filter(~pl.col("borrowed"))
    sure = own.filter("known")
    both, right = _pairs(own, [_PERSON, "id"]), _pairs(sure, [_PERSON, "id"])
    all_true, true = _pairs(own, [_PERSON]), _pairs(sure, [_PERSON])
    borrowed = units.height - own.height
    return Links(right, _pairs(own, ["id"]) - both, true - right, all_true - true, both - right, borrowed)


def _pairs(rows: pl.DataFrame, by: list[str]) -> int:
    n = rows.group_by(by).len()["len"].cast(pl.Int64)
    return int((n * (n - 1) // 2).sum())
