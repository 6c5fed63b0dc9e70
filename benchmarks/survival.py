# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The survival core beside its rivals and the floor: ``python -m benchmarks.survival [SCENARIO ...]``.

Every measurement is a process of its own, one after another; inputs lie in memory (streams: in a file),
times are medians of the rounds, ratios are those of one run. Each rival's numbers are compared with ours
in the same run. The table goes to ``benchmarks/results/survival.csv``; scenarios not asked for keep
their rows. R is used where Rscript is found; coxstream's wheel needs two symbols that Debian's C
library has dropped, so a two-line library is compiled for it.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from benchmarks.scenarios import SCENARIOS, Scenario, make

RESULT = Path(__file__).parent / "results" / "survival.csv"
ROOT = Path(__file__).parents[1]
R_FILE = Path(__file__).parent / "rivals" / "r_survival.R"
SHIM = (
    "#include <math.h>\n"
    "double __log_finite(double x) { return log(x); }\n"
    "double __exp_finite(double x) { return exp(x); }\n"
)
ROUNDS = {"ours": 7, "floor": 7}
FEW = ("cox_streamed", "curves_streamed", "after")
LIMIT = 900  # seconds a rival may take, all its rounds together
REPLICATES = {"lifelines": 100, "greenwood": 100, "R": 100}  # rivals do 5 of the 500 replicates
BLAS = "OPENBLAS_NUM_THREADS"


def main(asked: list[str]) -> None:
    """Measure the scenarios asked for, or all."""
    with tempfile.TemporaryDirectory(prefix="rwe-bench-") as folder:
        for name in asked or list(SCENARIOS):
            found = list(rows(name, Path(folder)))
            keep(found)
            shown = pl.DataFrame(found).select(
                "scenario", "who", "cpu_s", "wall_s", "cpu_to_ours", "ours_to_floor", "extra_mb", "differs_by"
            )
            sys.stdout.write(f"{shown}\n")
            sys.stdout.flush()


def rows(name: str, folder: Path) -> list[dict[str, Any]]:
    """Measure everybody on one scenario."""
    scenario, file = SCENARIOS[name], make(name, folder)
    people = ["floor", "ours", *scenario.rivals]
    taken = {who: measure(who, name, file, folder) for who in people}
    file.unlink()
    ours, floor = taken["ours"], taken["floor"]
    if failed := [
        f"{who}: {took['note']}" for who, took in taken.items() if who in ("ours", "floor") and not took["cpu"]
    ]:
        raise SystemExit(f"{name} cannot be compared: {'; '.join(failed)}")
    return [row(name, who, took, ours, floor) for who, took in taken.items()]


def row(name: str, who: str, took: dict[str, Any], ours: dict[str, Any], floor: dict[str, Any]) -> dict[str, Any]:
    """Return one line of the table."""
    factor = REPLICATES.get(who, 1) if SCENARIOS[name].work == "bootstrap" else 1
    cpu, wall = (factor * median(took[k]) if took[k] else math.nan for k in ("cpu", "wall"))
    mine, least = median(ours["cpu"]), median(floor["cpu"])
    return {
        "scenario": name,
        "who": who,
        "version": took["version"],
        "rounds": len(took["cpu"]),
        "cpu_s": cpu,
        "wall_s": wall,
        "cpu_to_ours": cpu / mine,
        "wall_to_ours": wall / median(ours["wall"]),
        "ours_to_floor": mine / least if who == "ours" else None,
        "extra_mb": took["extra_mb"],
        "peak_mb": took.get("peak_mb"),
        "differs_by": difference(took["numbers"], ours["numbers"]) if who not in ("ours", "floor") else None,
        "note": took.get("note", ""),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "taken_on": date.today().isoformat(),
    }


def difference(theirs: list[float | None], ours: list[float]) -> float | None:
    """Return the largest difference from our numbers, relative to the larger of ours and 1e-3."""
    pairs = [(t, o) for t, o in zip(theirs, ours, strict=False) if t is not None and not math.isnan(t)]
    return max((abs(t - o) / max(abs(o), 1e-3) for t, o in pairs), default=None)


def measure(who: str, name: str, file: Path, folder: Path) -> dict[str, Any]:
    """Run one measurement in its own process."""
    scenario = SCENARIOS[name]
    rounds = 2 if scenario.work in FEW else ROUNDS.get(who, 1 if scenario.n * max(scenario.p, 1) > 20_000_000 else 3)
    nothing = {"cpu": [], "wall": [], "extra_mb": None, "numbers": [], "version": who}
    if who.startswith("R") and not shutil.which("Rscript"):
        return nothing | {"note": "Rscript not found"}
    command = r_command(who, scenario, file, folder, rounds) if who.startswith("R") else [
        sys.executable, "-m", "benchmarks.worker", who, name, str(file), str(rounds)
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT, env=environment(who, folder), cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return nothing | {"note": f"over {LIMIT} s"}
    if done.returncode:
        return nothing | {
            "note": f"failed: {done.stderr.strip().splitlines()[-1][:160] if done.stderr.strip() else done.returncode}"
        }
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def environment(who: str, folder: Path) -> dict[str, str]:
    """Return the environment of a child; the floor's BLAS runs on one thread, so that its CPU seconds are work."""
    extra = {BLAS: "1"} if who == "floor" else {}
    if who == "coxstream":
        library = folder / "finite.so"
        if not library.exists():
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(library), "-", "-lm"], input=SHIM, text=True, check=True
            )
        extra["LD_PRELOAD"] = str(library)
    return os.environ | extra | {"PYTHONPATH": str(ROOT)}


def r_command(who: str, scenario: Scenario, file: Path, folder: Path, rounds: int) -> list[str]:
    """Write the columns as raw doubles and return the call of R."""
    columns = folder / f"{file.stem}-columns"
    if not columns.exists():
        columns.mkdir()
        for column in pl.read_parquet(file):
            column.to_numpy().astype(np.float64).tofile(columns / f"{column.name}.bin")
    return ["Rscript", str(R_FILE), who, scenario.work, str(columns), str(scenario.n), str(min(rounds, 3))]


def keep(found: list[dict[str, Any]]) -> None:
    """Put the rows in the table of results, in the order of the scenarios."""
    told = dict.fromkeys(("ours_to_floor", "extra_mb", "peak_mb", "differs_by"), pl.Float64())  # or nobody did
    fresh = pl.DataFrame(found, schema_overrides=told, infer_schema_length=None)
    fresh = fresh.with_columns(pl.col(pl.Float64).round_sig_figs(4))
    if RESULT.exists():
        old = pl.read_csv(RESULT)
        if old.columns == fresh.columns:
            stays = old.filter(pl.col("scenario") != found[0]["scenario"]).cast(dict(fresh.schema))
            fresh = pl.concat([stays, fresh])
    order = pl.Enum(list(SCENARIOS))
    fresh.sort(pl.col("scenario").cast(order), maintain_order=True).write_csv(RESULT)


if __name__ == "__main__":
    main(sys.argv[1:])
