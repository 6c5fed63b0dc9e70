# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`TrialBaseline`: a trial ready to compare with, its patients in the words of the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import polars as pl

from rwe.compare.margin import Margin, cut, margin_of
from rwe.compare.reconstruct import Reconstruction
from rwe.compare.trial_curves import Drawing, drawing
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.spec import population
from rwe.spec.base import Text, locate
from rwe.spec.trial import Column, Criterion, Endpoint, Individual, load_trial_file
from rwe.spec.trial_published import Joint, Numbers, Rate


@dataclass(frozen=True, slots=True)
class TrialBaseline:
    """A trial as the comparison needs it.

    Parameters
    ----------
    name, title, citation
        The trial's name, in full, and its publication.
    arms
        Patients of each arm.
    labels
        What the publication calls an arm, where its name does not tell.
    margins
        Published distribution of each baseline variable.
    endpoints
        Published curves of each endpoint, or the reason why there is none.
    individual
        One row a patient where the data are public: ``arm``, the baseline variables under the
        names and levels of the registry, ``<endpoint>_days`` and ``<endpoint>_event``.
    criteria
        Criteria of the trial; some cannot be expressed in records.
    drawings
        By endpoint and arm the published curve, of which patients are reconstructed where there are none.
    numbers, joint, rates
        Published means and medians, joint tables, and response rates.
    eligibility
        Criteria that the cohort code can run; None where unknown.
    version, checked_by, source
        Of the file: its version, who held it against the publication, where its figures came from if not from there.
    """

    name: str
    title: Text
    citation: str
    arms: Mapping[str, int]
    margins: Mapping[str, Margin]
    endpoints: Mapping[str, Endpoint]
    individual: pl.DataFrame | None
    criteria: tuple[Criterion, ...]
    drawings: Mapping[tuple[str, str], Drawing] = field(default_factory=dict)
    numbers: tuple[Numbers, ...] = ()
    joint: tuple[Joint, ...] = ()
    rates: Mapping[str, Rate | None] = field(default_factory=dict)
    eligibility: tuple[population.Criterion, ...] | None = None
    version: str = ""
    checked_by: str = ""
    source: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def arm_label(self, arm: str) -> str:
        """Return an arm as people know it: ``d1 (Docetaxel)``."""
        return f"{arm} ({self.labels[arm]})" if self.labels.get(arm) else arm

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of a result made with this trial must know of its file."""
        unchecked = () if self.checked_by else (f"trial file '{self.name}' not checked by a person",)
        return (*unchecked, *((self.source,) if self.source else ()))

    def targets(self, variables: Iterable[str] | None = None, arm: str = "all") -> dict[str, dict[str, float]]:
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

    def origin(self, endpoint: str, arm: str = "all") -> Literal["individual", "reconstructed"]:
        """Return where the patients of an arm come from.

        Raises
        ------
        NoValidAnswer
            If the trial has neither patients of the endpoint nor its curve.
        """
        if arm != "all":
            self._arm(arm)
        found = self.endpoints.get(endpoint)
        if found is None or not found.available:
            why = f": {found.reason.en}" if found is not None and found.reason else ""
            raise NoValidAnswer(f"trial '{self.name}' has no endpoint '{endpoint}'{why}")
        if self.individual is not None and f"{endpoint}_days" in self.individual.columns:
            return "individual"
        if not all((endpoint, one) in self.drawings for one in self._parts(endpoint, arm)):
            raise NoValidAnswer(f"trial '{self.name}' has no individual data and no curve of '{endpoint}' in '{arm}'")
        return "reconstructed"

    def patients(self, endpoint: str, arm: str = "all") -> pl.DataFrame:
        """Return patients of an arm, with the endpoint as ``days`` and ``event``: the trial's own or reconstructed.

        Reconstructed rows hold ``arm``, ``days`` and ``event`` only; see `origin`.

        Raises
        ------
        NoValidAnswer
            If the trial has neither patients of the endpoint nor its curve, or a reconstruction fails its gate.
        """
        if self.origin(endpoint, arm) == "reconstructed":
            return pl.concat(self._rebuilt(endpoint, one) for one in self._parts(endpoint, arm))
        assert self.individual is not None, "what `origin` found"
        rows = self.individual if arm == "all" else self.individual.filter(pl.col("arm") == arm)
        return rows.rename({f"{endpoint}_days": "days", f"{endpoint}_event": "event"})

    def reconstruction(self, endpoint: str, arm: str) -> Reconstruction:
        """Return the reconstruction of one arm's curve, with its quality and gate.

        Raises
        ------
        NoValidAnswer
            If no curve of the arm is published.
        """
        if (endpoint, arm) not in self.drawings:
            raise NoValidAnswer(f"trial '{self.name}' has no curve of '{endpoint}' in arm '{arm}'")
        return self.drawings[endpoint, arm].reconstruct()

    def _rebuilt(self, endpoint: str, arm: str) -> pl.DataFrame:
        try:
            rows = self.reconstruction(endpoint, arm).patients
        except NoValidAnswer as exc:
            raise NoValidAnswer(f"trial '{self.name}', '{endpoint}' of arm '{arm}': {exc}") from None
        return self.drawings[endpoint, arm].days(rows).select(pl.lit(arm).alias("arm"), "days", "event")

    def _parts(self, endpoint: str, arm: str) -> list[str]:
        """Return the arms that make up an arm: the whole trial is its arms where it has no curve of its own."""
        whole = arm == "all" and (endpoint, arm) not in self.drawings
        return [one for one in self.arms if one != "all"] if whole else [arm]

    def _arm(self, arm: str) -> None:
        if arm not in self.arms:
            raise DefinitionError(f"trial '{self.name}' has no arm '{arm}'; it has {sorted(self.arms)}")

    def _target(self, margin: Margin, arm: str) -> dict[str, float]:
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
    individual = _patients(locate(file.individual.file, path), file.individual) if file.individual else None
    arms = {arm: size.n for arm, size in file.arms.items()}
    return TrialBaseline(
        file.trial,
        file.title,
        file.citation,
        arms,
        {margin.variable: margin_of(margin, arms) for margin in file.margins},
        file.endpoints,
        individual,
        file.criteria or (),
        {(n, arm): drawing(curve, path) for n, e in file.endpoints.items() for arm, curve in e.arms.items()},
        file.numbers,
        file.joint,
        file.rates,
        file.eligibility,
        file.version,
        file.checked_by,
        file.origin,
        {arm: size.label for arm, size in file.arms.items() if size.label},
    )


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
        return cut(number, column.cuts, column.labels).alias(name)
    return number.alias(name)
