# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is planted, as data: every number that the engine is to find again, and the model that finds it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

COLUMNS = {
    "event": ("exit", "event"),
    "competing": ("exit", "competed"),
    "progression": ("progression_exit", "progressed"),
    "dropout": ("exit", "dropped"),
}
LATE, EARLY = "delayed_late", "delayed_early"


@dataclass(frozen=True, slots=True)
class Effect:
    """A planted log hazard ratio (or log odds ratio) of a term.

    Parameters
    ----------
    term
        As a model names it: a column of the truth, or ``column=level``; ``delayed_early`` and ``delayed_late`` are
        the column ``delayed`` up to the day of the delay, and after it.
    log_ratio
        By one unit of the term.
    """

    term: str
    log_ratio: float


@dataclass(frozen=True, slots=True)
class CoxModel:
    """The Cox model (`rwe.survival.cox`) that recovers a hazard, on the truth's rows whose time is above their entry.

    Parameters
    ----------
    disease
        Whose rows; all where empty.
    entry, time, event
        Columns: days until the hospital's records begin, until the end, and whether the event ended it. What else
        ends it counts as censored: ratios are those of the cause-specific hazard.
    covariates
        Columns and, where `split_day` is given, the two parts of ``delayed``.
    split_day
        Day after which rows go on as rows of their own, entered on that day.
    """

    disease: str
    entry: str
    time: str
    event: str
    covariates: tuple[str, ...]
    split_day: int | None


@dataclass(frozen=True, slots=True)
class Hazard:
    """The hazard of one kind of event in one disease.

    The cumulative hazard at day t of a person whose terms are all 0 is H(t) = (t / scale_days) ** shape; where a
    share is cured it is -log(cured) * (1 - exp(-H(t))), which never exceeds -log(cured). Ratios multiply it, so a
    Cox model holds for both.

    Parameters
    ----------
    disease
        Name of the disease; empty for all.
    outcome
        ``event``, ``competing``, ``progression`` or ``dropout``.
    scale_days, shape
        Of the baseline.
    effects
        Log hazard ratios.
    cured
        Share of persons whose terms are all 0 that never have the event; 0 where everybody would in time.
    delay_days
        Up to this day ``delayed`` does nothing.
    """

    disease: str
    outcome: str
    scale_days: float
    shape: float
    effects: tuple[Effect, ...]
    cured: float = 0.0
    delay_days: int = 0

    @property
    def model(self) -> CoxModel:
        """The model that recovers the effects."""
        columns = dict.fromkeys(effect.term.partition("=")[0] for effect in self.effects)
        return CoxModel(self.disease, "entry", *COLUMNS[self.outcome], tuple(columns), self.delay_days or None)

    def effect(self, term: str) -> float:
        """Return the log hazard ratio of a term, 0 if it has none."""
        return next((effect.log_ratio for effect in self.effects if effect.term == term), 0.0)


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """The logistic model (`rwe.compare.logistic`) that recovers a choice, on all the truth's rows of the disease.

    On all, because those who entered the records late have been selected by what the medicine did.
    """

    disease: str
    outcome: str
    covariates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Confounding by indication: log odds that a person gets a newer medicine."""

    disease: str
    intercept: float
    effects: tuple[Effect, ...]

    @property
    def model(self) -> LogisticModel:
        """The model that recovers the effects."""
        return LogisticModel(self.disease, "newer", tuple(effect.term for effect in self.effects))


@dataclass(frozen=True, slots=True)
class Change:
    """Mean change of a measurement since the first day, from day `by_day` on, by treatment; means recover it."""

    disease: str
    kind: str
    by_day: int
    newer: float
    comparator: float


@dataclass(frozen=True, slots=True)
class Response:
    """Share of responders (CR or PR as best response) among those assessed before progression; shares recover it."""

    disease: str
    newer: float
    comparator: float


@dataclass(frozen=True, slots=True)
class Margin:
    """What the trial of a medicine found, and the highest hazard ratio at which its benefit counts as kept.

    Both are invented with the network; `hazard` says where the truth stands.
    """

    medicine: str
    disease: str
    outcome: str
    term: str
    trial_hazard_ratio: float
    highest_hazard_ratio: float


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital: its share of the persons, the first day of its electronic records, its log frailty against A."""

    name: str
    share: float
    records_from: date
    log_frailty: float


@dataclass(frozen=True, slots=True)
class Planted:
    """Everything planted.

    Parameters
    ----------
    hospitals
        Shares, first day of records (left truncation), frailty, which stands in the hazards as ``hospital=B``.
    hazards
        By disease and outcome.
    choices, changes, responses, margins
        Confounding, mean changes, shares of responders, margins of two medicines.
    first_day, last_day
        First and last day on which persons are treated for the first time.
    cut
        Last day of all records.
    twins, foreigners, transfers
        Shares of persons: second of twins, without a national number, moved to another hospital if they stay.
    """

    hospitals: tuple[Hospital, ...]
    hazards: tuple[Hazard, ...]
    choices: tuple[Choice, ...]
    changes: tuple[Change, ...]
    responses: tuple[Response, ...]
    margins: tuple[Margin, ...]
    first_day: date
    last_day: date
    cut: date
    twins: float
    foreigners: float
    transfers: float

    def hazard(self, disease: str, outcome: str) -> Hazard:
        """Return one hazard; everybody's where the disease has none of its own.

        Raises
        ------
        KeyError
            If nothing of that outcome is planted.
        """
        found = {one.disease: one for one in self.hazards if one.outcome == outcome}
        return found[disease if disease in found else ""]

    def meets(self, margin: Margin) -> bool:
        """Whether the planted hazard ratio keeps the trial's benefit."""
        truth = self.hazard(margin.disease, margin.outcome).effect(margin.term)
        return math.exp(truth) <= margin.highest_hazard_ratio
