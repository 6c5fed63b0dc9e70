# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How many digits late entry leaves: those who enter later are part of later sums and are taken off again."""

from __future__ import annotations

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, Flags
from rwe.kernels.partial_likelihood import taken_off

ROUNDING = float(np.finfo(np.float64).eps)
BLUNT = 1e-6  # error of the score a failure, in standard deviations of a covariate, with which nothing can be climbed
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
