# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The two sets on which R's values of scores, weights and matches rest."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from rwe import compare as cp

DATA = Path(__file__).parents[1] / "data"
CASES: dict[str, Any] = {
    c["case"]: c["expect"] for c in json.loads((DATA / "r_alignment" / "propensity.json").read_text("utf-8"))["cases"]
}
FRAMES = {
    "gbsg": pl.read_csv(DATA / "r_reference" / "gbsg.csv"),
    "lalonde": pl.read_csv(DATA / "r_alignment" / "lalonde.csv", infer_schema_length=None),
}
TREATMENT = {"gbsg": "hormon", "lalonde": "treat"}
COVARIATES = {
    "gbsg": ["age", "meno", "size", "grade", "nodes", "pgr", "er"],
    "lalonde": ["age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75"],
}


@cache
def scores(name: str) -> cp.Propensity:
    """Return the logistic scores of a set."""
    return cp.propensity(FRAMES[name], treatment=TREATMENT[name], covariates=COVARIATES[name])
