# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The functions of FHIRPath that view definitions call, by name, with how many arguments they take."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.fhirpath_steps import Expr, Scope, Step, one_of, truth
from connectors.fhirpath_values import Items, boundary, equal, is_of, reference_key, resolve_contained


def _where(path: str, test: Expr) -> Step:
    return lambda items, _focus, scope: [one for one in items if truth(test([one], scope), path)]


def _exists(path: str, test: Expr | None = None) -> Step:
    if test is None:
        return lambda items, _focus, _scope: [bool(items)]
    return lambda items, _focus, scope: [any(truth(test([one], scope), path) for one in items)]


def _all(path: str, test: Expr) -> Step:
    return lambda items, _focus, scope: [all(truth(test([one], scope), path) for one in items)]


def _select(_path: str, what: Expr) -> Step:
    return lambda items, _focus, scope: [made for one in items for made in what([one], scope)]


def _iif(path: str, test: Expr, then: Expr, other: Expr | None = None) -> Step:
    def step(items: Items, _focus: Items, scope: Scope) -> Items:
        if truth(test(items, scope), path):
            return then(items, scope)
        return other(items, scope) if other else []

    return step


Built = tuple[int, int, Callable[..., Step]]
BY_ITEM: dict[str, Built] = {
    "where": (1, 1, _where),
    "exists": (0, 1, _exists),
    "all": (1, 1, _all),
    "select": (1, 1, _select),
    "iif": (2, 3, _iif),
}


def _of_type(wanted: str | None) -> Step:
    return lambda items, _focus, _scope: [one for one in items if is_of(one, wanted or "")]


def _reference(wanted: str | None) -> Step:
    def step(items: Items, _focus: Items, scope: Scope) -> Items:
        keys = (reference_key(one, wanted, scope.base) for one in items)
        return [key for key in keys if key is not None]

    return step


BY_TYPE: dict[str, Callable[[str | None], Step]] = {
    "ofType": _of_type,
    "as": _of_type,
    "is": lambda wanted: lambda items, _focus, _scope: [is_of(items[0], wanted or "")] if items else [],
    "getReferenceKey": _reference,
}


def _whole(function: Callable[[Items, Scope], Items]) -> Built:
    """A function of all items, without arguments."""
    return 0, 0, lambda _path: lambda items, _focus, scope: function(items, scope)


def _each(function: Callable[..., Any], arguments: int = 0) -> Built:
    """A function of one text or number and plain arguments; nothing in, nothing out."""

    def build(path: str, *given: Expr) -> Step:
        def step(items: Items, focus: Items, scope: Scope) -> Items:
            value, told = one_of(items, path), [one_of(one(focus, scope), path) for one in given]
            made = None if value is None or None in told else function(value, *told)
            return [] if made is None else [made]

        return step

    return arguments, arguments, build


def _text(function: Callable[..., Any], arguments: int = 0) -> Built:
    return _each(lambda value, *told: function(value, *told) if isinstance(value, str) else None, arguments)


def _sliced(function: Callable[[Items, int], Items]) -> Built:
    def build(path: str, count: Expr) -> Step:
        return lambda items, focus, scope: function(items, max(0, int(one_of(count(focus, scope), path) or 0)))

    return 1, 1, build


def _join(path: str, mark: Expr | None = None) -> Step:
    def step(items: Items, focus: Items, scope: Scope) -> Items:
        between = one_of(mark(focus, scope), path) if mark else ""
        return [str(between or "").join(str(one) for one in items)]

    return step


def _extension(path: str, url: Expr) -> Step:
    def step(items: Items, focus: Items, scope: Scope) -> Items:
        wanted = one_of(url(focus, scope), path)
        inside = (one for item in items if isinstance(item, dict) for one in item.get("extension") or ())
        return [one for one in inside if isinstance(one, dict) and one.get("url") == wanted]

    return step


def _not(path: str) -> Step:
    def step(items: Items, _focus: Items, _scope: Scope) -> Items:
        told = truth(items, path)
        return [] if told is None else [not told]

    return step


def _single(path: str) -> Step:
    return lambda items, _focus, _scope: items if one_of(items, path) is not None else []


def distinct(items: Items) -> Items:
    """Return the items that differ, in order."""
    kept: Items = []
    for item in items:
        if not any(equal(item, one) for one in kept):
            kept.append(item)
    return kept


def _to_number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _to_integer(value: Any) -> int | None:
    made = _to_number(value)
    return int(made) if made is not None and made == made.to_integral_value() else None


def _to_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if isinstance(value, dict) else str(value)


def _ids(items: Items, _scope: Scope) -> Items:
    return [item["id"] for item in items if isinstance(item, dict) and item.get("id")]


def _contained(items: Items, scope: Scope) -> Items:
    return [found for item in items for found in resolve_contained(item, scope.resource)]


BY_VALUE: dict[str, Built] = {
    "empty": _whole(lambda items, _scope: [not items]),
    "first": _whole(lambda items, _scope: items[:1]),
    "last": _whole(lambda items, _scope: items[-1:]),
    "tail": _whole(lambda items, _scope: items[1:]),
    "count": _whole(lambda items, _scope: [len(items)]),
    "distinct": _whole(lambda items, _scope: distinct(items)),
    "getResourceKey": _whole(_ids),
    "resolve": _whole(_contained),
    "not": (0, 0, _not),
    "single": (0, 0, _single),
    "join": (0, 1, _join),
    "extension": (1, 1, _extension),
    "skip": _sliced(lambda items, n: items[n:]),
    "take": _sliced(lambda items, n: items[:n]),
    "lowBoundary": _each(lambda value: boundary(value, high=False)),
    "highBoundary": _each(lambda value: boundary(value, high=True)),
    "toString": _each(_to_text),
    "toInteger": _each(_to_integer),
    "toDecimal": _each(_to_number),
    "startsWith": _text(str.startswith, 1),
    "endsWith": _text(str.endswith, 1),
    "contains": _text(str.__contains__, 1),
    "replace": _text(str.replace, 2),
    "upper": _text(str.upper),
    "lower": _text(str.lower),
    "trim": _text(str.strip),
    "length": _text(len),
}
