# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One measurement in a process of its own: ``python -m benchmarks.worker WHO SCENARIO FILE ROUNDS`` prints JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import polars as pl

from benchmarks.scenarios import SCENARIOS

PACKAGES = {"ours": "rwe-engine", "floor": "scipy", "survival_rs": "survival", "sklearn": "scikit-learn"}


def memory_mb(line: str) -> float:
    """Return a line of the kernel's account of this process: VmRSS, what it holds, or VmHWM, the most it held.

    Not ``getrusage``: its peak is inherited from the process that started this one.
    """
    status = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(x for x in status if x.startswith(line)).split()[1]) / 1024


def forget_peak() -> None:
    """Let the peak start from what is held now: reading the input is not part of the work."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def seconds() -> float:
    """Return the processor seconds of this process and of those it has started and seen end."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def main(who: str, scenario: str, file: Path, rounds: int) -> None:
    """Prepare, measure and print."""
    warnings.simplefilter("ignore")
    adapter = import_module(f"benchmarks.rivals.{who}")
    work = getattr(adapter, SCENARIOS[scenario].work)
    streamed = SCENARIOS[scenario].work.endswith("_streamed")
    frame = pl.scan_parquet(file).head(1000).collect() if streamed else pl.read_parquet(file).rechunk()
    if who in ("ours", "floor"):  # kernels are loaded from their cache before the clock runs, as for a wheel
        few = file.with_name("few.parquet")
        frame.head(1000).write_parquet(few)
        work(frame.head(1000), few)()
    call = work(frame, file)
    forget_peak()
    before, cpu, wall = memory_mb("VmRSS"), [], []
    for _ in range(rounds):
        c, w = seconds(), time.perf_counter()
        numbers = call()
        cpu.append(seconds() - c)
        wall.append(time.perf_counter() - w)
    peak = memory_mb("VmHWM")
    out = {"cpu": cpu, "wall": wall, "extra_mb": round(peak - before, 1), "peak_mb": round(peak, 1)}
    figures: dict[str, float] = {}
    for name, told in getattr(adapter, "FIGURES", {}).items():
        found = told()
        figures |= found if isinstance(found, dict) else {name: found}
    sys.stdout.write(json.dumps(out | {"numbers": numbers, "figures": figures, "version": told_by(who)}) + "\n")


def told_by(who: str) -> str:
    """Return name and version of a package; of the floor, the kernels that its BLAS was told to use as well."""
    name = PACKAGES.get(who, who)
    core = os.environ.get("OPENBLAS_CORETYPE", "")
    return f"{name} {version(name)}" + (f", OPENBLAS_CORETYPE={core}" if core and who == "floor" else "")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
