# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a margin of a claim must be: asked when a study is read, and again where the claim is held."""

from __future__ import annotations


def margin_fault(estimand: str, margin: float, time: int | None) -> str:
    """Return what is wrong with a margin, "" where nothing is.

    Examples
    --------
    >>> margin_fault("milestone", 0.05, 365)
    ''
    """
    if estimand == "hazard_ratio" and (margin < 1 or time is not None):
        return "the margin of a hazard ratio is a ratio from 1 without a day, for example 1.25"
    if estimand != "hazard_ratio" and (margin < 0 or time is None):
        return f"the margin of {estimand} is a difference from 0 on a day, for example 0.05 on 365"
    return ""
