# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is on record of each course around its assessment day: the few records that its judgement can rest on."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from rwe.spec.agreement import OUTCOMES, RESPONSES, JudgedTerm
from rwe.spec.agreement_words import AWAY, DEATHS

GONE = (*AWAY, *DEATHS)
FINAL = (*DEATHS, "toxicity_stop")
# of several records of one day the last of these decides, so that their order does not
WORST_LAST = (*AWAY, *(word for word in OUTCOMES if word not in AWAY))
BEST_LAST = (*AWAY, *reversed([word for word in OUTCOMES if word not in AWAY]))
FIRST = ("failure", "final")  # what is told by the first row, not by the last
Rows = np.ndarray[Any, np.dtype[Any]]
WORD, SEEN = pl.col("outcome"), pl.col("assessed_on")


def on_courses(courses: pl.DataFrame, assessments: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Return the assessments known on `as_of` with each course (`_course`, its row) that had begun by then."""
    numbered = courses.select("person_id", "first_dose", "opens", "closes", "ends").with_row_index("_course")
    kind = courses.schema["person_id"]
    if assessments.schema["person_id"] != kind:
        assessments = assessments.with_columns(pl.col("person_id").cast(kind, strict=False))
    return assessments.join(numbered, "person_id").filter((pl.col("first_dose") <= SEEN) & (as_of >= SEEN))


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
        "failure": failure,
        "final": failure & WORD.is_in(FINAL),
        "inside": inside,
        "gone": before & WORD.is_in([*GONE, *term.missing]),
        "early": pl.col("opens") > SEEN,
        "late": late,
    }
    told = seen.select(which.fill_null(value=False).alias(name) for name, which in asked.items())
    course, day = seen["_course"].to_numpy(), seen["assessed_on"].cast(pl.Int32).to_numpy()
    seen = seen.select("assessed_on", "outcome", "record_id")
    seen = seen.vstack(seen.clear(1))  # a row past the end: nothing
    parts = []
    for name in asked:
        at = np.full(courses.height, course.size, np.uint32)
        rows = _rows(np.flatnonzero(told[name].to_numpy()), course, day, name)
        at[course[rows]] = rows  # of several the one assigned last stays
        found = seen[pl.Series(at)].get_columns()
        parts += [column.alias(f"{name}_{key}") for column, key in zip(found, ("day", "word", "record"), strict=True)]
    return pl.DataFrame(parts)


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


def _rows(rows: Rows, course: Rows, day: Rows, name: str) -> Rows:
    """Return of rows in the order of courses and days for each course those of which the last is the one asked for.

    Of what came late that is the last of the first day, which decides.
    """
    course, day = course[rows], day[rows]
    begins = np.append(True, course[1:] != course[:-1])[: rows.size]
    if name in FIRST:
        rows = rows[begins]
    if name == "late":
        rows = rows[day == day[begins][np.cumsum(begins) - 1]]
    return rows
