# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What two arms say if treatment or outcome is told with errors that are known as distributions."""

from __future__ import annotations

from typing import Any, Literal

import polars as pl
from pydantic import Field

import rwe
from analyses.robustness_bias import Number
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.spec.base import Day, Int, Name, Part


class Misclassified(Part):
    """How well treatment (`exposure`) or outcome is told, in the comparison of `way` on the day `at`.

    A pair where the two sides differ: with the event and without for the exposure, treated and control for the outcome.
    """

    of: Literal["exposure", "outcome"]
    sensitivity: Number | tuple[Number, Number]
    specificity: Number | tuple[Number, Number]
    way: Name = "unadjusted"
    at: Day
    draws: Int = Field(default=10_000, ge=100)
    seed: Int = Field(default=1, ge=0)


def misclassified_rows(compared: pl.DataFrame, asked: Misclassified, conf_level: float) -> pl.DataFrame:
    """Return the risk ratio on the day as it is, put right, and so with random error (stratum bias, by group).

    The table put right holds the effective persons of each arm, split by survival on that day: under weights it is
    that of the weighted arms, and censoring is taken as not informative.

    Raises
    ------
    DefinitionError
        If the way has no arms of its own, or the day is none of the milestones.
    NoValidAnswer
        If survival on the day is not known, or the errors contradict the data.
    """
    own = compared.filter(stratum=asked.way)
    counts = [number for arm in ("treated", "control") for number in _counts(own, arm, asked)]
    given = asked.model_dump(include={"sensitivity", "specificity"}, exclude_none=True)
    found = rwe.compare.misclassified(
        counts, of=asked.of, measure="rr", draws=asked.draws, seed=asked.seed, conf_level=conf_level, **given
    )
    size = own.filter(group="difference", estimand="milestone", time=asked.at).row(0, named=True)
    rows = found.to_result().table.select("group", "estimand", "estimate", "conf_low", "conf_high")
    return rows.with_columns(
        stratum=pl.lit("bias"), time=pl.lit(asked.at), n=pl.lit(size["n"]), n_event=pl.lit(size["n_event"])
    )


def _counts(own: pl.DataFrame, arm: str, asked: Misclassified) -> tuple[float, float]:
    mine = own.filter(group=arm)
    size = mine.filter(estimand="effective_sample_size")["estimate"]
    lives = mine.filter(estimand="milestone", time=asked.at)["estimate"]
    if size.is_empty() or lives.is_empty():
        raise DefinitionError(f"misclassified: way '{asked.way}' has no arms with day {asked.at} among its milestones")
    if lives[0] is None:
        raise NoValidAnswer(f"misclassified: survival on day {asked.at} is not known in the {arm} arm")
    return size[0] * (1 - lives[0]), size[0]


def said(asked: Misclassified | None) -> dict[str, Any]:
    """Return what settings tell of it."""
    return {} if asked is None else {"misclassified": asked.model_dump(exclude_none=True, mode="json")}
