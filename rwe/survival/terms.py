# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a formula, or a list of columns, to its terms and the factors of each.

A formula is R's: columns, ``C(column)`` (as levels), arithmetic and functions of columns, bases of splines, joined by
``+ - : * ^``; products come last. Sums of ``column``, ``C(column)``, ``log(column)``, ``a:b`` and ``a*b`` are read
here at once; the rest is read by `rwe.survival.formula`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import TypeAlias

from rwe.errors import DefinitionError
from rwe.survival.formula import columns_in, factors_of

_FACTOR = re.compile(r"(?P<call>C|log)\(\s*(?P<inside>[^\W\d]\w*|`[^`]+`)\s*\)|(?P<plain>[^\W\d]\w*|`[^`]+`)")
Factor: TypeAlias = tuple[str, str]  # how a column (or an expression) enters: "", C, log or calc; and which


def model_of(covariates: Sequence[str] | None, formula: str | None) -> str | list[str]:
    """Return the model that was asked for, a formula or a list of columns.

    Raises
    ------
    DefinitionError
        If both are given, or neither.
    """
    if (covariates is None) == (formula is None) or not (covariates or formula):
        raise DefinitionError("give covariates (a list of columns) or formula, one of them")
    if formula is not None:
        return formula
    return [covariates] if isinstance(covariates, str) else list(covariates or ())


def columns_of(formula: str | Sequence[str]) -> list[str]:
    """Return the columns that a formula (or a list of columns) names.

    Raises
    ------
    DefinitionError
        If the formula cannot be read, repeats a term, or lacks the main effects of a product.
    """
    factors = itertools.chain(*terms_of(formula))
    return list(dict.fromkeys(c for call, text in factors for c in (columns_in(text) if call == "calc" else [text])))


def terms_of(formula: str | Sequence[str]) -> list[tuple[Factor, ...]]:
    """Return the terms of a formula, in each its factors."""
    terms = _parse(formula)
    if twice := sorted({":".join(c for _, c in t) for t in terms if terms.count(t) > 1}):
        raise DefinitionError(f"terms {twice} stand twice in the model")
    if lacking := [t for t in terms if len(t) > 1 and not all((factor,) in terms for factor in t)]:
        products = [":".join(c for _, c in t) for t in lacking]
        raise DefinitionError(f"products {products} need their columns as terms of their own: write a*b")
    return terms


def _parse(formula: str | Sequence[str]) -> list[tuple[Factor, ...]]:
    if not isinstance(formula, str):
        return [(("", column),) for column in formula]
    texts = [[part.strip().split(":") for part in text.split("*")] for text in formula.split("+")]
    if all(_FACTOR.fullmatch(f.strip()) for text in texts for part in text for f in part):
        return _few(texts)
    return [tuple(_factor(text) for text in term) for term in factors_of(formula)]


def _few(texts: list[list[list[str]]]) -> list[tuple[Factor, ...]]:
    """Return the terms of a sum of products."""
    terms: list[tuple[Factor, ...]] = []
    for text in texts:
        factors = [tuple(_factor(f.strip()) for f in part) for part in text]
        for size in range(1, len(factors) + 1):
            for chosen in itertools.combinations(factors, size):
                term = tuple(itertools.chain(*chosen))
                if len(factors) == 1 or term not in terms:
                    terms.append(term)
    return sorted(terms, key=len)


def _factor(text: str) -> Factor:
    match = _FACTOR.fullmatch(text)
    if match:
        return match["call"] or "", (match["inside"] or match["plain"]).strip("`")
    if text.startswith("C("):
        raise DefinitionError(f"'{text}' is not a term: C() takes one column; choose its reference with `reference`")
    return "calc", text
