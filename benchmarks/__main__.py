# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Run every benchmark, one process each, then print goals beside what was reached: ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys

PARTS = ("survival", "extraction", "harmonise", "settlement")
TABLES = tuple([f"benchmarks.{part}", "--table"] for part in PARTS)
OTHERS = ("cohort", "demo", "synth", "portfolio", "families")
MEASURED = tuple([f"benchmarks.{part}"] for part in (*PARTS, *OTHERS))

for module in (*MEASURED, *TABLES):
    subprocess.run([sys.executable, "-m", *module], check=True)
