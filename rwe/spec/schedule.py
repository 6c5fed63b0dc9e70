# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A schedule: by what rule of the calendar a study is run again, and what becomes of missed windows."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from rwe.errors import DefinitionError, Problem
from rwe.spec.base import Flag, Int, Name, Part, locate, read


def _rule(text: str) -> str:
    try:
        CronSim(text, datetime(2000, 1, 1))
    except CronSimError as exc:
        raise ValueError(f"not a cron rule ({exc}); five fields such as '30 3 1 * *'") from None
    if len(text.split()) != 5:
        raise ValueError("a cron rule has five fields such as '30 3 1 * *'")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("unknown time zone; write its name such as 'Europe/Sofia'") from None
    return name


class Schedule(Part):
    """The whole schedule file.

    `cron` is read on the clock of `timezone`; where a window falls in the hour that the clock
    skips it is due when the clock goes on, and where it falls in the hour that comes twice it is
    due once. `catch_up` says what happens to windows that passed unserved: ``last`` runs the newest
    of them, ``all`` each, oldest first, ``none`` only one not older than `grace_minutes`.
    """

    schedule: Name
    cron: Annotated[str, AfterValidator(_rule)]
    timezone: Annotated[str, AfterValidator(_zone)] = "Europe/Sofia"
    study: str
    start: date
    catch_up: Literal["last", "all", "none"] = "last"
    grace_minutes: Int = Field(default=60, ge=1)
    attempts: Int = Field(default=5, ge=1)
    track: Flag = False
    enabled: Flag = True

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the rule."""
        return ZoneInfo(self.timezone)


def load_schedule(path: Path) -> tuple[Schedule, Path]:
    """Return the schedule in `path` and the study file it names.

    Raises
    ------
    DefinitionError
        If the file is wrong or the study is not there.
    """
    schedule = read(path, Schedule)
    study = locate(schedule.study, path)
    if not study.is_file():
        raise DefinitionError(Problem(str(path), 1, 1, "study", f"no such file: {schedule.study}"))
    return schedule, study
