# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`TrialBaseline`: a trial ready to compare with, its patients in the words of the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from rwe.compare.people import people, require
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.spec.base import Text, locate
from rwe.spec.trial import Column, Criterion, Endpoint, Individual, load_trial_file


@dataclass(frozen=True, slots=True)
class Margin:
    """The published distribution of one baseline variable.

    Parameters
    ----------
    variable
        Name of the variable.
    classes
        For each class as published the level it belongs to: itself, or what it was merged into.
    cuts
        Inclusive upper bounds that class a number; empty for a variable that comes in levels.
    n
        For each arm one count a level; None where unknown.
    """

    variable: str
    classes: Mapping[str, str]
    cuts: tuple[float, ...]
    n: Mapping[str, tuple[int, ...] | None]

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels in order."""
        return tuple(dict.fromkeys(self.classes.values()))

    def merge(self, groups: Mapping[str, Sequence[str]]) -> Margin:
        """Return the margin with some levels merged, for example ``{"1-2": ["1", "2"]}``."""
        into = {old: new for new, olds in groups.items() for old in olds}
        if unknown := sorted(set(into) - set(self.levels)):
            raise DefinitionError(f"'{self.variable}' has no levels {unknown} to merge; it has {list(self.levels)}")
        merged = [into.get(level, level) for level in self.levels]
        classes = {published: into.get(level, level) for published, level in self.classes.items()}
        return replace(self, classes=classes, n={arm: n and _sums(merged, n) for arm, n in self.n.items()})

    def expression(self, dtype: pl.DataType) -> pl.Expr:
        """Return the variable's level: numbers are cut, published classes stand or merge."""
        value = pl.col(self.variable)
        if dtype == pl.Boolean:
            value = pl.when(value).then(pl.lit("yes")).when(value.not_()).then(pl.lit("no"))
        elif dtype.is_numeric() and self.cuts:
            value = _cut(value.cast(pl.Float64), self.cuts, list(self.classes))
        return value.cast(pl.String).replace(dict(self.classes)).alias(self.variable)


@dataclass(frozen=True, slots=True)
class TrialBaseline:
    """A trial as the comparison needs it.

    Parameters
    ----------
    name, title, citation
        The trial's name, in full, and its publication.
    arms
        Patients of each arm.
    margins
        Published distribution of each baseline variable.
    endpoints
        Published curves of each endpoint, or the reason why there is none.
    individual
        One row a patient where the data are public: ``arm``, the baseline variables under the
        names and levels of the registry, ``<endpoint>_days`` and ``<endpoint>_event``.
    criteria
        Criteria of the trial; some cannot be expressed in records.
    """

    name: str
    title: Text
    citation: str
    arms: Mapping[str, int]
    margins: Mapping[str, Margin]
    endpoints: Mapping[str, Endpoint]
    individual: pl.DataFrame | None
    criteria: tuple[Criterion, ...]

    def targets(self, variables: Iterable[str] | None = None, arm: str = "all") -> dict[str, dict[str, int]]:
        """Return the margins of an arm, as `rake` and `balance` take them.

        Raises
        ------
        DefinitionError
            If the trial has no such variable or arm.
        NoValidAnswer
            If its margin is unknown in that arm.
        """
        wanted = list(self.margins if variables is None else variables)
        if unknown := sorted(set(wanted) - set(self.margins)):
            raise DefinitionError(f"trial '{self.name}' has no margins {unknown}; it has {sorted(self.margins)}")
        self._arm(arm)
        return {name: self._target(self.margins[name], arm) for name in wanted}

    def merge(self, variable: str, groups: Mapping[str, Sequence[str]]) -> TrialBaseline:
        """Return the trial with levels of one variable merged (see `Margin.merge`)."""
        self.targets([variable], next(iter(self.arms)))
        return replace(self, margins={**self.margins, variable: self.margins[variable].merge(groups)})

    def patients(self, endpoint: str, arm: str = "all") -> pl.DataFrame:
        """Return the trial's own patients of an arm, with the endpoint as ``days`` and ``event``.

        Raises
        ------
        NoValidAnswer
            If the trial does not have the endpoint, or its individual data are not public.
        """
        self._arm(arm)
        found = self.endpoints.get(endpoint)
        if found is None or not found.available:
            why = f": {found.reason.en}" if found is not None and found.reason else ""
            raise NoValidAnswer(f"trial '{self.name}' has no endpoint '{endpoint}'{why}")
        if self.individual is None or f"{endpoint}_days" not in self.individual.columns:
            raise NoValidAnswer(f"trial '{self.name}' has no individual data of '{endpoint}' to compare with")
        rows = self.individual if arm == "all" else self.individual.filter(pl.col("arm") == arm)
        return rows.rename({f"{endpoint}_days": "days", f"{endpoint}_event": "event"})

    def _arm(self, arm: str) -> None:
        if arm not in self.arms:
            raise DefinitionError(f"trial '{self.name}' has no arm '{arm}'; it has {sorted(self.arms)}")

    def _target(self, margin: Margin, arm: str) -> dict[str, int]:
        counts = margin.n.get(arm)
        if counts is None:
            raise NoValidAnswer(f"trial '{self.name}': the margin of '{margin.variable}' is unknown in arm '{arm}'")
        return dict(zip(margin.levels, counts, strict=True))


