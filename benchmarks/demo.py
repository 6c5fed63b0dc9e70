# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The main job, cold and warm: seconds, processor seconds and peak memory, beside the bare imports as the floor.

Run ``python benchmarks/demo.py``: it rewrites ``benchmarks/results/demo.csv``. Cold means an empty home
folder and no compiled kernels; warm is the second run in the same home. The floor is what a process
pays that imports everything the job needs and does nothing with it.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

RESULT = Path(__file__).parent / "results" / "demo.csv"
IMPORTS = "import connectors.sql, synthetic.breast, analyses.cox, rwe.pipeline.order, rwe.survival"
JOB = [sys.executable, "-m", "rwe", "demo"]


def measure(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Return wall and processor seconds and peak resident memory (MB) of a command."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}


def main() -> None:
    """Measure, print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"RWE_HOME": f"{folder}/home", "NUMBA_CACHE_DIR": f"{folder}/kernels"}
        rows = {
            "cold": measure(JOB, environment),
            "warm": measure(JOB, environment),
            "floor: imports, warm": measure([sys.executable, "-c", IMPORTS], environment),
        }
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    table = pl.DataFrame([{"run": name, **figures, "where": where} for name, figures in rows.items()])
    floor = rows["floor: imports, warm"]["cpu_seconds"]
    table = table.with_columns((pl.col("cpu_seconds") / floor).round(2).alias("ratio_to_floor"))
    table.with_columns(pl.col(pl.Float64).round(2)).write_csv(RESULT)
    sys.stdout.write(RESULT.read_text("utf-8"))


if __name__ == "__main__":
    main()
