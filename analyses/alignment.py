# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How a study aligns practice with the patients of its trial, and which levels of the trial nobody here has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import polars as pl
from pydantic import Field, model_validator

import rwe
from rwe.compare.trial_figures import joint_tables, moments
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.plugins import Inputs
from rwe.spec.base import Name, Part
from rwe.spec.names import ArmName, VariableName

if TYPE_CHECKING:
    from rwe.compare import TrialBaseline
    from rwe.compare.maic import Aligned as Tilted
    from rwe.compare.rake import Raked


class Alignment(Part):
    """The arm, the margins that practice is weighted to, and how.

    `method`: ``raking`` (iterative proportional fitting), ``maic`` or ``entropy`` (method of moments on the same
    margins; with margins alone all three agree but for rounding, which is worth showing).

    `moments` are numbers of which the trial prints the mean and SD, or the median; `joint` are tables of several
    variables together. `optional_margins` are used where every level of the trial has people here; a margin with a
    level that nobody here has is refused by name and reported. `merge` puts levels of a margin together.
    """

    arm: ArmName = "all"
    method: Literal["raking", "maic", "entropy"] = "raking"
    margins: tuple[VariableName, ...] = ()
    moments: tuple[VariableName, ...] = ()
    joint: tuple[Annotated[tuple[VariableName, ...], Field(min_length=2)], ...] = ()
    optional_margins: tuple[VariableName, ...] = ()
    merge: dict[Name, dict[str, tuple[str, ...]]] = Field(default_factory=dict)

    @property
    def asked(self) -> list[str]:
        """All margins, the optional ones last."""
        return [*self.margins, *self.optional_margins]

    @property
    def classed(self) -> list[str]:
        """All variables that are compared by level, within joint tables too."""
        return list(dict.fromkeys([*self.asked, *(name for table in self.joint for name in table)]))

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not (self.margins or self.moments or self.joint):
            raise ValueError("name at least one of margins, moments and joint")
        if self.moments and self.method == "raking":
            raise ValueError("moments need method maic or entropy: raking knows levels only")
        if both := [name for name in self.moments if name in self.classed]:
            raise ValueError(f"{', '.join(both)}: asked as a number and by levels; keep one")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """People in the classes of the trial, their weights, and what was left out."""

    people: pl.DataFrame
    raked: Raked | Tilted
    settings: dict[str, Any]


def trial_of(inputs: Inputs, options: Alignment, analysis: str) -> TrialBaseline:
    """Return the study's trial with levels merged.

    Raises
    ------
    DefinitionError
        If people of the study enter late, or the trial lacks a margin.
    NoValidAnswer
        If the study names no trial, or a margin is unknown in the arm.
    """
    if inputs.entry:
        raise DefinitionError(f"{analysis} does not take late entry; let index.entry be index for this study")
    if inputs.trial is None:
        raise NoValidAnswer(f"{analysis} needs a trial: name one under `trial` in the study file")
    trial = inputs.trial
    for variable, groups in options.merge.items():
        trial = trial.merge(variable, groups)
    _targets(trial, options.asked, options)
    return trial


def align(people: pl.DataFrame, trial: TrialBaseline, options: Alignment) -> Aligned:
    """Weight people to the margins of the trial.

    Raises
    ------
    DataError, NoValidAnswer
        As `rwe.compare.rake` does.
    """
    people = rwe.compare.classes(people, {name: trial.margins[name] for name in options.classed})
    refused = {name: _absent(people, trial, name, options.arm) for name in options.optional_margins}
    margins = [*options.margins, *(name for name, gone in refused.items() if not gone)]
    how: Mapping[str, Callable[..., Raked | Tilted]] = {
        "raking": rwe.compare.rake,
        "maic": rwe.compare.maic,
        "entropy": rwe.compare.entropy,
    }
    raked = how[options.method](people, _targets(trial, margins, options))
    settings: dict[str, Any] = {
        "method_of_weights": options.method,
        "weights_notes": list(raked.notes),
        "margins": margins,
        "moments": list(options.moments),
        "joint": [list(table) for table in options.joint],
        "refused": [gone for level in refused.values() for gone in level],
        "merged": {name: {new: list(old) for new, old in groups.items()} for name, groups in options.merge.items()},
    }
    return Aligned(people, raked, settings)


def _targets(trial: TrialBaseline, margins: list[str], options: Alignment) -> dict[Any, Mapping[Any, float]]:
    joint = joint_tables(trial, options.joint, options.arm)
    return {**trial.targets(margins, options.arm), **joint, **moments(trial, options.moments, options.arm)}


def _absent(people: pl.DataFrame, trial: TrialBaseline, name: str, arm: str) -> list[dict[str, Any]]:
    """Return the levels of a margin that the trial has and nobody here, with the trial's patients of them."""
    here = set(people[name].drop_nulls())
    targets = trial.targets([name], arm)[name]
    return [{"variable": name, "level": level, "n": n} for level, n in targets.items() if n and level not in here]
