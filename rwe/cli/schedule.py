# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands over the schedules: tick and list."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from rwe.cli.faults import problems as show_problems
from rwe.cli.options import Common, DryRun, Talk
from rwe.cli.words import word

if TYPE_CHECKING:
    from rwe.schedule import Standing

ALL = Common()
FOLDER = Path("configs/schedules")
Folder = Annotated[Path, Parameter(help=word("help.folder"))]


def tick(*, folder: Folder = FOLDER, dry_run: DryRun = False, common: Common = ALL, voice: Talk) -> int:
    """Start the runs that are due."""
    from rwe import schedule

    if dry_run:
        return _would(folder, common, voice)
    done = schedule.tick(folder, common.place, progress=voice.progress)
    if done.busy or not done.outcomes:
        voice.event("idle", busy=done.busy)
        voice.say("schedule.busy" if done.busy else "schedule.nothing")
    for outcome in done.outcomes:
        voice.event("outcome", **asdict(outcome))
        voice.say("schedule.outcome", **{**asdict(outcome), "status": word(f"status.{outcome.status}")})
    show_problems(voice, done.problems)
    return done.exit_code


def _would(folder: Path, common: Common, voice: Talk) -> int:
    from rwe import schedule

    standings, problems = schedule.survey(folder, common.place)
    due = [(one.schedule.schedule, window) for one in standings for window in one.due]
    for name, window in due:
        voice.event("due", schedule=name, due=window)
        voice.say("schedule.would", schedule=name, due=window)
    if not due:
        voice.say("schedule.nothing")
    return show_problems(voice, problems)


def show(*, folder: Folder = FOLDER, common: Common = ALL, voice: Talk) -> int:
    """Show the schedules, their next window and their last outcome."""
    from rwe import schedule

    standings, problems = schedule.survey(folder, common.place)
    for one in standings:
        voice.event("schedule", **_facts(one))
    if standings:
        heads = [word(f"schedule.head.{name}") for name in ("schedule", "rule", "next", "last")]
        voice.table([heads, *(_row(one) for one in standings)], ["strong"])
    else:
        voice.say("schedule.none", folder=folder)
    return show_problems(voice, problems)


def _facts(one: Standing) -> dict[str, Any]:
    last = asdict(one.last) if one.last else None
    return {**one.schedule.model_dump(mode="json"), "due": list(one.due), "next": one.following, "last": last}


def _row(one: Standing) -> list[str]:
    rule = f"{one.schedule.cron} {one.schedule.timezone}"
    following = _clock(one.following, one) if one.schedule.enabled else word("schedule.off")
    last = f"{_clock(one.last.due, one)} {word(f'status.{one.last.status}')}" if one.last else word("schedule.never")
    return [one.schedule.schedule, rule, following, last]


def _clock(moment: datetime, one: Standing) -> str:
    return f"{moment.astimezone(one.schedule.zone):%Y-%m-%d %H:%M %z}"
