# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How complete follow-up was: the days that people were followed, of those they could have been."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rwe.spec.study import Study

LEFT = ("lost", "last_check", "end_of_data")  # reasons after which something could still have been seen


@dataclass(frozen=True, slots=True)
class Completeness:
    """Shares of person-time.

    Parameters
    ----------
    n
        Persons with follow-up.
    clark
        Clark's index: those whose follow-up came to its end (by the event, by death or by what else ends it) could have
        been followed until then, the others until the data end. Null where nobody could be followed for a day.
    simplified
        The same with full time for those too, above and below the line.
    """

    n: int
    clark: float | None
    simplified: float | None


def completeness(people: pl.DataFrame, endpoint: str, study: Study) -> Completeness:
    """Return how complete the follow-up of an endpoint was.

    Parameters
    ----------
    people
        As `rwe.cohort.Cohort.subjects`.
    endpoint
        Its name; a horizon of the endpoint is the last day that counts.
    study
        Says when the data end, and for which reasons insurance did before.

    Notes
    -----
    Of the two Clark's is the lower; where many are lost who would have had the event the truth lies between.
    References: Clark, Altman and De Stavola 2002, Lancet 359, 1309; Xue et al. 2017, BMC Medical Research Methodology
    17, 155.
    """
    entered = pl.col("entry_days") if "entry_days" in people.columns else pl.lit(0)
    room, until = (pl.lit(study.cut) - pl.col("index_date")).dt.total_days(), study.endpoints[endpoint].until
    left = [*LEFT, *(study.insurance.names if study.insurance else ())]
    followed = people.drop_nulls(f"{endpoint}_days").select(
        observed=pl.col(f"{endpoint}_days") - entered,
        full=pl.max_horizontal(pl.min_horizontal(room, pl.lit(until)), f"{endpoint}_days") - entered,
        ended=~pl.col(f"{endpoint}_reason").is_in(left),
    )
    observed, full, ended = (pl.col(name) for name in followed.columns)
    due = pl.when(ended).then(observed).otherwise(full)
    given = pl.when(ended).then(full).otherwise(observed)
    shares = followed.select(clark=_share(observed, due), simplified=_share(given, full)).row(0, named=True)
    return Completeness(followed.height, **shares)


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole.sum() > 0).then(part.sum() / whole.sum())
