# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A country's contract settled whole: a million patients, twenty million doses, six terms, two currencies.

Run ``python -m benchmarks.settlement``: it rewrites ``benchmarks/results/settlement.csv``; ``--table`` prints it beside
the goals. Records are made by another process, in the order of their days as they land, and lie in files: the time
includes reading them, and the memory is all that the process ever held.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from benchmarks.table import commit, machine, show
from benchmarks.worker import seconds
from rwe import reimbursement as rb

RESULT = Path(__file__).parent / "results" / "settlement.csv"
PATIENTS, EACH = 1_000_000, 20
START, END, AS_OF = date(2025, 1, 1), date(2028, 12, 31), date(2029, 3, 31)
JUDGED = {"assess_day": 84, "window": [-14, 28], "failure": ["progression", "progression_death", "toxicity_stop"]}
TERMS = (
    {"id": "discount", "type": "discount", "rate": "0.075"},
    {"id": "cap", "type": "dose_cap", "units": "30.5", "window_days": 365},
    {"id": "result", "type": "payment_by_result", **JUDGED, "cost_scope": "until_failure"},
    {"id": "stop", "type": "continuation", **JUDGED},
    {"id": "volume", "type": "price_volume", "mode": "marginal", "per": "year",
     "tiers": [{"from_units": "0", "price": "500"}, {"from_units": "5000000", "price": "400"}]},
    {"id": "budget", "type": "expenditure_cap", "per": "year", "amount": "1500000000", "share": "0.8"},
)  # fmt: skip


def agreement() -> rb.Agreement:
    """Return the contract: a price in lev, then in euro."""
    contract = {"id": "BENCH", "product": "x", "indication": "y", "start": START, "end": END, "currency": "EUR"}
    prices = [
        {"from": START, "net": "1499.90", "unit": "vial", "currency": "BGN"},
        {"from": date(2026, 1, 1), "net": "751.25", "unit": "vial"},
    ]
    values = {"contract": {**contract, "fx": {"BGN": "1.95583"}}, "price": prices, "terms": TERMS}
    return rb.Agreement.model_validate(values)


def records(patients: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return doses three weeks apart and one assessment a patient, both by day."""
    rng, days = np.random.default_rng(1), (END - START).days
    begins = rng.integers(0, days - 21 * EACH, patients, dtype=np.int32)
    offsets = (np.arange(EACH, dtype=np.int32) * 21)[None, :]
    day = (begins[:, None] + offsets + np.int32((START - date(1970, 1, 1)).days)).ravel()
    units = np.array(["2", "1.5", "1.333"])[rng.integers(0, 3, day.size, dtype=np.int8)]
    doses = pl.DataFrame(
        {
            "person_id": np.repeat(np.arange(patients), EACH),
            "administered_on": pl.Series(day).cast(pl.Date),
            "units": pl.Series(units, dtype=pl.String).cast(pl.Decimal(10, 3)),
        }
    ).sort("administered_on")
    doses = doses.with_columns(record_id=pl.format("drug_exposure:{}", pl.int_range(pl.len())))
    seen = begins + rng.integers(0, 140, patients, dtype=np.int32) + np.int32((START - date(1970, 1, 1)).days)
    words = np.array(["response", "stable", "progression", "toxicity_stop", "lost"])[rng.integers(0, 5, patients)]
    assessments = pl.DataFrame(
        {"person_id": np.arange(patients), "assessed_on": pl.Series(seen).cast(pl.Date), "outcome": words}
    )
    return doses, assessments.with_columns(record_id=pl.format("observation:{}", "person_id"))


def files(folder: Path) -> list[Path]:
    """Return where doses and assessments lie."""
    return [folder / f"{name}.parquet" for name in ("doses", "assessments")]


def write(patients: int, folder: Path) -> None:
    """Make the records and write them."""
    for frame, path in zip(records(patients), files(folder), strict=True):
        frame.write_parquet(path)


def main(patients: int = PATIENTS) -> None:
    """Measure, print and keep the figures."""
    with TemporaryDirectory() as at:
        folder = Path(at)
        subprocess.run([sys.executable, "-m", "benchmarks.settlement", "--write", str(patients), at], check=True)
        size = sum(path.stat().st_size for path in files(folder))
        cpu, wall = seconds(), time.perf_counter()
        found = rb.settle(agreement(), *(pl.scan_parquet(path) for path in files(folder)), as_of=AS_OF)
        wall, cpu = time.perf_counter() - wall, seconds() - cpu
    row = {
        "scenario": "country", "who": "ours", "patients": patients, "doses": patients * EACH, "terms": len(TERMS),
        "lines": found.lines.height, "wall_s": round(wall, 1), "cpu_s": round(cpu, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "files_mb": round(size / 2**20),
        "gross": found.gross, "payback": found.total, "machine": machine(), "commit": commit(),
        "load": round(os.getloadavg()[0], 1), "taken_on": f"{datetime.now(UTC):%Y-%m-%d}",
    }  # fmt: skip
    pl.DataFrame([row]).write_csv(RESULT)
    show("settlement")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--table"]:
            show("settlement")
        case ["--write", patients, folder]:
            write(int(patients), Path(folder))
        case _:
            main()
