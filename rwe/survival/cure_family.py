# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cure families: a share of persons never fails, the others follow any other family (mixture, or non-mixture)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from rwe.kernels._jit import F8
from rwe.survival.family import Family, Follow, Parameter, Terms

SHARES = (-1.4, 0.0)  # logits of the cured share from which to look


@dataclass(frozen=True)
class Cure(Family):
    """A family with a share theta that never fails: S = theta + (1 - theta) S0, or theta ** (1 - S0).

    Covariates move the share, as in R's flexsurvcure, unless another parameter is named.

    Parameters
    ----------
    inner
        S0: of those not cured.
    mixing
        Whether the whole is a mixture; else S0 is the promotion time's (Yakovlev & Tsodikov 1996).
    """

    inner: Family
    mixing: bool = True
    name: str = field(init=False)
    parameters: tuple[Parameter, ...] = field(init=False)
    location = "theta"

    def __post_init__(self) -> None:
        share = Parameter("theta", "logit", f"{self.inner.name} without cure")
        object.__setattr__(self, "parameters", (share, *self.inner.parameters))
        object.__setattr__(self, "name", f"{'cure' if self.mixing else 'nonmixture'}_{self.inner.name}")

    def terms(self, t: F8, theta: F8) -> Terms:
        """Return the hazards of all, cured or not."""
        inner = self.inner.terms(t, theta[:, 1:])
        return (mixture if self.mixing else non_mixture)(theta[:, 0], inner)

    def starts(self, follow: Follow) -> Sequence[F8]:
        """Return the inner family's places with shares of a fifth and a half."""
        return [np.r_[share, place] for share in SHARES for place in self.inner.starts(follow)]

    def mean(self, theta: F8) -> F8:
        """Return infinity: the cured do not fail."""
        return np.full(theta.shape[0], np.inf)


def mixture(share: F8, inner: Terms) -> Terms:
    """Return the terms of S = p + (1 - p) S0, with logit(p) as the first parameter."""
    log_hazard, total, d_log_hazard, d_total = inner
    p, alive = expit(share), np.exp(-total)
    survival = p + (1 - p) * alive
    early = (1 - p) * np.expm1(-total)
    whole = -np.where(early > -0.5, np.log1p(np.maximum(early, -0.5)), np.log(survival))
    sick = (1 - p) * alive / survival  # share of the living who are not cured
    by_share = -p * (1 - p) * -np.expm1(-total) / survival
    return Terms(
        log_hazard - np.logaddexp(0.0, share) - total + whole,
        whole,
        np.column_stack([by_share - p, d_log_hazard - (1 - sick)[:, None] * d_total]),
        np.column_stack([by_share, sick[:, None] * d_total]),
    )


def non_mixture(share: F8, inner: Terms) -> Terms:
    """Return the terms of S = p ** (1 - S0), with logit(p) as the first parameter."""
    log_hazard, total, d_log_hazard, d_total = inner
    rate = np.logaddexp(0.0, -share)  # -log p
    by_share = -expit(-share)
    failed, alive = -np.expm1(-total), np.exp(-total)
    return Terms(
        np.log(rate) + log_hazard - total,
        rate * failed,
        np.column_stack([by_share / rate, d_log_hazard - d_total]),
        np.column_stack([by_share * failed, (rate * alive)[:, None] * d_total]),
    )
