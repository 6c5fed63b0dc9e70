# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a study's medicine is worth: its price file worked out, its figures released, its chapter written."""

from __future__ import annotations

from pathlib import Path

from rwe.pipeline.planning import Plan
from rwe.reimbursement.economics.appraise import Appraisal, appraise
from rwe.report.price import chapter
from rwe.report.priced import write_chapter
from rwe.report.words import LANGUAGES
from rwe.result import Result


def reckoned(plan: Plan) -> Appraisal | None:
    """Work out the price file of a study; None where it names none."""
    return appraise(plan.price) if plan.price else None


def figures(found: Appraisal | None) -> dict[str, Result]:
    """Return the figures under the name of their table."""
    return {"price": found.to_result()} if found else {}


def write_chapters(found: Appraisal | None, release: Path) -> None:
    """Write the chapter in every language."""
    if found is None:
        return
    for language in LANGUAGES:
        write_chapter(release, language, chapter(found, language))
