# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What forms of dirt must know beside a row: columns that are joined before planting and dropped after it."""

from __future__ import annotations

import polars as pl

Frames = dict[str, pl.DataFrame]


def with_surroundings(frames: Frames) -> Frames:
    """Return the frames with what lies around each row.

    patients: ``_houses`` (hospitals that know the person), ``_twin``, ``_neighbour`` (the number that the hospital
    gave to the person whose own number is one less, for every second person, so that it lies in the same block);
    stays, assessments, insured: ``_died``; insured: ``_alive``; registry: ``_in_bed``; drugs: ``_between``, whether
    the row is neither the first nor the last of its line.
    """
    died = frames["registry"].select("person", _died="died")
    found = dict(frames)
    for name in ("stays", "assessments", "insured"):
        found[name] = frames[name].join(died, on="person", how="left", maintain_order="left")
    found["insured"] = found["insured"].with_columns(_alive=pl.col("_died").is_null())
    found["patients"] = _patients(frames["patients"])
    beds = frames["patients"].filter(pl.col("died").is_not_null())["person"].unique()
    found["registry"] = frames["registry"].with_columns(_in_bed=pl.col("person").is_in(beds.implode()))
    first, last = (getattr(pl.col("day"), end)().over("person", "line") for end in ("min", "max"))
    found["drugs"] = frames["drugs"].with_columns(_between=(pl.col("day") > first) & (pl.col("day") < last))
    return found


def _patients(patients: pl.DataFrame) -> pl.DataFrame:
    before = patients.filter(pl.col("person") % 2 == 0).with_columns(pl.col("person") + 1)
    numbers = before.select("person", "hospital", _neighbour="patient_no").unique(["person", "hospital"])
    births = before.select("person", _born="born").unique("person")
    found = patients.join(numbers, on=["person", "hospital"], how="left", maintain_order="left")
    found = found.join(births, on="person", how="left", maintain_order="left")
    twin = (pl.col("born") == pl.col("_born")).fill_null(value=False)
    return found.with_columns(_houses=pl.len().over("person"), _twin=twin).drop("_born")
