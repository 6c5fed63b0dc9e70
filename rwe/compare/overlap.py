# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How far two arms overlap: the probability of treatment by arm, common support, and equipoise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.compare.propensity import Propensity
from rwe.errors import DefinitionError
from rwe.result import Result, tidy

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language


EQUIPOISE = (0.3, 0.7)
ENOUGH = 0.2  # share in equipoise from which two treatments are taken as comparable (OHDSI)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlap of two arms.

    Parameters
    ----------
    histogram
        ``low``, ``high`` (bounds of the probability of treatment), ``treated``, ``control`` (persons).
    outside
        Share of each arm outside the probabilities that both arms reach.
    equipoise
        Share of each arm with a preference score from 0.3 to 0.7 (Walker et al. 2013).
    notes
        Marks on arms that hardly overlap.
    """

    histogram: pl.DataFrame
    outside: dict[str, float]
    equipoise: dict[str, float]
    notes: tuple[str, ...]

    def to_result(self, population: str = "") -> Result:
        """Return the tidy table: persons in each bin (stratum, its bounds), and the shares."""
        rows: list[dict[str, Any]] = []
        for arm in ("treated", "control"):
            n = int(self.histogram[arm].sum())
            rows += [{"group": arm, "estimand": f"share_{name}", "estimate": share[arm], "n": n}
                     for name, share in (("outside", self.outside), ("equipoise", self.equipoise))]  # fmt: skip
            for low, high, count in self.histogram.select("low", "high", arm).iter_rows():
                bin_ = {"stratum": f"{low:.3f}-{high:.3f}", "group": arm, "estimand": "persons"}
                rows.append(bin_ | {"estimate": float(count), "n": count})
        table = tidy(rows, analysis="overlap", population=population)
        return Result(table, {"notes": list(self.notes)} if self.notes else {})

    def plot(self, *, language: Language = "en") -> Chart:
        """Return a chart of both arms (``.save("x.png")``), in en or bg."""
        from rwe.compare.plots import overlap_chart  # the chart library is slow to import

        return overlap_chart(self, language)


def overlap(propensity: Propensity, *, bins: int = 20) -> Overlap:
    """Describe how far the arms overlap in the probability of treatment.

    Parameters
    ----------
    propensity
        What `rwe.compare.propensity` returned.
    bins
        Bins of equal width from 0 to 1.

    Raises
    ------
    DefinitionError
        If `bins` is not a whole number from 1.
    """
    if bins < 1:
        raise DefinitionError("bins: give a whole number from 1")
    e, preference, treated = propensity.probability, propensity.preference, propensity.treated
    edges = np.linspace(0, 1, bins + 1)
    arms = {"treated": treated, "control": ~treated}
    counts = {name: np.histogram(e[mine], edges)[0] for name, mine in arms.items()}
    low, high = (max(e[m].min() for m in arms.values()), min(e[m].max() for m in arms.values()))
    outside = {name: float(((e[m] < low) | (e[m] > high)).mean()) for name, m in arms.items()}
    within = (preference >= EQUIPOISE[0]) & (preference <= EQUIPOISE[1])
    equipoise = {name: float(within[m].mean()) for name, m in arms.items()}
    short = [name for name, share in equipoise.items() if share < ENOUGH]
    notes = [
        f"{equipoise[n]:.0%} of the {n} arm have a preference score from 0.3 to 0.7, fewer than 20%" for n in short
    ]
    table = pl.DataFrame({"low": edges[:-1], "high": edges[1:]} | counts)
    return Overlap(table, outside, equipoise, tuple(notes))
