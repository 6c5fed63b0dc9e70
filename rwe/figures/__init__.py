# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts from tidy tables, as accessible SVG: the same drawing for a dossier, a page and a notebook."""

from rwe.figures.bars import Bars, bars
from rwe.figures.forest import ForestRow, ForestWords, forest
from rwe.figures.km import KmWords, Series, km
from rwe.figures.look import BLUE, FONTS, LIGHT_BLUE, RED
from rwe.figures.love import LoveRow, LoveWords, love
from rwe.figures.svg import Caption

__all__ = [
    "BLUE",
    "FONTS",
    "LIGHT_BLUE",
    "RED",
    "Bars",
    "Caption",
    "ForestRow",
    "ForestWords",
    "KmWords",
    "LoveRow",
    "LoveWords",
    "Series",
    "bars",
    "forest",
    "km",
    "love",
]
