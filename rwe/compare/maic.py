# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Weights that give a population the published figures of another: matching-adjusted indirect comparison, entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.compare.balance import Balance
from rwe.compare.hull import refuse_unreachable
from rwe.compare.margins import Floats
from rwe.compare.moment_balance import balance_of
from rwe.compare.moments import Moment, matrix, moments_of
from rwe.compare.people import people, row_weights
from rwe.compare.tilt import Tilted, tilt
from rwe.compare.weights import effective_sample_size, marks, quantiles, weights_result
from rwe.errors import NoValidAnswer
from rwe.kernels._jit import I8
from rwe.result import Result, bind
from rwe.survival.linear import aliased

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language


MET = 1e-8  # a mean that stays further from its goal, in standard deviations, is not met


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Weights that meet published moments.

    Parameters
    ----------
    method
        maic or entropy.
    weights
        One weight a row of the frame, in its order; their mean is 1.
    effective_sample_size
        Kish's ``(sum w)^2 / sum w^2`` persons.
    balance
        Each moment before and after, with standardised differences.
    coefficients
        ``variable``, ``statistic``, ``level`` and ``estimate``: the tilt a unit of the moment (of an SD: of the
        squared distance from the published mean).
    gap
        Largest distance left between a weighted mean and its goal, in standard deviations.
    steps
        Newton steps.
    notes
        Marks on weights that should not be relied on (see `rwe.compare.weights.marks`).
    again
        From how often each person is drawn to the weight of each, found anew: what a bootstrap asks.
    """

    method: str
    weights: pl.Series
    effective_sample_size: float
    balance: Balance
    coefficients: pl.DataFrame
    gap: float
    steps: int
    notes: tuple[str, ...]
    again: Callable[[I8], Floats] | None = field(default=None, repr=False)

    @property
    def quantiles(self) -> pl.DataFrame:
        """Quantiles of the weights."""
        return quantiles(self.weights)

    def to_result(self, population: str = "") -> Result:
        """Return the tidy table of weights and balance."""
        settings = {"gap": self.gap, "steps": self.steps}
        weighed = weights_result(self.weights, self.method, population, self.notes, settings)
        return bind([weighed, self.balance.to_result(population)])

    def plot(self, *, language: Language = "en") -> Chart:
        """Return a chart of the weights (``.save("x.png")``), in en or bg."""
        from rwe.compare.plots import weights_chart  # the chart library is slow to import

        return weights_chart(self.weights, language)


def maic(frame: Any, targets: Mapping[Any, Any]) -> Aligned:
    """Weight individual rows to the published moments of another population.

    Method of moments (Signorovitch et al. 2010; NICE DSU TSD 18): ``w = exp(x'a)``, where a minimises the convex sum
    of the weights about the targets.

    Parameters
    ----------
    frame
        A cohort or a frame, one row a person.
    targets
        For each variable its mean as a number; or a mapping with any of ``mean``, ``sd`` (which needs the mean; the
        second moment is then ``mean^2 + sd^2``) and ``median``; or its levels with counts or proportions, also those
        of several variables together, as `rake` takes them. `TrialBaseline.targets` gives such margins.

    Raises
    ------
    DefinitionError
        If a target says nothing that can be met, proportions do not add up to 1, or margins contradict each other.
    DataError
        If a variable is missing or has missing values.
    NoValidAnswer
        If targets lie where no weights can bring these rows (they are named, with what is within reach), if moments
        are collinear, or if nobody is there.

    Examples
    --------
    >>> frame = pl.DataFrame({"age": [50, 60, 70], "male": [1, 0, 1]})
    >>> maic(frame, {"age": 60}).weights.round(6).to_list()
    [1.0, 1.0, 1.0]
    """
    return _aligned("maic", frame, targets, None, 1e-12)


def entropy(frame: Any, targets: Mapping[Any, Any], weights: Any = None, *, tol: float = 1e-12) -> Aligned:
    """Weight rows to moments by entropy balancing (Hainmueller 2012): the same problem, from any starting weights.

    Parameters
    ----------
    frame, targets
        As `maic`.
    weights
        Starting weights, from which the result departs least: a column or one value a row; ones by default.
    tol
        Distance of the means from their goals, in standard deviations, at which to stop.

    Raises
    ------
    DefinitionError, DataError, NoValidAnswer
        As `maic`.
    """
    return _aligned("entropy", frame, targets, weights, tol)


def _aligned(method: str, frame: Any, targets: Mapping[Any, Any], weights: Any, tol: float) -> Aligned:
    rows = people(frame)
    start = row_weights(rows, weights)
    if rows.height == 0:
        raise NoValidAnswer("nobody to weight: the population is empty")
    moments = moments_of(rows, targets, start)
    raw, used = matrix(moments), start > 0
    scale = _scale(raw[used], start[used])
    moving = scale > 0
    _refuse_fixed(raw[used], moments, moving)
    alpha, end = _solved(raw[:, moving] / scale[moving], start, [m for m, k in zip(moments, moving, strict=True) if k],
                         scale[moving], tol)  # fmt: skip
    raised = raw[:, moving] @ (alpha / scale[moving])
    tilted = start * np.exp(raised - raised[used].max(initial=0.0))
    tilted *= tilted.size / tilted.sum()
    full = np.zeros(len(moments))
    full[moving] = alpha / scale[moving]
    columns = {"variable": [m.variable for m in moments], "statistic": [m.statistic for m in moments]}
    columns |= {"level": [m.level for m in moments]}
    return Aligned(
        method=method,
        weights=pl.Series("weight", tilted),
        effective_sample_size=effective_sample_size(tilted),
        balance=balance_of(rows, targets, moments, start, tilted),
        coefficients=pl.DataFrame(columns | {"estimate": full}),
        gap=end.gap,
        steps=end.steps,
        notes=marks(tilted),
        again=_Again(np.ascontiguousarray(raw[:, moving] / scale[moving]), start, tol),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Again:
    """The same moments met again by other draws of the same people."""

    z: Floats
    start: Floats
    tol: float

    def __call__(self, times: I8) -> Floats:
        used = np.flatnonzero(self.start * times)
        weight = (self.start * times)[used]
        end = tilt(self.z[used], weight, self.tol)
        if end.gap > MET:
            raise NoValidAnswer(f"the weights do not settle: a target is still {end.gap:.2g} standard deviations off")
        raised = self.z[used] @ end.alpha
        out = np.zeros(times.size)
        out[used] = weight * np.exp(raised - raised.max())
        return out


def _scale(raw: Floats, start: Floats) -> Floats:
    """Return the standard deviation of each moment; 0 where all rows have the same."""
    mean = start @ raw / start.sum()
    spread = np.sqrt(start @ (raw - mean) ** 2 / start.sum())
    return np.asarray(np.where(np.ptp(raw, axis=0) > 0, spread, 0.0))


def _refuse_fixed(raw: Floats, moments: Sequence[Moment], moving: Any) -> None:
    """Refuse a moment on which all rows are alike and that is not its goal."""
    off = np.abs(raw[0]) > 1e-12 * np.maximum(1.0, np.abs([m.goal for m in moments]))
    if stuck := [m.name for m, k, o in zip(moments, moving, off, strict=True) if not k and o]:
        raise NoValidAnswer(f"no weights can move {', '.join(stuck)}: all {len(raw)} rows are alike there")


def _solved(z: Floats, start: Floats, moments: list[Moment], scale: Floats, tol: float) -> tuple[Floats, Tilted]:
    used = start > 0
    _refuse_collinear(z[used], start[used], moments)
    end = tilt(z[used], start[used], tol)
    if end.gap > MET or end.wide:
        refuse_unreachable(z[used], scale, moments)
    if end.gap > MET:
        raise NoValidAnswer(
            f"the weights do not settle: {moments[0].name} and the others are still {end.gap:.2g} standard deviations "
            "from their goals; the targets lie next to what the rows can reach"
        )
    return end.alpha, end


def _refuse_collinear(z: Floats, start: Floats, moments: list[Moment]) -> None:
    centred = z - start @ z / start.sum()
    if same := aliased((centred * start[:, None]).T @ centred):
        raise NoValidAnswer(
            f"{', '.join(moments[j].name for j in same)}: follows from the other targets on these rows (collinear); "
            "leave it out"
        )
