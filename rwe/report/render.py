# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From ``release/`` to ``report/dossier.<lang>.html``: sections into templates, one file without a network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rwe.errors import MachineError
from rwe.figures import FONTS
from rwe.report.blocks import Section
from rwe.report.cards import cards
from rwe.report.findings import findings
from rwe.report.page import Page, open_page
from rwe.report.sections import ORDER
from rwe.report.words import Words

TEMPLATES = Path(__file__).parent / "templates"
WEIGHTS = {400: "IBMPlexSans-Regular.woff2", 600: "IBMPlexSans-SemiBold.woff2"}


def render(run: Path, lang: str) -> Path:
    """Write the dossier of a run.

    Parameters
    ----------
    run
        The run folder. Only its ``release/`` is read.
    lang
        Language of the dossier: a catalogue of ``rwe/report/words``.

    Returns
    -------
    Path
        The file written, ``report/dossier.<lang>.html``: the same bytes for the same release.

    Raises
    ------
    DataError
        If the release lacks what a dossier needs.
    DefinitionError
        If the language has no catalogue, or the catalogue no words for what the release names.
    MachineError
        If the file cannot be written.
    """
    page = open_page(run / "release", lang)
    text = html(page)
    path = run / "report" / f"dossier.{lang}.html"
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(exist_ok=True)
        part.write_text(text, "utf-8")
        part.replace(path)  # never half a dossier under its name
    except OSError as exc:
        raise MachineError(f"report/ cannot be written: {exc.strerror}; mend disk or permission") from None
    return path


def html(page: Page) -> str:
    """Return the whole page as text."""
    sections = [section for make in ORDER if (section := make(page)) is not None]
    return (
        _environment()
        .get_template("dossier.html.j2")
        .render(
            w=page.words,
            page=page,
            study=page.context.study,
            say=page.say,
            cards=list(cards(page)),
            findings=findings(page),
            sections=sections,
            subtitle=_subtitle(page),
            fonts=_fonts(),
            style=Markup((TEMPLATES / "dossier.css").read_text("utf-8")),
        )
    )


def sheet(words: Words, title: str, subtitle: str, sections: Sequence[Section], mark: str = "") -> str:
    """Return a page of chapters without a study of its own, in the look of a dossier; `mark` stands over all."""
    template = _environment().get_template("sheet.html.j2")
    style = Markup((TEMPLATES / "dossier.css").read_text("utf-8"))
    return template.render(
        w=words, title=title, subtitle=subtitle, sections=sections, mark=mark, fonts=_fonts(), style=style
    )


def _subtitle(page: Page) -> str:
    study = page.context.study
    return page.words(
        "page.subtitle",
        medicine=page.say(study.medicine),
        indication=page.say(study.indication),
        sites=", ".join(page.say(site.title) for site in page.context.sites),
        start=page.numbers.date(study.start),
        end=page.numbers.date(study.end),
    )


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(TEMPLATES)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _fonts() -> dict[int, Any]:
    """Return the fonts by weight as text that a style sheet can hold."""
    encoded = {weight: base64.b64encode((FONTS / name).read_bytes()) for weight, name in WEIGHTS.items()}
    return {weight: Markup(text.decode("ascii")) for weight, text in encoded.items()}
