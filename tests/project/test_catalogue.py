# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The catalogue keeps every run and gives back the last good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rwe.catalogue import open_catalogue
from rwe.errors import MachineError


def test_the_ledger_of_runs_knows_the_last_good_one(tmp_path: Path) -> None:
    catalogue = open_catalogue(tmp_path)
    first = catalogue.start_run("r1", "s", "runs/r1", "c")
    catalogue.finish_run(first, exit_code=0, commits={"patient": 3})
    second = catalogue.start_run("r2", "s", "runs/r2", "c")
    catalogue.finish_run(second, exit_code=4, commits={})
    catalogue.start_run("r3", "s", "runs/r3", "c")

    last = open_catalogue(tmp_path).last_run("s")

    assert last is not None
    assert (last.run_id, last.exit_code, dict(last.commits), last.status) == ("r1", 0, {"patient": 3}, "done")
    assert catalogue.last_run("another") is None


def test_a_catalogue_that_is_no_catalogue_is_the_machine(tmp_path: Path) -> None:
    (tmp_path / "catalogue.db").mkdir()

    with pytest.raises(MachineError, match="cannot be read or written"):
        open_catalogue(tmp_path)


def test_a_home_that_cannot_be_made_is_the_machine(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(MachineError, match="cannot be made"):
        open_catalogue(tmp_path / "file" / "home")
