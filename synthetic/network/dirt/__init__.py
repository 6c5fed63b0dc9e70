# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt: what goes wrong in hospital records, planted on purpose and told, class by class."""

from __future__ import annotations

import csv
from collections.abc import Collection
from functools import cache
from pathlib import Path

import polars as pl

from rwe.errors import DefinitionError
from synthetic.network.dirt import codes, dates, death, drugs, duplicates, follow_up, identity, labs, oncology, system
from synthetic.network.dirt.around import Frames, with_surroundings
from synthetic.network.dirt.form import Form
from synthetic.network.dirt.planting import FAULTS, Planting, plant

_FORMS: dict[str, tuple[Form, ...]] = {
    "identity": identity.FORMS,
    "duplicates": duplicates.FORMS,
    "dates": dates.FORMS,
    "death": death.FORMS,
    "follow-up": follow_up.FORMS,
    "codes": codes.FORMS,
    "drugs": drugs.FORMS,
    "labs": labs.FORMS,
    "oncology": oncology.FORMS,
    "system": system.FORMS,
}
CLASSES = tuple(_FORMS)
ALL, NONE = "all", "none"
_PLACES = dict.fromkeys(("table", "hospital", "site", "stream"), pl.String)


def dirty(seed: int, frames: Frames, classes: Collection[str]) -> tuple[Frames, pl.DataFrame]:
    """Plant dirt of some classes into the entries of a block of persons.

    Parameters
    ----------
    seed
        Of the network; each draw is a function of it, the form and the row, and of nothing else.
    frames
        What the hospitals write, as `synthetic.network.entries` gives it.
    classes
        Of `CLASSES`; without any the frames are returned as they are.

    Returns
    -------
    tuple
        The frames, where a column ``X_text`` holds what stands in place of X letter by letter, and the faults in
        the shape of `FAULTS`, with the ``site`` and ``stream`` that bear them under ``key``. ``expect`` says what the
        engine is to do with a fault: *repaired*, *quarantined* (set aside with a reason, the row or its value),
        *merged*, *told* (kept with a remark), or *kept*: it is as it should be and must not be touched.
    """
    if not classes:
        return frames, pl.DataFrame(schema=FAULTS | dict.fromkeys(("site", "stream"), pl.String))
    around, on = with_surroundings(frames), frozenset(classes)
    made, faults = dict(frames), [pl.DataFrame(schema=FAULTS)]
    for name in frames:
        if known := [one for one in plantings() if one.form.table == name]:
            table, told = plant(seed, around[name], known, on)
            made[name] = table.drop(column for column in table.columns if column.startswith("_"))
            faults += told
    listed = pl.concat(faults).sort("table", "record", maintain_order=True)
    return _renumbered(frames["patients"], made), listed.join(places(), on=["table", "hospital"], how="left")


def chosen(words: str) -> tuple[str, ...]:
    """Return the classes that an option names: ``all``, ``none``, or some with commas between.

    Raises
    ------
    DefinitionError
        If there is no such class.

    Examples
    --------
    >>> chosen("codes,labs")
    ('codes', 'labs')
    """
    if words in (ALL, NONE):
        return CLASSES if words == ALL else ()
    named = [word.strip() for word in words.split(",")]
    if unknown := sorted(set(named) - set(_FORMS)):
        raise DefinitionError(f"no such class of dirt: {', '.join(unknown)}; there are {', '.join(CLASSES)}")
    return tuple(name for name in CLASSES if name in named)


@cache
def plantings() -> tuple[Planting, ...]:
    """Return every form with its share of the rows it can befall and what is expected of the engine."""
    with (Path(__file__).parent / "forms.csv").open(encoding="utf-8", newline="") as lines:
        told = {(row["class"], row["form"], row["table"]): row for row in csv.DictReader(lines)}
    named = {(kind, form.name, form.table): form for kind, forms in _FORMS.items() for form in forms}
    if told.keys() != named.keys():
        raise DefinitionError(f"forms.csv and the forms differ in {sorted(told.keys() ^ named.keys())}")
    return tuple(Planting(key[0], form, float(told[key]["share"]), told[key]["expect"]) for key, form in named.items())


@cache
def places() -> pl.DataFrame:
    """Return which site and stream of ``configs`` bear a table of a hospital."""
    found = pl.read_csv(Path(__file__).parent / "places.csv", schema=_PLACES)
    return found.with_columns(pl.col("hospital").fill_null(""))


def _renumbered(clean: pl.DataFrame, made: Frames) -> Frames:
    """Let every row of a person bear the number that the hospital gave them again."""
    keys = ["person", "hospital"]
    now = made["patients"].join(clean.select("record", old="patient_no"), on="record")
    again = now.filter(pl.col("patient_no") != pl.col("old")).select(*keys, _again="patient_no")
    for name, table in made.items():
        if name != "patients" and "patient_no" in table.columns and again.height:
            joined = table.join(again, on=keys, how="left", maintain_order="left")
            made[name] = joined.with_columns(pl.coalesce("_again", "patient_no").alias("patient_no")).drop("_again")
    return made
