# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Walk persons through a life table: the hazard of a cell holds until the next birthday or new year cut.

A table is cut by sex, calendar day and age in days. A person of age a on calendar day c is, t days later,
in the cell of age a + t and day c + t; the first and the last cut reach on without end. Weights of Pohar
Perme, Stare & Esteve (2012) Biometrics 68:113.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I4, I8, Flags, f8_in, f8_out, flags_in, i4_in, i8_in, integer, kernel, number


@kernel(f8_in, f8_in, f8_in, integer, number, number, number, f8_out)
def _cell(hazard: F8, ages: F8, days: F8, sex: int, age: float, day: float, at: float, out: F8) -> None:
    """Write the hazard of a person `at` days after the start, and when it changes next."""
    i = max(int(np.searchsorted(ages, age + at, side="right")) - 1, 0)
    j = max(int(np.searchsorted(days, day + at, side="right")) - 1, 0)
    out[0] = hazard[(sex * days.size + j) * ages.size + i]
    birthday = ages[i + 1] - age if i + 1 < ages.size else np.inf
    new_year = days[j + 1] - day if j + 1 < days.size else np.inf
    out[1] = min(birthday, new_year)


@kernel(f8_in, f8_in, f8_in, i8_in, f8_in, f8_in, f8_in)
def expected_hazard(hazard: F8, ages: F8, days: F8, sex: I8, age: F8, day: F8, until: F8) -> F8:
    """Return the cumulative hazard of each person from the start until a time in days.

    Parameters
    ----------
    hazard
        By sex, calendar cut and age cut, flat.
    ages, days
        Cuts: age in days, calendar day.
    sex, age, day
        Of each person at the start.
    """
    out, cell = np.zeros(age.size), np.zeros(2)
    for i in range(age.size):
        at = 0.0
        while at < until[i]:
            _cell(hazard, ages, days, sex[i], age[i], day[i], at, cell)
            stop = min(cell[1], until[i])
            out[i] += cell[0] * (stop - at)
            at = stop
    return out


@kernel(f8_in, f8_in, f8_in, i8_in, f8_in, f8_in, f8_in)
def hazard_at(hazard: F8, ages: F8, days: F8, sex: I8, age: F8, day: F8, at: F8) -> F8:
    """Return the hazard of each person on a day after the start; arguments as in `expected_hazard`."""
    out, cell = np.zeros(age.size), np.zeros(2)
    for i in range(age.size):
        _cell(hazard, ages, days, sex[i], age[i], day[i], at[i], cell)
        out[i] = cell[0]
    return out


@kernel(f8_in, f8_in, f8_in, i8_in, f8_in, f8_in, f8_in, f8_in)
def expected_survival(hazard: F8, ages: F8, days: F8, sex: I8, age: F8, day: F8, weight: F8, grid: F8) -> F8:
    """Return the weighted sum over persons of the survival they would have in the population at ascending times."""
    out, cell = np.zeros(grid.size), np.zeros(2)
    for i in range(age.size):
        at, change, daily, total = 0.0, 0.0, 0.0, 0.0
        for k in range(grid.size):
            while change < grid[k]:
                total += daily * (change - at)
                at = change
                _cell(hazard, ages, days, sex[i], age[i], day[i], at, cell)
                daily, change = cell[0], cell[1]
            total += daily * (grid[k] - at)
            at = grid[k]
            out[k] += weight[i] * np.exp(-total)
    return out


@kernel(
    f8_in, f8_in, f8_in, i8_in, f8_in, f8_in, i8_in, i4_in, i4_in, flags_in, integer, integer
)  # fmt: skip
def population(
    hazard: F8, ages: F8, days: F8, sex: I8, age: F8, day: F8,
    group: I8, enter: I4, leave: I4, event: Flags, n_groups: int, n_days: int,
) -> F8:  # fmt: skip
    """Sum over those at risk, by kind, group and day.

    Returns
    -------
    array of shape (5, groups, days)
        With w = 1 / expected survival: sum of w as the day begins and as it ends, sum of the
        expected hazard of the day, and over those who fail on it sum of w and of w^2.
    """
    out, cell = np.zeros((5, n_groups, n_days)), np.zeros(2)
    for i in range(age.size):
        g, w, at, factor = group[i], 1.0, 0.0, 1.0
        _cell(hazard, ages, days, sex[i], age[i], day[i], at, cell)
        daily, change = cell[0], cell[1]
        factor = np.exp(daily)
        for t in range(1, leave[i] + 1):
            h, f = daily, factor
            if change < t:
                h, at = 0.0, t - 1.0
                while change < t:
                    h += daily * (change - at)
                    at = change
                    _cell(hazard, ages, days, sex[i], age[i], day[i], at, cell)
                    daily, change = cell[0], cell[1]
                h += daily * (t - at)
                f, factor = np.exp(h), np.exp(daily)
            if t > enter[i]:
                out[0, g, t] += w
                out[1, g, t] += w * f
                out[2, g, t] += h
            w *= f
        if event[i]:
            out[3, g, leave[i]] += w
            out[4, g, leave[i]] += w * w
    return out
