# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cohort definitions of ATLAS (Circe JSON) as studies: what has an equal is translated, all else is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rwe.errors import DefinitionError, Problem
from rwe.spec.circe_age import age_test, demographic
from rwe.spec.circe_node import Node
from rwe.spec.circe_records import Records, slug, words

FIRST_DAY = date(1900, 1, 1)
EXACTLY, AT_MOST, AT_LEAST = range(3)  # as Circe numbers them
BOUNDS = {EXACTLY: ("at_least", "at_most"), AT_MOST: ("at_most",), AT_LEAST: ("at_least",)}
# what says nothing of whom the cohort holds, or nothing where each person has one event
IDLE = ("Title", "ConceptSets", "cdmVersionRange", "CollapseSettings", "ExpressionLimit")


def read_circe(path: Path, sites: Sequence[str], as_of: date) -> dict[str, Any]:
    """Read a cohort definition of ATLAS as the values of a study file.

    The index is the first of the primary events; prior observation, inclusion rules, the end of the cohort by a fixed
    number of days and censoring events become their equals. The study has one population and one endpoint,
    ``in_cohort``: days to death, or to the end of the cohort.

    Parameters
    ----------
    path
        JSON as ATLAS exports it: the expression, or an object that holds it as ``expression``.
    sites
        Site files of the study, as they are to stand in it.
    as_of
        Data cut; the end of the index period where the definition has none.

    Raises
    ------
    DefinitionError
        With everything at once that has no equal here, each with its place in the definition.
    """
    try:
        whole = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as exc:
        raise DefinitionError(Problem(str(path), 1, 1, "", f"not JSON: {type(exc).__name__}")) from None
    held = whole.get("expression", whole) if isinstance(whole, dict) else whole
    if not isinstance(held, dict) or "PrimaryCriteria" not in held:
        raise DefinitionError(Problem(str(path), 1, 1, "", "no cohort definition of Circe: it has no PrimaryCriteria"))
    reading = _Reading(Node(held), str(whole.get("name") or held.get("Title") or path.stem))
    study = reading.study(sites, as_of)
    if reading.node.faults:
        raise DefinitionError([Problem(str(path), 1, 1, where, said) for where, said in reading.node.faults])
    return study


