# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Some of the rows of a response."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rwe.kernels._jit import I4, Flags
from rwe.survival.data import Response
from rwe.survival.levels import Levels


def some(response: Response, chosen: Flags | I4) -> Response:
    """Return the response of the rows that are flagged, or numbered."""
    columns = {"time": response.time, "late": response.late, "event": response.event}
    taken: dict[str, Any] = {name: np.ascontiguousarray(v[chosen]) if v.size else v for name, v in columns.items()}
    for name in ("weight", "cluster"):
        values = getattr(response, name)
        taken[name] = None if values is None else np.ascontiguousarray(values[chosen])
    for name in ("group", "strata"):
        of: Levels = getattr(response, name)
        taken[name] = Levels(of.frame, np.ascontiguousarray(of.code[chosen]), of.n)
    return replace(response, **taken)
