# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Inventing the hospital network: seconds, processor seconds and peak memory by number of patients.

Run ``python -m benchmarks.synth``: it rewrites ``benchmarks/results/synth.csv``. A million patients need 13 GB of disk
and five minutes.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.demo import measure

RESULT = Path(__file__).parent / "results" / "synth.csv"
PATIENTS = (10_000, 100_000, 200_000, 1_000_000)


def main() -> None:
    """Measure, print and keep the figures."""
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    rows = []
    for patients in PATIENTS:
        with tempfile.TemporaryDirectory() as folder:
            job = [sys.executable, "-m", "rwe", "synth", "--out", f"{folder}/network", "--patients", str(patients)]
            rows.append({"patients": patients} | measure(job, dict(os.environ)) | {"where": where})
    pl.DataFrame(rows).with_columns(pl.col(pl.Float64).round(2)).write_csv(RESULT)
    sys.stdout.write(RESULT.read_text("utf-8"))


if __name__ == "__main__":
    main()
