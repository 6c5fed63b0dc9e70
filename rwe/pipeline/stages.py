# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Writing what each stage gave under the run folder: inside the zone, for tracing, never for readers outside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from rwe.cdm import SITE
from rwe.cohort import Cohort
from rwe.link import Linked
from rwe.pipeline.align import Aligned
from rwe.pipeline.extract import Extracted
from rwe.pipeline.files import write_table
from rwe.quality import Scorecard
from rwe.reimbursement import Ahead, Settlement
from rwe.result import Result

NAMES = ("extract", "harmonise", "select", "analyse", "compare", "reimburse")


def stage_path(folder: Path, name: str) -> Path:
    """Return where the folder of a stage is."""
    return folder / f"{NAMES.index(name) + 1}-{name}"


def stage(folder: Path, name: str) -> Path:
    """Return the folder of a stage, made."""
    path = stage_path(folder, name)
    path.mkdir(exist_ok=True)
    return path


def write_extract(folder: Path, taken: Iterable[Extracted]) -> None:
    """Write what each stream brought."""
    _json(stage(folder, "extract") / "streams.json", [asdict(read) for part in taken for read in part.reads])


def write_harmonise(folder: Path, aligned: Iterable[Aligned]) -> None:
    """Write the account of every source row, which were rejected by which rule, and the codes that have no concept."""
    into = stage(folder, "harmonise")
    for part in aligned:
        write_table(into / f"{part.site}-accounting.csv", part.cdm.accounting)
        write_table(into / f"{part.site}-rejected.csv", part.rejected)
        write_table(into / f"{part.site}-codes.csv", part.codes)
        _json(into / f"{part.site}-commits.json", part.commits)
        _json(into / f"{part.site}-tables.json", part.tables)


def write_links(folder: Path, linked: Linked) -> None:
    """Write whose each row of a person is and by what rule, the pairs to be looked at, and what agreement is worth."""
    into = stage(folder, "harmonise")
    write_table(into / "links.csv", linked.persons)
    write_table(into / "links-review.csv", linked.review)
    write_table(into / "links-weights.csv", linked.weights.table)


def write_deaths(folder: Path, deaths: pl.DataFrame) -> None:
    """Write what became of each death that several hospitals tell, and how far apart they are."""
    if deaths.width:
        write_table(stage(folder, "harmonise") / "deaths.csv", deaths.rename({SITE: "site"}))


def write_quality(folder: Path, cards: Mapping[str, Scorecard]) -> None:
    """Write the verdict on every check, hospital by hospital."""
    into = stage(folder, "harmonise")
    for site, card in cards.items():
        write_table(into / f"{site}-checks.csv", card.lines)


def write_drift(folder: Path, site: str, result: Result) -> None:
    """Write what differs from the extract of the run before."""
    write_table(stage(folder, "harmonise") / f"{site}-drift.csv", result.table)


def read_commits(folder: Path, site: str) -> dict[str, int]:
    """Return the commits of a hospital's tables of the common model that a run read; none where it did not say."""
    path = stage_path(folder, "harmonise") / f"{site}-tables.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def read_rejected(folder: Path, site: str) -> pl.DataFrame:
    """Return which source rows of a hospital a run refused, by which rule; none where it did not say."""
    path = stage_path(folder, "harmonise") / f"{site}-rejected.csv"
    schema = dict.fromkeys(("stream", "record", "_key", "rule"), pl.String())
    return pl.read_csv(path, schema=schema) if path.is_file() else pl.DataFrame(schema=schema)


def write_select(folder: Path, cohort: Cohort) -> None:
    """Write the people, the exact attrition, whole and by hospital and arm, the audit of time zero, and courses."""
    into = stage(folder, "select")
    write_table(into / "subjects.parquet", cohort.subjects)
    write_table(into / "attrition.csv", cohort.attrition.table)
    write_table(into / "attrition_by_group.csv", cohort.by_group.table)
    write_table(into / "time_zero.csv", cohort.time_zero.table)
    if cohort.course:
        write_table(into / "treatment.csv", cohort.course.account)
        for name, table in cohort.course.tables.items():
            write_table(into / f"{name}.parquet", table)


def write_result(folder: Path, name: str, stage_name: str, result: Result) -> None:
    """Write one exact result and its settings."""
    into = stage(folder, stage_name)
    write_table(into / f"{name}.csv", result.table)
    _json(into / f"{name}.settings.json", dict(result.settings))


def write_settlement(folder: Path, settlement: Settlement) -> None:
    """Write a settlement line by line, what it left out, what hospitals and budgets come to; money as exact text."""
    into = stage(folder, "reimburse")
    lines = settlement.lines.with_columns(pl.col("doses").list.join(" "))
    write_table(into / "lines.csv", lines)
    for name in ("excluded", "rejected", "pools", "sites"):
        write_table(into / f"{name}.csv", getattr(settlement, name))
    summary = {"gross": str(settlement.gross), "total": str(settlement.total), "verdicts": settlement.verdicts}
    _json(into / "settlement.json", summary)


def write_ahead(folder: Path, ahead: Ahead) -> None:
    """Write what each open course is reserved for, and the expected payback by period."""
    into = stage(folder, "reimburse")
    write_table(into / "reserve.csv", ahead.reserve.table)
    write_table(into / "forecast.csv", ahead.forecast.table)


def _json(path: Path, value: Mapping[str, Any] | list[Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n", "utf-8")


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)
