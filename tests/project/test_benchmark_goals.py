# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Goals of the benchmarks name what is measured, and what was not measured is not called reached."""

from __future__ import annotations

import tomllib

import polars as pl
import pytest

from benchmarks import table
from benchmarks.scenarios import SCENARIOS

GOALS = tomllib.loads((table.HOME / "goals.toml").read_text("utf-8"))


@pytest.mark.parametrize("line", GOALS["survival"], ids=lambda line: line["scenario"])
def test_rivals_of_a_goal_are_measured_in_its_scenario(line):
    named = {who for goal in line["goals"] for who in goal.get("than", [])} | set(line.get("differs", {}))

    assert named <= set(SCENARIOS[line["scenario"]].rivals)


def test_a_rival_that_was_not_measured_leaves_the_goal_open(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    goals = '{ than = ["a", "b"], least = 2 }, { than = ["a"], least = 2 }, { column = "wall_s", most = 1 }'
    (tmp_path / "goals.toml").write_text(f'[[survival]]\nwork = "w"\nscenario = "s"\ngoals = [{goals}]', "utf-8")
    monkeypatch.setattr(table, "HOME", tmp_path)
    kept = {"scenario": "s", "who": ["ours", "a", "b"], "wall_s": [2.0, 6.0, None], "commit": "c", "load": 0.1}
    kept |= {"cpu_s": [3.0, 6.0, None], "cpu_to_ours": [1.0, 2.0, None], "differs_by": [None, 1e-9, None]}

    table.keep("survival", pl.DataFrame(kept), ["s"])

    assert table.table("survival")["met"].to_list() == ["not taken", "yes", "no"]
    assert table.table("survival")["reached"].to_list() == [None, "3", "2"]
    assert table.table("survival")["by CPU"].to_list() == [None, "2", None]


def test_a_scenario_taken_again_replaces_its_rows_alone(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(table, "HOME", tmp_path)
    for name, seconds in (("b", 1.0), ("a", 2.0), ("b", 3.0)):
        table.keep("survival", pl.DataFrame({"scenario": [name], "who": ["ours"], "wall_s": [seconds]}), ["a", "b"])

    kept = pl.read_csv(tmp_path / "results" / "survival.csv")

    assert kept.rows() == [("a", "ours", 2.0), ("b", "ours", 3.0)]
