# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a trial prints beside its margins, as the comparison asks for it: response rates, means, joint tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rwe.errors import DefinitionError, NoValidAnswer

if TYPE_CHECKING:
    from rwe.compare.trial import TrialBaseline
    from rwe.spec.trial_published import ArmRate, Figures

Figure = dict[str, float]
Cells = dict[tuple[str, ...], float]


def rate_of(trial: TrialBaseline, name: str, arm: str) -> ArmRate:
    """Return how many of an arm responded.

    Raises
    ------
    DefinitionError
        If the trial has no such rate or arm.
    NoValidAnswer
        If the rate is unknown, in that arm or at all.
    """
    if name not in trial.rates:
        raise DefinitionError(f"trial '{trial.name}' has no rate '{name}'; it has {sorted(trial.rates)}")
    trial.targets([], arm)
    rate = trial.rates[name]
    found = rate.arms.get(arm) if rate else None
    if found is None:
        raise NoValidAnswer(f"trial '{trial.name}': the rate '{name}' is unknown in arm '{arm}'")
    return found


def moments(trial: TrialBaseline, variables: Iterable[str], arm: str) -> dict[str, Figure]:
    """Return mean and SD (the median where no mean is printed) of numbers, as `maic` and `entropy` take them.

    Raises
    ------
    DefinitionError
        If the trial has no such number or arm.
    NoValidAnswer
        If it prints neither mean nor median of that arm.
    """
    trial.targets([], arm)
    told = {numbers.variable: numbers.arms for numbers in trial.numbers}
    wanted = list(variables)
    if absent := sorted(set(wanted) - set(told)):
        raise DefinitionError(f"trial '{trial.name}' has no numbers {absent}; it has {sorted(told)}")
    return {name: _figure(trial.name, name, arm, told[name].get(arm)) for name in wanted}


def joint_tables(trial: TrialBaseline, tables: Iterable[Sequence[str]], arm: str) -> dict[tuple[str, ...], Cells]:
    """Return joint tables in the (merged) levels of the trial's margins, as `rake` and `maic` take them.

    Raises
    ------
    DefinitionError
        If the trial has no table of just these variables, no margin that classes one of them, or no such arm.
    NoValidAnswer
        If the table is unknown in that arm.
    """
    return {key: _table(trial, key, arm) for key in map(tuple, tables)}


def _figure(trial: str, variable: str, arm: str, told: Figures | None) -> Figure:
    if told is not None and told.mean is not None:
        return {"mean": told.mean} | ({"sd": told.sd} if told.sd is not None else {})
    if told is not None and told.median is not None:
        return {"median": told.median}
    raise NoValidAnswer(f"trial '{trial}': mean and median of '{variable}' are unknown in arm '{arm}'")


def _table(trial: TrialBaseline, key: tuple[str, ...], arm: str) -> Cells:
    trial.targets([], arm)
    known = {frozenset(joint.variables): joint for joint in trial.joint}
    joint = known.get(frozenset(key))
    if joint is None:
        there = sorted(" & ".join(one.variables) for one in trial.joint)
        raise DefinitionError(f"trial '{trial.name}' has no joint table of {' & '.join(key)}; it has {there}")
    if absent := [name for name in key if name not in trial.margins]:
        raise DefinitionError(f"trial '{trial.name}' has no margins {absent} to class people by; add them to its file")
    cells = joint.arms.get(arm)
    if cells is None:
        raise NoValidAnswer(f"trial '{trial.name}': the joint table of {' & '.join(key)} is unknown in arm '{arm}'")
    places = [joint.variables.index(name) for name in key]
    found: Cells = {}
    for cell in cells:
        levels = tuple(
            trial.margins[name].classes.get(cell.levels[place], cell.levels[place])
            for name, place in zip(key, places, strict=True)
        )
        found[levels] = found.get(levels, 0.0) + cell.n
    return found
