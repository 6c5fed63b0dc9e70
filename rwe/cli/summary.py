# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a run came to, and what one would do, as people and machines are told it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rwe.cli.voice import Voice
from rwe.cli.words import known, pick

if TYPE_CHECKING:
    from rwe.pipeline import RunSummary


def show_run(voice: Voice, summary: RunSummary) -> int:
    """Say where the dossier is, the key figures, what was new and what changed."""
    voice.say("run.done", run_id=summary.run_id)
    _show_rows(voice, summary)
    _show_figures(voice, summary)
    _show_changes(voice, summary)
    for notice in summary.notices:
        voice.event("notice", text=notice)
        voice.say("run.notice", text=pick(notice))
    for language, path in summary.dossier.items():
        voice.event("dossier", language=language, path=str(path))
        voice.say("run.dossier", path=path)
    show_aside(voice, summary.aside)
    voice.event("run", run_id=summary.run_id, folder=str(summary.folder))
    return summary.exit_code


def show_aside(voice: Voice, aside: Mapping[str, str]) -> None:
    """Say which streams were not read to their end, and why."""
    for stream, fault in aside.items():
        voice.event("aside", stream=stream, reason=fault)
        voice.say("extract.aside", stream=stream, reason=fault)


def _show_rows(voice: Voice, summary: RunSummary) -> None:
    landed, unchanged = sum(summary.landed.values()), sum(summary.unchanged.values())
    voice.event("rows", landed=dict(summary.landed), unchanged=dict(summary.unchanged), rejected=summary.rejected)
    voice.say("run.rows" if landed else "run.no_rows", landed=landed, unchanged=unchanged, rejected=summary.rejected)


def _show_figures(voice: Voice, summary: RunSummary) -> None:
    voice.say("run.figures")
    for figure in summary.figures:
        voice.event("figure", name=figure.name, label=figure.label, text=figure.text)
    voice.table([f"  {pick(figure.label)}", pick(figure.text)] for figure in summary.figures)


def _show_changes(voice: Voice, summary: RunSummary) -> None:
    if summary.previous is None:
        return
    voice.event("compared", previous=summary.previous, changes=len(summary.changes))
    if not summary.changes:
        voice.say("run.no_changes", previous=summary.previous)
    for place, change in enumerate(summary.changes):
        said = {name: pick(value) for name, value in change.items()}
        if place == 0:
            voice.say("run.changes", previous=summary.previous, why=said["why"])
        voice.event("change", **change)
        voice.say("run.change" if said["before"] else "run.remark", **said)


def show_plan(voice: Voice, plan: Mapping[str, Any]) -> int:
    """Say what a run would read and write, without doing it."""
    voice.event("plan", **plan)
    voice.say("plan.head")
    for name, value in plan.items():
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        voice.line(f"  {known(f'plan.{name}', name)}: {text}")
    return 0
