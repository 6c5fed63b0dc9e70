# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Examples in the documentation of the survival package run and give what they say."""

from __future__ import annotations

import doctest
import inspect

import polars as pl
import pytest

from rwe import survival as sv

FUNCTIONS = {name for name in sv.__all__ if inspect.isfunction(getattr(sv, name))}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(name: str) -> list[doctest.DocTest]:
    """Return the examples of a name and of its methods, to which only itself, ``sv`` and ``pl`` are known."""
    value = getattr(sv, name)
    found = doctest.DocTestFinder().find(value, name, globs={"pl": pl, "sv": sv, name: value})
    return [one for one in found if one.examples]


@pytest.mark.parametrize("name", [name for name in sv.__all__ if examples(name)])
def test_an_example_gives_what_it_says(name: str) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)

    for one in examples(name):
        runner.run(one, out=said.append)

    assert not said, "".join(said)


def test_every_function_has_an_example() -> None:
    assert not [name for name in sorted(FUNCTIONS) if not examples(name)]
