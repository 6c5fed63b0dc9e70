# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What others add to the engine, found by entry point: connectors, analyses, demonstration hospitals."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from rwe.errors import DefinitionError, MachineError
from rwe.spec.base import Part

if TYPE_CHECKING:  # to look a name up needs none of what the found may read
    import polars as pl

    from rwe.cohort import Cohort
    from rwe.compare import TrialBaseline
    from rwe.ports import Connector, Eraser, Receipt
    from rwe.result import Result
    from rwe.spec.site import Site
    from rwe.spec.source import Source
    from rwe.spec.study import Study


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an analysis may read: the cohort, the study's words, and the trial where there is one."""

    study: Study
    cohort: Cohort
    population: str
    trial: TrialBaseline | None = None

    @property
    def people(self) -> pl.DataFrame:
        """The people of the analysis' population, one row each."""
        return self.cohort.of(self.population)

    @property
    def entry(self) -> str | None:
        """The column of the day after which a person is at risk, where the study's entry is late."""
        return "entry_days" if self.study.index.entry == "observation" else None

    def groups(self, by: str | None) -> dict[str, pl.DataFrame]:
        """Return the people as ``overall``, and by the levels of a baseline variable as ``<by>=<level>``."""
        people = self.people
        if by is None:
            return {"overall": people}
        parts = people.drop_nulls(by).sort(by).partition_by(by, as_dict=True, maintain_order=True)
        return {"overall": people, **{f"{by}={level}": part for (level,), part in parts.items()}}


class Analysis(Protocol):
    """A named analysis that a study file may ask for."""

    options: type[Part]
    needs_trial: bool

    def run(self, inputs: Inputs, options: Any) -> Result:
        """Return the estimates of one population; `options` is an instance of `self.options`."""
        ...


class Hospital(Protocol):
    """A demonstration hospital that can be built as a database."""

    name: str
    site: str
    study: Path

    def build(self, url: str) -> dict[str, int]:
        """Fill the database at `url`, or leave a full one as it is; return rows by table."""
        ...


class Invented(Protocol):
    """A hospital of seeded rows, for self tests: as many as are asked for, the same ones for the same seed."""

    def source(self, tables: Sequence[str], /) -> Source:
        """Return what a database of these tables is declared to hold."""
        ...

    def site(self, path: Path, page_rows: int, /) -> Site:
        """Return where the database is."""
        ...

    def build(self, path: Path, tables: Sequence[str], /, *, rows: int, seed: int) -> None:
        """Write a new SQLite database of so many rows a table."""
        ...

    def served(self, tables: Sequence[str], rows: int, seed: int, /) -> AbstractContextManager[Served]:
        """Start a database server of so many rows a table; `MachineError` where none is installed."""
        ...


class Network(Protocol):
    """A network of invented hospitals whose truth is known: the same persons for the same seed."""

    def write(
        self,
        folder: Path,
        patients: int,
        seed: int,
        progress: Callable[[float], None],
        /,
        *,
        urls: Mapping[str, str],
        dirt: str,
    ) -> dict[str, int]:
        """Write truth, clean records and hospitals of so many persons into an empty folder; return rows by table.

        `urls` are empty databases for hospitals `a`, `b`, `c`, in place of files. `dirt` names the classes of faults
        to plant: ``all``, ``none``, or some with commas between.
        """
        ...


class Served(Protocol):
    """A database server of one hospital that can be told to fail."""

    port: int

    def site(self, like: Site, port: int, /) -> Site:
        """Return where it is, as another site of the hospital says, behind `port`."""
        ...

    def trouble(self, state: str, seconds: float, /) -> None:
        """Answer whoever reads with an SQLSTATE for so long."""
        ...

    def kill(self) -> None:
        """End the sessions of whoever reads."""
        ...

    def sessions(self) -> int:
        """Return how many sessions of readers there are."""
        ...


OpenConnector = Callable[["Site", "Source", Path], "Connector"]
ReadMessage = Callable[[bytes, "Site | None", "Source | None"], "Receipt"]


def connector(name: str) -> OpenConnector:
    """Return the function that opens a connector of this kind."""
    return cast(OpenConnector, _load("rwe.connectors", name))


def message(name: str) -> ReadMessage:
    """Return the function that tells what a pushed message of this kind is."""
    return cast(ReadMessage, _load("rwe.messages", name))


def analysis(name: str) -> Analysis:
    """Return the analysis registered under `name`."""
    return cast(Analysis, _load("rwe.analyses", name))


def hospital(name: str) -> Hospital:
    """Return the demonstration hospital registered under `name`."""
    return cast(Hospital, _load("rwe.hospitals", name))


def invented(name: str) -> Invented:
    """Return the hospital of seeded rows registered under `name`."""
    return cast(Invented, _load("rwe.hospitals", name))


def network(name: str) -> Network:
    """Return the hospital network registered under `name`."""
    return cast(Network, _load("rwe.hospitals", name))


def erasers() -> list[Eraser]:
    """Return what takes a person out of what connectors keep between readings."""
    return [cast("Eraser", _load("rwe.erasers", name)) for name in names("rwe.erasers")]


def names(group: str) -> list[str]:
    """Return what is registered in an entry-point group."""
    return sorted(_found(group))


@cache
def _found(group: str) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _load(group: str, name: str) -> object:
    found = _found(group)
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        cure = f"did you mean '{near[0]}'?" if near else f"registered: {', '.join(sorted(found)) or 'none'}"
        raise DefinitionError(f"'{name}' is not registered under {group}; {cure}")
    try:
        return found[name].load()
    except ImportError as exc:
        raise MachineError(f"'{name}' ({group}) cannot be imported: {exc.name or 'a library'} is missing") from exc
