# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Latent days: when each person would have an event if nothing else came first, from a planted hazard."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from synthetic.network.chance import F8, I8
from synthetic.network.planted import EARLY, LATE, Hazard

NEVER = 36_525


def latent_days(hazard: Hazard, people: pl.DataFrame, exponential: F8) -> I8:
    """Return the day of each person's event: 1 is the first day, `NEVER` none in a hundred years.

    Parameters
    ----------
    hazard
        What is planted.
    people
        Columns named by the terms.
    exponential
        Exponential variates of mean 1, one a person.

    Notes
    -----
    The cumulative hazard at the event is exponential (Bender, Augustin & Blettner, Statistics in Medicine 2005), so
    the baseline is inverted where it reaches the variate divided by the person's ratio. What reaches above the
    bound of a hazard with a cured share is never reached.
    """
    need = exponential / np.exp(log_ratio(hazard, people))
    if hazard.delay_days:
        need = _delayed(hazard, people["delayed"].to_numpy(), need)
    if hazard.cured:
        with np.errstate(divide="ignore"):  # a need beyond the bound is infinite
            need = -np.log1p(-np.minimum(need / -math.log(hazard.cured), 1.0))
    days = np.ceil(hazard.scale_days * need ** (1 / hazard.shape))
    return np.clip(days, 1, NEVER).astype(np.int64)


def log_ratio(hazard: Hazard, people: pl.DataFrame) -> F8:
    """Return each person's log hazard ratio to the baseline, without what acts after a delay."""
    total = np.zeros(people.height)
    for effect in hazard.effects:
        column, _, level = effect.term.partition("=")
        if column not in (EARLY, LATE):
            values = people[column] == level if level else people[column]
            total += effect.log_ratio * values.cast(pl.Float64).to_numpy()
    return total


def _delayed(hazard: Hazard, takes: F8, need: F8) -> F8:
    """Return the baseline hazard at which a person's is `need`, where the ratio changes on the day of the delay."""
    before = (hazard.delay_days / hazard.scale_days) ** hazard.shape
    after = before + (need - before) * np.exp(-hazard.effect(LATE) * takes)
    return np.where(need > before, after, need)
