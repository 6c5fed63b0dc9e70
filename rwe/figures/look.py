# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Colours, sizes and the typeface that all charts share."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

# altair's parts are generated, its constructors untyped for a strict checker
alt: Any = import_module("altair")

FONTS = Path(__file__).parent / "fonts"
FAMILY = "IBM Plex Sans"

# told apart by every kind of colour vision, and never by colour alone: dashes and shapes differ too
BLUE, RED, LIGHT_BLUE = "#0b5fa5", "#d1495b", "#3877a6"
PALETTE = (BLUE, RED, "#00776b", "#a86400", "#7a4a9e", "#4f5b66", "#1d9bd1", "#8c1d40")
INK, MUTED, RULE, GRID = "#17212b", "#566371", "#8b97a3", "#d9dfe5"

TEXT = 13  # px; the page shows a chart at its own size or smaller
SMALL = 12
DASHES = [5, 4]
# widest mean advance of the semi-bold Latin and Cyrillic letters, in em: a label is never longer than guessed
ADVANCE = 0.62


def plotted(rows: list[dict[str, Any]]) -> Any:
    """Return rows as the data of a chart: as text, which the chart library does not copy at every step."""
    return alt.Data(values=json.dumps(rows, ensure_ascii=False), format=alt.JsonDataFormat(type="json"))


def text_width(text: str, size: float = TEXT) -> float:
    """Return an upper guess of the width of `text` in px."""
    return len(text) * size * ADVANCE


def config() -> dict[str, Any]:
    """Return the Vega-Lite configuration of every chart."""
    axis = {
        "labelFontSize": TEXT,
        "titleFontSize": TEXT,
        "titleFontWeight": 400,
        "labelColor": INK,
        "titleColor": MUTED,
        "domainColor": RULE,
        "tickColor": RULE,
        "gridColor": GRID,
        "labelPadding": 6,
        "tickSize": 5,
        "labelFlush": False,
    }
    return {
        "font": FAMILY,
        "background": "transparent",
        "aria": False,  # one title and one description speak for the whole chart
        "view": {"stroke": None},
        "axis": axis,
        "text": {"fontSize": TEXT, "fill": INK, "baseline": "middle"},
    }
