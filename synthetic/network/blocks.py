# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One block of persons: the truth about them and the clean records of it, as frames by name."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.network.clinical import assessments, diagnoses, stays
from synthetic.network.courses import courses
from synthetic.network.persons import persons
from synthetic.network.registries import claims, deaths, moves
from synthetic.network.treatment import drugs, labs
from synthetic.network.visits import followed, visits

TRUTH = ("persons", "courses")
RECORDS = ("stays", "diagnoses", "drugs", "labs", "assessments", "deaths", "claims", "moves")


def truth(seed: int, first: int, n: int) -> dict[str, pl.DataFrame]:
    """Return the truth about persons `first` to `first` + `n`: their ``persons`` and ``courses``.

    A person is the same whatever others are asked for.

    Examples
    --------
    >>> truth(7, 40, 2)["persons"]["person"].to_list()
    [40, 41]
    """
    people = persons(seed, np.arange(first, first + n))
    return _marked({"persons": people, "courses": courses(seed, people)})


def records(seed: int, course: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the clean records of persons: each hospital's, before any dirt, in one canonical form.

    Parameters
    ----------
    seed
        That of `truth`.
    course
        The ``courses`` of `truth`, all or some of the persons. Those not ``observed`` leave no record.

    Returns
    -------
    dict
        The tables of `RECORDS`; the functions of their names say what they hold. Days are dates, instants are UTC.
    """
    people = followed(course.drop("synthetic"), seed)
    seen = visits(people, seed)
    given = drugs(seen)
    return _marked(
        {
            "stays": stays(seen, seed),
            "diagnoses": diagnoses(seen, seed),
            "drugs": given,
            "labs": labs(seen, seed),
            "assessments": assessments(seen, seed),
            "deaths": deaths(people, seen),
            "claims": claims(seen, given),
            "moves": moves(people),
        }
    )


def _marked(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Mark every row as synthetic: a column survives where the metadata of a file are lost."""
    return {name: table.with_columns(synthetic=pl.lit(value=True)) for name, table in tables.items()}
