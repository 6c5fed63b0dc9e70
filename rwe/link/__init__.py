# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One person across hospitals: whose rows are the same person's, by what rule, and what a person must look at."""

from rwe.link.persons import Linked, link
from rwe.link.units import UNITS, units

__all__ = ["UNITS", "Linked", "link", "units"]
