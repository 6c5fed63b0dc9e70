# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every public function of the survival core refuses an argument of a wrong kind, by its name and in a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any, Literal, get_args, get_type_hints

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DefinitionError
from rwe.survival.door import fits

FRAME = pl.DataFrame({"t": [3, 5, 5, 8], "e": [1, 1, 0, 1]})
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: found for name in sv.__all__ if isinstance(found := getattr(sv, name), FunctionType)
}
WRONG: tuple[Any, ...] = ("0.95", ["days", 3], b"days", object(), True, 0.5, None)


def _cases() -> Iterator[tuple[str, str]]:
    """Yield each argument of each function that does not take everything."""
    for name, function in FUNCTIONS.items():
        yield from ((name, argument) for argument, kind in get_type_hints(function).items() if _wrong(argument, kind))


def _wrong(argument: str, kind: Any) -> list[Any]:
    return [] if argument == "return" else [value for value in WRONG if not fits(value, kind)]


def _of_kind(kind: Any) -> Any:
    """Return something of an annotated kind."""
    plain: list[Any] = ["t", 1, 0.5, True, ["t"], [0.5], {}, [(0.0, 0.0)]]
    choices = [one for part in (kind, *get_args(kind)) if part is not Any for one in get_args(part)]
    return next((one for one in (*choices, *plain) if isinstance(one, str | float | int | list) and fits(one, kind)), 0)


@pytest.mark.parametrize(("name", "argument"), list(_cases()))
def test_an_argument_of_a_wrong_kind_is_refused_by_its_name(name: str, argument: str) -> None:
    function = FUNCTIONS[name]
    hints, parameters = get_type_hints(function), inspect.signature(function).parameters
    needed = [p for p in parameters.values() if p.default is inspect.Parameter.empty and p.name != argument]
    given = {p.name: FRAME if p.name == "frame" else _of_kind(hints[p.name]) for p in needed}

    for wrong in _wrong(argument, hints[argument]):
        with pytest.raises(DefinitionError, match=rf"^{argument} is .*; give "):
            function(**({argument: wrong} | given))  # the first that is wrong is told


def test_the_table_holds_every_function_and_the_arguments_people_mistake() -> None:
    mistaken = [("rmst_difference", "tau"), ("kaplan_meier", "time"), ("cox", "conf_level"), ("ridge", "scale")]

    told = set(_cases())

    assert {name for name, _ in told} == set(FUNCTIONS)
    assert {*mistaken, ("bootstrap", "seed"), ("net_survival", "life_table"), ("simulate", "scenario")} <= told


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"conf_level": "0.95"}, "conf_level is of type str; give a number"),
        ({"time": ["t"]}, "time is a list of str; give text"),
        ({"by": 3}, "by is of type int; give text or a list of each text or None"),
        ({"robust": 1}, "robust is of type int; give True or False or None"),
        ({"clock": None}, "clock is None; give 'days' or 'continuous'"),
    ],
)
def test_the_sentence_tells_what_came_by_its_kind_and_what_is_wanted(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as told:
        sv.kaplan_meier(FRAME, **({"time": "t", "event": "e"} | given))

    assert str(told.value) == message


def test_what_is_meant_alike_passes() -> None:
    yes = np.array([True])[0]
    alike: list[tuple[Any, Any]] = [
        (np.float64(0.9), float), (np.int64(3), int), (3, float), (yes, bool), ("g", Sequence[str]),
        (("a", "b"), str | Sequence[str] | None), (pl.Series(["a"]), Sequence[str]), ({}, Mapping[str, Any]),
        (np.array([1, 2]), Sequence[float]), (range(3), float | Sequence[float]), ("unknown", Literal["a", "b"]),
        ([[0, 1], [1, 0]], Sequence[tuple[float, float]]),
    ]  # fmt: skip

    assert all(fits(value, kind) for value, kind in alike)
