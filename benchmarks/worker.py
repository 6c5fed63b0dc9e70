# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One measurement in a process of its own: ``python -m benchmarks.worker WHO SCENARIO FILE ROUNDS`` prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import polars as pl

from benchmarks.scenarios import SCENARIOS

PACKAGES = {"ours": "rwe-engine", "floor": "numpy", "survival_rs": "survival"}


def peak_mb() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mb() -> float:
    """Return the memory that this process holds."""
    line = next(x for x in Path("/proc/self/status").read_text("ascii").splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main(who: str, scenario: str, file: Path, rounds: int) -> None:
    """Prepare, measure and print."""
    warnings.simplefilter("ignore")
    adapter = import_module(f"benchmarks.rivals.{who}")
    work = getattr(adapter, SCENARIOS[scenario].work)
    streamed = SCENARIOS[scenario].work.endswith("_streamed")
    frame = pl.scan_parquet(file).head(1000).collect() if streamed else pl.read_parquet(file).rechunk()
    call = work(frame, file)
    if who in ("ours", "floor"):  # kernels are loaded from their cache before the clock runs, as for a wheel
        small = frame.head(1000)
        work(small, file)() if not streamed else None
    before, cpu, wall = resident_mb(), [], []
    for _ in range(rounds):
        c, w = time.process_time(), time.perf_counter()
        numbers = call()
        cpu.append(time.process_time() - c)
        wall.append(time.perf_counter() - w)
    name = PACKAGES.get(who, who)
    out = {"cpu": cpu, "wall": wall, "extra_mb": round(peak_mb() - before, 1), "peak_mb": round(peak_mb(), 1)}
    sys.stdout.write(json.dumps(out | {"numbers": numbers, "version": f"{name} {version(name)}"}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
