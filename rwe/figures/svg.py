# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a chart to the text of an SVG that a page can hold: fonts known, words kept, described for the blind."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from markupsafe import escape

from rwe.errors import MachineError
from rwe.figures.look import FONTS, alt, config


@dataclass(frozen=True, slots=True)
class Caption:
    """What a chart is called and what it shows, for those who do not see it.

    Parameters
    ----------
    key
        Short name, unlike that of any other chart of the page: it begins the chart's ids.
    title, description
        Read aloud in the place of the chart.
    """

    key: str
    title: str
    description: str


@functools.cache
def converter() -> ModuleType:
    """Return vl_convert with the shipped fonts registered, once a process."""
    import vl_convert  # starts a JavaScript engine: only where a chart is drawn

    vl_convert.register_font_directory(str(FONTS))
    return vl_convert


def draw(chart: Any, caption: Caption, size: tuple[float, float], padding: dict[str, int]) -> str:
    """Return `chart` as an SVG element, the same bytes for the same chart.

    Parameters
    ----------
    chart
        Altair chart whose views have fixed sizes.
    caption
        Spoken for the chart.
    size
        Width and height in px of the views together.
    padding
        Room in px around them, so that the size of the picture rests on numbers, not on measured words.

    Raises
    ------
    MachineError
        If the converter dropped the words, which it does in silence when it finds no font.
    """
    autosize = alt.AutoSizeParams(type="none")
    spec = chart.properties(padding=padding, autosize=autosize, config=alt.Config(**config()))
    spec = spec.to_dict(validate=False)  # its parts were checked as they were made
    svg: str = converter().vegalite_to_svg(spec)
    if "<text" not in svg:
        raise MachineError("the chart lost its words: the shipped fonts cannot be read; reinstall rwe-engine")
    width = round(size[0] + padding["left"] + padding["right"])
    height = round(size[1] + padding["top"] + padding["bottom"])
    return _describe(svg, caption, width, height)


def _describe(svg: str, caption: Caption, width: int, height: int) -> str:
    body, key = svg.split(">", 1)[1], caption.key
    # ids are unique in a page, so those of the renderer get the chart's name
    body = re.sub(r'\bid="', f'id="{key}-', body).replace("url(#", f"url(#{key}-")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 {width} {height}"'
        f' style="max-width:{width}px" aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">{escape(caption.title)}</title>'
        f'<desc id="{key}-desc">{escape(caption.description)}</desc>{body}'
    )
