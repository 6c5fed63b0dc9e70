# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A trial file held against itself and against its individual data: faults with their places."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rwe.errors import DefinitionError
from rwe.spec.base import Where, locate
from rwe.spec.trial_published_checks import published

if TYPE_CHECKING:
    from rwe.spec.trial import Column, Curve, Individual, Margin, TrialFile

Fault = tuple[Where, str]
WHOLE = "all"


def faults(trial: TrialFile, path: Path) -> Iterator[Fault]:
    """Yield each inconsistency of the trial as its place in the file and what is wrong."""
    sizes = {name: arm.n for name, arm in trial.arms.items()}
    yield from _arms(sizes)
    for i, margin in enumerate(trial.margins):
        yield from _margin(("margins", i), margin, sizes, trial.individual)
    yield from published(trial, sizes, path)
    for name, endpoint in trial.endpoints.items():
        for arm, curve in endpoint.arms.items():
            yield from _curve(("endpoints", name, "arms", arm), curve, sizes.get(arm))
    if trial.individual:
        yield from _individual(trial.individual, sizes, set(trial.endpoints), path)


def _arms(sizes: Mapping[str, int]) -> Iterator[Fault]:
    parts = sum(n for name, n in sizes.items() if name != WHOLE)
    if WHOLE in sizes and parts and parts != sizes[WHOLE]:
        yield ("arms", WHOLE, "n"), f"the other arms hold {parts} patients, this one says {sizes[WHOLE]}"


def _margin(where: Where, margin: Margin, sizes: Mapping[str, int], data: Individual | None) -> Iterator[Fault]:
    for arm, counts in margin.n.items():
        place: Where = (*where, "n", arm)
        if arm not in sizes:
            yield place, f"no arm of this name; known: {', '.join(sizes)}"
        elif counts is not None and len(counts) != len(margin.levels):
            yield place, f"{len(counts)} counts for {len(margin.levels)} levels"
        elif counts is not None and sum(counts) != (n := margin.of.get(arm, sizes[arm])):
            yield place, f"counts add up to {sum(counts)}, the arm has {n} patients"
    if data and margin.variable not in data.columns:
        yield (*where, "variable"), f"individual.columns has no '{margin.variable}'"
    elif data and (names := data.columns[margin.variable].names()) and names != margin.levels:
        yield (*where, "levels"), f"differ from those of individual.columns: {', '.join(names)}"


def _curve(where: Where, arm: Curve, n: int | None) -> Iterator[Fault]:
    if n is None:
        yield where, "no arm of this name under arms"
    elif arm.n != n:
        yield (*where, "n"), f"says {arm.n} patients, the arm has {n}"
    if arm.n_event is not None and arm.n_event > arm.n:
        yield (*where, "n_event"), f"{arm.n_event} events among {arm.n} patients"
    yield from _steps((*where, "curve"), arm.curve, "survival", rising=False)
    yield from _steps((*where, "at_risk"), arm.at_risk, "the number at risk", rising=False)
    yield from _steps((*where, "events"), arm.events, "the number of events", rising=True)
    if arm.at_risk and arm.at_risk[0][1] > arm.n:
        yield (*where, "at_risk", 0), f"{arm.at_risk[0][1]} at risk among {arm.n} patients"
    if arm.events and arm.n_event is not None and arm.events[-1][1] > arm.n_event:
        yield (*where, "events", len(arm.events) - 1), f"{arm.events[-1][1]} events, n_event says {arm.n_event}"
    if arm.median is not None and arm.curve and _at(arm.curve, arm.median) > 0.5:
        yield (*where, "median"), "the curve is still above one half on this day"


def _steps(where: Where, points: Sequence[tuple[int, float]], what: str, *, rising: bool) -> Iterator[Fault]:
    """Yield each entry that comes no later than the one before it, or that turns back."""
    for i, ((day, value), (later, following)) in enumerate(pairwise(points), start=1):
        if later <= day:
            yield (*where, i), f"day {later} stands after day {day}; days must rise"
        if following < value if rising else following > value:
            way = "falls" if rising else "rises"
            yield (*where, i), f"{what} {way} from {value} on day {day} to {following} on day {later}"


def _at(curve: Sequence[tuple[int, float]], day: float) -> float:
    """Return the survival on a day: 1 before the first step."""
    return next((survival for step, survival in reversed(curve) if step <= day), 1.0)


def _individual(data: Individual, sizes: Mapping[str, int], endpoints: set[str], path: Path) -> Iterator[Fault]:
    try:
        content = locate(data.file, path).read_bytes()
    except DefinitionError as exc:
        yield ("individual", "file"), exc.problems[0].message
        return
    except OSError:
        yield ("individual", "file"), "no such file, or it cannot be read"
        return
    if hashlib.sha256(content).hexdigest() != data.sha256:
        yield ("individual", "sha256"), "the file has another checksum: it is not the one this trial was made from"
        return
    rows = list(csv.DictReader(content.decode("utf-8").splitlines()))
    yield from _columns(data, set(rows[0]) if rows else set())
    yield from _arm_sizes(data, sizes, rows)
    for name, column in data.columns.items():
        yield from _levels(("individual", "columns", name), column, rows)
    for name in data.endpoints.keys() - endpoints:
        yield ("individual", "endpoints", name), "no endpoint of this name under endpoints"


def _columns(data: Individual, present: set[str]) -> Iterator[Fault]:
    named: dict[Where, str] = {("individual", "arm", "column"): data.arm.column}
    named |= {("individual", "columns", name, "column"): c.column for name, c in data.columns.items()}
    named |= {("individual", "endpoints", name, "days"): e.days for name, e in data.endpoints.items()}
    named |= {("individual", "endpoints", name, "event"): e.event for name, e in data.endpoints.items()}
    for where, column in named.items():
        if column not in present:
            yield where, f"the file has no column '{column}'; it has {', '.join(sorted(present))}"


def _arm_sizes(data: Individual, sizes: Mapping[str, int], rows: Sequence[Mapping[str, str]]) -> Iterator[Fault]:
    found = Counter(row.get(data.arm.column) for row in rows)
    for arm, value in data.arm.levels.items():
        if arm not in sizes:
            yield ("individual", "arm", "levels", arm), "no arm of this name under arms"
        elif found[value] != sizes[arm]:
            yield ("individual", "arm", "levels", arm), f"{found[value]} rows in the file, the arm has {sizes[arm]}"


def _levels(where: Where, column: Column, rows: Sequence[Mapping[str, str]]) -> Iterator[Fault]:
    found = Counter(row.get(column.column) for row in rows)
    if not column.levels or found.keys() == {None}:
        return
    for level, value in column.levels.items():
        if value not in found:
            yield (*where, "levels", level), f"column '{column.column}' never holds '{value}'"
    if unnamed := sum(n for value, n in found.items() if value not in column.levels.values()):
        yield (*where, "levels"), f"{unnamed} rows of column '{column.column}' hold a value that no level names"
