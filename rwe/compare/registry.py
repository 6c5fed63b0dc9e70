# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The register of trials: the files of a folder, and each trial's curves reconstructed and graded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rwe.compare.reconstruct import Reconstruction
from rwe.compare.reconstruct_quality import LOG_HAZARD_RATIO
from rwe.compare.trial import TrialBaseline, load_trial
from rwe.compare.trial_curves import RatioCheck, ratios
from rwe.errors import DefinitionError, Problem


@dataclass(frozen=True, slots=True)
class Graded:
    """The curve of one arm and endpoint, reconstructed."""

    endpoint: str
    arm: str
    made: Reconstruction


def survey(folder: Path) -> tuple[list[tuple[Path, TrialBaseline]], Sequence[Problem]]:
    """Return the trials of a folder by file, and every fault of the files that are wrong.

    Raises
    ------
    DefinitionError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise DefinitionError(Problem(str(folder), 1, 1, "", "no such folder; name one with trial files"))
    found: list[tuple[Path, TrialBaseline]] = []
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            found.append((path, load_trial(path)))
        except DefinitionError as exc:
            problems += exc.problems
    return found, problems


def graded(trial: TrialBaseline) -> list[Graded]:
    """Return every published curve of a trial reconstructed, with its gate."""
    return [Graded(endpoint, arm, trial.reconstruction(endpoint, arm)) for endpoint, arm in trial.drawings]


def ratio_checks(trial: TrialBaseline, curves: Sequence[Graded]) -> list[tuple[str, RatioCheck]]:
    """Return by endpoint each published hazard ratio beside that of the reconstructed arms that pass their gate."""
    found: list[tuple[str, RatioCheck]] = []
    for name, endpoint in trial.endpoints.items():
        arms = {
            one.arm: trial.drawings[name, one.arm].days(one.made.patients)
            for one in curves
            if one.endpoint == name and one.made.accepted
        }
        found += [(name, check) for check in ratios(endpoint, arms, LOG_HAZARD_RATIO)]
    return found
