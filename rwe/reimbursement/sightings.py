# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is on record of each course around its assessment day: the few records that its judgement can rest on."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from rwe.spec.agreement import OUTCOMES, RESPONSES, JudgedTerm
from rwe.spec.agreement_words import AWAY, DEATHS

GONE = (*AWAY, *DEATHS)
FINAL = (*DEATHS, "toxicity_stop")
# of several records of one day the last of these decides, so that their order does not
WORST_LAST = (*AWAY, *(word for word in OUTCOMES if word not in AWAY))
BEST_LAST = (*AWAY, *reversed([word for word in OUTCOMES if word not in AWAY]))
WORD, SEEN = pl.col("outcome"), pl.col("assessed_on")


def on_courses(courses: pl.DataFrame, assessments: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Return the assessments known on `as_of` with each course (`_course`, its row) that had begun by then."""
    numbered = courses.select("person_id", "first_dose", "opens", "closes", "ends").with_row_index("_course")
    theirs = assessments.with_columns(pl.col("person_id").cast(courses.schema["person_id"], strict=False))
    return theirs.join(numbered, "person_id").filter((pl.col("first_dose") <= SEEN) & (as_of >= SEEN))


def sightings(term: JudgedTerm, courses: pl.DataFrame, assessments: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Return for each course the record of its first failure, and what is on record in, before and after its window.

    Parameters
    ----------
    courses
        ``person_id``, ``first_dose``, the window ``opens`` and ``closes``, and ``ends``, before which a
        late assessment is still one of this course.

    Returns
    -------
    DataFrame
        In the rows of `courses` each ``_day``, ``_word`` and ``_record`` of: ``failure`` (the first that is
        listed), ``final`` (the same, but after which no response returns), ``inside`` (the last in the
        window), ``gone`` (the last up to the window's end that says why there may be no answer), ``early``
        (the last before the window) and ``late`` (the first after it); null where there is none.
    """
    seen = _in_order(term, on_courses(courses, assessments, as_of))
    before, inside = pl.col("closes") >= SEEN, SEEN.is_between("opens", "closes")
    failure = before & WORD.is_in(term.failure) & ~_overruled(term)
    late = (pl.col("closes") < SEEN) & (pl.col("ends").is_null() | (pl.col("ends") > SEEN))
    asked = {
        "failure": (failure, "first"),
        "final": (failure & WORD.is_in(FINAL), "first"),
        "inside": (inside, "last"),
        "gone": (before & WORD.is_in([*GONE, *term.missing]), "last"),
        "early": (pl.col("opens") > SEEN, "last"),
        # of its day the record that decides, so the last of the first day
        "late": (late & (SEEN.filter(late).min().over("_course") == SEEN), "last"),
    }
    return pl.concat([_picked(seen, courses.height, name, *how) for name, how in asked.items()], how="horizontal")


def _in_order(term: JudgedTerm, seen: pl.DataFrame) -> pl.DataFrame:
    words = WORST_LAST if term.same_day == "worst" else BEST_LAST
    rank = WORD.replace_strict(words, list(range(len(words))), return_dtype=pl.Int8)
    if term.same_day == "worst":
        rank = rank + 100 * WORD.is_in(term.failure).cast(pl.Int8)
    return seen.with_columns(_rank=rank).sort("_course", "assessed_on", "_rank", "record_id")


def _overruled(term: JudgedTerm) -> pl.Expr:
    """Return whether a response of the same day counts instead."""
    if term.same_day == "worst":
        return pl.lit(value=False)
    return WORD.is_in(RESPONSES).any().over("_course", "assessed_on")


def _picked(seen: pl.DataFrame, courses: int, name: str, which: pl.Expr, end: str) -> pl.DataFrame:
    """Return day, word and record of the first or last row of each course for which `which` holds."""
    rows = seen.select(which.fill_null(value=False)).to_series().arg_true().to_numpy()
    rows = rows[::-1] if end == "first" else rows
    at = np.full(courses, seen.height, np.uint32)  # a row past the end: nothing
    at[seen["_course"].to_numpy()[rows]] = rows  # of several the one assigned last stays
    columns = {"day": "assessed_on", "word": "outcome", "record": "record_id"}
    parts = [seen[column].extend_constant(None, 1).gather(at) for column in columns.values()]
    return pl.DataFrame([part.alias(f"{name}_{key}") for key, part in zip(columns, parts, strict=True)])