def load_trial(path: str | Path) -> TrialBaseline:
    """Read a trial file and, where it names them, its patients.

    Raises
    ------
    DefinitionError
        With all faults of the file at once (see `load_trial_file`).
    """
    path = Path(path)
    file = load_trial_file(path)
    margins = {m.variable: Margin(m.variable, {level: level for level in m.levels}, m.cuts, m.n) for m in file.margins}
    individual = _patients(locate(file.individual.file, path), file.individual) if file.individual else None
    arms = {arm: size.n for arm, size in file.arms.items()}
    return TrialBaseline(
        file.trial, file.title, file.citation, arms, margins, file.endpoints, individual, file.criteria
    )


def classes(frame: Any, margins: Mapping[str, Margin]) -> pl.DataFrame:
    """Return a frame whose variables hold the classes of `margins`; other columns stand.

    Raises
    ------
    DataError
        If a variable is missing.

    Examples
    --------
    >>> age = Margin("age", {"<=45": "<=45", ">45": ">45"}, (45.0,), {})
    >>> classes(pl.DataFrame({"age": [45, 46]}), {"age": age})["age"].to_list()
    ['<=45', '>45']
    """
    rows = people(frame)
    require(rows, list(margins))
    return rows.with_columns(margin.expression(rows.schema[name]) for name, margin in margins.items())


def _cut(value: pl.Expr, cuts: Sequence[float], labels: Sequence[str]) -> pl.Expr:
    """Return the class of a number; `cuts` are inclusive upper bounds, what is missing stays so."""
    label = pl.lit(labels[-1])
    for bound, name in reversed(list(zip(cuts, labels, strict=False))):
        label = pl.when(value <= bound).then(pl.lit(name)).otherwise(label)
    return pl.when(value.is_not_null() & value.is_not_nan()).then(label)


def _sums(levels: Sequence[str], counts: Sequence[int]) -> tuple[int, ...]:
    """Return the counts of equal levels together, in the order of their first."""
    return tuple(sum(n for name, n in zip(levels, counts, strict=True) if name == one) for one in dict.fromkeys(levels))


def _patients(path: Path, spec: Individual) -> pl.DataFrame:
    """Return the trial's rows under the names and levels of the baseline (checked by `load_trial_file`)."""
    raw = pl.read_csv(path, infer_schema=False)
    arm = pl.col(spec.arm.column).replace_strict({code: name for name, code in spec.arm.levels.items()})
    columns = [_recoded(name, column) for name, column in spec.columns.items()]
    for name, clock in spec.endpoints.items():
        columns.append(pl.col(clock.days).cast(pl.Int64).alias(f"{name}_days"))
        columns.append((pl.col(clock.event) == "1").alias(f"{name}_event"))
    return raw.select(arm.alias("arm"), *columns)


def _recoded(name: str, column: Column) -> pl.Expr:
    value = pl.col(column.column)
    if column.levels:
        return value.replace_strict({code: level for level, code in column.levels.items()}).alias(name)
    number = value.cast(pl.Float64)
    if column.cuts:
        return _cut(number, column.cuts, column.labels).alias(name)
    return number.alias(name)
