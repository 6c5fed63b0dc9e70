# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How likely the two units of a pair are one person, by the levels on which they agree: Fellegi and Sunter, by EM.

Two fields are weighed: the number together with the birth date, which it contains, so that a birthday counts once;
and the whole name. How often levels occur among pairs of different people is not guessed: the number of all pairs is
known, those that share something rare are all looked at, the others follow from how common each birthday and name is.
So only the levels of pairs of one person, and the share of such pairs, are left to EM. Little data leaves them at the
prior, which stands for `PRIOR` pairs. Pairs with two numbers are never linked by weight (`rwe.link.zones`), and twins
are many among them: EM learns nothing from them, their level keeps its prior.

References: Fellegi and Sunter 1969; Winkler 1988 (EM).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import polars as pl

from rwe.link.levels import BIRTH, NAMES, NUMBER

Array = npt.NDArray[np.float64]

PRIOR = 20.0  # pairs of one person that the prior is worth
OTHERS = 10_000.0  # pairs of different people that the prior is worth
ROUNDS = 200
FIELD = list(product(NUMBER, BIRTH))
_NUMBER_PRIOR = dict(zip(NUMBER, (0.80, 0.03, 0.01, 0.01, 0.15), strict=True))
_BIRTH_PRIOR = dict(zip(BIRTH, (0.95, 0.03, 0.005, 0.015), strict=True))
_NAMES_PRIOR = dict(zip(NAMES, (0.93, 0.02, 0.03, 0.005, 0.015), strict=True))
# Of two people, before anything was seen. A number begins with the birthday, so those born on one day differ in four
# digits at most, and those born in one place in three.
_RARE = {
    "same": (1e-9, 1e-9, 1e-8, 1e-10),
    "near": (1.5e-7, 2.5e-7, 1e-8, 1e-8),
    "tail": (5e-7, 1e-8, 1e-8, 1e-8),
}
_BIRTHDAYS = {"same": 1 / 20_000, "near": 1 / 400}
_NAMESAKES = {"all": 1e-4, "close": 1e-4, "some": 0.02}


@dataclass(frozen=True, slots=True)
class Weights:
    """The likelihoods by level.

    Parameters
    ----------
    field
        ``number``, ``birth``, ``same_person``, ``different``: how often two units agree so.
    names
        ``names``, ``same_person``, ``different``.
    share
        Of all pairs, those of one person.
    """

    field: pl.DataFrame
    names: pl.DataFrame
    share: float

    @property
    def table(self) -> pl.DataFrame:
        """What agreement is worth: ``number``, ``birth``, ``names``, ``same_person``, ``different``, ``bits``."""
        bits = (pl.col("same_person") / pl.col("different")).log(2).alias("bits")
        return pl.concat([self.field, self.names], how="diagonal").select(
            pl.col("number", "birth", "names").fill_null(""), "same_person", "different", bits
        )

    def probabilities(self, pairs: pl.DataFrame) -> pl.Series:
        """Return how likely each pair is one person, from its levels."""
        odds = self.share / (1 - self.share)
        ratio = pl.col("same_person") / pl.col("different")
        field = self.field.select("number", "birth", ratio.alias("by_number"))
        names = self.names.select("names", ratio.alias("by_names"))
        joined = pairs.join(field, on=["number", "birth"], how="left", maintain_order="left")
        joined = joined.join(names, on="names", how="left", maintain_order="left")
        found = odds * pl.col("by_number") * pl.col("by_names")
        return joined.select((found / (1 + found)).alias("probability")).to_series()


def weigh(units: pl.DataFrame, pairs: pl.DataFrame) -> Weights:
    """Return the weights of levels among these pairs of these units (`rwe.link.blocks`, `rwe.link.levels`)."""
    total = max(units.height * (units.height - 1) / 2, 1.0)
    seen = _patterns(pairs.filter(pl.col("number") != "differs"))
    field_known, names_known = _field_totals(units, total), _names_totals(units, total)
    for place, (number, _) in enumerate(FIELD):
        if number in _RARE:  # every such pair is looked at
            field_known[place] = seen[place].sum()
    prior_m = np.array([_NUMBER_PRIOR[number] * _BIRTH_PRIOR[birth] for number, birth in FIELD])
    prior_n = np.array([_NAMES_PRIOR[name] for name in NAMES])
    kept = prior_m * np.array([number == "differs" for number, _ in FIELD])
    learned = prior_m - kept
    m_field, m_names = prior_m, prior_n
    matched = np.zeros_like(seen)
    for _ in range(ROUNDS):
        found = float(matched.sum())
        u_field = _others(field_known - matched.sum(axis=1), total - found, _field_prior())
        u_names = _others(names_known - matched.sum(axis=0), total - found, _names_prior())
        share = (found + 0.5) / (total + 1_000)
        ratio = np.outer(m_field / u_field, m_names / u_names) * share / (1 - share)
        now = seen * ratio / (1 + ratio)
        moved = float(np.abs(now - matched).sum())
        matched = now
        found = float(matched.sum()) + PRIOR * learned.sum()
        m_field = kept + (1 - kept.sum()) * (matched.sum(axis=1) + PRIOR * learned) / found
        m_names = (matched.sum(axis=0) + PRIOR * prior_n) / (matched.sum() + PRIOR)
        if moved < 1e-6:
            break
    return _told(m_field, u_field, m_names, u_names, share)


