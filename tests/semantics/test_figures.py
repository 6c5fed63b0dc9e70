# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts: words kept, labels on no line, axes from the data, the same bytes each time."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest

from rwe.errors import MachineError
from rwe.figures import (
    BLUE,
    RED,
    Caption,
    ForestRow,
    ForestWords,
    KmWords,
    LoveRow,
    LoveWords,
    Series,
    forest,
    km,
    love,
)
from rwe.figures import svg as svg_module
from rwe.figures.place import CLEAR, Label, leader, place, step_boxes
from rwe.figures.scales import linear_ticks, month_ticks, ratio_domain, ratio_ticks
from rwe.result import tidy

CAPTION = Caption("fig-1", "Обща преживяемост <1>", "Криви & числа")
WORDS = KmWords(
    time="Месеци от операцията",
    survival="Преживяемост",
    at_risk="В риск",
    events="Събития",
    median=lambda days: f"медиана {days / 30.4375:.1f}",
    masked="[<13]",
    percent=lambda share: f"{100 * share:.0f} %",
    count=str,
)
SERIES = [Series("a", "Практика", BLUE), Series("b", "Изпитване", RED, dashed=True)]


def curves(means: dict[str, float], last: int = 2400) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for group, mean in means.items():
        for day in range(0, last, 60):
            s = math.exp(-day / mean)
            band = {"conf_low": s - 0.03, "conf_high": s + 0.03}
            rows.append({"group": group, "estimand": "survival", "time": day, "estimate": s} | band)
        for year in range(7):
            day = round(365.25 * year)
            rows.append(
                {"group": group, "estimand": "at_risk", "time": day, "n": 700 - 100 * year, "n_event": 70 * year}
            )
        rows.append({"group": group, "estimand": "median", "estimate": mean * math.log(2)})
    return tidy(rows)


def texts(svg: str) -> list[str]:
    space = "{http://www.w3.org/2000/svg}"
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{space}text")]


def draw_km(table: pl.DataFrame | None = None) -> str:
    return km(curves({"a": 2500.0, "b": 1900.0}) if table is None else table, SERIES, WORDS, CAPTION, 2192)


def draw_forest() -> str:
    rows = [
        ForestRow("Размер", kind="head"),
        ForestRow("21–50", 1.5, 1.2, 1.9, "1,50 (1,20–1,90)", "level"),
        ForestRow("> 50", text="[<13]"),
    ]
    words = ForestWords("Отношение", "HR (95 % ДИ)", "← по-нисък", "по-висок →", lambda v: f"{v:g}".replace(".", ","))
    return forest(rows, words, Caption("fig-2", "T", "D"))


def draw_love() -> str:
    rows = [LoveRow("Възраст", head=True), LoveRow("≤ 45", -0.42, 0.01), LoveRow("> 45", None, 0.2)]
    words = LoveWords("Разлика", "преди", "след", lambda v: f"{v:.1f}".replace(".", ","))
    return love(rows, words, Caption("fig-3", "T", "D"))


@pytest.mark.parametrize("draw", [draw_km, draw_forest, draw_love])
def test_a_chart_is_the_same_bytes_on_repeat(draw: Callable[[], str]) -> None:
    assert draw() == draw()


def test_a_km_chart_prints_names_medians_and_the_table_at_risk() -> None:
    found = texts(draw_km())

    assert {"Практика", "Изпитване", "медиана 56.9", "Месеци от операцията", "Преживяемост", "100 %"} <= set(found)
    assert [found.count(word) for word in ("В риск", "Събития")] == [2, 2]
    assert [found.count(str(n)) for n in (700, 600, 420)] == [2, 2, 2]


def test_a_chart_speaks_to_those_who_do_not_see_it_and_fits_any_width() -> None:
    root = ET.fromstring(draw_km())

    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "fig-1-title fig-1-desc"
    assert [node.text for node in list(root)[:2]] == ["Обща преживяемост <1>", "Криви & числа"]
    assert "width" not in root.attrib
    assert "viewBox" in root.attrib


def test_the_picture_ends_below_the_table_at_risk() -> None:
    svg = draw_km()

    height = float(ET.fromstring(svg).attrib["viewBox"].split()[3])

    assert 450 < height < 620


def test_a_masked_count_prints_the_marker_and_an_absent_one_a_dash() -> None:
    table = curves({"a": 2500.0, "b": 1900.0}).with_columns(pl.lit("").alias("masked"))
    last = (pl.col("estimand") == "at_risk") & (pl.col("time") == 2192)
    table = table.with_columns(
        pl.when(last).then(None).otherwise(pl.col("n")).alias("n"),
        pl.when(last).then(pl.lit("n")).otherwise(pl.col("masked")).alias("masked"),
    ).filter((pl.col("estimand") != "at_risk") | (pl.col("time") != 1826))

    found = texts(draw_km(table))

    assert found.count("[<13]") == 2
    assert found.count("–") == 4


