# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The figure of a design: what share of the spend comes back under each scheme and truth."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.forest import ForestRow, ForestWords, forest
from rwe.figures.svg import Caption
from rwe.figures.tongue import Language, Tongue
from rwe.reimbursement.designed import Designed


def design_chart(found: Designed, language: Language) -> Chart:
    """Draw the schemes under each truth; see `Designed.plot`."""
    say, plan = Tongue(language), found.plan
    rows = list(_rows(found, say, language))
    words = ForestWords(
        say("payback_share"), say("payback_column", level=say.percent(plan.conf_level)), "", "", say.percent
    )
    note = say("design_note", n=plan.simulations, patients=plan.patients)
    heading = (str(getattr(plan.title, language)), note)
    described = "; ".join(f"{row.label} {row.text}" for row in rows if row.text)
    return headed(
        forest(rows, words, Caption(key_of(heading, described), heading[0], described), "difference"), *heading
    )


def _rows(found: Designed, say: Tongue, language: Language) -> Iterator[ForestRow]:
    schemes = {scheme.name: str(getattr(scheme.title, language)) for scheme in found.plan.schemes}
    for truth in found.plan.truths:
        yield ForestRow(str(getattr(truth.title, language)), kind="head")
        for row in found.table.filter(truth=truth.name).iter_rows(named=True):
            share, low, high = (round(row[name], 3) for name in ("share", "share_low", "share_high"))
            text = f"{say.percent(share)} ({say.percent(low)}–{say.percent(high)})"
            yield ForestRow(schemes[row["scheme"]], share, low, high, text, "level")
