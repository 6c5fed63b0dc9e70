# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the medicine is worth, as the price file of the study has it reckoned."""

from __future__ import annotations

from rwe.report.blocks import Section
from rwe.report.page import Page


def price(page: Page) -> Section | None:
    """Return the chapter, None where the study names no price file."""
    return Section("price", page.words("price.title"), page.priced) if page.priced else None
