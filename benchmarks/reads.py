# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How often a streamed fit reads its file: the rows and columns that it is handed, as whole reads."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import polars as pl

from rwe.survival import stream


@cache
def cells() -> list[int]:
    """Count from now on, in the list returned, the cells that anybody takes from a file in batches."""
    for name in ("spread", "survey"):
        import_module(f"rwe.survival.{name}")
    plain, taken = stream.batches, [0]

    def counted(frame: Any, columns: Sequence[str], *rows: int) -> Iterator[pl.DataFrame]:
        for batch in plain(frame, columns, *rows):
            taken[0] += batch.height * batch.width
            yield batch

    for module in list(sys.modules.values()):
        if getattr(module, "batches", None) is plain:
            vars(module)["batches"] = counted
    return taken
