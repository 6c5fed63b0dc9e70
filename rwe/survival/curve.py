# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a model of costs or of money asks of a survival curve, whoever estimated it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from rwe.kernels._jit import F8


@runtime_checkable
class Curve(Protocol):
    """A survival curve that can be read at any time, and drawn with the error of its estimate."""

    def survival_at(self, days: Any) -> F8:
        """Return survival at these times, shape (times,); NaN where it is not known."""

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        """Return `n` curves drawn with the error of the estimate, shape (n, times); equal seeds, equal draws."""
