# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Stretches of follow-up of one person: they may not overlap, and gaps between them are said."""

from __future__ import annotations

import numpy as np
import polars as pl

from rwe.survival.columns import refuse
from rwe.survival.data import Response
from rwe.survival.levels import levels


def stretches(response: Response, person: pl.Series) -> tuple[str, ...]:
    """Return a note on gaps between the stretches of persons.

    Raises
    ------
    DataError
        If stretches of a person overlap: they would count twice on the same days.
    """
    code = levels(person.to_frame(), [person.name]).code
    order = np.lexsort((response.time, response.entry, code))
    same = code[order][1:] == code[order][:-1]
    ends, begins = response.time[order][:-1], response.entry[order][1:]
    overlap = int((same & (begins < ends)).sum())
    refuse(overlap, person.len(), person.name, "begin before the row before of the same person has ended")
    gaps = int((same & (begins > ends)).sum())
    return (f"{gaps} gaps between the stretches of a person: nobody is at risk in them",) if gaps else ()
