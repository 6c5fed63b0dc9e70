# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Through the door: every result protected once and written to ``release/``, with the words a report needs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from rwe.disclosure import Policy, Released, protect
from rwe.pipeline.files import write_table
from rwe.result import Result

MODELS, FIRST = Path("model"), "cox.json"  # the first model has the name under which MLflow looks for it


def release(results: Mapping[str, Result], folder: Path, policy: Policy) -> dict[str, Released]:
    """Protect results under `policy` and write each as csv and as a JSON list of rows, numbered in their order."""
    folder.mkdir()
    released = {name: protect(result, policy) for name, result in results.items()}
    for i, (name, part) in enumerate(released.items(), 1):
        write_table(folder / f"{i:02d}-{name}.csv", part.table)
        write_table(folder / f"{i:02d}-{name}.json", part.table)
    return released


def write_models(models: Mapping[str, Released], folder: Path) -> None:
    """Write each Cox model under its name in the study, the first as ``cox.json``."""
    for i, (name, cox) in enumerate(models.items()):
        _write_model(cox, folder / MODELS / (f"{name}.json" if i else FIRST))


def _write_model(cox: Released, path: Path) -> None:
    """Write the Cox model that the released rows describe: coefficients and the baseline on the release grid."""
    terms = cox.settings["terms"]
    rows = cox.table.filter(estimand="hazard_ratio")
    ratio = dict(zip(rows["stratum"], rows["estimate"], strict=True))
    base = cox.table.filter(pl.col("estimand") == "baseline_hazard").drop_nulls("estimate")
    if base.is_empty() or any(ratio.get(t["term"]) is None for t in terms):
        return  # a masked coefficient or no curve: there is no model to release
    model = {
        "terms": [t["term"] for t in terms],
        "coefficients": [math.log(ratio[t["term"]]) / t["scale"] for t in terms],
        "levels": cox.settings["levels"],
        "baseline": {"days": base["time"].to_list(), "cumulative_hazard": base["estimate"].to_list()},
    }
    _write(path, model)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")
