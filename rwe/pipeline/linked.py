# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of a linking, so that the same units and decisions need not be linked again.

It can always be made anew: one that is missing, not whole, or of other units, decisions or code is passed over.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rwe.chain import fsync, on_disk
from rwe.link import Linked
from rwe.link.weights import Weights
from rwe.store import Store

_FOLDER, _LABEL = ("links", "aligned"), "rests_on.json"  # an erasure drops the folders of this name, of hospitals too


@dataclass(frozen=True, slots=True)
class Persons:
    """Who is whom in a home.

    Parameters
    ----------
    linked
        What linking found, of all hospitals.
    units
        Units by hospital.
    """

    linked: Linked
    units: dict[str, int]

    def of(self, site: str) -> pl.DataFrame:
        """Return ``_key`` and ``person_id`` of the rows of the person stream of a hospital."""
        head = f"{site}/"
        own = self.linked.persons.filter(pl.col("_key").str.starts_with(head))
        return own.select(pl.col("_key").str.strip_prefix(head), "person_id")


def load(store: Store, rests_on: str) -> Persons | None:
    """Return the last linking if it rests on the same; None where it does not, or is not whole."""
    folder = store.root.joinpath(*_FOLDER)
    try:
        told = json.loads((folder / _LABEL).read_text("utf-8"))
        files = {name: (folder / f"{name}.parquet").read_bytes() for name in told["files"]}
    except (OSError, ValueError):
        return None
    whole = all(hashlib.sha256(files[name]).hexdigest() == sha for name, sha in told["files"].items())
    if told["rests_on"] != rests_on or not whole:
        return None
    parts = {name: pl.read_parquet(file) for name, file in files.items()}
    weights = Weights(parts["field"], parts["names"], told["share"])
    return Persons(Linked(parts["persons"], parts["review"], weights, told["passed_over"]), told["units"])


def keep(store: Store, rests_on: str, found: Persons) -> None:
    """Keep a linking for the next time; the label comes last, so that it stands beside whole files or not at all."""
    folder, linked = store.root.joinpath(*_FOLDER), found.linked
    frames = {"persons": linked.persons, "review": linked.review}
    frames |= {"field": linked.weights.field, "names": linked.weights.names}
    label = {"rests_on": rests_on, "share": linked.weights.share, "passed_over": linked.passed_over}
    with on_disk(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / _LABEL).unlink(missing_ok=True)
        hashes = {name: _write(folder / f"{name}.parquet", frame) for name, frame in frames.items()}
        draft = folder / f"{_LABEL}.draft"
        draft.write_text(json.dumps({**label, "units": found.units, "files": hashes}), "utf-8")
        fsync(draft)
        draft.replace(folder / _LABEL)
        fsync(folder)


def _write(path: Path, frame: pl.DataFrame) -> str:
    frame.write_parquet(path)
    fsync(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
