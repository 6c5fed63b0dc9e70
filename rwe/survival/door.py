# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What comes in at the door of a public function is of the kind that its annotations say, or is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from rwe.errors import DefinitionError

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
KINDS: dict[Any, tuple[tuple[type, ...], str]] = {  # what is taken, what must be told apart from it, in words
    str: ((str,), "text"),
    bool: ((bool, np.bool_), "True or False"),
    int: ((int, np.integer), "a whole number"),
    float: ((int, float, np.integer, np.floating), "a number"),
    NoneType: ((NoneType,), "None"),
}


def door(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Refuse arguments of another kind than the annotations of a function say, before it looks at its frame.

    Raises
    ------
    DefinitionError
        Naming the argument, what is wanted and the kind that came; never the value.
    """

    @wraps(function)
    def entered(*args: Given.args, **given: Given.kwargs) -> Answer:
        wanted = _wanted(function)
        named = dict(zip(wanted, args, strict=False)) | given
        for name, value in named.items():
            if name in wanted and not fits(value, wanted[name]):
                raise DefinitionError(f"{name} is {_said(value)}; give {' or '.join(words(wanted[name]))}")
        return function(*args, **given)

    return entered


@cache
def _wanted(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the annotations of a function as types, read when it is first called."""
    return {name: kind for name, kind in get_type_hints(function).items() if name != "return"}


def fits(value: Any, kind: Any) -> bool:
    """Return whether a value is of an annotated kind; words out of a list are left to who knows their meaning."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str | bool)
    if origin is tuple:
        return _several(value) and all(fits(one, inner[0]) for one in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return (isinstance(value, str) and inner[0] is str) or (
            _several(value) and all(fits(one, inner[0]) for one in value)
        )
    taken = KINDS[kind][0] if kind in KINDS else (kind,)
    return isinstance(value, taken) and (bool in taken or not isinstance(value, bool))


def _several(value: Any) -> bool:
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__"):
        return False
    return isinstance(value, Iterable) and getattr(value, "ndim", 1) > 0


def words(kind: Any) -> list[str]:
    """Return in words what a kind is, each choice once."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return list(dict.fromkeys(word for one in inner for word in words(one)))
    if origin is Literal:
        return [f"'{one}'" for one in inner]
    if origin is tuple:
        return [f"a tuple of {len(inner)}"]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return ["a mapping"]
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return [f"a list of each {words(inner[0])[0]}"]
    return [KINDS[kind][1] if kind in KINDS else f"a {kind.__name__}"]


def _said(value: Any) -> str:
    """Return what came by its kind alone."""
    if isinstance(value, str | Mapping) or not _several(value):
        return "None" if value is None else f"of type {type(value).__name__}"
    kinds = sorted({type(one).__name__ for one in value})
    return f"a {type(value).__name__} of {', '.join(kinds) if kinds else 'nothing'}"
