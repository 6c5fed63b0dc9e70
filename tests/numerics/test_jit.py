# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kernels run where their machine code cannot be kept, and take the read-only arrays that polars gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import numba
import numpy as np
import polars as pl
import pytest

import rwe.kernels
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


BELOW = """
from rwe.kernels._jit import kernel, number
@kernel(number)
def shift(value: float) -> float:
    return value + {step}
"""
ABOVE = """
from rwe.kernels._jit import kernel, number
from rwe.kernels.below import shift
@kernel(number)
def twice(value: float) -> float:
    return shift(shift(value))
"""


def test_kept_code_is_dropped_when_a_kernel_that_it_calls_changes(tmp_path: Path) -> None:
    shutil.copytree(Path(rwe.kernels.__file__).parent, tmp_path / "rwe" / "kernels", ignore=lambda *_: ["__pycache__"])
    (tmp_path / "rwe" / "__init__.py").touch()
    (tmp_path / "rwe" / "kernels" / "above.py").write_text(ABOVE, "utf-8")
    command = [sys.executable, "-c", "from rwe.kernels.above import twice; print(twice(0.0))"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    answers = []
    for step in (1, 10):
        (tmp_path / "rwe" / "kernels" / "below.py").write_text(BELOW.format(step=step), "utf-8")
        answers.append(subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True).stdout)

    assert [float(answer) for answer in answers] == [2.0, 20.0]
