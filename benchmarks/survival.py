# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The survival core beside its rivals and the floor: ``python -m benchmarks.survival [SCENARIO ...]``.

Every measurement is a process of its own, one after another; inputs lie in memory (streams: in a file), times are
medians of the rounds, ratios are those of one run, and memory is the most held since the input was, by the kernel's
account. Each rival's numbers are compared with ours in the same run. The table goes to
``benchmarks/results/survival.csv``; scenarios not asked for keep their rows. ``--table`` measures nothing and prints
what the results say of each goal in ``goals.toml``. R is used where Rscript is found; coxstream's wheel needs two
symbols that Debian's C library has dropped, so a two-line library is compiled for it.
"""

from __future__ import annotations

import json
import math
import os
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

from benchmarks.scenarios import FITS, SCENARIOS, Scenario, make
from benchmarks.table import commit, keep, machine, show

ROOT = Path(__file__).parents[1]
R_FILE = Path(__file__).parent / "rivals" / "r_survival.R"
SHIM = (
    "#include <math.h>\n"
    "double __log_finite(double x) { return log(x); }\n"
    "double __exp_finite(double x) { return exp(x); }\n"
)
ROUNDS = {"ours": 7, "floor": 7}
ROUNDS_OF = {"cox_streamed": 3, "curves_streamed": 3, "after": 2, "cold": 9}  # of everybody
LIMIT = 900  # seconds a rival may take, all its rounds together
SHARE = {  # a rival does so small a part of the work: 5 of 500 replicates, 100 of 2,000 fits
    "bootstrap": {"lifelines": 100, "greenwood": 100, "R": 100},
    "small_fits": {"lifelines": 20},
}
SEEN = ["scenario", "who", "cpu_s", "wall_s", "cpu_to_ours", "ours_to_floor", "extra_mb", "differs_by", "note"]
BLAS = "OPENBLAS_NUM_THREADS"


def main(asked: list[str]) -> None:
    """Measure the scenarios asked for, or all."""
    if asked == ["--table"]:
        show("survival")
        return
    with tempfile.TemporaryDirectory(prefix="rwe-bench-") as folder:
        for name in asked or list(SCENARIOS):
            found = list(rows(name, Path(folder)))
            fresh = pl.DataFrame(found, infer_schema_length=None)
            keep("survival", fresh.with_columns(pl.col(pl.Float64).round_sig_figs(4)), list(SCENARIOS))
            sys.stdout.write(f"{fresh.select(SEEN)}\n")
            sys.stdout.flush()


def rows(name: str, folder: Path) -> list[dict[str, Any]]:
    """Measure everybody on one scenario."""
    scenario, load, file = SCENARIOS[name], os.getloadavg()[0], make(name, folder)
    people = ["floor", "ours", *scenario.rivals]
    taken = {who: measure(who, name, file, folder) for who in people}
    file.unlink()
    shutil.rmtree(columns_of(file), ignore_errors=True)
    if failed := [f"{who}: {taken[who]['note']}" for who in people[:2] if not taken[who]["cpu"]]:
        raise SystemExit(f"{name} cannot be compared: {'; '.join(failed)}")
    where = {"machine": machine(), "commit": commit(), "load": round(load, 1), "taken_on": date.today().isoformat()}
    return [row(name, who, taken) | where for who in people]


def row(name: str, who: str, taken: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return one line of the table; what is told per unit of work or beside the floor is told of ours alone."""
    took, ours = taken[who], taken["ours"]
    factor = SHARE.get(SCENARIOS[name].work, {}).get(who, 1)
    cpu, wall = (factor * median(took[k]) if took[k] else math.nan for k in ("cpu", "wall"))
    units = FITS if SCENARIOS[name].work == "small_fits" else SCENARIOS[name].n
    line = {
        "scenario": name,
        "who": who,
        "version": took["version"],
        "rounds": len(took["cpu"]),
        "cpu_s": cpu,
        "wall_s": wall,
        "cpu_to_ours": cpu / median(ours["cpu"]),
        "wall_to_ours": wall / median(ours["wall"]),
        "wall_ns_a_unit": 1e9 * wall / units,
        "units_a_cpu_s": units / cpu,
        "extra_mb": took["extra_mb"],
        "peak_mb": took.get("peak_mb"),
        "differs_by": difference(took["numbers"], ours["numbers"]) if who not in ("ours", "floor") else None,
        "note": took.get("note", ""),
    }
    return line | beside_floor(who, taken)