class _Reading:
    """One definition as it is read; what it names is collected on the way."""

    def __init__(self, node: Node, title: str) -> None:
        self.node, self.title = node, title
        self.records = Records(node)
        self.baseline: dict[str, Any] = {"age": {"title": words("Age", "Възраст"), "kind": "age"}}

    def study(self, sites: Sequence[str], as_of: date) -> dict[str, Any]:
        title = words(self.title)
        index, first = self._index(as_of)
        criteria = [*first, *self._rules()]
        endpoint = self._endpoint()
        for name in IDLE:
            self.node.take(name)
        self.node.done()
        population = {"everyone": "cohort", "trial_like": "cohort", "endpoint": "in_cohort", "milestone": 365}
        return {
            "study": slug(self.title, "imported"),
            "version": "1",
            **dict.fromkeys(("title", "question", "medicine", "indication"), title),
            "time_zero": words("the index event", "началното събитие"),
            "sites": list(sites),
            "as_of": as_of,
            "records": self.records.made,
            "index": index,
            "baseline": self.baseline,
            "eligibility": criteria,
            "populations": {"cohort": {"title": title}},
            "endpoints": {"in_cohort": endpoint},
            "analyses": [{"id": "characteristics", "analysis": "characteristics", "population": "cohort"}],
            "focus": population,
        }

    def _index(self, as_of: date) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the index, and the criteria that the primary events add."""
        primary = self.node.node("PrimaryCriteria")
        events = primary.nodes("CriteriaList")
        inner, table = self.records.event(events[0]) if events else (Node({}, primary.where, primary.faults), "")
        if len(events) != 1:
            primary.refuse("CriteriaList", "one kind of primary event is expected: put its concepts into one set")
        record = self.records.named(inner, table)
        start, end = self._period(inner, as_of)
        criteria = [_no_earlier(record)] if (once := bool(inner.take("First"))) else []
        criteria += self._age(inner, once=once)
        observed = primary.node("ObservationWindow")
        prior = observed.take("PriorDays") or 0
        observed.done()
        self._limits(primary, once=once)
        inner.done()
        primary.done()
        return {"record": record, "start": start, "end": end, "observed": prior}, criteria

    def _limits(self, primary: Node, *, once: bool) -> None:
        """Refuse what would take another event of a person than the first that is observed."""
        limit = primary.node("PrimaryCriteriaLimit").take("Type") or "All"
        qualified = self.node.node("QualifiedLimit").take("Type") or "All"
        more = self.node.take("AdditionalCriteria")
        if once:
            if more:
                self.node.refuse("AdditionalCriteria", "write it as an inclusion rule, which counts in the attrition")
            return
        if limit != "First":
            why = "each event of a person would be judged; limit primary events to the earliest, or ask for First"
            primary.refuse("PrimaryCriteriaLimit", why)
        if more or qualified not in ("First", "All"):
            self.node.refuse("AdditionalCriteria", "it would choose another event than the first; write it as a rule")

    def _period(self, inner: Node, as_of: date) -> tuple[date, date]:
        asked = inner.node("OccurrenceStartDate")
        how, value, extent = (asked.take(name) for name in ("Op", "Value", "Extent"))
        asked.done()
        if how is None:
            return FIRST_DAY, as_of
        day = date.fromisoformat(str(value)[:10])
        if how == "bt" and extent:
            return day, date.fromisoformat(str(extent)[:10])
        if how in ("gte", "lte"):
            return (day, as_of) if how == "gte" else (FIRST_DAY, day)
        inner.refuse("OccurrenceStartDate", "only gte, lte and bt have an equal: the period's first and last day")
        return FIRST_DAY, as_of

    def _age(self, inner: Node, *, once: bool) -> list[dict[str, Any]]:
        if not inner.has("Age"):
            return []
        if not once:
            inner.refuse("Age", "it would choose a later event of a person; ask for First, or write it as a rule")
        return age_test(inner.node("Age"), "age_at_index", "Age at the event")

    def _rules(self) -> Iterator[dict[str, Any]]:
        taken: set[str] = set()
        for i, rule in enumerate(self.node.nodes("InclusionRules"), 1):
            title = str(rule.take("name") or f"Rule {i}")
            rule.take("description")
            for k, criterion in enumerate(self._group(rule.node("expression"), title)):
                name = slug(title, f"rule_{i}") + (f"_{k + 1}" if k else "")
                name = f"{name}_{i}" if name in taken else name
                taken.add(name)
                yield {"name": name} | criterion
            rule.done()

    def _group(self, group: Node, title: str) -> list[dict[str, Any]]:
        """Return the criteria of a group of which all must hold; where any may hold, one count of several records."""
        how, members = group.take("Type"), group.nodes("CriteriaList")
        found = [self._counted(member) for member in members]
        ages = [age for person in group.nodes("DemographicCriteriaList") for age in demographic(person)]
        group.take("Count")
        if how != "ALL" and len(members) + len(ages) > 1:
            asked = {json.dumps(one | {"of": None}, sort_keys=True) for one in found}
            if how != "ANY" or ages or len(asked) != 1 or found[0].get("at_least") != 1 or "at_most" in found[0]:
                group.refuse(
                    "Type", f"{how}: of alternatives only 'any of these at least once in one window' has an equal"
                )
            found = [found[0] | {"of": [name for one in found for name in one["of"]]}] if found else []
        if group.nodes("Groups"):
            group.refuse("Groups", "groups within groups have no equal; write each as a rule of its own")
        group.done()
        counted = [{"title": words(title), "records": one} for one in found]
        return counted + [{"title": words(title)} | age for age in ages]

    def _counted(self, member: Node) -> dict[str, Any]:
        inner, table = self.records.event(member.node("Criteria"))
        record = self.records.named(inner, table)
        inner.done()
        occurrence, window = member.node("Occurrence"), member.node("StartWindow")
        kind, count = occurrence.take("Type"), occurrence.take("Count")
        days = occurrence.take("IsDistinct")
        if days and occurrence.take("CountColumn") != "START_DATE":
            occurrence.refuse("CountColumn", "of distinct things only start dates have an equal (count: days)")
        occurrence.take("CountColumn")
        anywhere = bool(member.take("IgnoreObservationPeriod"))
        ends = [_edge(window.node("Start"), -1), _edge(window.node("End"), 1)]
        for part in (occurrence, window, member):
            part.done()
        bounds = dict.fromkeys(BOUNDS.get(kind, ()), count)
        return {
            "of": [record],
            "window": ends,
            "count": "days" if days else "records",
            "observed": not anywhere,
        } | bounds

    def _endpoint(self) -> dict[str, Any]:
        title = words("Time in the cohort", "Време в кохортата")
        made: dict[str, Any] = {"title": title, "definition": title, "events": [self.records.death()]}
        ends = self.node.node("EndStrategy")
        offset = ends.node("DateOffset")
        if offset.take("DateField") == "EndDate":
            offset.refuse("DateField", "the end of the index record has no equal; StartDate has")
        if (days := offset.take("Offset")) is not None:
            made["until"] = days
        if ends.has("CustomEra"):
            ends.refuse("CustomEra", "write an endpoint with `stops`, whose day is that on which the gap is over")
        offset.done()
        ends.done()
        censored: dict[str, list[str]] = {}
        for node in self.node.nodes("CensoringCriteria"):
            inner, table = self.records.event(node)
            name = self.records.named(inner, table)
            inner.done()
            censored[f"{name}_begun"] = [name]
        return made | ({"censor": censored} if censored else {})


def _edge(end: Node, outward: int) -> int | None:
    """Return an end of a window in days from index, None where it is open."""
    days, sign = end.take("Days"), end.take("Coeff")
    end.done()
    if days is None and sign != outward:
        end.refuse("Days", "a window that is open on the inner side holds nothing")
    return None if days is None else int(days) * int(sign)


def _no_earlier(record: str) -> dict[str, Any]:
    return {
        "name": "no_earlier_event",
        "title": words("No such event before", "Без такова събитие преди това"),
        "records": {"of": [record], "window": [None, -1], "at_most": 0},
    }
