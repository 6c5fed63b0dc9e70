# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A released run as MLflow keeps it: parameters, metrics, tags, files; read from ``release/`` only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rwe.disclosure import CURVES, RELEASED
from rwe.errors import DataError
from rwe.provenance import read_manifest
from rwe.result import LABELS

CONTEXT = "context.json"
MODEL = Path("model") / "cox.json"
LONGEST = 500  # what every MLflow store takes as the length of a parameter
SIGNS = {"<=": "le", ">=": "ge", "<": "lt", ">": "gt", "=": "-", "+": "plus"}


@dataclass(frozen=True, slots=True)
class Record:
    """What of one run goes to MLflow.

    Parameters
    ----------
    study, run_id
        Names of experiment and run.
    tags, parameters, metrics
        As MLflow calls them; metrics are released estimates, curves left to the tables.
    model
        File with the parameters of the Cox model, None where the run fitted none.
    """

    study: str
    run_id: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    model: Path | None


def read_record(folder: Path) -> Record:
    """Return the record of a finished run.

    Raises
    ------
    DataError
        If the folder has no manifest or no released table.
    """
    manifest, release = read_manifest(folder), folder / "release"
    run_id, study = str(manifest["run_id"]), str(manifest["study"])
    tags = {"rwe.run_id": run_id, "rwe.study": study, "rwe.config_hash": str(manifest["config_hash"])}
    tags |= {f"rwe.code.{name}": str(value) for name, value in manifest["code"].items() if value}
    if manifest["code"]["commit"]:
        tags["mlflow.source.git.commit"] = manifest["code"]["commit"].rstrip("+")
    model = release / MODEL
    parameters, measures = _parameters(release / CONTEXT), metrics(release)
    return Record(study, run_id, tags, parameters, measures, model if model.is_file() else None)


def _parameters(path: Path) -> dict[str, str]:
    """Return the settings of each analysis, ``<analysis>.<setting>``."""
    settings = json.loads(path.read_text("utf-8"))["settings"] if path.is_file() else {}
    flat = {f"{name}.{key}": value for name, part in settings.items() for key, value in part.items()}
    return {key: _text(value)[:LONGEST] for key, value in flat.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def metrics(release: Path) -> dict[str, float]:
    """Return the released estimates by name: the labels that are not empty, and the day where there is one.

    Of two analyses whose figures bear the same labels, those of the second stand under its name in the study.
    """
    paths = [path for path in sorted(release.glob("*.json")) if path.name != CONTEXT]
    if not paths:
        raise DataError("release/ holds no table: the run did not reach its release; run the study again")
    found: dict[str, float] = {}
    for path in paths:
        rows = pl.read_json(path, schema=RELEASED).filter(
            pl.col("estimate").is_not_null() & ~pl.col("estimand").is_in(CURVES)  # many points each stay in the tables
        )
        named = {_name(row): row["estimate"] for row in rows.iter_rows(named=True)}
        own = path.stem.partition("-")[2]
        found |= {f"{own}/{name.partition('/')[2]}" if name in found else name: value for name, value in named.items()}
    return found


def _name(row: Mapping[str, Any]) -> str:
    """Return a name that MLflow takes, such as ``survival/treated.rfs.milestone.day1826``."""
    analysis, *labels = (str(row[label]) for label in LABELS)
    name = ".".join([*filter(None, labels), *([] if row["time"] is None else [f"day{row['time']}"])])
    for sign, words in SIGNS.items():
        name = name.replace(sign, words)
    return f"{analysis}/" + "".join(c if c.isalnum() or c in "_-. " else "_" for c in name)