def _told(m_field: Array, u_field: Array, m_names: Array, u_names: Array, share: float) -> Weights:
    numbers, births = zip(*FIELD, strict=True)
    field = pl.DataFrame({"number": numbers, "birth": births, "same_person": m_field, "different": u_field})
    return Weights(field, pl.DataFrame({"names": NAMES, "same_person": m_names, "different": u_names}), share)


def _patterns(pairs: pl.DataFrame) -> Array:
    """Return how many pairs are of each level of the field (rows) and of the names (columns)."""
    seen = np.zeros((len(FIELD), len(NAMES)))
    counted = pairs.group_by("number", "birth", "names").len()
    for number, birth, names, n in counted.iter_rows():
        seen[FIELD.index((number, birth)), NAMES.index(names)] = n
    return seen


def _others(counts: Array, total: float, prior: Array) -> Array:
    """Return how often levels occur among pairs of different people, no less often than the prior allows."""
    made = (np.clip(counts, 0, None) + OTHERS * prior) / (total + OTHERS)
    return np.asarray(made / made.sum())


def _field_prior() -> Array:
    births = _BIRTHDAYS | {"missing": 0.02}
    births["differs"] = 1 - sum(births.values())
    rare = {(number, birth): p for number, row in _RARE.items() for birth, p in zip(BIRTH, row, strict=True)}
    plain = {"missing": 0.1, "differs": 0.9}
    return np.array([rare[level] if level in rare else plain[level[0]] * births[level[1]] for level in FIELD])


def _names_prior() -> Array:
    names = _NAMESAKES | {"missing": 0.02}
    names["none"] = 1 - sum(names.values())
    return np.array([names[name] for name in NAMES])


def _field_totals(units: pl.DataFrame, total: float) -> Array:
    """Return how many of all pairs are of each level, where numbers differ or are missing whatever the birthdays."""
    n = units.height
    unborn, unnumbered = (_missing(n, units[name].null_count()) for name in ("first_birth", "national"))
    same = _pairs_sharing(units["first_birth"])
    parts = (units["births"].list.get(place, null_on_oob=True) for place in range(1, 5))
    near = max(sum(map(_pairs_sharing, parts)) - 4 * same, 0.0)
    births = {"same": same, "near": near, "missing": unborn, "differs": max(total - same - near - unborn, 0.0)}
    share = {"missing": unnumbered / total, "differs": 1 - unnumbered / total}
    return np.array([share.get(number, 0.0) * births[birth] for number, birth in FIELD])


def _names_totals(units: pl.DataFrame, total: float) -> Array:
    n, same = units.height, _pairs_sharing(units["names"])
    unnamed = _missing(n, units["names"].null_count())
    each = units["parts"].list.len().mean()
    parts = float(each) if isinstance(each, int | float) else 0.0
    some = max(_pairs_sharing(units["parts"].explode()) - parts * same, 0.0)
    # a name one letter away is about as common as the name: which are is known only within a birthday
    found = {"all": same, "close": same, "some": some, "missing": unnamed}
    found["none"] = max(total - sum(found.values()), 0.0)
    return np.array([found[name] for name in NAMES])


def _missing(n: int, lacking: int) -> float:
    """Return in how many pairs of `n` units one or both are among those that lack something."""
    there = n - lacking
    return n * (n - 1) / 2 - there * (there - 1) / 2


def _pairs_sharing(values: pl.Series) -> float:
    counts = values.drop_nulls().value_counts()["count"].cast(pl.Float64)
    return float((counts * (counts - 1) / 2).sum())
