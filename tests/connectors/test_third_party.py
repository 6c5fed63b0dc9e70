# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A connector in a package of its own is installed, found by its entry point and held to the same suite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "third_party" / "jsonlines"


@pytest.mark.ci
def test_a_connector_by_a_third_party_passes_the_suite(tmp_path: Path) -> None:
    uv = shutil.which("uv")
    installer = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    copy = shutil.copytree(PACKAGE, tmp_path / "package")
    site = tmp_path / "site"
    subprocess.run([*installer, "install", "--quiet", "--no-deps", "--target", site, copy], check=True)
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copy / "test_jsonlines.py")]
    here = Path(__file__).parents[2]

    done = subprocess.run(
        line,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(here)])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "14 passed" in done.stdout
