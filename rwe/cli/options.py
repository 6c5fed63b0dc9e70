# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Options that commands share; their help speaks the language in use when a command is loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from rwe.cli.voice import Voice
from rwe.cli.words import LANGUAGES, word

SHARED = Group(word("help.shared"), sort_key=9)
Language = Literal["en", "bg"]
Talk = Annotated[Voice, Parameter(parse=False)]
Study = Annotated[Path, Parameter(name="STUDY", help=word("help.study"))]
DryRun = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.dry_run"))]


@Parameter(name="*", group=SHARED)
@dataclass(frozen=True, slots=True)
class Common:
    """What every command takes."""

    json: Annotated[bool, Parameter(negative="", show_default=False, help=word("help.json"))] = False
    home: Annotated[Path | None, Parameter(help=word("help.home"))] = None
    lang: Annotated[Language | None, Parameter(help=word("help.lang"))] = None

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of a dossier: the one asked for, else all."""
        return (self.lang,) if self.lang else LANGUAGES

    @property
    def place(self) -> Path:
        """The home folder."""
        return home_folder(self.home)


def home_folder(given: Path | str | None) -> Path:
    """Return the home folder: as given, else ``RWE_HOME``, else the user's data folder."""
    if chosen := given or os.environ.get("RWE_HOME"):
        return Path(chosen).expanduser().resolve()
    import platformdirs

    return platformdirs.user_data_path("rwe-engine", appauthor=False)
