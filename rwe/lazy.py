# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Packages whose names are loaded when they are first asked for."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


def lazily(package: str, offers: Mapping[str, tuple[str, ...]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package that loads a module when a name of it is asked for.

    Parameters
    ----------
    package
        Its ``__name__``; it is being imported.
    offers
        The names that each module of the package gives. One may be the module's own name: then ``package.cox`` is the
        function, although a module ``cox`` was imported into it.
    """
    home = {name: module for module, offered in offers.items() for name in offered}

    class Package(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            same = isinstance(value, ModuleType) and home.get(name) == name
            super().__setattr__(name, getattr(value, name) if same else value)

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        with _undisturbed():
            value = getattr(import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    sys.modules[package].__class__ = Package
    return load, lambda: sorted(home)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the collector from walking over a compiler's half a million objects while they are loaded.

    They are not frozen, though to walk over them once more at the end of a process takes a fifth of a first curve's
    time: whatever else had been loaded would be frozen with them, and is told as leaked (DuckDB).
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
