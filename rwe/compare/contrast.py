# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`contrast`: survival in practice against survival in the trial, as it is or after weighting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import polars as pl

from rwe.compare import contrast_rows as rows
from rwe.compare.follow_up import curve, follow_up, refuse_beyond
from rwe.compare.people import people
from rwe.compare.replicates import Ask, Contrasts, TwoArms, Weigh, resampled, weighing
from rwe.compare.trial import TrialBaseline
from rwe.result import Result, tidy
from rwe.survival.distribution import refuse_draws, refuse_other

PROPORTIONAL = 0.05  # p-value of the test of proportional hazards below which the restricted mean leads
METHOD = {
    "weights": "taken as fixed: that they were estimated is left out of the errors, which makes them a little large, "
    "or too small where few carry the weight or have events",
    "groups": "independent; the variance of a difference is the sum of both",
    "difference": "registry minus trial; normal limits on the plain scale",
    "hazard_ratio": "registry to trial, Cox model with Efron ties, sandwich error (Lin & Wei 1989), trial weight 1",
    "median": "difference with the limits of Su & Wei (1993); null where a median is not reached",
    "proportional_hazards": "score test of a change with time (Grambsch & Therneau 1994), transform km",
    "one_sample_log_rank": "events in practice to those expected by the published curve (Woolson 1981), as it is",
}
BOOTSTRAP = METHOD | {
    "weights": "found anew in each replicate",
    "groups": "drawn with replacement, practice and trial, reconstructed patients too",
    "difference": "registry minus trial; percentile limits",
    "hazard_ratio": "registry to trial, Cox model with Efron ties, percentile limits; std_error is of the logarithm",
    "median": "difference with percentile limits; null where a median is not reached",
}


def contrast(
    cohort_or_frame: Any,
    trial: TrialBaseline,
    *,
    endpoint: str,
    trial_endpoint: str | None = None,
    weights: Any = None,
    arm: str = "all",
    milestones: Sequence[int] = (365, 1096, 1826),
    tau: int = 1826,
    conf_level: float = 0.95,
    errors: Literal["robust", "bootstrap"] = "robust",
    replicates: int = 1000,
    seed: int = 1,
    stratum: str | None = None,
    population: str = "",
) -> Result:
    """Compare an endpoint in practice with the same endpoint among the trial's own patients.

    Where hazards are not proportional (`settings["leads"]` is then ``rmst``) the hazard ratio is an average over
    time that depends on follow-up, and the restricted mean leads.

    Parameters
    ----------
    cohort_or_frame
        A cohort or a frame, one row a person, with ``<endpoint>_days`` and ``<endpoint>_event``.
    trial
        The trial, with individual or reconstructed data.
    endpoint
        Endpoint in practice.
    trial_endpoint
        Its name in the trial, where that differs (a sensitivity rule of the registry).
    weights
        What `rake`, `maic` or another alignment returned, a column name or one weight a row; unweighted by
        default. Robust variances of the weighted registry come from the infinitesimal jackknife.
    arm
        Arm of the trial, or all of it.
    milestones
        Days on which survival is compared; null beyond the follow-up of either side.
    tau
        Common horizon of restricted mean survival time, days.
    errors
        ``robust``: closed errors, weights taken as fixed; ``bootstrap``: both sides are drawn and the weights
        found anew in each replicate, where what found them can (percentile limits).
    replicates, seed
        Of the bootstrap.
    stratum, population
        Labels of the rows; `stratum` is ``unadjusted`` or, with weights, ``raked`` by default.

    Returns
    -------
    Result
        Groups registry, trial and difference. Persons in rows of the group difference are those of
        the registry.

    Raises
    ------
    DefinitionError
        If an argument is wrong.
    DataError
        If columns are missing, or weights are not one finite number >= 0 a row.
    NoValidAnswer
        If the trial has no such endpoint or individual data, or `tau` lies beyond the shorter
        follow-up of the two.
    """
    refuse_other("errors", errors, ("robust", "bootstrap"))
    refuse_draws("percentile", replicates, seed, conf_level)
    name = trial_endpoint or endpoint
    theirs = trial.patients(name, arm).select("days", "event", weight=1.0, practice=0)
    practice = follow_up(people(cohort_or_frame), endpoint, weights)
    shorter = refuse_beyond(tau, {"the registry": practice, f"trial '{trial.name}'": theirs})

    both, published = pl.concat([practice, theirs]), trial.endpoints[name].arms.get(arm)
    ours = curve(practice, conf_level, weighted=weights is not None)
    reference = curve(theirs, conf_level, weighted=False)
    days = [day for day, _ in published.at_risk if day <= shorter] if published else []
    ratio, notes = rows.hazard_ratio(both, conf_level)
    between = [rows.differences(ours, reference, milestones, tau, conf_level), rows.median(both, conf_level), ratio]
    if errors == "bootstrap":
        source = Contrasts(TwoArms.of(practice, theirs), (_weighing(weights, practice),), Ask(tuple(milestones), tau))
        between, lost = resampled(pl.concat(between, how="diagonal_relaxed"), source, replicates, seed, conf_level)
        notes = [*notes, *lost]
    if weights is None and published and published.curve:
        between.append(rows.one_sample(practice, published.curve, conf_level))
    sides = [
        rows.group(ours, "registry", milestones, days, tau),
        rows.size(practice["weight"]),
        rows.group(reference, "trial", milestones, days, tau),
    ]
    label = stratum or ("unadjusted" if weights is None else "raked")
    labels = {"analysis": "trial_comparison", "population": population, "stratum": label, "outcome": endpoint}
    settings = {"trial": trial.name, "arm": arm, "tau": tau, "conf_level": conf_level, "milestones": [*milestones]}
    settings |= {"trial_endpoint": name, "errors": errors, "leads": _leads(ratio), "notes": [*trial.notes, *notes]}
    settings |= (
        {"method": METHOD} if errors == "robust" else {"method": BOOTSTRAP, "seed": seed, "replicates": replicates}
    )
    return Result(pl.concat([tidy(part, **labels) for part in [*sides, *between]]), settings)


def _leads(ratio: pl.DataFrame) -> str:
    """Return which measure speaks first: the restricted mean where hazards are not proportional."""
    p = ratio.filter(estimand="proportional_hazards")["p_value"].item()
    return "rmst" if p is not None and p < PROPORTIONAL else "hazard_ratio"


def _weighing(weights: Any, practice: pl.DataFrame) -> Weigh:
    return weighing(weights, practice["weight"].to_numpy())
