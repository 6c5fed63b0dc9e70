# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whom a comparison lost from sight and what was misread: options, and rows, of a study's doubts about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

import polars as pl
from pydantic import Field, model_validator

import rwe
from rwe.compare.follow_up import curve, follow_up
from rwe.spec.base import Int, Part, Real

if TYPE_CHECKING:
    from analyses.alignment import Aligned
    from rwe.compare import TrialBaseline

Above = Annotated[Real, Field(gt=0)]


class Spread(Part):
    """A number that is not known exactly: one of these distributions (`rwe.compare.uncertain.drawn`)."""

    uniform: tuple[Real, Real] | None = None
    triangular: tuple[Real, Real, Real] | None = None
    trapezoidal: tuple[Real, Real, Real, Real] | None = None
    beta: tuple[Above, Above] | None = None
    lognormal: tuple[Above, Above] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = self.model_dump(exclude_none=True)
        if len(given) != 1:
            raise ValueError("name one distribution: uniform, triangular, trapezoidal, beta or lognormal")
        kind, numbers = next(iter(given.items()))
        if kind != "beta" and list(numbers) != sorted(numbers):
            raise ValueError(f"the numbers of {kind} must rise")
        return self


Number = Real | Spread


class Unmeasured(Part):
    """A confounder that nobody measured: who has it in practice and in the trial, and its ratio with the outcome."""

    practice: Number
    trial: Number
    ratio: Number


class Misread(Part):
    """How well an event of practice is told by its records; the trial's events are taken as adjudicated."""

    sensitivity: Number
    specificity: Number


class Mistaken(Part):
    """Who of practice is on record with the medicine: the share who took it, and the others' hazard to theirs."""

    predictive_value: Number
    ratio: Number


class Bias(Part):
    """Probabilistic bias analysis: what is wrong with the comparison, as distributions."""

    confounder: Unmeasured | None = None
    outcome: Misread | None = None
    exposure: Mistaken | None = None
    draws: Int = Field(default=10_000, ge=100)
    seed: Int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.confounder is None and self.outcome is None and self.exposure is None:
            raise ValueError("say what is wrong: confounder, outcome, exposure or several")
        return self


class Lost(Part):
    """Whose leaving is doubted (`reasons` of the endpoint's follow-up), and at which multiples of the hazard."""

    reasons: tuple[str, ...] = Field(default=("lost", "last_check"), min_length=1)
    deltas: tuple[Above, ...] = Field(default=(1.0, 1.5, 2.0, 3.0, 5.0), min_length=1)
    imputations: Int = Field(default=20, ge=2)
    seed: Int = Field(default=1, ge=0)


def lost(
    aligned: Aligned, trial: TrialBaseline, endpoint: str, published: str, arm: str, tau: int, conf_level: float,
    asked: Lost,
) -> pl.DataFrame:  # fmt: skip
    """Return the ratio under each assumption about those who left practice (stratum censoring), and what tips it."""
    people = aligned.people
    practice = follow_up(people, endpoint, aligned.raked).with_columns(
        doubted=people[f"{endpoint}_reason"].is_in(asked.reasons)
    )
    theirs = trial.patients(published, arm).select("days", "event", weight=1.0, practice=0, doubted=False)
    both = pl.concat([practice, theirs.select(practice.columns)], how="vertical_relaxed")
    found = rwe.compare.informative_censoring(
        both, time="days", event="event", by="practice", horizon=tau, doubted="doubted", weights="weight",
        deltas=asked.deltas, imputations=asked.imputations, seed=asked.seed, conf_level=conf_level,
    )  # fmt: skip
    rows = found.to_result().table.select("group", "estimand", "estimate", "conf_low", "conf_high", "n")
    left = pl.DataFrame({"estimand": ["left"], "n": [found.imputed]})
    return pl.concat([rows, left], how="diagonal_relaxed").with_columns(pl.col("group").fill_null(""))


def biased(
    main: Mapping[str, Any], aligned: Aligned, endpoint: str, tau: int, conf_level: float, asked: Bias
) -> pl.DataFrame:
    """Return the ratio as it is, without the bias, and so with its random error (the group says which)."""
    outcome: dict[str, Any] | None = None
    if asked.outcome:
        practice = curve(follow_up(aligned.people, endpoint, aligned.raked), conf_level, weighted=True)
        outcome = {**_plain(asked.outcome), "risk": 1 - practice.at([tau])["survival"].item()}
    confounder = _plain(asked.confounder) if asked.confounder else None
    found = rwe.compare.bias_analysis(
        main["estimate"], main["conf_low"], main["conf_high"], outcome=outcome, draws=asked.draws, seed=asked.seed,
        confounder=confounder and {
            "treated": confounder["practice"], "control": confounder["trial"], "ratio": confounder["ratio"]
        },
        exposure=_plain(asked.exposure) if asked.exposure else None, conf_level=conf_level,
    )  # fmt: skip
    return found.to_result().table.select("group", "estimate", "conf_low", "conf_high", estimand=pl.lit("hazard_ratio"))


def _plain(part: Part) -> dict[str, Any]:
    """Return numbers, and distributions by their one name."""
    return part.model_dump(exclude_none=True)
