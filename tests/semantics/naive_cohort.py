# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A study definition read in plain Python, a person at a time: what the words of the grammar say, slowly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rwe.spec.endpoint import Change, Endpoint, Interval, Response
from rwe.spec.population import Counted, Criterion, Observed, Variable
from rwe.spec.study import Study

Row = dict[str, Any]
Tables = dict[str, list[Row]]


@dataclass
class Event:
    """One record of a person."""

    day: date
    until: date
    concept: int | None
    number: float | None
    level: int | None
    site: str


@dataclass
class Span:
    """One stretch of observation."""

    start: date
    end: date
    site: str


class Person:
    """Everything known of one person by the data cut."""

    def __init__(self, person: int, born: int, tables: Tables, study: Study) -> None:
        self.study, self.born = study, born
        self.events = {
            name: list(_events(tables.get(record.table, []), person, record.table, record.concepts, study.cut))
            for name, record in study.records.items()
        }
        deaths = [row["death_date"] for row in tables.get("death", []) if row["person_id"] == person]
        self.died = min((day for day in deaths if day <= study.cut), default=None)
        self.spans = [
            Span(
                row["observation_period_start_date"],
                min(row["observation_period_end_date"], study.cut),
                row["_site"],
            )
            for row in tables["observation_period"]
            if row["person_id"] == person
        ]
        self.insured = [
            (row["payer_plan_period_start_date"], row["payer_plan_period_end_date"], row["stop_reason_concept_id"])
            for row in tables.get("payer_plan_period", [])
            if row["person_id"] == person
        ]
        self.last_seen = max((span.end for span in self.spans), default=None)

    def of(self, names: Iterable[str]) -> list[Event]:
        return [event for name in names for event in self.events[name]]


def _events(rows: list[Row], person: int, table: str, concepts: tuple[int, ...], as_of: date) -> Iterable[Event]:
    short = {"drug_exposure": "drug", "procedure_occurrence": "procedure", "measurement": "measurement"}
    starts = {"drug_exposure": "drug_exposure_start_date", "death": "death_date"}
    ends = {"drug_exposure": "drug_exposure_end_date"}
    for row in rows:
        if row["person_id"] != person:
            continue
        prefix = short.get(table, table)
        day = row[starts.get(table, f"{prefix}_date")]
        concept = row["cause_concept_id" if table == "death" else f"{prefix}_concept_id"]
        if day is None or day > as_of or (concepts and concept not in concepts):
            continue
        end = row.get(ends.get(table, ""))
        until = end if end is not None and end > day else day
        yield Event(day, until, concept, row.get("value_as_number"), row.get("value_as_concept_id"), row["_site"])


def read(tables: Tables, study: Study) -> dict[int, Row]:
    """Return each person with an index date as the columns of the cohort."""
    found = {}
    for row in tables["person"]:
        person = Person(row["person_id"], row["year_of_birth"], tables, study)
        answer = _judge(person, study)
        if answer is not None:
            found[row["person_id"]] = answer
    return found


def _judge(person: Person, study: Study) -> Row | None:
    starts = [e for e in person.events[study.index.record] if study.index.start <= e.day <= study.index.end]
    if study.index.observed is not None:
        long = timedelta(days=study.index.observed)
        starts = [e for e in starts if any(s.start <= e.day - long and e.day <= s.end for s in person.spans)]
    if not starts:
        return None
    index = min(event.day for event in starts)
    site = min(event.site for event in starts if event.day == index)
    row: Row = {"index_date": index, "site": site, "index_records": len(starts)}
    if study.index.entry == "observation":
        begun = [span.start for span in person.spans if span.site == site and span.end >= index]
        row["entry_days"] = max((min(begun) - index).days, 0) if begun else None
    for name, variable in study.baseline.items():
        row[name] = _variable(person, variable, index)
    for name, endpoint in study.endpoints.items():
        row |= {f"{name}_{part}": value for part, value in _endpoint(person, endpoint, index).items()}
    for name, outcome in study.outcomes.items():
        made = _response(person, outcome, index) if isinstance(outcome, Response) else _change(person, outcome, index)
        row |= {f"{name}_{part}": value for part, value in made.items()}
    for name, interval in study.intervals.items():
        row |= {f"{name}_{part}": value for part, value in _interval(person, interval).items()}
    for name, population in study.populations.items():
        row[f"in_{name}"] = _starts_well(person, row, study) and all(
            _passes(person, criterion, row, study) for criterion in (*study.eligibility, *population.criteria)
        )
    return row


def _gap(event: Event, index: date) -> int:
    return (event.day - index).days


