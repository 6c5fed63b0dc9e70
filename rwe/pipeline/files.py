# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tables written by us, not by polars, whose errors do not say which file the disk refused, or that it was the disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from rwe.chain import on_disk

_FORMS: dict[str, Callable[[pl.DataFrame, io.BytesIO], object]] = {
    ".csv": pl.DataFrame.write_csv,
    ".json": pl.DataFrame.write_json,
    ".parquet": pl.DataFrame.write_parquet,
}


def write_table(path: Path, frame: pl.DataFrame) -> None:
    """Write a table in the form that its suffix names.

    Raises
    ------
    MachineError
        If the disk refuses; names the file.
    """
    encoded = io.BytesIO()
    _FORMS[path.suffix](frame, encoded)
    with on_disk(path):
        path.write_bytes(encoded.getbuffer())
