# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a fitted family says at given covariates, with errors from the covariance of its coefficients (delta method)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.execute import cuts
from rwe.kernels._jit import F8, I8
from rwe.survival.family import Family, Terms
from rwe.survival.integrals import nodes
from rwe.survival.parametric_tables import predicted

TINY = 1e-300  # a time that stands for 0
STEP = 1e-3  # of a link, for the derivative of a mean
TOGETHER = 65_536  # times and draws worked out at once
SEARCH = 200.0  # logarithms of time looked through for a quantile, either side of the follow-up


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Rows to predict for: for each parameter the intercept and covariates, with coefficients and covariance."""

    family: Family
    x: tuple[F8, ...]
    beta: F8
    covariance: F8
    last: float

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.x[0].shape[0])

    def links(self, beta: F8) -> F8:
        """Return the links of each row, shape (rows, parameters)."""
        found: F8 = self.drawn(beta[None, :])[0]
        return found

    def drawn(self, betas: F8) -> F8:
        """Return the links of each row under each row of `betas`, shape (betas, rows, parameters)."""
        ends = np.cumsum([0, *(x.shape[1] for x in self.x)])
        parts = [betas[:, a:b] @ x.T for x, a, b in zip(self.x, ends[:-1], ends[1:], strict=True)]
        return np.asarray(np.stack(parts, axis=2), np.float64)

    def terms(self, t: F8, links: F8) -> Terms:
        """Return what the family says at times from 0."""
        with np.errstate(all="ignore"):
            return self.family.terms(np.maximum(t, TINY), links)

    def error(self, slope: F8, row: I8) -> F8:
        """Return the standard error of what moves with the links by `slope` (values, parameters), each of a row."""
        moved = [slope[:, [j]] * x[row] for j, x in enumerate(self.x)]
        g = np.nan_to_num(np.hstack(moved), nan=0.0) * np.isfinite(self.beta)
        return np.asarray(np.sqrt(np.maximum(((g @ self.covariance) * g).sum(axis=1), 0.0)), np.float64)


def hazard_at(places: Places, times: F8, what: str, z: float) -> pl.DataFrame:
    """Return survival, cumulative_hazard or hazard of each row at each time."""
    row, t = np.repeat(np.arange(places.n, dtype=np.int64), times.size), np.tile(times, places.n)
    told = places.terms(t, places.links(places.beta)[row])
    if what == "hazard":
        error = places.error(told.d_log_hazard, row)
        return predicted(what, row.tolist(), {"time": t}, np.exp(told.log_hazard), error, z)
    hazard = np.where(t > 0, told.cumulative_hazard, 0.0)
    with np.errstate(all="ignore"):
        slope = told.d_cumulative_hazard / told.cumulative_hazard[:, None]
    error = places.error(slope, row)
    found = predicted("cumulative_hazard", row.tolist(), {"time": t}, hazard, error, z)
    if what == "cumulative_hazard":
        return found
    alive = np.exp(-hazard)
    return found.select(
        "row", "time", pl.Series("survival", alive), pl.Series("std_error", alive * hazard * error),
        (-pl.col("conf_high")).exp().alias("conf_low"), (-pl.col("conf_low")).exp().alias("conf_high"),
    )  # fmt: skip


def area(places: Places, taus: F8, z: float) -> pl.DataFrame:
    """Return the mean time lived up to each tau."""
    links = places.links(places.beta)
    value, error = np.zeros((places.n, taus.size)), np.zeros((places.n, taus.size))
    for k, tau in enumerate(taus):
        at, weight = nodes(float(tau))
        for i in range(places.n if tau > 0 else 0):
            told = places.terms(at, np.broadcast_to(links[i], (at.size, links.shape[1])))
            alive = np.exp(-told.cumulative_hazard)
            value[i, k] = weight @ alive
            with np.errstate(all="ignore"):
                lost = np.where(alive[:, None] > 0, alive[:, None] * told.d_cumulative_hazard, 0.0)
            error[i, k] = places.error((-weight @ lost)[None, :], np.array([i], np.int64))[0] / value[i, k]
    row = np.repeat(np.arange(places.n, dtype=np.int64), taus.size).tolist()
    return predicted("rmst", row, {"tau": np.tile(taus, places.n)}, value.ravel(), error.ravel(), z)


def life(places: Places, z: float) -> pl.DataFrame:
    """Return the mean time of each row."""
    links = places.links(places.beta)
    value = places.family.mean(links)
    slope, steps = np.zeros_like(links), STEP / _reach(places, links)
    for j in range(links.shape[1]):
        for times, share in ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)):
            there = links.copy()
            there[:, j] += times * steps[j]
            with np.errstate(all="ignore"):
                slope[:, j] += share / steps[j] * places.family.mean(there)
    with np.errstate(all="ignore"):
        error = places.error(slope / value[:, None], np.arange(places.n, dtype=np.int64))
    return predicted("mean", list(range(places.n)), {}, value, np.where(np.isfinite(value), error, np.nan), z)


def _reach(places: Places, links: F8) -> F8:
    """Return by how much each link moves the logarithm of the cumulative hazard at the end of the follow-up."""
    told = places.terms(np.full(places.n, places.last), links)
    with np.errstate(all="ignore"):
        share = np.abs(told.d_cumulative_hazard / told.cumulative_hazard[:, None])
    return np.asarray(np.maximum(np.where(np.isfinite(share), share, 0.0).max(axis=0), 1e-300), np.float64)


def share_time(places: Places, shares: F8, z: float) -> pl.DataFrame:
    """Return the time by which each share has failed, by halving in the logarithm of time."""
    row, p = np.repeat(np.arange(places.n, dtype=np.int64), shares.size), np.tile(shares, places.n)
    links, wanted = places.links(places.beta)[row], -np.log1p(-p)
    low = np.full(row.size, np.log(places.last) - SEARCH)
    high = low + 2 * SEARCH
    never = ~(places.terms(np.exp(high), links).cumulative_hazard >= wanted)
    for _ in range(64):
        middle = (low + high) / 2
        short = places.terms(np.exp(middle), links).cumulative_hazard < wanted
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    t = np.exp((low + high) / 2)
    told = places.terms(t, links)
    with np.errstate(all="ignore"):
        error = places.error(told.d_cumulative_hazard / (np.exp(told.log_hazard) * t)[:, None], row)
    t, error = np.where(never, np.nan, t), np.where(never, np.nan, error)
    return predicted("time", row.tolist(), {"probability": p}, t, error, z)


def average(places: Places, times: F8, betas: F8) -> F8:
    """Return survival at these times under each row of `betas`, the average over the persons; shape (betas, times)."""
    total = np.zeros((len(betas), times.size))
    for start, end in cuts(len(betas), max(1, TOGETHER // max(times.size, 1))):
        links = places.drawn(betas[start:end])
        for i in range(places.n):
            theta = np.repeat(links[:, i], times.size, axis=0)
            with np.errstate(all="ignore"):
                hazard = places.family.cumulative(np.tile(np.maximum(times, TINY), end - start), theta)
            total[start:end] += np.where(times > 0, np.exp(-hazard).reshape(end - start, -1), 1.0)
    return total / places.n
