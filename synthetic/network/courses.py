# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The courses of disease: who is ill with what, how badly, what they are given, and what becomes of them."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.network.chance import F8, I8, Chance
from synthetic.network.diseases import COMPARATOR, DELAYED, DISEASES, NEW, Disease
from synthetic.network.latent import NEVER, latent_days
from synthetic.network.persons import disease, first_treated
from synthetic.network.world import PLANTED

_DIAGNOSED_WITHIN = 60
_LATENT = ("t_event", "t_competing", "t_progression", "t_dropout")


def courses(seed: int, people: pl.DataFrame) -> pl.DataFrame:
    """Return the course of each person.

    Parameters
    ----------
    seed
        Of the network.
    people
        As `persons` gives them.

    Returns
    -------
    polars.DataFrame
        By person. Days count from ``index_day``, the first treatment.

        - person, disease, icd10, hospital, diagnosed, index_day, age (years), decades (beyond 65), stage, ecog,
          marker (0, 1), second_marker (as found; null where the disease has none), arm, atc, newer;
        - what acts: new (takes the new medicine where it acts), new_null (takes it where it does nothing), delayed;
        - latent days, whatever comes first, null for never: t_event, t_competing, t_progression, t_dropout,
          t_stop (of the first treatment), t_cut (the end of all records);
        - what the records can show: entry (day on which those of the hospital begin), exit with event, competed or
          dropped; progression_exit with progressed; last (of all records of the person) with died or left; observed.
    """
    number = people["person"].to_numpy()
    which = disease(seed, number)
    parts = [_of_disease(seed, people.filter(pl.Series(which == place)), one) for place, one in enumerate(DISEASES)]
    return pl.concat(parts).sort("person", maintain_order=True)


def _of_disease(seed: int, people: pl.DataFrame, ill: Disease) -> pl.DataFrame:
    chance = Chance(seed, people["person"].to_numpy())
    found = _treated(chance, _baseline(seed, chance, people, ill), ill)
    return _observed(found.with_columns(**_latent(chance, found, ill)), ill)


def _baseline(seed: int, chance: Chance, people: pl.DataFrame, ill: Disease) -> pl.DataFrame:
    index = pl.Series(first_treated(seed, people["person"].to_numpy()))
    age = (index - people["born"]).dt.total_days().to_numpy() / 365.25
    stage = chance.one_of("stage", ill.stages) + 1
    delay = pl.Series(chance.below("diagnosed", _DIAGNOSED_WITHIN)).cast(pl.Int32)
    names = [one.name for one in PLANTED.hospitals]
    columns = {
        "person": people["person"],
        "disease": pl.repeat(ill.name, people.height, eager=True),
        "icd10": pl.Series(ill.codes).gather(chance.below("code", len(ill.codes))),
        "hospital": pl.Series(names).gather(chance.one_of("hospital", [one.share for one in PLANTED.hospitals])),
        "diagnosed": (index.cast(pl.Int32) - delay).cast(pl.Date),
        "index_day": index,
        "age": age,
        "decades": (age - 65) / 10,
        "stage": stage,
        "ecog": _ecog(chance, stage, ill),
        "marker": chance.happens("marker", ill.marked).astype(np.int64),
        "second_marker": _second(chance, people.height, ill),
    }
    return pl.DataFrame(columns)


def _second(chance: Chance, n: int, ill: Disease) -> pl.Series:
    if not ill.second:
        return pl.repeat(None, n, dtype=pl.String, eager=True)
    return pl.Series(list(ill.second)).gather(chance.one_of("second marker", list(ill.second.values())))


def _ecog(chance: Chance, stage: I8, ill: Disease) -> I8:
    """Return ECOG, worse in higher stages."""
    worse = chance.uniform("ecog") ** (1 / (1 + 0.15 * (stage - 1)))
    return np.searchsorted(np.cumsum(ill.ecog)[:-1], worse, side="right").astype(np.int64)


def _treated(chance: Chance, people: pl.DataFrame, ill: Disease) -> pl.DataFrame:
    """Add what each is given: the sicker get a newer medicine."""
    newer = chance.uniform("newer") < 1 / (1 + np.exp(-_odds(people, ill)))
    delayed = newer & chance.happens("delayed", 0.5) if DELAYED in ill.arms else np.zeros_like(newer)
    arm = np.where(delayed, DELAYED, np.where(newer, NEW, COMPARATOR))
    takes = newer & ~delayed
    nothing = takes & (people["marker"].to_numpy() == 0) if _has_null(ill) else np.zeros_like(newer)
    return people.with_columns(
        arm=pl.Series(arm),
        atc=pl.Series(arm).replace_strict(ill.arms, return_dtype=pl.String),
        newer=pl.Series(newer),
        new=pl.Series((takes & ~nothing).astype(np.int64)),
        new_null=pl.Series(nothing.astype(np.int64)),
        delayed=pl.Series(delayed.astype(np.int64)),
    )


def _odds(people: pl.DataFrame, ill: Disease) -> F8:
    choice = next(one for one in PLANTED.choices if one.disease == ill.name)
    return choice.intercept + sum((e.log_ratio * people[e.term].to_numpy() for e in choice.effects), np.zeros(1))


def _has_null(ill: Disease) -> bool:
    return any(e.term == "new_null" for e in PLANTED.hazard(ill.name, "event").effects)


def _latent(chance: Chance, people: pl.DataFrame, ill: Disease) -> dict[str, I8]:
    """Return the latent days; what a disease does not have never comes."""
    found = {name: np.full(people.height, NEVER) for name in _LATENT}
    for one in sorted(PLANTED.hazards, key=lambda one: one.disease):  # a disease's own after everybody's
        if one.disease in (ill.name, ""):
            found[f"t_{one.outcome}"] = latent_days(one, people, chance.exponential(one.outcome))
    stop = np.ceil(ill.stop_days * chance.exponential("stop"))
    cut = (pl.lit(PLANTED.cut) - pl.col("index_day")).dt.total_days()
    return found | {"t_stop": np.minimum(stop, NEVER).astype(np.int64), "t_cut": people.select(cut).to_numpy()[:, 0]}


def _observed(people: pl.DataFrame, ill: Disease) -> pl.DataFrame:
    """Add what the records of the hospitals can show, and let what never comes be null."""
    begins = {one.name: one.records_from for one in PLANTED.hospitals}
    event, competing, dropout, cut = (pl.col(f"t_{name}") for name in ("event", "competing", "dropout", "cut"))
    known = pl.min_horizontal(dropout, cut)  # what is known of a person at most
    death, progression = event if ill.kills else competing, pl.col("t_progression")
    begin = pl.col("hospital").replace_strict(begins, return_dtype=pl.Date)
    shown = people.with_columns(
        entry=(begin - pl.col("index_day")).dt.total_days().clip(0),
        exit=pl.min_horizontal(event, competing, known),
        event=event <= pl.min_horizontal(competing, known),
        competed=(competing < event) & (competing <= known),
        dropped=(dropout <= cut) & (dropout < pl.min_horizontal(event, competing)),
        progression_exit=pl.min_horizontal(progression, event, known),
        progressed=(progression < event) & (progression <= known) & ill.kills,
        last=pl.min_horizontal(death, known),
        died=death <= known,
        left=(dropout <= cut) & (dropout < death),
    )
    never = [pl.when(pl.col(name) < NEVER).then(pl.col(name)) for name in (*_LATENT, "t_stop")]
    return shown.with_columns(*never, observed=pl.col("last") > pl.col("entry"))