def _nearest(events: list[Event], index: date, window: tuple[int, int], at: int = 0) -> Event | None:
    """Of those as near the earlier; of those of a day the smallest concept, number and level, unknown ones first."""

    def least(value: float | None) -> tuple[bool, float]:
        return (value is not None, value or 0)

    inside = [e for e in events if window[0] <= _gap(e, index) <= window[1]]
    return min(
        inside,
        key=lambda e: (abs(_gap(e, index) - at), _gap(e, index), least(e.concept), least(e.number), least(e.level)),
        default=None,
    )


def _level(levels: dict[str, tuple[int, ...]], event: Event) -> str | None:
    concept = event.level if event.level is not None else event.concept
    return next((name for name, concepts in reversed(levels.items()) if concept in concepts), None)


def _variable(person: Person, variable: Variable, index: date) -> Any:
    if variable.kind == "age":
        return index.year - person.born
    events = person.events[variable.record or ""]
    if variable.kind == "exists":
        low, high = variable.window
        return "yes" if any(low <= _gap(e, index) <= high for e in events) else "no"
    near = _nearest(events, index, variable.window)
    if near is None:
        return None
    return near.number if variable.kind == "number" else _level(variable.levels, near)


def _stop(person: Person, endpoint: Endpoint, index: date) -> date | None:
    """Return the day on which the first run of exposures has been over for the gap."""
    if endpoint.stops is None:
        return None
    gap, apart, covered = timedelta(days=endpoint.stops.gap), timedelta(days=max(endpoint.stops.gap, 1)), None
    for event in sorted(person.of(endpoint.stops.of), key=lambda e: e.day):
        if event.day < index:
            continue
        if covered is not None and event.day > covered + apart:
            break
        covered = event.until if covered is None else max(covered, event.until)
    return None if covered is None else covered + gap


def _endpoint(person: Person, endpoint: Endpoint, index: date) -> Row:
    checks = [e.day for e in person.events[endpoint.check]] if endpoint.check else []
    known = max([*checks, index]) if endpoint.check else person.last_seen
    event, end = _event(person, endpoint, index, known), _end(person, endpoint, index)
    if event is not None and (end is None or event <= end[0]):
        return {"days": _gap_of(event, index), "event": True, "reason": "event"}
    if event is None and known is None:
        return {"days": None, "event": False, "reason": None}
    if end is not None and (event is not None or end[0] <= known):
        return {"days": _gap_of(end[0], index), "event": False, "reason": end[1]}
    unchecked = endpoint.check and person.last_seen is not None and known < person.last_seen
    return {
        "days": _gap_of(known, index),
        "event": False,
        "reason": "last_check" if unchecked else _unseen(known, person.study),
    }


def _deadly(person: Person, endpoint: Endpoint) -> list[str]:
    return [name for name in endpoint.events if person.study.records[name].table == "death"]


def _event(person: Person, endpoint: Endpoint, index: date, known: date | None) -> date | None:
    """Return the first day that counts, whether or not follow-up had ended."""
    deadly = _deadly(person, endpoint)
    living = person.of(name for name in endpoint.events if name not in deadly)
    days = [e.day for e in living if endpoint.since is None or _gap(e, index) >= endpoint.since]
    stopped = _stop(person, endpoint, index)
    if stopped is not None and known is not None and stopped <= known:
        days.append(stopped)
    died = min((e.day for e in person.of(deadly)), default=None)
    unseen = endpoint.after_check == "censor" and not days and died is not None and known is not None and died > known
    return min([*days, *([died] if died is not None and not unseen else [])], default=None)


def _end(person: Person, endpoint: Endpoint, index: date) -> tuple[date, str] | None:
    """Return the first day that ends follow-up without the event, and why; of reasons of a day the first named."""
    ends = [(e.day, why) for why, names in endpoint.censor.items() for e in person.of(names) if e.day >= index]
    any_death = any(not person.study.records[name].concepts for name in _deadly(person, endpoint))
    if not any_death and person.died is not None:
        ends.append((person.died, "death"))
    stopped = _insurance_end(person, index)
    if stopped is not None:
        ends.append(stopped)
    if endpoint.until is not None:
        ends.append((index + timedelta(days=endpoint.until), "horizon"))
    insurance = person.study.insurance.names if person.study.insurance else ()
    order = [*endpoint.censor, "death", *insurance, "horizon"]
    return min(ends, key=lambda pair: (pair[0], order.index(pair[1])), default=None)


def _insured_run(person: Person, index: date) -> list[date] | None:
    """Return the days insured, one by one, of the run about the index date; None where it is in none."""
    rule = person.study.insurance
    if rule is None:
        return None
    days = {a + timedelta(days=k) for a, b, _ in person.insured for k in range((b - a).days + 1)}
    runs: list[list[date]] = []
    for day in sorted(days):
        if not runs or (day - runs[-1][-1]).days - 1 > rule.gap:
            runs.append([])
        runs[-1].append(day)
    return next((run for run in runs if run[0] <= index <= run[-1]), None)


