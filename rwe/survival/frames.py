# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong before a frame is held, told by column and kind: no frame at all, or one that fails while read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rwe.errors import DataError, RweError
from rwe.execute import Parts


@contextmanager
def reading(columns: Sequence[str]) -> Iterator[None]:
    """Tell what fails while a frame is read by columns and kind of error: the reader's own words may hold values."""
    try:
        yield
    except (RweError, MemoryError):
        raise
    except Exception as error:
        named, kind = ", ".join(f"'{c}'" for c in dict.fromkeys(columns)), type(error).__name__
        raise DataError(
            f"the frame fails while columns {named} are read ({kind}): collect it by itself to see why, and mend it"
        ) from None


def no_frame(frame: Any, why: str = "") -> str:
    """Return what to do with what is no frame, and why rows in parts are not enough where that is known."""
    if isinstance(frame, str | Path):
        return "this needs rows in memory, not a path: read the file, for example with polars.read_parquet"
    if isinstance(frame, Parts):
        reason = f" ({why})" if why else ""
        return f"this needs all rows in one frame, not in parts{reason}: join them, for example with polars.concat"
    return f"a data frame is wanted, for example polars, not {type(frame).__name__}"
