# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The operators of FHIRPath: three-valued logic, comparison, arithmetic; empty in gives empty out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connectors.fhirpath_functions import distinct
from connectors.fhirpath_steps import Expr, truth
from connectors.fhirpath_values import Items, before, equal, number
from rwe.errors import DataError

Logic = bool | None
BINDING = {
    "implies": 1,
    **dict.fromkeys(("or", "xor"), 2),
    "and": 3,
    **dict.fromkeys(("in", "contains"), 4),
    **dict.fromkeys(("=", "!=", "~", "!~"), 5),
    **dict.fromkeys(("<", "<=", ">", ">="), 6),
    "|": 7,
    **dict.fromkeys(("is", "as"), 8),
    **dict.fromkeys(("+", "-", "&"), 9),
    **dict.fromkeys(("*", "/", "div", "mod"), 10),
}
_SIGNS: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def operate(sign: str, left: Expr, right: Expr, path: str) -> Expr:
    """Return the function of two operands joined by an operator; `path` is for messages."""
    if sign in _LOGIC:
        logic = _LOGIC[sign]
        return lambda items, scope: _told(logic(truth(left(items, scope), path), truth(right(items, scope), path)))
    if sign in _WHOLE:
        whole = _WHOLE[sign]
        return lambda items, scope: whole(left(items, scope), right(items, scope))
    single = _ordered(sign, path) if sign in _SIGNS else _ARITHMETIC[sign]
    return lambda items, scope: _singles(single, left(items, scope), right(items, scope), path)


def _told(value: Logic) -> Items:
    return [] if value is None else [value]


def _singles(function: Callable[[Any, Any], Any], left: Items, right: Items, path: str) -> Items:
    if not left or not right:
        return []
    if len(left) > 1 or len(right) > 1:
        raise DataError(f"path '{path}': {max(len(left), len(right))} values where one is compared or added")
    made = function(left[0], right[0])
    return [] if made is None else [made]


def _and(left: Logic, right: Logic) -> Logic:
    if left is False or right is False:
        return False
    return True if left and right else None


def _or(left: Logic, right: Logic) -> Logic:
    if left or right:
        return True
    return None if left is None or right is None else False


_LOGIC: dict[str, Callable[[Logic, Logic], Logic]] = {
    "and": _and,
    "or": _or,
    "xor": lambda a, b: None if a is None or b is None else a is not b,
    "implies": lambda a, b: _or(None if a is None else not a, b),
}


def _equal(left: Items, right: Items) -> Items:
    if not left or not right:
        return []
    if len(left) != len(right):
        return [False]
    told = [equal(a, b) for a, b in zip(left, right, strict=True)]
    return [False] if False in told else _told(None if None in told else True)


def _alike(left: Items, right: Items) -> Items:
    """Equivalence: order, case and white space of texts make no difference, empty equals empty."""
    return [sorted(map(_plain, left)) == sorted(map(_plain, right))]


def _plain(value: Any) -> str:
    exact = number(value)
    return " ".join(str(value).casefold().split()) if exact is None else str(exact.normalize())


def _flip(told: Items) -> Items:
    return [not one for one in told]


def _within(one: Items, many: Items) -> Items:
    return [any(equal(one[0], other) for other in many)] if one else []


_WHOLE: dict[str, Callable[[Items, Items], Items]] = {
    "=": _equal,
    "!=": lambda a, b: _flip(_equal(a, b)),
    "~": _alike,
    "!~": lambda a, b: _flip(_alike(a, b)),
    "|": lambda a, b: distinct([*a, *b]),
    "in": _within,
    "contains": lambda a, b: _within(b, a),
    "&": lambda a, b: ["".join(str(one) for one in [*a[:1], *b[:1]])],
}


def _ordered(sign: str, path: str) -> Callable[[Any, Any], Logic]:
    told = _SIGNS[sign]

    def compare(left: Any, right: Any) -> Logic:
        found = before(left, right, path)
        return None if found is None else told(found)

    return compare


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return _numbers(lambda a, b: a + b)(left, right)


def _numbers(function: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Any]:
    def count(left: Any, right: Any) -> Any:
        a, b = number(left), number(right)
        if a is None or b is None:
            raise DataError("a path calculates with values that are not numbers")
        made = function(a, b)
        return int(made) if isinstance(left, int) and isinstance(right, int) and made == made.to_integral() else made

    return count


def _divided(function: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Any]:
    """Nothing comes of a division by zero."""
    return lambda left, right: None if number(right) == 0 else _numbers(function)(left, right)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _numbers(lambda a, b: a - b),
    "*": _numbers(lambda a, b: a * b),
    "/": _divided(lambda a, b: a / b),
    "div": _divided(lambda a, b: a // b),
    "mod": _divided(lambda a, b: a % b),
}
