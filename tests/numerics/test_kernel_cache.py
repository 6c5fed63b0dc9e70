# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Machine code is kept for the next process: by `rwe doctor --warm`, and by processes that start together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LOOK = """
import importlib, json, pkgutil, sys
import numba.core.dispatcher
import rwe.kernels
for module in pkgutil.iter_modules(rwe.kernels.__path__, "rwe.kernels."):
    if sys.argv[1] in ("", module.name):
        importlib.import_module(module.name)
made = [v for n, m in sorted(sys.modules.items()) if n.startswith("rwe.kernels.") for v in vars(m).values()]
kernels = {id(v): v for v in made if isinstance(v, numba.core.dispatcher.Dispatcher)}.values()
missed, kept = (sum(map(len, (getattr(k.stats, kind) for k in kernels))) for kind in ("cache_misses", "cache_hits"))
print(json.dumps({"kernels": len(kernels), "missed": missed, "kept": kept}))
"""


def _start(cache: Path, *line: str) -> subprocess.Popen[str]:
    settings = os.environ | {"NUMBA_CACHE_DIR": str(cache), "RWE_HOME": str(cache / "home")}
    return subprocess.Popen([sys.executable, *line], env=settings, stdout=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate(timeout=280)
    assert process.returncode == 0
    return json.loads(out)


def test_processes_that_start_together_compile_once(tmp_path: Path) -> None:
    module = "rwe.kernels.product_limit"

    together = [_told(process) for process in [_start(tmp_path, "-c", LOOK, module) for _ in range(3)]]
    after = _told(_start(tmp_path, "-c", LOOK, module))

    assert after == {"kernels": 2, "missed": 0, "kept": 2}
    assert sum(told["missed"] for told in together) == 2
    assert sum(told["kept"] for told in together) == 4


@pytest.mark.ci
def test_the_doctor_compiles_every_kernel(tmp_path: Path) -> None:
    doctors = [_start(tmp_path, "-m", "rwe", "doctor", "--warm", "--json") for _ in range(2)]
    for doctor in doctors:
        doctor.communicate(timeout=280)

    after = _told(_start(tmp_path, "-c", LOOK, ""))

    assert after["missed"] == 0
    assert after["kept"] == after["kernels"] > 70
