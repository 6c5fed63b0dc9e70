# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Cdm`: the records of people in the common model, and the account of how they came there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rwe.cdm.tables import DERIVED, TABLES
from rwe.errors import DataError

SITE = "_site"  # the column that tells the hospital of a row, where the tables of several may be read together


@dataclass(frozen=True, slots=True)
class Cdm:
    """Tables of OMOP CDM 5.4.

    Parameters
    ----------
    tables
        Lazy tables by OMOP name, with the columns of `rwe.cdm.TABLES`; with `SITE` too where hospitals are together.
        Those of `rwe.cdm.DERIVED` are made of the others by the rules of a study.
    accounting
        What became of the source rows: stream, record, rule, outcome, n (`rwe.harmonise`).
    synthetic
        The hospitals whose rows say that they were invented.
    """

    tables: Mapping[str, pl.LazyFrame]
    accounting: pl.DataFrame
    synthetic: frozenset[str] = frozenset()

    def table(self, name: str) -> pl.LazyFrame:
        """Return a table; one that no record of these people fills is empty.

        Raises
        ------
        DataError
            If the common model has no table of that name here.
        """
        known = {**TABLES, **DERIVED}
        if name not in known:
            raise DataError(f"the common model has no table '{name}'; it has {', '.join(sorted(known))}")
        if name in self.tables:
            return self.tables[name]
        return known[name].create_empty().lazy()
