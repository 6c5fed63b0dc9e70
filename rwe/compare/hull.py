# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whether any weights at all can meet the moments, by linear programming; what cannot be met is named.

Weights exist exactly where 0 lies within the convex hull of the rows of z. It does not where some combination of the
moments is nowhere negative and somewhere positive (Farkas); that combination names the moments that stand in each
other's way. How far a moment can be brought is told as far as ten persons together can carry it: the very border would
tell the record of one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rwe.compare.margins import Floats
from rwe.compare.moments import Moment
from rwe.errors import NoValidAnswer

CARRIED = 10  # persons who must share what is told of a border
CLEAR = 1e-7  # of a standard deviation
FAR = 1e5  # longest direction that is looked at


def in_the_way(z: Floats) -> list[int]:
    """Return the moments that no weights can meet, alone or together; none where weights exist.

    Parameters
    ----------
    z
        Rows of centred moments on the scale of their standard deviation.
    """
    alone = [j for j in range(z.shape[1]) if z[:, j].min() >= -CLEAR or z[:, j].max() <= CLEAR]
    if alone:
        return alone
    from scipy.optimize import linprog

    rows = np.unique(z, axis=0)
    both = np.hstack([rows, -rows])  # of the directions that count 1 on average the shortest: few moments, and no scale
    found = linprog(
        np.ones(both.shape[1]), A_ub=-both, b_ub=np.zeros(len(rows)), A_eq=both.mean(axis=0)[None], b_eq=[1.0],
        bounds=(0, FAR), method="highs",
    )  # fmt: skip
    if found.status != 0:
        return []
    direction = found.x[: z.shape[1]] - found.x[z.shape[1] :]
    return [j for j in range(z.shape[1]) if abs(direction[j]) > CLEAR * np.abs(direction).max()]


def refuse_unreachable(z: Floats, scale: Floats, moments: Sequence[Moment]) -> None:
    """Refuse moments that no weights can meet.

    Raises
    ------
    NoValidAnswer
        Naming each, what was asked, and what the rows can reach.
    """
    if not (blamed := in_the_way(z)):
        return
    told = []
    for j in blamed:
        reach = _reach(z, j, [] if len(blamed) == 1 else [k for k in blamed if k != j])
        told.append(f"{moments[j].name}: {moments[j].published:g} asked{_words(moments[j], scale[j], reach)}")
    alone = "" if len(blamed) == 1 else ", together"
    raise NoValidAnswer(
        f"no weights of these {len(z)} rows give{alone}: {'; '.join(told)}. Change the population, or leave them out"
    )


def _words(moment: Moment, scale: float, reach: tuple[float, float] | None) -> str:
    if reach is None:
        return ""
    low, high = (moment.goal + scale * end for end in reach)
    if moment.statistic == "sd":
        low, high = (max(end, 0.0) ** 0.5 for end in (low, high))
    if moment.statistic == "median":
        return f", which {low:.0%} to {high:.0%} of the weight can be at or below"
    border = " (to reach the border itself others would need weight 0)" if low <= moment.goal <= high else ""
    return f", {low:.3g} to {high:.3g} within reach{border}"


def _reach(z: Floats, j: int, others: list[int]) -> tuple[float, float] | None:
    """Return what `CARRIED` persons or more can bring moment j to while the `others` are met; None if nothing."""
    if len(z) < CARRIED:
        return None
    if not others:
        ordered = np.sort(z[:, j])
        return float(ordered[:CARRIED].mean()), float(ordered[-CARRIED:].mean())
    from scipy.optimize import linprog

    equal = np.vstack([np.ones(len(z)), z[:, others].T])
    goals = np.append(1.0, np.zeros(len(others)))
    ends = []
    for sign in (1.0, -1.0):
        cost = sign * z[:, j]
        found = linprog(cost, A_eq=equal, b_eq=goals, bounds=(0, 1 / CARRIED), method="highs")
        if found.status != 0:
            return None
        ends.append(sign * float(found.fun))
    return ends[0], ends[1]