def _insurance_end(person: Person, index: date) -> tuple[date, str] | None:
    run, rule = _insured_run(person, index), person.study.insurance
    if rule is None or run is None or run[-1] >= person.study.cut:
        return None
    why = max((why or 0 for _, end, why in person.insured if end == run[-1]), default=0)
    return run[-1], next((name for name, concepts in rule.reasons.items() if why in concepts), "insurance_end")


def _gap_of(day: date, index: date) -> int:
    return (day - index).days


def _unseen(day: date, study: Study) -> str:
    return "end_of_data" if (study.cut - day).days <= study.lost_after else "lost"


def _interval(person: Person, interval: Interval) -> Row:
    start = min((e.day for e in person.of(interval.start)), default=None)
    if start is None:
        return {"days": None, "event": None, "reason": None}
    end = min((e.day for e in person.of(interval.end) if e.day >= start), default=None)
    if end is not None and (person.died is None or end <= person.died):
        return {"days": (end - start).days, "event": True, "reason": "event"}
    known = min((day for day in (person.last_seen, person.died) if day is not None), default=None)
    if known is None:
        return {"days": None, "event": None, "reason": None}
    left = max(known, start)
    died = person.died is not None and left >= person.died
    return {"days": (left - start).days, "event": False, "reason": "death" if died else _unseen(left, person.study)}


def _response(person: Person, outcome: Response, index: date) -> Row:
    ended = min((e.day for e in person.of(outcome.until) if e.day >= index), default=None)
    order = list(outcome.levels)
    graded = [
        (order.index(level), _gap(event, index))
        for event in person.events[outcome.record]
        if (level := _level(outcome.levels, event)) is not None
        and outcome.window[0] <= _gap(event, index) <= outcome.window[1]
        and (ended is None or event.day <= ended)
    ]
    if not graded:
        return {"best": None, "responder": False}
    best = min(rank for rank, _ in graded)
    level = order[best]
    lasts = any(rank <= best and day >= outcome.lasting.get(level, day) for rank, day in graded)
    return {"best": level, "responder": level in outcome.responders and lasts}


def _change(person: Person, outcome: Change, index: date) -> Row:
    events = [event for event in person.events[outcome.record] if event.number is not None]
    near = (_nearest(events, index, outcome.before), _nearest(events, index, outcome.window, outcome.at))
    before, after = (event.number if event else None for event in near)
    change = after - before if before is not None and after is not None else None
    return {"before": before, "after": after, "change": change}


def _starts_well(person: Person, row: Row, study: Study) -> bool:
    if study.insurance and _insured_run(person, row["index_date"]) is None:
        return False
    days = [row[f"{name}_days"] for name in study.endpoints]
    if any(day is None or day < 0 for day in days):
        return False
    if study.index.entry == "index":
        return True
    return row["entry_days"] is not None and all(day > row["entry_days"] for day in days)


def _passes(person: Person, criterion: Criterion, row: Row, study: Study) -> bool:
    if criterion.known:
        return all(row[name] is not None for name in criterion.known)
    if criterion.min_follow_up is not None:
        days = [row[f"{name}_days"] for name in study.endpoints]
        return all(day is not None and day >= criterion.min_follow_up for day in days)
    if criterion.records is not None:
        return _enough(person, criterion.records, row["index_date"])
    if criterion.observed is not None:
        return _observed(person, criterion.observed, row["index_date"])
    value = row[criterion.variable or ""]
    if value is None:
        return False
    if criterion.one_of:
        return value in criterion.one_of
    return (criterion.at_least is None or value >= criterion.at_least) and (
        criterion.at_most is None or value <= criterion.at_most
    )


def _enough(person: Person, asked: Counted, index: date) -> bool:
    low, high = asked.window
    inside = [
        e.day
        for e in person.of(asked.of)
        if (low is None or _gap(e, index) >= low) and (high is None or _gap(e, index) <= high)
        if not asked.observed or any(s.start <= min(e.day, index) and max(e.day, index) <= s.end for s in person.spans)
    ]
    n = len(inside) if asked.count == "records" else len(set(inside))
    return (asked.at_least is None or n >= asked.at_least) and (asked.at_most is None or n <= asked.at_most)


def _observed(person: Person, asked: Observed, index: date) -> bool:
    first, last = index - timedelta(days=asked.before), index + timedelta(days=asked.after)
    dead = person.died is not None and person.died <= last
    return any(s.start <= first and s.end >= index and (s.end >= last or dead) for s in person.spans)
