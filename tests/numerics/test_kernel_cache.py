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

LOAD = """
import importlib, pkgutil, sys
import rwe.kernels
for module in pkgutil.iter_modules(rwe.kernels.__path__, "rwe.kernels."):
    if sys.argv[1] in ("", module.name):
        importlib.import_module(module.name)
"""
DOCTOR = """
from rwe.cli.app import main
main(["doctor", "--warm"])
"""
COUNT = """
import json, pkgutil, sys
import numba.core.dispatcher
import rwe.kernels
made = [v for n, m in sorted(sys.modules.items()) if n.startswith("rwe.kernels.") for v in vars(m).values()]
kernels = {id(v): v for v in made if isinstance(v, numba.core.dispatcher.Dispatcher)}.values()
missed, kept = (sum(map(len, (getattr(k.stats, kind) for k in kernels))) for kind in ("cache_misses", "cache_hits"))
found = {"kernels": len(kernels), "missed": missed, "kept": kept}
modules = {m.name for m in pkgutil.iter_modules(rwe.kernels.__path__, "rwe.kernels.")}
print(json.dumps(found | {"unread": sorted(modules - set(sys.modules))}))
"""


def _start(line: str, *args: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", line, *args], env=os.environ | settings, stdout=subprocess.PIPE, text=True
    )


def _told(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate(timeout=580)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


def test_processes_that_start_together_compile_once(tmp_path: Path) -> None:
    module, cache = "rwe.kernels.product_limit", str(tmp_path)

    started = [_start(LOAD + COUNT, module, NUMBA_CACHE_DIR=cache) for _ in range(3)]
    together = [_told(process) for process in started]
    after = _told(_start(LOAD + COUNT, module, NUMBA_CACHE_DIR=cache))

    assert [after[name] for name in ("kernels", "missed", "kept")] == [2, 0, 2]
    assert sum(told["missed"] for told in together) == 2
    assert sum(told["kept"] for told in together) == 4


@pytest.mark.ci
@pytest.mark.timeout(600)
def test_the_doctor_compiles_every_kernel(tmp_path: Path) -> None:
    """Into the cache that is used, which CI has it fill first: whatever it loads is compiled, or was."""
    doctor = _told(_start(DOCTOR + COUNT, RWE_HOME=str(tmp_path)))
    after = _told(_start(LOAD + COUNT, ""))

    assert doctor["unread"] == []
    assert doctor["missed"] + doctor["kept"] == doctor["kernels"] > 70
    assert (after["missed"], after["kept"]) == (0, doctor["kernels"])
