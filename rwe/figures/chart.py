# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A chart with its heading as one picture that stands alone: in a notebook, in a file."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from markupsafe import escape

from rwe.errors import DefinitionError
from rwe.figures.look import FAMILY, INK, MUTED, SMALL, TEXT, text_width
from rwe.figures.svg import converter

TITLE, MARGIN, SIDE, LEADING = 17, 12, 10, 17  # px: the title, room above and below it and beside, a line of words
FALLBACK = f"{FAMILY}, Segoe UI, Helvetica, Arial, sans-serif"  # where a reader has not got the typeface
SCALE = 2.0  # px of a PNG to one of the chart: sharp on screens of today


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the text of an SVG; a notebook shows it.

    Parameters
    ----------
    svg
        The picture, with its heading on a white ground.
    """

    svg: str

    def save(self, path: str | Path) -> Path:
        """Write the chart to a file, as SVG or PNG by the ending of its name, and return its path.

        Raises
        ------
        DefinitionError
            If the name ends otherwise.
        """
        file = Path(path)
        if file.suffix.lower() == ".svg":
            file.write_text(self.svg, "utf-8")
        elif file.suffix.lower() == ".png":
            file.write_bytes(self._repr_png_())
        else:
            raise DefinitionError(f"a chart is saved as .svg or .png, not as '{file.suffix}'")
        return file

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f"<div>{self.svg}</div>"

    def _repr_png_(self) -> bytes:
        # the typeface that was measured, not one of its neighbours
        picture: bytes = converter().svg_to_png(self.svg.replace(FALLBACK, FAMILY), scale=SCALE)
        return picture


def key_of(*content: object) -> str:
    """Return a short name for a chart of this content, so that two charts of a page have different ids."""
    return "chart-" + blake2b(repr(content).encode(), digest_size=5).hexdigest()


def headed(svg: str, title: str, subtitle: str) -> Chart:
    """Return a drawn chart under its title and a line of explanation, on a white ground."""
    found = re.match(r'<svg [^>]*viewBox="0 0 (\d+) (\d+)" style="max-width:\d+px"', svg)
    assert found is not None, "the opening of an SVG that `draw` writes"
    drawn, height = int(found[1]), int(found[2])
    width = max(drawn, round(len(title) * TITLE * 0.6)) + 2 * SIDE
    lines = textwrap.wrap(subtitle, max(int((width - 2 * SIDE) / text_width("n", SMALL) * 1.15), 20))
    up = MARGIN + TITLE + LEADING * len(lines) + MARGIN
    size = f'viewBox="{-SIDE} {-up} {width} {height + up}" style="max-width:{width}px"'
    words = [f'<rect x="{-SIDE}" y="{-up}" width="{width}" height="{height + up}" fill="#fff"/>']
    words += [_line(title, MARGIN + TITLE - up, TITLE, INK, "bold")]
    words += [_line(text, MARGIN + TITLE + LEADING * (i + 1) - up, TEXT - 1, MUTED) for i, text in enumerate(lines)]
    opening = re.sub(r'viewBox="[^"]*" style="[^"]*"', size, found[0])
    body = svg[found.end() :].replace("</desc>", "</desc>" + "".join(words), 1)
    return Chart((opening + body).replace(f'font-family="{FAMILY}"', f'font-family="{FALLBACK}"'))


def _line(text: str, y: float, size: int, colour: str, weight: str = "normal") -> str:
    look = f'font-family="{FAMILY}" font-size="{size}px" font-weight="{weight}" fill="{colour}"'
    return f'<text x="2" y="{y}" {look}>{escape(text)}</text>'
