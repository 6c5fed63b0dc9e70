# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The names that people know families of survival distributions by."""

from __future__ import annotations

from rwe.report.page import Page
from rwe.spec.families import CURE, FLEXIBLE, SPLINE


def family_name(page: Page, family: str) -> str:
    """Return the name that people know a family by."""
    words = page.words
    if found := SPLINE.fullmatch(family):
        return words("extrapolation.spline", scale=words(f"extrapolation.scale_{found[1]}"), knots=found[2])
    if found := FLEXIBLE.fullmatch(family):
        return words("extrapolation.m_spline", knots=found[1])
    if found := CURE.fullmatch(family):
        return words(f"extrapolation.{found[1]}", family=family_name(page, found[2]))
    return words(f"extrapolation.family_{family}")
