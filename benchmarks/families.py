# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Thirteen families on 100,000 patients, beside lifelines and R survreg: ``python -m benchmarks.families``.

Each of them is a process of its own, one after another, on the same rows, without covariates and with three; the
families that lifelines and survreg have are compared by their log likelihood. Ours are fitted twice and the faster
counts; the rivals once. The goal is ten seconds for the thirteen with covariates. The table goes to
``benchmarks/results/families.csv``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.table import commit, machine
from benchmarks.worker import seconds

HOME = Path(__file__).parent
RESULT = HOME / "results" / "families.csv"
PATIENTS, GOAL, LIMIT = 100_000, 10.0, 900
COVARIATES = ["age", "sex", "arm"]
PLAIN = ("exp", "weibull", "weibull_ph", "gompertz", "llogis", "lnorm", "gamma", "gengamma", "genf")
FITS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: ("parametric", {"family": name}) for name in PLAIN},
    **{f"spline_{scale}_2": ("spline", {"scale": scale}) for scale in ("hazard", "odds", "normal")},
    "cure_weibull": ("cure", {"family": "weibull"}),
}
LIFELINES = {"weibull": "WeibullAFTFitter", "lnorm": "LogNormalAFTFitter", "llogis": "LogLogisticAFTFitter"}


def write_rows(file: Path) -> None:
    """Write patients whose times, in whole days, accelerate with three covariates; a third is censored."""
    draw, n = np.random.default_rng(1), PATIENTS
    age, sex, arm = draw.normal(65, 10, n).round(1), draw.integers(0, 2, n), draw.integers(0, 2, n)
    lived = np.ceil(700 * np.exp(-(0.02 * (age - 65) + 0.3 * sex - 0.4 * arm) / 1.3) * draw.weibull(1.3, n))
    end = np.ceil(draw.uniform(100, 2500, n))
    rows = {
        "t": np.minimum(lived, end).astype(int),
        "e": (lived <= end).astype(int),
        "age": age,
        "sex": sex,
        "arm": arm,
    }
    pl.DataFrame(rows).write_csv(file)


def ours(file: Path, covariates: list[str]) -> list[str]:
    """Return a line a family: name, wall and processor seconds, log likelihood."""
    from rwe import survival as sv

    frame, moved = pl.read_csv(file), {"covariates": covariates} if covariates else {}
    told = []
    for name, (function, asked) in FITS.items():
        fit = partial(getattr(sv, function), frame, time="t", event="e", **asked, **moved)
        told.append(_line(name, *min(_timed(lambda fit=fit: fit().loglik) for _ in range(2))))
    return told


def lifelines(file: Path, covariates: list[str]) -> list[str]:
    """Return what lifelines needs, of the families that it regresses."""
    import lifelines as ll

    frame = pl.read_csv(file).select("t", "e", *covariates).to_pandas()
    told = []
    for name, fitter in LIFELINES.items():

        def work(fitter: str = fitter) -> float:
            return float(getattr(ll, fitter)().fit(frame, "t", "e").log_likelihood_)

        told.append(_line(name, *_timed(work)))
    return told


def _timed(work: Callable[[], float]) -> tuple[float, float, float]:
    cpu, wall = seconds(), time.perf_counter()
    loglik = work()
    return time.perf_counter() - wall, seconds() - cpu, loglik


def _line(name: str, wall: float, cpu: float, loglik: float) -> str:
    return f"{name},{wall:.4f},{cpu:.4f},{loglik:.8f}"


def measure(who: str, file: Path, covariates: list[str]) -> pl.DataFrame:
    """Return what one of them took, in a process of its own."""
    kind = ",".join(covariates) or "none"
    if who == "survreg":
        if not shutil.which("Rscript"):
            return pl.DataFrame()
        command = ["Rscript", str(HOME / "rivals" / "r_survreg.R"), str(file), kind]
    else:
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.families", who, str(file), kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT, cwd=HOME.parent)
    rows = [line.split(",") for line in done.stdout.strip().splitlines()]
    known = {name: rest for name, *rest in rows}
    edition = known.pop("version", ["", "", version("rwe-engine" if who == "ours" else "lifelines")])[-1]
    columns = {
        "family": list(known),
        **{c: [float(row[i]) for row in known.values()] for i, c in enumerate(("wall_s", "cpu_s", "loglik"))},
    }
    return pl.DataFrame(columns).with_columns(
        who=pl.lit(f"{who} {edition}" if who != "ours" else who), covariates=pl.lit(len(covariates))
    )


def main() -> None:
    """Measure, print and keep the figures."""
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="rwe-bench-") as folder:
        file = Path(folder) / "rows.csv"
        write_rows(file)
        taken = [measure(who, file, c) for c in ([], COVARIATES) for who in ("ours", "survreg", "lifelines")]
    table = pl.concat([one for one in taken if one.height])
    mine = table.filter(who="ours").select("family", "covariates", of="loglik", sooner="wall_s")
    table = table.join(mine, on=["family", "covariates"], how="left", maintain_order="left").with_columns(
        differs_by=pl.when(pl.col("who") != "ours").then((pl.col("loglik") / pl.col("of") - 1).abs()),
        wall_to_ours=pl.col("wall_s") / pl.col("sooner"),
    )
    every = mine.group_by("covariates").agg(pl.col("sooner").sum()).sort("covariates")
    whole = pl.DataFrame(
        {"family": "all 13", "who": "ours", "covariates": every["covariates"], "wall_s": every["sooner"]}
    )
    whole = whole.with_columns(met=pl.when(pl.col("wall_s") <= GOAL).then(pl.lit("yes")).otherwise(pl.lit("no")))
    table = pl.concat([table.drop("of", "sooner"), whole], how="diagonal")
    told = {
        "patients": PATIENTS,
        "machine": machine(),
        "commit": commit(),
        "load": load,
        "taken_on": date.today().isoformat(),
    }
    table = table.with_columns(
        pl.col("wall_s", "cpu_s").round(3), pl.col("wall_to_ours", "differs_by").round_sig_figs(3),
        *(pl.lit(value).alias(name) for name, value in told.items()),
    )  # fmt: skip
    table.select("covariates", "family", "who", pl.exclude("covariates", "family", "who")).write_csv(RESULT)
    sys.stdout.write(RESULT.read_text("utf-8"))


if __name__ == "__main__":
    if sys.argv[1:]:
        asked = [] if sys.argv[3] == "none" else sys.argv[3].split(",")
        sys.stdout.write("\n".join({"ours": ours, "lifelines": lifelines}[sys.argv[1]](Path(sys.argv[2]), asked)))
    else:
        main()
