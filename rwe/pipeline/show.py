# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a run would do, and the dossier of one that was done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rwe import provenance
from rwe.errors import DefinitionError
from rwe.pipeline.planning import load_plan
from rwe.report import render


def plan(study_path: Path, home: Path) -> dict[str, Any]:
    """Return what a run of the study would read and write; nothing is read or written.

    Raises
    ------
    DefinitionError
        With every fault of the study and the files it names.
    """
    found = load_plan(study_path)
    streams = [f"{s.site.site}/{name}" for s in found.sources for name in s.mapping.source.streams]
    return {
        "study": f"{found.study.study} {found.study.version}",
        "definitions": [path.name for path in found.files],
        "reads": streams,
        "analyses": [asked.spec.id for asked in found.asked],
        "store": str(home / "store"),
        "writes": str(home / "runs"),
    }


def report(run: str | Path, home: Path, lang: Sequence[str]) -> list[Path]:
    """Write the dossier of a run again, from its released tables.

    Parameters
    ----------
    run
        Run id in this home, or the path of a run folder.

    Raises
    ------
    DefinitionError
        If there is no such run.
    TornStore
        If the released tables are not those of the run's manifest.
    """
    folder = next((path for path in (home / "runs" / run, Path(run)) if (path / "release").is_dir()), None)
    if folder is None:
        known = sorted(path.name for path in (home / "runs").glob("*") if (path / "release").is_dir())
        raise DefinitionError(f"no run '{run}' in {home / 'runs'}; the newest are: {', '.join(known[-3:]) or 'none'}")
    provenance.verify(folder, "release/")
    return [render(folder, language) for language in lang]
