# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cohort definitions of ATLAS (Circe JSON) as studies: what has an equal is translated, all else is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rwe.errors import DefinitionError, Problem
from rwe.spec.circe_node import Node

TABLES = {
    "ConditionOccurrence": "condition_occurrence",
    "Death": "death",
    "DrugExposure": "drug_exposure",
    "Measurement": "measurement",
    "Observation": "observation",
    "ProcedureOccurrence": "procedure_occurrence",
    "VisitOccurrence": "visit_occurrence",
}
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
        self.sets = {part.take("id"): part for part in node.nodes("ConceptSets")}
        self.records: dict[str, dict[str, Any]] = {}
        self.taken: dict[tuple[str, Any], str] = {}
        self.baseline: dict[str, Any] = {"age": {"title": _words("Age", "Възраст"), "kind": "age"}}

    def study(self, sites: Sequence[str], as_of: date) -> dict[str, Any]:
        words = _words(self.title)
        index, first = self._index(as_of)
        criteria = [*first, *self._rules()]
        endpoint = self._endpoint()
        for name in IDLE:
            self.node.take(name)
        self.node.done()
        population = {"everyone": "cohort", "trial_like": "cohort", "endpoint": "in_cohort", "milestone": 365}
        return {
            "study": _slug(self.title, "imported"),
            "version": "1",
            **dict.fromkeys(("title", "question", "medicine", "indication"), words),
            "time_zero": _words("the index event", "началното събитие"),
            "sites": list(sites),
            "as_of": as_of,
            "records": self.records,
            "index": index,
            "baseline": self.baseline,
            "eligibility": criteria,
            "populations": {"cohort": {"title": words}},
            "endpoints": {"in_cohort": endpoint},
            "analyses": [{"id": "characteristics", "analysis": "characteristics", "population": "cohort"}],
            "focus": population,
        }

    def _index(self, as_of: date) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the index, and the criteria that the primary events add."""
        primary = self.node.node("PrimaryCriteria")
        events = primary.nodes("CriteriaList")
        inner, table = self._event(events[0]) if events else (Node({}, primary.where, primary.faults), "")
        if len(events) != 1:
            primary.refuse("CriteriaList", "one kind of primary event is expected: put its concepts into one set")
        record = self._record(inner, table)
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
        return _age(inner.node("Age"), "age_at_index", "Age at the event")

    def _rules(self) -> Iterator[dict[str, Any]]:
        taken: set[str] = set()
        for i, rule in enumerate(self.node.nodes("InclusionRules"), 1):
            title = str(rule.take("name") or f"Rule {i}")
            rule.take("description")
            for k, criterion in enumerate(self._group(rule.node("expression"), title)):
                name = _slug(title, f"rule_{i}") + (f"_{k + 1}" if k else "")
                name = f"{name}_{i}" if name in taken else name
                taken.add(name)
                yield {"name": name} | criterion
            rule.done()

    def _group(self, group: Node, title: str) -> list[dict[str, Any]]:
        """Return the criteria of a group of which all must hold; where any may hold, one count of several records."""
        how, members = group.take("Type"), group.nodes("CriteriaList")
        found = [self._counted(member) for member in members]
        ages = [age for person in group.nodes("DemographicCriteriaList") for age in _demographic(person)]
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
        counted = [{"title": _words(title), "records": one} for one in found]
        return counted + [{"title": _words(title)} | age for age in ages]

    def _counted(self, member: Node) -> dict[str, Any]:
        inner, table = self._event(member.node("Criteria"))
        record = self._record(inner, table)
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
        title = _words("Time in the cohort", "Време в кохортата")
        made: dict[str, Any] = {"title": title, "definition": title, "events": [self._death()]}
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
            inner, table = self._event(node)
            name = self._record(inner, table)
            inner.done()
            censored[f"{name}_begun"] = [name]
        return made | ({"censor": censored} if censored else {})

    def _death(self) -> str:
        self.records.setdefault("any_death", {"table": "death"})
        return "any_death"

    def _event(self, node: Node) -> tuple[Node, str]:
        kinds = [kind for kind in node.value if node.value[kind] is not None]
        kind = kinds[0] if kinds else ""
        if kind not in TABLES or len(kinds) != 1:
            node.refuse(kind, f"records of this kind have no equal; those that have: {', '.join(TABLES)}")
            node.take(kind)
            return Node({}, node.where, node.faults), "observation"
        return node.node(kind), TABLES[kind]

    def _record(self, inner: Node, table: str) -> str:
        """Return the name of the record of a concept set in a table."""
        key = (table, inner.take("CodesetId"))
        if key not in self.taken:
            title, made = self._concepts(key[1])
            name = _slug(title, table)
            self.taken[key] = f"{name}_{len(self.records)}" if name in self.records else name
            self.records[self.taken[key]] = {"table": table} | made
        return self.taken[key]

    def _concepts(self, number: Any) -> tuple[str, dict[str, Any]]:
        if number is None:
            return "", {}
        if number not in self.sets:
            self.node.refuse("ConceptSets", f"there is no set {number}, which a criterion names")
            return "", {}
        whole = self.sets[number]
        items = whole.node("expression").nodes("items")
        if any(item.take("isExcluded") or item.take("includeMapped") for item in items):
            whole.refuse("expression", "excluded and mapped concepts have no equal: list those that are meant")
        below = {bool(item.take("includeDescendants")) for item in items}
        if len(below) > 1:
            whole.refuse(
                "expression", "some concepts count with their descendants, others without: make two sets of them"
            )
        concepts = [item.node("concept").take("CONCEPT_ID") for item in items]
        return str(whole.value.get("name") or ""), {"concepts": concepts, "descendants": True in below}


def _edge(end: Node, outward: int) -> int | None:
    """Return an end of a window in days from index, None where it is open."""
    days, sign = end.take("Days"), end.take("Coeff")
    end.done()
    if days is None and sign != outward:
        end.refuse("Days", "a window that is open on the inner side holds nothing")
    return None if days is None else int(days) * int(sign)


def _demographic(person: Node) -> list[dict[str, Any]]:
    found = _age(person.node("Age"), "", "") if person.has("Age") else []
    person.done()
    return found


def _age(asked: Node, name: str, title: str) -> list[dict[str, Any]]:
    """Return a test of age in years; both count it as the difference of years."""
    how, value, extent = (asked.take(part) for part in ("Op", "Value", "Extent"))
    asked.done()
    bounds: Mapping[str, tuple[float | None, float | None]] = {
        "gte": (value, None),
        "gt": (value and value + 1, None),
        "lte": (None, value),
        "lt": (None, value and value - 1),
        "eq": (value, value),
        "bt": (value, extent),
    }
    if how not in bounds:
        asked.refuse("Op", f"{how} has no equal; {', '.join(bounds)} have")
    low, high = bounds.get(how, (None, None))
    limits = {"at_least": low, "at_most": high}
    test = {"variable": "age"} | {key: float(limit) for key, limit in limits.items() if limit is not None}
    return [({"name": name, "title": _words(title)} if name else {}) | test]


def _no_earlier(record: str) -> dict[str, Any]:
    return {
        "name": "no_earlier_event",
        "title": _words("No such event before", "Без такова събитие преди това"),
        "records": {"of": [record], "window": [None, -1], "at_most": 0},
    }


def _words(en: str, bg: str = "") -> dict[str, str]:
    return {"en": en, "bg": bg or en}


def _slug(title: str, otherwise: str) -> str:
    """Return a title as a name; of letters that names do not have, `otherwise`."""
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"{otherwise}_{name}".strip("_")
