# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How many digits are left: late entries are taken off sums again, and a covariate may hardly differ at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, Flags
from rwe.kernels.partial_likelihood import taken_off

ROUNDING = float(np.finfo(np.float64).eps)
BLUNT = 1e-6  # error of the score a failure, in standard deviations of a covariate, with which nothing can be climbed
IDLE = 1e-13  # share of the squared mean covariate below which its spread among those at risk is rounding
VAGUE = 1e-7  # error of the score as a share of the information, with which no estimate is printed


def score_error(at_risk: F8, w_event: F8, opens: Flags) -> float:
    """Return the rounding error of the score that late entries leave; infinite where nothing can be climbed with it."""
    error = ROUNDING * taken_off(at_risk, w_event, opens)
    return error if error < BLUNT * w_event.sum() else np.inf


def refuse_vague(error: float, curve: F8) -> None:
    """Refuse a maximum whose score has lost the digits that the curvature there asks for.

    Raises
    ------
    NoValidAnswer
        If late entry and risks far apart leave too few digits.
    """
    if error and not error < VAGUE * np.linalg.eigvalsh(curve)[0]:
        raise NoValidAnswer(
            "late entry and estimates so large that risks are far apart: after taking off those who enter later, sums "
            "over those at risk keep too few digits; merge levels, leave out terms, or use penalty='firth'"
        )


def refuse_idle(curve: F8, at_risk: F8, w_event: F8, terms: Sequence[str]) -> None:
    """Refuse terms whose information is but the rounding of a covariate that is the same for all at risk.

    Parameters
    ----------
    curve
        Information.
    at_risk
        Sums of r x over those at risk by occasion, the sum of r last.
    w_event
        Weight of those who fail, by occasion.

    Raises
    ------
    NoValidAnswer
        If a term does not differ among those at risk, as one that is constant within each stratum.
    """
    square = w_event @ np.square(at_risk[:, :-1] / at_risk[:, -1:])
    if idle := [name for name, left, whole in zip(terms, np.diag(curve), square, strict=True) if left <= IDLE * whole]:
        raise NoValidAnswer(same_for_all(idle))


def same_for_all(terms: Sequence[str]) -> str:
    """Return what is said of terms that do not differ among those who could fail."""
    return f"terms {list(terms)} are constant or a combination of others for all at risk together: leave them out"
