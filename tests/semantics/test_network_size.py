# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The invented network is as quick as it must be, and larger ones need no more memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the memory of a process is asked of POSIX")
CODE = """
import resource, sys, time
from pathlib import Path
from synthetic.network.build import NETWORK
start = time.monotonic()
NETWORK.write(Path(sys.argv[1]), int(sys.argv[2]), 1)
print(time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def written(folder: Path, patients: int) -> tuple[float, float]:
    """Return the seconds and the peak of memory (KB) of a network of so many patients."""
    line = [sys.executable, "-c", CODE, str(folder / str(patients)), str(patients)]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()
    return float(said[0]), float(said[1])


@pytest.mark.ci
def test_ten_thousand_patients_take_less_than_ten_seconds(tmp_path: Path) -> None:
    assert written(tmp_path, 10_000)[0] < 10


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_million_patients_take_less_than_five_minutes_and_the_memory_of_a_few(tmp_path: Path) -> None:
    few, many = written(tmp_path, 50_000), written(tmp_path, 1_000_000)

    assert many[0] < 300
    assert many[1] < 1.25 * few[1]
