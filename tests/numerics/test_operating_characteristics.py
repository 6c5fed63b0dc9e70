# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Over cohorts of known truth: bias, errors, coverage and false alarms are what they are said to be.

Gates stand at four Monte Carlo errors with fixed seeds. Small samples are not nominal: there the same cohorts are
held to R, count by count. ``python tests/numerics/test_operating_characteristics.py`` makes the committed table
(`tests/operating_characteristics.csv`, 10,000 replicates); with ``--cohorts FILE`` it writes the cohorts that
``tests/data/r_reference/scripts/operating_characteristics.R FILE`` reads.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv

TABLE = Path(__file__).parents[1] / "operating_characteristics.csv"
REFERENCE = Path(__file__).parents[1] / "data" / "r_reference" / "operating_characteristics.json"
AT = 480
MONTH = 30
NOMINAL = 500  # rows from which limits are held to their nominal level


@dataclass(frozen=True)
class Setting:
    """One estimator in one scenario."""

    estimator: Any
    variant: str
    scenario: sv.Scenario
    robust: bool = False

    @property
    def name(self) -> str:
        s, robust = self.scenario, "-robust" if self.robust else ""
        return f"{self.estimator}{robust}-{self.variant}-n{s.n}-c{s.censoring}-g{s.grid}-hr{s.hazard_ratio}"

    def run(self, replicates: int, seed: int) -> pl.DataFrame:
        at = AT if self.estimator in ("kaplan_meier", "rmst_difference") else None
        done = sv.simulate(self.scenario, self.estimator, replicates=replicates, seed=seed, at=at, robust=self.robust)
        return done.table


def _settings() -> list[Setting]:
    found = []
    for n, censoring, grid, ratio in product((50, 200, 500, 2000), (0.0, 0.3, 0.7), (1, MONTH), (1.0, 0.7, 0.3)):
        if censoring != 0.3 and (n == 2000 or grid == MONTH):
            continue
        scenario = sv.Scenario(n, hazard_ratio=ratio, censoring=censoring, grid=grid)
        found += [Setting(e, "proportional", scenario) for e in ("rmst_difference", "log_rank", "cox")]
        if ratio == 1.0:
            one = sv.Scenario(n, censoring=censoring, grid=grid, share=1.0)
            found.append(Setting("kaplan_meier", "one arm", one))
    for n in (200, 500, 2000):
        late = sv.Scenario(n, hazard_ratio=0.7, censoring=0.3, latest_entry=100)
        delayed = sv.Scenario(n, hazard_ratio=0.5, delay=300, censoring=0.3)
        weighted = sv.Scenario(n, confounder=0.7, censoring=0.3)
        found += [Setting(e, "late entry", late) for e in ("rmst_difference", "log_rank", "cox")]
        found += [Setting(e, "late effect", delayed) for e in ("rmst_difference", "log_rank")]
        found += [Setting(e, "weights", weighted, robust=True) for e in ("kaplan_meier", "rmst_difference", "cox")]
        found.append(Setting("cox", "proportional", sv.Scenario(n, hazard_ratio=0.7, censoring=0.3), robust=True))
        found.append(Setting("cox", "late effect", delayed, robust=True))
        found.append(Setting("cox", "covariates", sv.Scenario(n, hazard_ratio=0.7, effects=(0.5, -0.5), censoring=0.3)))
    return found


SETTINGS = {setting.name: setting for setting in _settings()}


def _faults(setting: Setting, table: pl.DataFrame) -> list[str]:
    """Return what lies beyond its gate."""
    s = setting.scenario
    found = {m: (v, e) for m, v, e in table.iter_rows()}
    gates: dict[str, tuple[float, float]] = {}
    whole, large = found["failed"][0] == 0, s.n >= NOMINAL
    if found["bias"][0] is not None and (large or (whole and setting.estimator != "cox")):
        gates["bias"] = 0.0, 0.1 * found["empirical_se"][0] if setting.estimator == "cox" else 0.0
    if large:
        gates["failed"] = 0.0, 0.001
        if setting.estimator != "log_rank" or s.hazard_ratio == 1.0:  # its variance is that of no effect
            gates["se_ratio"] = 1.0, 0.02
        if found["coverage"][0] is not None:
            gates["coverage"] = 0.95, 0.005
        if s.hazard_ratio == 1.0 and setting.estimator != "kaplan_meier":
            gates["rejected"] = 0.05, 0.005
    off = {m: abs(found[m][0] - target) - 4 * found[m][1] - slack for m, (target, slack) in gates.items()}
    return [f"{setting.name}: {m} {found[m]}" for m, excess in off.items() if excess > 0]


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if s.scenario.n in (200, 500)][::6])
def test_some_settings_hold(name: str) -> None:
    """A few of what the ci tier runs whole, so that a fault shows at once."""
    assert not _faults(SETTINGS[name], SETTINGS[name].run(500, 1))


