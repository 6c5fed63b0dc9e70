# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Published distributions of baseline variables, and practice brought into their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from rwe.compare.people import people, require
from rwe.errors import DefinitionError
from rwe.spec import trial as spec


@dataclass(frozen=True, slots=True)
class Margin:
    """The published distribution of one baseline variable.

    Parameters
    ----------
    variable
        Name of the variable.
    classes
        For each class as published the level it belongs to: itself, or what it was merged into.
    cuts
        Inclusive upper bounds that class a number; empty for a variable that comes in levels.
    n
        For each arm one count a level (a proportion times its patients is no whole number); None where unknown.
    """

    variable: str
    classes: Mapping[str, str]
    cuts: tuple[float, ...]
    n: Mapping[str, tuple[float, ...] | None]

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels in order."""
        return tuple(dict.fromkeys(self.classes.values()))

    def merge(self, groups: Mapping[str, Sequence[str]]) -> Margin:
        """Return the margin with some levels merged, for example ``{"1-2": ["1", "2"]}``."""
        into = {old: new for new, olds in groups.items() for old in olds}
        if unknown := sorted(set(into) - set(self.levels)):
            raise DefinitionError(f"'{self.variable}' has no levels {unknown} to merge; it has {list(self.levels)}")
        merged = [into.get(level, level) for level in self.levels]
        classes = {published: into.get(level, level) for published, level in self.classes.items()}
        return replace(self, classes=classes, n={arm: n and _sums(merged, n) for arm, n in self.n.items()})

    def expression(self, dtype: pl.DataType) -> pl.Expr:
        """Return the variable's level: numbers are cut, published classes stand or merge."""
        value = pl.col(self.variable)
        if dtype == pl.Boolean:
            value = pl.when(value).then(pl.lit("yes")).when(value.not_()).then(pl.lit("no"))
        elif dtype.is_numeric() and self.cuts:
            value = cut(value.cast(pl.Float64), self.cuts, list(self.classes))
        return value.cast(pl.String).replace(dict(self.classes)).alias(self.variable)


def margin_of(margin: spec.Margin, arms: Mapping[str, int]) -> Margin:
    """Return a margin of a trial file; proportions become counts of the patients they are of."""
    counts: dict[str, tuple[float, ...] | None] = {**margin.n}
    for arm, shares in margin.proportions.items():
        n = margin.of.get(arm, arms[arm])
        counts[arm] = shares and tuple(share * n for share in shares)
    return Margin(margin.variable, {level: level for level in margin.levels}, margin.cuts, counts)


def classes(frame: Any, margins: Mapping[str, Margin]) -> pl.DataFrame:
    """Return a frame whose variables hold the classes of `margins`; other columns stand.

    Raises
    ------
    DataError
        If a variable is missing.

    Examples
    --------
    >>> age = Margin("age", {"<=45": "<=45", ">45": ">45"}, (45.0,), {})
    >>> classes(pl.DataFrame({"age": [45, 46]}), {"age": age})["age"].to_list()
    ['<=45', '>45']
    """
    rows = people(frame)
    require(rows, list(margins))
    return rows.with_columns(margin.expression(rows.schema[name]) for name, margin in margins.items())


def cut(value: pl.Expr, cuts: Sequence[float], labels: Sequence[str]) -> pl.Expr:
    """Return the class of a number; `cuts` are inclusive upper bounds, what is missing stays so."""
    label = pl.lit(labels[-1])
    for bound, name in reversed(list(zip(cuts, labels, strict=False))):
        label = pl.when(value <= bound).then(pl.lit(name)).otherwise(label)
    return pl.when(value.is_not_null() & value.is_not_nan()).then(label)


def _sums(levels: Sequence[str], counts: Sequence[float]) -> tuple[float, ...]:
    """Return the counts of equal levels together, in the order of their first."""
    return tuple(sum(n for name, n in zip(levels, counts, strict=True) if name == one) for one in dict.fromkeys(levels))
