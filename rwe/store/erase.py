# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Erasure: the files that hold a person are written again without that person, and the chain says that it was done.

The entry of the chain is the moment of truth. Before it, the new files are orphans and the table is
what it was. From it on the table is the new one: whoever opens it next puts the prepared commits in
place and deletes what they replaced, as often as it takes. Commits keep their numbers, so each can
still be read as of then, without the person.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl

from rwe.chain import fsync, on_disk
from rwe.store.commit import write_file
from rwe.store.delta_log import METADATA, add_line
from rwe.store.key_file import leftover_keys
from rwe.store.seal import Seal, SealedFile, erasing, log_file, seal_log, sha256

Traces = Mapping[str, Iterable[str | int]]


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure took out of one table: rows over all commits, and how many commits held them."""

    rows: int
    commits: int


def traces(rows: pl.LazyFrame, who: Traces) -> pl.DataFrame:
    """Return ``_key`` and ``_commit`` of every row version that says something of a person.

    That is each version that names the person, those of its key that name nobody (a deletion may say
    no more than the key), and those that came before: left alone they would become current again.

    Parameters
    ----------
    rows
        Every version of every row.
    who
        What the person is known by, by column; columns that a table does not have are no matter.
    """
    columns = rows.collect_schema()
    asked = {name: list(values) for name, values in who.items() if name in columns}
    if not asked:
        return pl.DataFrame(schema={"_key": pl.String, "_commit": pl.Int64})
    named = pl.any_horizontal(pl.col(name).is_in(values).fill_null(value=False) for name, values in asked.items())
    nobody = pl.all_horizontal(pl.col(name).is_null() for name in asked)
    last = rows.filter(named).group_by("_key").agg(pl.col("_commit").max().alias("_last"))
    found = rows.join(last, on="_key", how="inner")
    found = found.filter(named | nobody | (pl.col("_commit") <= pl.col("_last")))
    return found.select("_key", "_commit").unique().sort("_commit", "_key").collect()


def erase(folder: Path, seals: list[Seal], rows: pl.LazyFrame, who: Traces, reference: str) -> Erased:
    """Take a person out of a table. Needs its lock, and a table that is settled and verified.

    Parameters
    ----------
    reference
        What the chain calls this erasure; says nothing of the person without the key it was made with.
    """
    gone = traces(rows, who)
    if gone.is_empty():
        return Erased(0, 0)
    touched = gone["_commit"].unique().to_list()
    with on_disk(folder):
        erasing(folder).mkdir(exist_ok=True)
        fsync(erasing(folder).parent)
    new, before = [], 0
    for seal in (seals[commit] for commit in sorted(touched)):
        new.append(_prepared(folder, seal, gone, seals[0].partition_by))
        before += seal.rows - new[-1].rows
    record = [{**_short(seal), "log_sha256": seal.log_sha256} for seal in new]
    seal_log(folder).append({"kind": "erase", "reference": reference, "commits": record})
    done = {seal.commit: seal for seal in new}
    finish(folder, [done.get(seal.commit, seal) for seal in seals])
    return Erased(before, len(new))


def _short(seal: Seal) -> dict[str, Any]:
    return {key: value for key, value in seal.payload().items() if key in ("commit", "rows", "files")}


def _prepared(folder: Path, seal: Seal, gone: pl.DataFrame, split: str | None) -> Seal:
    """Write the files of one commit again without the rows of `gone`, and its Delta commit beside."""
    keys = gone.filter(pl.col("_commit") == seal.commit).select("_key")
    files = tuple(left for file in seal.files if (left := _without(folder, file, keys, seal.commit)))
    made = replace(seal, files=files, rows=sum(file.rows for file in files))
    path = erasing(folder) / log_file(folder, seal.commit).name
    with on_disk(path):
        path.write_text("".join(_lines(log_file(folder, seal.commit), made, split)), "utf-8")
        for part in (path, path.parent):
            fsync(part)
    return replace(made, log_sha256=sha256(path))


def _without(folder: Path, file: SealedFile, keys: pl.DataFrame, commit: int) -> SealedFile | None:
    """Return the file itself where it holds none of the keys, else one that has the other rows, if there are any."""
    rows = pl.read_parquet(folder / file.path, hive_partitioning=False)
    left = rows.join(keys, on="_key", how="anti", maintain_order="left")
    if left.height == rows.height:
        return file
    return write_file(folder, file.path.rpartition("/")[0], left, commit) if left.height else None


def _lines(path: Path, seal: Seal, split: str | None) -> Iterable[str]:
    """Yield the lines of a Delta commit with other files in it; everything else of it stays."""
    kept = {file.path: file for file in seal.files}
    for line in map(json.loads, path.read_bytes().splitlines()):
        if "add" in line and not kept.pop(unquote(line["add"]["path"]), None):
            continue
        if "commitInfo" in line:
            line["commitInfo"][METADATA] = json.dumps(seal.payload())
        yield json.dumps(line, separators=(",", ":")) + "\n"
    for file in kept.values():
        yield json.dumps({"add": add_line(file, seal.commit, split)}, separators=(",", ":")) + "\n"


def finish(folder: Path, seals: list[Seal]) -> None:
    """Complete or drop an erasure that was begun. Needs the table's lock.

    Prepared commits whose hash the chain holds are put in place; others were never decided on. Then
    every data file that no seal names is deleted, whoever wrote it, and what Delta made of the log.
    """
    prepared = erasing(folder)
    with on_disk(folder):
        for path in sorted(prepared.glob("*.json")):
            commit = int(path.stem)
            if commit < len(seals) and sha256(path) == seals[commit].log_sha256:
                path.replace(log_file(folder, commit))
        fsync(folder / "_delta_log")
        for path in leftovers(folder, seals):
            path.unlink(missing_ok=True)
        for parent in {path.parent for path in folder.rglob("*.parquet")} | {folder, folder / "_delta_log"}:
            fsync(parent)
        shutil.rmtree(prepared, ignore_errors=True)
        fsync(prepared.parent)


def leftovers(folder: Path, seals: Iterable[Seal]) -> list[Path]:
    """Return data files, staging files, checkpoints and files of keys under a table that no seal names."""
    sealed = {f"{folder}/{file.path}" for seal in seals for file in seal.files}
    log, found = f"{folder}/_delta_log", set[str]()
    for place, _, names in os.walk(folder):
        found |= {f"{place}/{name}" for name in names if ".parquet" in name}
        if place == log:
            found |= {f"{place}/{name}" for name in names if name.startswith("_commit_") or not name.endswith(".json")}
    return sorted({Path(path) for path in found - sealed} | leftover_keys(folder))
