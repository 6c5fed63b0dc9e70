# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.rivals.ours import DAYS, Call
from benchmarks.scenarios import END


def counting(frame: pl.DataFrame, _: Path) -> Call:
    """Rows by code and day, as one number each."""
    days = END + 1
    place = frame["code"].to_numpy().astype(np.int64) * days + frame["day"].to_numpy()
    return lambda: [float(n) for n in np.bincount(place, minlength=4 * days).reshape(4, days)[:, DAYS].flat]
