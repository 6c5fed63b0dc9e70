# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Log hazard ratios of a study on the invented network beside those that were planted.

The planted model is fitted to the cohort that the study selects: its variables bear the names of the planted terms
(``new``, ``stage``, ``ecog``, ``age`` for ``decades``), hospitals are strata. What a study holds fixed, and what it
does not know, is left out of the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rwe.cdm import Cdm
from rwe.cohort import build_cohort
from rwe.errors import DefinitionError
from rwe.spec.study import Study

PREFIX = "network_"
_DECADE = 10.0
_ONE_HOSPITAL = {"network_d_nhis": "network_d", "network_d_files": "network_d"}  # two sites of it
_TWO = 2.0  # standard errors


@dataclass(frozen=True, slots=True)
class Recovered:
    """One log hazard ratio as estimated and as planted."""

    study: str
    term: str
    planted: float
    estimate: float
    std_error: float
    persons: int

    @property
    def within(self) -> bool:
        """Whether it lies within two standard errors."""
        return abs(self.estimate - self.planted) <= _TWO * self.std_error


def recover(study: Study, cdm: Cdm, planted: Path) -> list[Recovered]:
    """Estimate the planted log hazard ratios in the cohort of a study, by its focus endpoint.

    Parameters
    ----------
    study
        Its name says the disease: ``network_breast``.
    cdm
        The hospitals together.
    planted
        ``planted.json`` of the network.

    Raises
    ------
    DefinitionError
        If nothing is planted for the disease, or the study does not know by what the medicine was chosen.
    """
    import rwe.survival as sv

    told = json.loads(planted.read_text("utf-8"))
    wanted = _wanted(study, told)
    if unknown := _chosen_by(study, told) - study.baseline.keys():
        raise DefinitionError(
            f"study '{study.study}' does not know {', '.join(sorted(unknown))}, by which the medicine "
            "was chosen in the network: its ratio is not the planted one"
        )
    rows, terms = _rows(build_cohort(cdm, study).subjects, study.focus.endpoint, wanted)
    fit = sv.cox(rows, time="time", event="event", covariates=terms, strata="site")
    found = fit.coefficients.select("term", "estimate", "std_error").rows()
    return [Recovered(study.study, term, wanted[term], b, error, rows.height) for term, b, error in found]


def _wanted(study: Study, planted: Mapping[str, Any]) -> dict[str, float]:
    disease = study.study.removeprefix(PREFIX)
    for hazard in planted["hazards"]:
        if (hazard["disease"], hazard["outcome"]) == (disease, "event"):
            return {effect["term"]: float(effect["log_ratio"]) for effect in hazard["effects"]}
    raise DefinitionError(f"study '{study.study}': nothing is planted for '{disease}' in the network")


def _chosen_by(study: Study, planted: Mapping[str, Any]) -> set[str]:
    """Return the terms that the choice of the medicine hangs on."""
    disease = study.study.removeprefix(PREFIX)
    return {
        effect["term"] for choice in planted["choices"] if choice["disease"] == disease for effect in choice["effects"]
    }


def _rows(subjects: pl.DataFrame, endpoint: str, wanted: Mapping[str, float]) -> tuple[pl.DataFrame, list[str]]:
    """Return time, event, hospital and the planted terms that the cohort knows and that differ in it."""
    known = {term: value for term, value in _terms(subjects, wanted).items() if term in wanted}
    where = pl.col("site").replace(_ONE_HOSPITAL)
    frame = subjects.select(site=where, time=f"{endpoint}_days", event=f"{endpoint}_event", **known)
    rows = frame.drop_nulls().filter(pl.col("time") > 0)
    return rows, [term for term in known if rows[term].n_unique() > 1]


def _terms(subjects: pl.DataFrame, wanted: Mapping[str, float]) -> dict[str, pl.Expr]:
    takes, marked = pl.col("new") == "yes", pl.col("marker") == "positive"
    found = {
        "new": takes.cast(pl.Int64),
        "stage": pl.col("stage").cast(pl.Int64),
        "ecog": pl.col("ecog"),
        "decades": pl.col("age") / _DECADE,
    }
    if "marker" in subjects.columns:
        found["marker"] = marked.cast(pl.Int64)
    if "new_null" in wanted and "marker" in subjects.columns:  # without the marker the medicine does nothing
        found |= {"new": (takes & marked).cast(pl.Int64), "new_null": (takes & ~marked).cast(pl.Int64)}
    return found
