# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What in a definition looks past day zero: refused where it must mislead, marked where it may, unless a reason stands.

A person must live, and be followed, to have what is looked for after day zero; who is counted from day zero because
of it has time that could not be died in (Suissa 2008, Am J Epidemiol 167:492). Rules:

- ``eligibility_after_index`` (refused): a criterion that counts records after the index date.
- ``arm_after_index``: groups are told apart by what happens after the index date.
- ``measured_after_index``: another baseline variable may be read after the index date.
- ``treated_before_measured``: it may so be read after an exposure that the study names, which may have changed it.
- ``followed_for_long``: a criterion that asks for more than one day of follow-up.
- ``observed_after``: a criterion that asks for observation after the index date.
- ``washout_unobserved``: absence is asked of days on which nobody need have been observed.

`looks_ahead` in the study file names what may do so and why; it is counted in the data all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rwe.spec.base import Where
from rwe.spec.population import EXPOSED, Counted, Criterion, Variable
from rwe.spec.study_names import criteria_of

if TYPE_CHECKING:
    from rwe.spec.study import Study

_WHY = "give the reason under looks_ahead if it must be so"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of a definition that looks past day zero.

    Parameters
    ----------
    where, name
        Its place in the study file, and the variable or criterion.
    rule
        One of the rules above.
    reach
        The last day from index that it looks at; None where there is no end. Days before for ``washout_unobserved``.
    refused
        Whether the definition cannot stand as it is.
    reasoned
        Whether the study says why it may.
    """

    where: Where
    name: str
    rule: str
    reach: int | None
    message: str
    refused: bool = False
    reasoned: bool = False


def findings(study: Study) -> list[Finding]:
    """Return what of a study looks past day zero, reasoned or not."""
    found = [finding for name, variable in study.baseline.items() for finding in _variable(study, name, variable)]
    lookback = _observed_before(study.eligibility)
    for where, criteria in criteria_of(study):
        own = max(lookback, _observed_before(criteria))
        for i, criterion in enumerate(criteria):
            found += _criterion(study, (*where, i), criterion, own)
    return found


def refusals(study: Study) -> list[tuple[Where, str]]:
    """Return the place and message of what a study must not do without a reason."""
    return [(f.where, f"{f.name}: {f.message}") for f in findings(study) if f.refused and not f.reasoned]


def remarks(study: Study) -> list[tuple[Where, str]]:
    """Return the place and message of what may mislead and has no reason beside it."""
    return [(f.where, f"{f.name}: {f.message}") for f in findings(study) if not (f.refused or f.reasoned)]


def _variable(study: Study, name: str, variable: Variable) -> Iterator[Finding]:
    settled = _settled_after(study, variable)
    reach = variable.window[1] + settled
    if variable.kind == "age" or reach <= 0:
        return
    where = ("baseline", name, "window")
    if name in _arms(study):
        said = f"splits people by what happens up to {reach} days after the index date, which the dead do not reach"
        yield _finding(study, where, name, "arm_after_index", reach, f"{said}; end its window at {-settled}, or {_WHY}")
    else:
        said = f"may be read up to {reach} days after the index date; end its window at {-settled}, or {_WHY}"
        yield _finding(study, where, name, "measured_after_index", reach, said)
    if (
        variable.window[1] > 0
        and variable.kind != "exists"
        and any(record.table in EXPOSED for record in study.records.values())
    ):
        said = f"may be read after treatment began, which may have changed it; end its window at 0, or {_WHY}"
        yield _finding(study, where, name, "treated_before_measured", reach, said)


def _settled_after(study: Study, variable: Variable) -> int:
    """Return the days after which what a line of therapy is made of is known, 0 for what is known on its own day."""
    lines = study.treatment.lines if study.treatment else None
    record = study.records.get(variable.record or "")
    if lines is None or record is None or record.table != "episode" or variable.kind != "level":
        return 0
    return lines.window if lines.concept in record.concepts or not record.concepts else 0


def _arms(study: Study) -> set[str]:
    """Return the variables by which people are told apart: groups of analyses, criteria that ask for one level."""
    groups = [asked.options.get("by") for asked in study.analyses]
    levels = [c.variable for _, criteria in criteria_of(study) for c in criteria if c.one_of]
    return {name for name in [*groups, *levels, study.focus.by] if isinstance(name, str)}


def _criterion(study: Study, where: Where, criterion: Criterion, observed: int) -> Iterator[Finding]:
    name, follow_up = criterion.name, criterion.min_follow_up or 0
    if follow_up > 1:
        said = f"asks for {follow_up} days of follow-up, in which nobody counted can have died; {_WHY}"
        yield _finding(study, (*where, "min_follow_up"), name, "followed_for_long", follow_up, said)
    if criterion.observed and criterion.observed.after:
        said = f"asks for observation after the index date: who is lost early is not counted; {_WHY}"
        yield _finding(study, (*where, "observed"), name, "observed_after", criterion.observed.after, said)
    if criterion.records:
        yield from _counted(study, (*where, "records"), criterion, criterion.records, observed)


def _counted(study: Study, where: Where, criterion: Criterion, asked: Counted, observed: int) -> Iterator[Finding]:
    low, high = asked.window
    if high is None or high > 0:
        end = "any time" if high is None else f"{high} days"
        said = f"counts records up to {end} after the index date: eligibility must be known then; end its window at 0"
        yield _finding(
            study, where, criterion.name, "eligibility_after_index", high, f"{said}, or {_WHY}", refused=True
        )
    if asked.at_most is not None and low is not None and -low > observed:
        said = f"asks for absence in {-low} days before the index date, of which {observed} must have been observed"
        cure = f"add a criterion observed: {{before: {-low}}}, or name it under looks_ahead"
        yield _finding(study, where, criterion.name, "washout_unobserved", -low, f"{said}; {cure}")


def _observed_before(criteria: tuple[Criterion, ...]) -> int:
    return max((criterion.observed.before for criterion in criteria if criterion.observed), default=0)


def _finding(
    study: Study, where: Where, name: str, rule: str, reach: int | None, message: str, *, refused: bool = False
) -> Finding:
    reasoned = any(name in looks.names for looks in study.looks_ahead)
    return Finding(where, name, rule, reach, message, refused, reasoned)
