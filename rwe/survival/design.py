# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From columns to the numbers of a model: a small formula language, levels, interactions.

A formula is terms joined by ``+``: a column, ``C(column)`` (as levels), ``log(column)``, ``a:b`` (product)
or ``a*b`` (both and their product); products come last, as in R. Text columns count as levels by
themselves. A level's term is named ``column=level``; the first level in ascending order is the
reference unless another is chosen.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.data import numeric, refuse

_FACTOR = re.compile(r"(?P<call>C|log)\((?P<inside>[^()]+)\)|(?P<plain>[^()]+)")


@dataclass(frozen=True, slots=True)
class Part:
    """One column as it enters a term: as a number, its logarithm, or whether it holds a level."""

    column: str
    kind: Literal["number", "log", "level"]
    level: str = ""

    @property
    def name(self) -> str:
        """Name of the part in a term."""
        return {"number": self.column, "log": f"log({self.column})", "level": f"{self.column}={self.level}"}[self.kind]


@dataclass(frozen=True, slots=True)
class Design:
    """The terms of a model: products of parts, in the order of the coefficients.

    Parameters
    ----------
    terms
        Parts of each term.
    levels
        Levels known of each column that counts as levels, the reference first.
    """

    terms: tuple[tuple[Part, ...], ...]
    levels: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the terms."""
        return tuple(":".join(part.name for part in term) for term in self.terms)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the terms are made from."""
        return tuple(dict.fromkeys(part.column for term in self.terms for part in term))

    def values(self, frame: pl.DataFrame) -> list[F8]:
        """Return the values of each term.

        Raises
        ------
        DataError
            If a column has rows without a value, or with a level that the design does not know.
        """
        for column, known in self.levels.items():
            odd = int((~frame[column].cast(pl.String).is_in(known)).sum())
            refuse(odd, frame.height, column, f"hold none of the {len(known)} levels of the model")
        parts = {part: _values(frame, part) for part in dict.fromkeys(itertools.chain(*self.terms))}
        return [np.ascontiguousarray(reduce(np.multiply, [parts[p] for p in term])) for term in self.terms]

    def matrix(self, frame: pl.DataFrame) -> F8:
        """Return the values of the terms, shape (rows, terms); raises as `values`."""
        return np.ascontiguousarray(np.column_stack(self.values(frame)))


def columns_of(formula: str | Sequence[str]) -> list[str]:
    """Return the columns that a formula (or a list of columns) names."""
    return list(dict.fromkeys(column for term in _parse(formula) for _, column in term))


def design(frame: pl.DataFrame, formula: str | Sequence[str], reference: Mapping[str, str] | None = None) -> Design:
    """Return the design of a formula on these data.

    Parameters
    ----------
    formula
        Formula, or a list of columns.
    reference
        Reference level of columns that count as levels.

    Raises
    ------
    DefinitionError
        If the formula cannot be read, repeats a term, or lacks the main effects of a product.
    """
    terms = _parse(formula)
    if twice := sorted({":".join(c for _, c in t) for t in terms if terms.count(t) > 1}):
        raise DefinitionError(f"terms {twice} stand twice in the model")
    if lacking := [t for t in terms if len(t) > 1 and not all((factor,) in terms for factor in t)]:
        products = [":".join(c for _, c in t) for t in lacking]
        raise DefinitionError(f"products {products} need their columns as terms of their own: write a*b")
    chosen, levels = dict(reference or {}), {}
    for call, column in dict.fromkeys(itertools.chain(*terms)):
        if call == "C" or (not call and not _is_number(frame[column])):
            levels[column] = _levels(frame[column], chosen.pop(column, None))
    if chosen:
        raise DefinitionError(f"reference names {sorted(chosen)}, which are not levels of this model")
    expanded = [itertools.product(*(_parts(call, column, levels) for call, column in term)) for term in terms]
    return Design(tuple(itertools.chain(*expanded)), levels)


def _parse(formula: str | Sequence[str]) -> list[tuple[tuple[str, str], ...]]:
    if not isinstance(formula, str):
        return [(("", column),) for column in formula]
    terms: list[tuple[tuple[str, str], ...]] = []
    for text in formula.split("+"):
        factors = [tuple(_factor(f) for f in part.split(":")) for part in text.split("*")]
        for size in range(1, len(factors) + 1):
            for chosen in itertools.combinations(factors, size):
                term = tuple(itertools.chain(*chosen))
                if len(factors) == 1 or term not in terms:
                    terms.append(term)
    return sorted(terms, key=len)


def _factor(text: str) -> tuple[str, str]:
    match = _FACTOR.fullmatch(text.strip())
    if not match:
        raise DefinitionError(f"'{text.strip()}' is not a term: write column, C(column), log(column), a:b or a*b")
    return match["call"] or "", (match["inside"] or match["plain"]).strip()


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def _levels(column: pl.Series, reference: str | None) -> tuple[str, ...]:
    refuse(column.null_count(), column.len(), column.name, "have no value")
    found = column.unique().sort().cast(pl.String).to_list()
    if reference is not None and reference not in found:
        raise DefinitionError(f"reference of '{column.name}' is '{reference}', which no row holds")
    first = found[0] if reference is None else reference
    return (first, *(level for level in found if level != first))


def _parts(call: str, column: str, levels: Mapping[str, tuple[str, ...]]) -> list[Part]:
    if call == "log":
        return [Part(column, "log")]
    return [Part(column, "level", v) for v in levels[column][1:]] if column in levels else [Part(column, "number")]


def _values(frame: pl.DataFrame, part: Part) -> F8:
    column = frame[part.column]
    if part.kind == "level":
        return (column.cast(pl.String) == part.level).cast(pl.Float64).to_numpy()
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int64)
    values = numeric(column).cast(pl.Float64).to_numpy()
    if part.kind == "log":
        refuse(int((values <= 0).sum()), values.size, part.column, "have no logarithm: they are 0 or less")
        return np.asarray(np.log(values), np.float64)
    return values