@pytest.mark.ci
@pytest.mark.parametrize("estimator", ["kaplan_meier", "rmst_difference", "log_rank", "cox"])
def test_five_hundred_replicates(estimator: str) -> None:
    chosen = [s for s in SETTINGS.values() if s.estimator == estimator]

    faults = [fault for s in chosen for fault in _faults(s, s.run(500, 2))]

    assert len(chosen) > 10
    assert not faults


def test_small_samples_are_those_of_r_count_by_count() -> None:
    """R on the same cohorts of 50: how often limits cover, tests reject, and the sums of estimates and errors."""
    wanted = json.loads(REFERENCE.read_text("utf-8"))
    scenario, n = _small(), wanted["replicates"]

    curve = sv.simulate(scenario, "kaplan_meier", replicates=n, at=AT).replicates
    truth = float(scenario.survival(np.array([float(AT)]), 1)[0])
    cox = sv.simulate(scenario, "cox", replicates=n).replicates.fill_null(float("nan"))
    rank = sv.simulate(scenario, "log_rank", replicates=n).replicates

    assert int(((curve["conf_low"] <= truth) & (curve["conf_high"] >= truth)).sum()) == wanted["kaplan_meier"]["covers"]
    assert curve["estimate"].sum() == pytest.approx(wanted["kaplan_meier"]["estimates"], rel=1e-10)
    assert curve["std_error"].sum() == pytest.approx(wanted["kaplan_meier"]["errors"], rel=1e-10)
    assert int(rank["rejected"].sum()) == wanted["log_rank"]["rejects"]
    assert cox["estimate"].sum() == pytest.approx(wanted["cox"]["estimates"], rel=1e-8)
    assert cox["std_error"].sum() == pytest.approx(wanted["cox"]["errors"], rel=1e-7)
    assert int(((cox["conf_low"] <= 0) & (cox["conf_high"] >= 0)).sum()) == wanted["cox"]["covers"]


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand_replicates_are_those_committed() -> None:
    committed, found = pl.read_csv(TABLE, comment_prefix="#"), _table(10_000)

    assert found["setting"].to_list() == committed["setting"].to_list()
    for column in found.columns[2:]:
        assert found[column].to_numpy() == pytest.approx(committed[column].to_numpy(), rel=1e-6, nan_ok=True)


def test_the_committed_table_passes_its_gates() -> None:
    committed = pl.read_csv(TABLE, comment_prefix="#")

    assert set(SETTINGS) <= set(committed["setting"])
    faults = []
    for name, setting in SETTINGS.items():
        row = committed.row(by_predicate=pl.col("setting") == name, named=True)
        measures = [c for c in committed.columns[2:] if not c.endswith("_mcse")]
        columns = {"measure": measures, "value": [row[m] for m in measures]}
        faults += _faults(setting, pl.DataFrame(columns | {"mcse": [row.get(f"{m}_mcse") for m in measures]}))
    assert not faults


def _small() -> sv.Scenario:
    return sv.Scenario(50, censoring=0.3)


def _table(replicates: int) -> pl.DataFrame:
    """Return one row a setting: each measure and its Monte Carlo error."""
    rows = []
    for name, setting in SETTINGS.items():
        row: dict[str, Any] = {"setting": name, "replicates": replicates}
        for measure, value, error in setting.run(replicates, 3).iter_rows():
            row |= {measure: value} | ({} if measure == "truth" else {f"{measure}_mcse": error})
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def _write_cohorts(path: str) -> None:
    parts = [_small().cohort(b).with_columns(replicate=pl.lit(b)) for b in range(2000)]
    pl.concat(parts).select("replicate", "arm", "time", "event").write_csv(path)


def _write_table() -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    head = [
        "python tests/numerics/test_operating_characteristics.py",
        f"commit {commit.strip()}, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        f"numba {version('numba')}, numpy {version('numpy')}",
    ]
    TABLE.write_text("".join(f"# {line}\n" for line in head) + _table(10_000).write_csv(float_precision=10), "utf-8")


if __name__ == "__main__":
    _write_cohorts(sys.argv[2]) if sys.argv[1:2] == ["--cohorts"] else _write_table()