def test_no_number_beyond_the_horizon_is_in_the_picture() -> None:
    table = curves({"a": 2500.0, "b": 1900.0}, last=5000)

    assert draw_km(table) == draw_km(table.filter(pl.col("time").is_null() | (pl.col("time") <= 2220)))


def test_a_curve_without_points_is_not_drawn() -> None:
    assert "Изпитване" not in texts(draw_km(curves({"a": 2500.0})))


def test_a_median_has_its_lines_only_where_the_curve_shown_falls_to_one_half() -> None:
    table = curves({"a": 2500.0, "b": 1900.0})
    coarse = table.filter((pl.col("group") == "b") | (pl.col("estimand") != "survival") | (pl.col("estimate") > 0.55))

    rules = [draw_km(frame).count('stroke-dasharray="3,3"') for frame in (table, coarse)]

    assert rules == [3, 2]


def test_a_forest_chart_prints_ratios_with_fixed_decimals_and_headings() -> None:
    found = texts(draw_forest())

    assert {"Размер", "21–50", "1,50 (1,20–1,90)", "[<13]", "HR (95 % ДИ)", "по-висок →", "1,5"} <= set(found)


def test_a_love_chart_reaches_its_largest_difference() -> None:
    found = texts(draw_love())

    assert {"Възраст", "≤ 45", "преди", "след", "0,0", "0,4"} <= set(found)
    assert max(float(t.replace(",", ".")) for t in found if re.fullmatch(r"\d,\d", t)) >= 0.42


def test_lost_words_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def vegalite_to_svg(self, _spec: object) -> str:
            return "<svg><g></g></svg>"

    monkeypatch.setattr(svg_module, "converter", Silent)

    with pytest.raises(MachineError, match="lost its words"):
        draw_love()


def test_labels_touch_no_line_and_no_other_label() -> None:
    x = np.linspace(0, 640, 60)
    upper, lower = step_boxes(x, 40 + x / 4), step_boxes(x, 40 + x / 2.5)
    median = np.array([[300.0, 165.0, 300.0, 330.0], [0.0, 165.0, 300.0, 165.0]])
    lines = np.vstack([upper, lower, median])
    labels = [Label(180, 36, upper), Label(150, 36, lower)]

    corners = place(labels, lines, np.empty((0, 4)), (640, 330))

    boxes = [(px, py, px + one.width, py + one.height) for (px, py), one in zip(corners, labels, strict=True)]
    for left, top, right, bottom in boxes:
        across = np.maximum(lines[:, 0] - right, left - lines[:, 2])
        down = np.maximum(lines[:, 1] - bottom, top - lines[:, 3])
        assert np.hypot(np.maximum(across, 0), np.maximum(down, 0)).min() >= CLEAR - 1e-9
    first, second = boxes
    assert first[2] < second[0] or second[2] < first[0] or first[3] < second[1] or second[3] < first[1]


def test_a_label_that_stands_nearer_to_another_curve_is_tied_to_its_own() -> None:
    x = np.linspace(0, 640, 60)
    near, own = step_boxes(x, np.full(60, 100.0)), step_boxes(x, np.full(60, 130.0))
    lines = np.vstack([near, own])

    tie = leader(Label(100, 36, own), (200.0, 40.0), lines)

    assert tie == (209.0, 76.0, 130.0)
    assert leader(Label(100, 36, near), (200.0, 40.0), lines) is None


@pytest.mark.parametrize(
    ("horizon", "ticks"),
    [
        (84.9, [0, 12, 24, 36, 48, 60, 72, 84]),
        (15, [0, 2, 4, 6, 8, 10, 12, 14]),
        (180, [0, 24, 48, 72, 96, 120, 144, 168]),
    ],
)
def test_time_ticks_are_months_people_count_in(horizon: float, ticks: list[int]) -> None:
    assert month_ticks(horizon) == ticks


def test_a_ratio_axis_holds_all_limits_and_one() -> None:
    domain = ratio_domain([1.4, 6.2])
    ticks = ratio_ticks(domain, 340)

    assert domain[0] < 1 < 6.2 < domain[1]
    assert 1.0 in ticks
    gaps = [math.log(b / a) * 340 / math.log(domain[1] / domain[0]) for a, b in itertools.pairwise(ticks)]
    assert min(gaps) >= 38


@pytest.mark.parametrize(("high", "ticks"), [(0.31, [0.0, 0.1, 0.2, 0.3, 0.4]), (0.15, [0.0, 0.05, 0.1, 0.15])])
def test_linear_ticks_reach_the_largest_value(high: float, ticks: list[float]) -> None:
    assert linear_ticks(high) == ticks
