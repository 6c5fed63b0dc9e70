# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From columns to the numbers of a model: terms, levels, interactions, as a design that plain JSON can hold.

Text columns count as levels by themselves, others as ``C(column)``. A level's term is named ``column=level``; the first
level in ascending order is the reference unless another is chosen. What a formula may say is in `rwe.survival.terms`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial, reduce
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.execute import run
from rwe.kernels._jit import F8
from rwe.survival.columns import numeric, refuse
from rwe.survival.formula import columns_in, values_of
from rwe.survival.terms import terms_of


@dataclass(frozen=True, slots=True)
class Part:
    """What is multiplied in a term: a column as a number, its logarithm, whether it holds a level, or a calculation.

    Parameters
    ----------
    column
        Name of the column, or the expression that is calculated.
    kind
        number, log, level or calculated.
    level
        The level.
    index
        Which of several columns of a calculation (a spline), from 1; 0 where there is one.
    """

    column: str
    kind: Literal["number", "log", "level", "calculated"]
    level: str = ""
    index: int = 0

    @property
    def name(self) -> str:
        """Name of the part in a term."""
        several = f"{self.column}[{self.index}]" if self.index else self.column
        found = {"log": f"log({self.column})", "level": f"{self.column}={self.level}", "calculated": several}
        return found.get(self.kind, self.column)

    @property
    def columns(self) -> list[str]:
        """Columns that it is made from."""
        return columns_in(self.column) if self.kind == "calculated" else [self.column]


@dataclass(frozen=True, slots=True)
class Design:
    """The terms of a model: products of parts, in the order of the coefficients.

    Parameters
    ----------
    terms
        Parts of each term.
    levels
        Levels known of each column that counts as levels, the reference first.
    states
        What each calculation needs to give other rows the same columns, for example the knots of a spline.
    """

    terms: tuple[tuple[Part, ...], ...]
    levels: Mapping[str, tuple[str, ...]]
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the terms."""
        return tuple(":".join(part.name for part in term) for term in self.terms)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the terms are made from."""
        return tuple(dict.fromkeys(name for term in self.terms for part in term for name in part.columns))

    def to_dict(self) -> dict[str, Any]:
        """Return the design as plain values that JSON can hold."""
        terms = [[asdict(part) for part in term] for term in self.terms]
        return {"terms": terms, "levels": {c: list(v) for c, v in self.levels.items()}, "states": dict(self.states)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Design:
        """Return the design that `to_dict` gave."""
        terms = tuple(tuple(Part(**part) for part in term) for term in plain["terms"])
        return cls(terms, {c: tuple(v) for c, v in plain["levels"].items()}, plain["states"])

    def values(self, frame: pl.DataFrame, *, look: bool = True) -> list[F8]:
        """Return the values of each term.

        Parameters
        ----------
        look
            Whether to read the columns for values that are not finite; where their sums are to be taken, those tell.

        Raises
        ------
        DataError
            If a column has rows without a value, or with a level that the design does not know.
        """
        for column, known in self.levels.items():
            odd = int((~frame[column].cast(pl.String).is_in(known)).sum())
            refuse(odd, frame.height, column, f"hold none of the {len(known)} levels of the model")
        needed = list(dict.fromkeys(itertools.chain(*self.terms)))
        made = {text: values_of(text, frame, self.states[text])[0] for text in _calculated(needed)}
        read = run(partial(_values, frame, look=look), [p for p in needed if p.column not in made])
        parts = {p: made[p.column][:, max(p.index - 1, 0)] if p.column in made else read.pop(0) for p in needed}
        return [np.ascontiguousarray(reduce(np.multiply, [parts[p] for p in term])) for term in self.terms]

    def matrix(self, frame: pl.DataFrame) -> F8:
        """Return the values of the terms, shape (rows, terms); raises as `values`."""
        return np.ascontiguousarray(np.column_stack(self.values(frame)))


def design(frame: pl.DataFrame, formula: str | Sequence[str], reference: Mapping[str, Any] | None = None) -> Design:
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
    terms = terms_of(formula)
    chosen = dict(reference or {})
    levels: dict[str, tuple[str, ...]] = {}
    states: dict[str, dict[str, Any]] = {}
    widths: dict[str, int] = {}
    for call, column in dict.fromkeys(itertools.chain(*terms)):
        if _levelled(call, frame[column] if call != "calc" else None):
            levels[column] = _levels(frame[column], chosen.pop(column, None))
        if call == "calc":
            values, states[column] = values_of(column, frame)
            widths[column] = values.shape[1]
    if chosen:
        raise DefinitionError(f"reference names {sorted(chosen)}, which are not levels of this model")
    expanded = [itertools.product(*(_parts(call, column, levels, widths) for call, column in term)) for term in terms]
    return Design(tuple(itertools.chain(*expanded)), levels, states)


def levelled(frame: pl.DataFrame, formula: str | Sequence[str]) -> list[str]:
    """Return the columns of a formula that count as levels, by the kinds of the columns alone."""
    factors = dict.fromkeys(itertools.chain(*terms_of(formula)))
    return [column for call, column in factors if _levelled(call, frame[column] if call != "calc" else None)]


def _levelled(call: str, column: pl.Series | None) -> bool:
    return call == "C" or (not call and column is not None and not _is_number(column))


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def _levels(column: pl.Series, reference: Any) -> tuple[str, ...]:
    refuse(column.null_count(), column.len(), column.name, "have no value")
    if column.dtype.is_temporal():
        what = f"column '{column.name}' holds {column.dtype}, neither numbers nor words"
        raise DataError(f"{what}: give the days since a date, or the year as a number or a word")
    if column.dtype.is_nested() or column.dtype == pl.Object:
        raise DataError(f"column '{column.name}' holds {column.dtype}, neither numbers nor words")
    found = column.unique().sort().cast(pl.String).to_list()
    reference = _as_text(reference, column.dtype)
    if reference is not None and reference not in found:
        raise DefinitionError(f"reference of '{column.name}' is '{reference}', which no row holds")
    if len(found) == 1:
        raise NoValidAnswer(f"column '{column.name}' holds one level only, so that it has no effect: leave it out")
    first = found[0] if reference is None else reference
    return (first, *(level for level in found if level != first))


def _as_text(level: Any, kind: pl.DataType) -> str | None:
    """Return a level as levels of this kind are written: 2 is 2.0 of a column of floats."""
    if level is None or isinstance(level, str):
        return level
    found = pl.Series([float(level) if kind.is_float() else level]).cast(pl.String)
    return str(found.item())


def _calculated(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.column for part in parts if part.kind == "calculated"))


def _parts(call: str, column: str, levels: Mapping[str, tuple[str, ...]], widths: Mapping[str, int]) -> list[Part]:
    if call == "log":
        return [Part(column, "log")]
    if call == "calc":
        return [
            Part(column, "calculated", index=i) for i in (range(1, widths[column] + 1) if widths[column] > 1 else [0])
        ]
    return [Part(column, "level", v) for v in levels[column][1:]] if column in levels else [Part(column, "number")]


def _values(frame: pl.DataFrame, part: Part, *, look: bool) -> F8:
    column = frame[part.column]
    if part.kind == "level":
        return (column.cast(pl.String) == part.level).cast(pl.Float64).to_numpy()
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int64)
    values = numeric(column, look=look).cast(pl.Float64).to_numpy()
    if part.kind == "log":
        refuse(int((values <= 0).sum()), values.size, part.column, "have no logarithm: they are 0 or less")
        return np.asarray(np.log(values), np.float64)
    return values
