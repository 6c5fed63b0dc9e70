# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From the rows of a hospital to people in the common model, with the account of every row."""

from rwe.harmonise.accounting import Tally, total
from rwe.harmonise.changed import Since, again
from rwe.harmonise.codes import meanings
from rwe.harmonise.landed import linked
from rwe.harmonise.part import Part, Work
from rwe.harmonise.people import identities
from rwe.harmonise.remarks import shares
from rwe.harmonise.run import Harmonised, harmonise, person_rows
from rwe.harmonise.shuffle import buckets_of, in_parts, parts_of

__all__ = [
    "Harmonised",
    "Part",
    "Since",
    "Tally",
    "Work",
    "again",
    "buckets_of",
    "harmonise",
    "identities",
    "in_parts",
    "linked",
    "meanings",
    "parts_of",
    "person_rows",
    "shares",
    "total",
]
