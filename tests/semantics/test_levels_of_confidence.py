# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The level of confidence that a study asks for is that of every limit, and the one that its settings tell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from analyses.survival import ANALYSIS, Options
from rwe import survival as sv
from rwe.disclosure import Released
from rwe.errors import DefinitionError
from rwe.pipeline.context import _levels
from rwe.result import SCHEMA, Result, bind, tidy

PEOPLE = pl.DataFrame(
    {"os_days": [3, 5, 8, 9, 12, 14, 20, 31], "os_event": [1, 1, 0, 1, 1, 0, 1, 0], "arm": list("abababab")}
)


@pytest.mark.parametrize("by", [None, "arm"])
def test_the_level_asked_for_is_that_of_curves_and_follow_up(by: str | None) -> None:
    inputs: Any = SimpleNamespace(people=PEOPLE, population="all", entry=None)

    found = ANALYSIS.run(inputs, Options(endpoints=("os",), by=by, conf_level=0.8))

    follow_up = sv.median_follow_up(PEOPLE, time="os_days", event="os_event", by=by, conf_level=0.8).table
    told = found.table.filter(estimand="follow_up_median")
    assert found.settings["conf_level"] == 0.8
    assert told["conf_low"].to_list() == follow_up["conf_low"].to_list()


def test_results_of_different_settings_are_not_bound() -> None:
    parts = [sv.kaplan_meier(PEOPLE, time="os_days", event="os_event", conf_level=c).to_result() for c in (0.8, 0.95)]

    with pytest.raises(DefinitionError, match="different settings of 'conf_level'"):
        bind(parts)

    assert bind([]).table.schema == SCHEMA
    assert bind([Result(tidy([]), {"notes": [w]}) for w in "aba"]).settings == {"notes": ["a", "b"]}


def test_a_report_knows_one_level_for_each_analysis() -> None:
    def part(analysis: str, level: float) -> Released:
        return Released(tidy([{"estimate": 1.0}], analysis=analysis), {"conf_level": level})

    levels = _levels({"a": part("survival", 0.8), "b": part("cox", 0.95), "c": part("survival", 0.8)})

    assert levels == {"survival": 0.8, "cox": 0.95}
    with pytest.raises(DefinitionError, match="analyses of 'survival' have different conf_level"):
        _levels({"a": part("survival", 0.8), "b": part("survival", 0.95)})
