# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of an alignment: how unequal weights are, how far arms overlap, and balance before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rwe.compare.weights import effective_sample_size
from rwe.figures.bars import Bars, bars
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.love import LoveRow, LoveWords, love
from rwe.figures.scales import linear_ticks
from rwe.figures.svg import Caption
from rwe.figures.tongue import Language, Tongue

if TYPE_CHECKING:
    from rwe.compare.overlap import Overlap

BINS = 30


def weights_chart(weights: pl.Series, language: Language) -> Chart:
    """Draw the weights that are not 0, in bins up to the largest."""
    say = Tongue(language)
    used = weights.filter(weights > 0).to_numpy()
    ticks = linear_ticks(float(used.max()))
    edges = np.linspace(0, ticks[-1], BINS + 1)
    heights = np.histogram(used, edges)[0].astype(float).tolist()
    shown = Bars(edges.tolist(), heights, [], (), say("weight"), ticks, say.short)
    worth = say.number(effective_sample_size(used), 1)
    note = say("weights_note", n=say.number(used.size, 0), worth=worth)
    return _headed(shown, say("weights_title"), note)


def overlap_chart(found: Overlap, language: Language) -> Chart:
    """Draw the probability of treatment of both arms back to back, as shares of their arm."""
    say = Tongue(language)
    edges = [*found.histogram["low"], found.histogram["high"][-1]]
    shares = [(100 * found.histogram[arm] / found.histogram[arm].sum()).to_list() for arm in ("treated", "control")]
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    names = (say("treated"), say("controls"))
    shown = Bars(edges, shares[0], shares[1], names, say("probability_of_treatment"), ticks, say.short)
    equipoise = {arm: say.percent(round(share, 3)) for arm, share in found.equipoise.items()}
    note = say("overlap_note", **equipoise)
    return _headed(shown, say("overlap_title"), note)


def balance_chart(table: pl.DataFrame, language: Language) -> Chart:
    """Draw absolute standardised differences before and after; one row a covariate, or a level of one."""
    say = Tongue(language)
    rows = [
        LoveRow(" = ".join(name), before, after)
        for *name, before, after in table.select(pl.col("variable", "^level$"), "smd_before", "smd_after").iter_rows()
    ]
    words = LoveWords(say("smd"), say("before"), say("after"), lambda x: say.number(x, 2))
    title = say("balance_title")
    svg = love(rows, words, Caption(key_of(title, rows), title, say("balance_note")))
    return headed(svg, title, say("balance_note"))


def _headed(shown: Bars, title: str, note: str) -> Chart:
    return headed(bars(shown, Caption(key_of(title, shown.edges, shown.above, shown.below), title, note)), title, note)
