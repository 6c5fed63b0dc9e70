# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Run every benchmark, one process each: ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys

for module in ("benchmarks.survival", "benchmarks.demo"):
    subprocess.run([sys.executable, "-m", module], check=True)
