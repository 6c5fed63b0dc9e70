# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kernels run where their machine code cannot be kept, and take the read-only arrays that polars gives."""

from __future__ import annotations

from typing import Any, NoReturn

import numba
import numpy as np
import polars as pl
import pytest

from rwe.kernels._jit import F8, f8_in, kernel


@pytest.mark.parametrize("error", [RuntimeError("no locator available"), OSError("disk full")])
def test_a_kernel_works_without_a_cache(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(numba.core.dispatcher.Dispatcher, "enable_caching", fail)

    @kernel(f8_in)
    def total(values: F8) -> float:
        out = 0.0
        for value in values:
            out += value
        return out

    assert total(pl.Series([1.0, 2.5]).to_numpy()) == 3.5
    assert total(np.array([1.0, 2.5])) == 3.5
    with pytest.raises(TypeError):
        total(np.array([1.0], np.float32))
