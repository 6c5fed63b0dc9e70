# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt in who is followed until when: gaps of insurance and emigrants.

The other forms of the class are no dirt on records but stand in the truth and are always on: censoring at the last
contact and at the cut, drop-out that depends on ECOG (`PLANTED`), records that begin later than the disease.
"""

from __future__ import annotations

import polars as pl

from synthetic.network.dirt.form import A, B, Form, days, whole
from synthetic.network.world import PLANTED

_LENGTH = (pl.coalesce("until", pl.lit(PLANTED.cut)) - pl.col("since")).dt.total_days()
_STOP = pl.col("since") + days((_LENGTH * (0.2 + 0.5 * A)).floor().cast(pl.Int64))

FORMS = (
    Form(
        "gap of insurance",
        "insured",
        {"until": _STOP},
        again={"since": _STOP + days(whole(B, 31, 150))},
        when=_LENGTH > 1_000,
    ),
    Form("emigrant", "insured", when=pl.col("until").is_not_null() & pl.col("_alive")),
)
