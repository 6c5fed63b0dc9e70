# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From the rows of a hospital to people in the common model, with the account of every row."""

from rwe.harmonise.run import Harmonised, harmonise, person_rows

__all__ = ["Harmonised", "harmonise", "person_rows"]
