# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Each deviation from R in the ledger names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_deviation_names_its_test() -> None:
    ledger = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("## 6. Ledger")[1].split("\n## ")[0]
    rows = [line for line in ledger.splitlines() if line.startswith("|")][2:]

    named = [re.search(r"`(test_\w+)::(test_\w+)` \|$", row) for row in rows]
    unnamed = [row[:60] for row, found in zip(rows, named, strict=True) if found is None]
    pairs = {(found[1], found[2]) for found in named if found is not None}
    files = {file: ROOT / "tests" / "numerics" / f"{file}.py" for file, _ in pairs}
    missing = [f"{f}::{t}" for f, t in sorted(pairs) if f"def {t}(" not in files[f].read_text("utf-8")]

    assert len(rows) > 30
    assert not unnamed
    assert not missing