def beside_floor(who: str, taken: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """Return our work, its full pass and its reads beside the floor: one product of the matrix, one bare read."""
    told = dict.fromkeys(("ours_to_floor", "pass_cpu_s", "pass_to_floor", "fit_to_floor", "reads"))
    told |= dict.fromkeys(("cpu_to_bare_reads", "wall_to_bare_reads"))
    if who != "ours":
        return told
    (cpu, wall), (least, soonest) = ([median(taken[w][k]) for k in ("cpu", "wall")] for w in ("ours", "floor"))
    figures = taken["ours"].get("figures", {})
    told |= {"ours_to_floor": cpu / least} | figures
    if "reads" in figures:
        times = figures["reads"]
        told |= {"cpu_to_bare_reads": cpu / (times * least), "wall_to_bare_reads": wall / (times * soonest)}
    return told


def difference(theirs: list[float | None], ours: list[float]) -> float | None:
    """Return the largest difference from our numbers, relative to the larger of ours and 1e-3."""
    pairs = [(t, o) for t, o in zip(theirs, ours, strict=False) if t is not None and not math.isnan(t)]
    return max((abs(t - o) / max(abs(o), 1e-3) for t, o in pairs), default=None)


def measure(who: str, name: str, file: Path, folder: Path) -> dict[str, Any]:
    """Run one measurement in its own process."""
    scenario = SCENARIOS[name]
    rounds = ROUNDS_OF.get(scenario.work) or ROUNDS.get(who, 3)
    nothing = {"cpu": [], "wall": [], "extra_mb": None, "numbers": [], "version": who}
    if who.startswith("R") and not shutil.which("Rscript"):
        return nothing | {"note": "Rscript not found"}
    command = r_command(who, scenario, file, rounds) if who.startswith("R") else [
        sys.executable, "-m", "benchmarks.worker", who, name, str(file), str(rounds)
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT, env=environment(who, folder), cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return nothing | {"note": f"over {LIMIT} s"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]
        return nothing | {"note": f"failed: {last[0][:160]}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def environment(who: str, folder: Path) -> dict[str, str]:
    """Return the environment of a child; the floor's BLAS runs on one thread, so that its CPU seconds are work."""
    extra = {BLAS: "1"} if who == "floor" else {}
    extra["PYTHONDONTWRITEBYTECODE"] = ""  # imports are measured as they are after the first
    if who == "coxstream":
        library = folder / "finite.so"
        if not library.exists():
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(library), "-", "-lm"], input=SHIM, text=True, check=True
            )
        extra["LD_PRELOAD"] = str(library)
    return os.environ | extra | {"PYTHONPATH": str(ROOT)}


def columns_of(file: Path) -> Path:
    """Return the folder of the same columns as R reads them."""
    return file.with_name(f"{file.stem}-columns")


def r_command(who: str, scenario: Scenario, file: Path, rounds: int) -> list[str]:
    """Write the columns as raw doubles and return the call of R."""
    columns = columns_of(file)
    if not columns.exists():
        columns.mkdir()
        for column in pl.read_parquet(file):
            column.to_numpy().astype(np.float64).tofile(columns / f"{column.name}.bin")
    return ["Rscript", str(R_FILE), who, scenario.work, str(columns), str(scenario.n), str(min(rounds, 3))]


if __name__ == "__main__":
    main(sys.argv[1:])
