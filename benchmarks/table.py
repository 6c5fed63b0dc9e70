# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The committed results: kept a scenario at a time, and printed beside the goals; nothing is measured here."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import polars as pl

HOME = Path(__file__).parent
NAMES = {"survival": ("scenario", "who", "ours"), "extraction": ("source", "path", "landed")}
NAMES |= {"harmonise": ("size", "who", "ours"), "settlement": ("scenario", "who", "ours")}
NOT_TAKEN = "not taken"
WIDE: dict[str, Any] = {
    "tbl_rows": -1,
    "tbl_cols": -1,
    "fmt_str_lengths": 60,
    "tbl_width_chars": 240,
    "tbl_hide_dataframe_shape": True,
    "tbl_hide_column_data_types": True,
}


def keep(part: str, fresh: pl.DataFrame, order: list[str]) -> None:
    """Put the rows of one scenario in the results in place of those that were there."""
    scenario, file = NAMES[part][0], HOME / "results" / f"{part}.csv"
    fresh = fresh.with_columns(pl.col(pl.Null).cast(pl.Float64))
    if file.exists():
        old = pl.read_csv(file, infer_schema=False)
        old = old.filter(pl.col(scenario) != fresh[scenario][0], pl.col(scenario).is_in(order))
        old = old.cast({column: kind for column, kind in fresh.schema.items() if column in old.columns})
        fresh = pl.concat([fresh, old], how="diagonal_relaxed")
    fresh.sort(pl.col(scenario).cast(pl.Enum(order)), maintain_order=True).write_csv(file)


def machine() -> str:
    """Return what the figures are taken on."""
    named = [x for x in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if x.startswith("model name")]
    model = named[0].partition(":")[2].strip() if named else platform.machine()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def commit() -> str:
    """Return the commit that is measured, with a mark where files differ from it; empty outside a clone."""
    asked = (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "-uno", "--", ":!benchmarks/results"])
    told = [subprocess.run(["git", "-C", str(HOME), *a], capture_output=True, text=True).stdout for a in asked]
    return told[0].strip() + ("+" if told[1] else "")


def show(part: str) -> None:
    """Print the table of one benchmark."""
    with pl.Config(**WIDE):
        sys.stdout.write(f"{table(part)}\n")


def table(part: str) -> pl.DataFrame:
    """Return a row for each goal.

    A rival's figure is its CPU seconds over our wall seconds: the goals were set in that measure, from kernels on two
    cores beside rivals on one. The ratio of CPU seconds alone stands in a column of its own.
    """
    scenario, who, ours = NAMES[part]
    results = pl.read_csv(HOME / "results" / f"{part}.csv", infer_schema_length=None)
    lines = tomllib.loads((HOME / "goals.toml").read_text("utf-8"))[part]
    found = []
    for line in lines:
        taken = {row[who]: row for row in results.filter(pl.col(scenario) == line["scenario"]).to_dicts()}
        found += [_row(line, goal, taken, ours) for goal in line["goals"]]
    return pl.DataFrame(found, infer_schema_length=None)


def _row(line: dict[str, Any], goal: dict[str, Any], taken: dict[str, Any], ours: str) -> dict[str, Any]:
    rivals = goal.get("than", [])
    mine = taken.get(ours, {})
    figure = _least([_over(taken.get(who, {}).get("cpu_s"), mine.get("wall_s")) for who in rivals])
    by_cpu = _least([taken.get(who, {}).get("cpu_to_ours") for who in rivals])
    figure = figure if rivals else mine.get(goal["column"])
    apart = [taken.get(who, {}).get("differs_by") for who in rivals]
    at_least = "least" in goal
    limit = goal["least" if at_least else "most"]
    met = NOT_TAKEN if figure is None else "yes" if (figure >= limit if at_least else figure <= limit) else "no"
    return {
        "work": line["work"],
        "figure": f"times {', '.join(rivals)}" if rivals else goal["column"],
        "goal": f"{'>=' if at_least else '<='} {limit:g}",
        "reached": None if figure is None else f"{figure:.4g}",
        "met": met,
        "by CPU": None if by_cpu is None else f"{by_cpu:.4g}",
        "numbers differ by": None if None in apart or not apart else f"{max(apart):.1e}",
        "because": "; ".join(f"{who} {why}" for who, why in line.get("differs", {}).items() if who in rivals),
        "commit": mine.get("commit"),
        "load": mine.get("load"),
    }


def _over(theirs: float | None, ours: float | None) -> float | None:
    return None if theirs is None or not ours else theirs / ours


def _least(figures: list[float | None]) -> float | None:
    """Return the smallest, None where one is missing: a best rival is known only when all were measured."""
    known = [figure for figure in figures if figure is not None and figure == figure]  # NaN is a rival that failed
    return min(known) if known and len(known) == len(figures) else None
