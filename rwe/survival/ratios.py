# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What fitted models of ratios share: their forest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language, Tongue
    from rwe.kernels._jit import F8
    from rwe.survival.design import Design


@dataclass(frozen=True, slots=True, eq=False)
class Ratios(ABC):
    """A fitted model whose terms have hazard ratios; a model says with which words they are drawn.

    Parameters
    ----------
    coefficients, covariance, loglik, loglik_null, n, n_event, ties, conf_level, notes, design
        As `Cox` and `FineGray` say.
    """

    coefficients: pl.DataFrame
    covariance: F8
    loglik: float
    loglik_null: float
    n: int
    n_event: int
    ties: str
    conf_level: float
    notes: tuple[str, ...]
    design: Design

    @abstractmethod
    def _heading(self, say: Tongue) -> tuple[str, str]:
        """Return title and subtitle of the forest."""

    def plot(
        self,
        *,
        title: str | None = None,
        subtitle: str | None = None,
        labels: Mapping[str, str] | None = None,
        units: Mapping[str, float] | None = None,
        language: Language = "en",
    ) -> Chart:
        """Draw the ratios as a forest.

        Parameters
        ----------
        title, subtitle
            Words in place of those chosen.
        labels
            Names of terms, or of the columns whose levels stand below them.
        units
            Terms whose ratio is that of a difference of this size, for example ``{"age": 10}``.
        language
            en or bg.

        Returns
        -------
        Chart
            As of `KaplanMeier.plot`.
        """
        from rwe.figures.tongue import Tongue
        from rwe.survival.plot_terms import forest_of  # the chart library is slow to import

        say = Tongue(language)
        named, note = self._heading(say)
        heading = title or named, note if subtitle is None else subtitle
        return forest_of(self.coefficients, self.design, self.conf_level, heading, labels or {}, units or {}, say)
