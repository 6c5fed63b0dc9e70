# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands over trial files: check and list."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from rwe.cli.faults import problems as show_problems
from rwe.cli.options import Common, Talk
from rwe.cli.words import language, word
from rwe.errors import NoValidAnswer

if TYPE_CHECKING:
    from rwe.compare import TrialBaseline
    from rwe.compare.registry import Graded
    from rwe.compare.trial_curves import RatioCheck

ALL = Common()
FOLDER = Path("configs/trials")
ORIGINS = {
    "individual": "trial.individual",
    "reconstructed": "trial.reconstructed",
    "curve_missing": "trial.curve_missing",
}
File = Annotated[Path, Parameter(name="FILE", help=word("help.trial_file"))]
Folder = Annotated[Path, Parameter(help=word("help.trial_folder"))]


def check(file: File, /, *, _common: Common = ALL, voice: Talk) -> int:
    """Check a trial file, reconstruct its curves and hold them against what is published."""
    from rwe.compare import load_trial
    from rwe.compare.registry import graded, ratio_checks

    trial = load_trial(file)
    curves = graded(trial)
    ratios = ratio_checks(trial, curves)
    heads = [word(f"trial.head.{name}") for name in ("curve", "gate", "rmse", "largest", "events", "median")]
    if curves:
        voice.table([heads, *(_curve(one, trial, voice) for one in curves)], ["strong"])
    for endpoint, ratio in ratios:
        voice.event("hazard_ratio", endpoint=endpoint, **asdict(ratio))
        voice.say("trial.ratio", endpoint=endpoint, verdict=_verdict(passed=ratio.passed), **_rounded(ratio, trial))
    for one in curves:
        for reason in one.made.reasons:
            voice.warn(f"{one.endpoint}, {trial.arm_label(one.arm)}: {reason}")
    for note in trial.notes:
        voice.event("note", text=note)
        voice.say("trial.note", text=note)
    shut = sum(not one.made.accepted for one in curves) + sum(not ratio.passed for _, ratio in ratios)
    voice.event("checked", trial=str(file), failed=shut)
    voice.say("trial.shut" if shut else "trial.good", file=file, n=shut)
    return NoValidAnswer.exit_code if shut else 0


def show(*, folder: Folder = FOLDER, _common: Common = ALL, voice: Talk) -> int:
    """List the trials of a folder: what they hold, where their patients come from, and who checked them."""
    from rwe.compare.registry import survey

    found, problems = survey(folder)
    rows = [_row(path, trial, voice) for path, trial in found]
    if rows:
        heads = [word(f"trial.head.{name}") for name in ("trial", "patients", "endpoints", "title", "version", "by")]
        voice.table([heads, *rows], ["strong"])
    else:
        voice.say("trial.none", folder=folder)
    return show_problems(voice, problems)


def _curve(one: Graded, trial: TrialBaseline, voice: Talk) -> list[str]:
    q = one.made.quality
    facts: dict[str, Any] = {name: getattr(q, name) for name in ("rmse", "max_error", "events", "median", "repaired")}
    facts |= {"accepted": one.made.accepted, "reasons": one.made.reasons, "assumptions": one.made.assumptions}
    facts |= {"at_risk": q.at_risk.to_dicts()}
    voice.event("reconstruction", endpoint=one.endpoint, arm=one.arm, **facts)
    events = f"{q.events}" if q.events_published is None else f"{q.events} / {q.events_published}"
    median = "-" if q.median is None else f"{q.median:.4g}"
    gate = _verdict(passed=one.made.accepted)
    return [f"{one.endpoint} {trial.arm_label(one.arm)}", gate, f"{q.rmse:.4f}", f"{q.max_error:.4f}", events, median]


def _verdict(*, passed: bool) -> str:
    return word("trial.open" if passed else "trial.closed")


def _rounded(ratio: RatioCheck, trial: TrialBaseline) -> dict[str, Any]:
    figures = {"published": f"{ratio.published:.3g}", "reconstructed": f"{ratio.reconstructed:.3g}"}
    return {"of": trial.arm_label(ratio.of), "versus": trial.arm_label(ratio.versus), **figures}


def _row(path: Path, trial: TrialBaseline, voice: Talk) -> list[str]:
    origins = {name: _origin(trial, name) for name, endpoint in trial.endpoints.items() if endpoint.available}
    title = getattr(trial.title, language())
    n = trial.arms.get("all", sum(trial.arms.values()))
    facts = {
        "version": trial.version,
        "checked_by": trial.checked_by,
        "arms": trial.arms,
        "labels": trial.labels,
        "endpoints": origins,
    }
    voice.event("trial", trial=trial.name, file=str(path), title=trial.title.model_dump(), **facts)
    told = ", ".join(f"{name} ({word(ORIGINS[origin])})" for name, origin in origins.items())
    return [trial.name, str(n), told, title, trial.version, trial.checked_by or word("trial.nobody")]


def _origin(trial: TrialBaseline, endpoint: str) -> str:
    try:
        return trial.origin(endpoint)
    except NoValidAnswer:
        return "curve_missing"
