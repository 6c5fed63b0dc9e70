# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Small random hospitals and random definitions over them, every rule of the grammar among them."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl

from rwe.cdm import Cdm
from rwe.spec.study import Study

FIRST, DAYS = date(2010, 1, 1), 900
AS_OF = FIRST + timedelta(days=800)
CONCEPTS = range(1, 5)
NAMES = ("operation", "drug", "other_drug", "test", "any_test", "death", "death_of_cause")
RECORDS = {
    "operation": {"table": "procedure_occurrence", "concepts": [1, 2]},
    "drug": {"table": "drug_exposure", "concepts": [1]},
    "other_drug": {"table": "drug_exposure", "concepts": [2, 3]},
    "test": {"table": "measurement", "concepts": [1]},
    "any_test": {"table": "measurement"},
    "death": {"table": "death"},
    "death_of_cause": {"table": "death", "concepts": [1, 2]},
}
COLUMNS = {
    "person": {"person_id": pl.Int64, "year_of_birth": pl.Int64},
    "procedure_occurrence": {"procedure_date": pl.Date, "procedure_concept_id": pl.Int64},
    "drug_exposure": {
        "drug_exposure_start_date": pl.Date,
        "drug_exposure_end_date": pl.Date,
        "drug_concept_id": pl.Int64,
    },
    "measurement": {
        "measurement_date": pl.Date,
        "measurement_concept_id": pl.Int64,
        "value_as_number": pl.Float64,
        "value_as_concept_id": pl.Int64,
    },
    "death": {"death_date": pl.Date, "cause_concept_id": pl.Int64},
    "payer_plan_period": {
        "payer_plan_period_start_date": pl.Date,
        "payer_plan_period_end_date": pl.Date,
        "stop_reason_concept_id": pl.Int64,
    },
    "observation_period": {"observation_period_start_date": pl.Date, "observation_period_end_date": pl.Date},
}
Tables = dict[str, list[dict[str, Any]]]


def tables(random: Random, people: int = 40) -> Tables:
    """Return the rows of a network of two hospitals; few days, so that ties are common."""
    made: Tables = {name: [] for name in COLUMNS}
    for person in range(people):
        made["person"].append({"person_id": person, "year_of_birth": random.randint(1930, 1990)})
        for name, most in (("procedure_occurrence", 4), ("drug_exposure", 8), ("measurement", 25), ("death", 1)):
            for _ in range(random.randint(0, most) if name != "death" else random.random() < 0.4):
                made[name].append(_row(random, name, person))
        for _ in range(random.choice((0, 1, 1, 1, 2))):
            start = _day(random)
            end = start + timedelta(days=random.randint(0, 700))
            span = {"observation_period_start_date": start, "observation_period_end_date": end}
            made["observation_period"].append({"person_id": person, "_site": random.choice("AB")} | span)
        for _ in range(random.choice((0, 1, 2, 3))):
            made["payer_plan_period"].append(_insured(random, person))
    return made


def _day(random: Random) -> date:
    return FIRST + timedelta(days=random.randint(0, DAYS) // 5 * 5)


def _insured(random: Random, person: int) -> dict[str, Any]:
    start = _day(random)
    end = start + timedelta(days=random.randint(0, 500))
    named = {"payer_plan_period_start_date": start, "payer_plan_period_end_date": end}
    return {"person_id": person, "_site": "A", "stop_reason_concept_id": random.choice((None, 1, 2, 3))} | named


def _row(random: Random, table: str, person: int) -> dict[str, Any]:
    row: dict[str, Any] = {"person_id": person, "_site": random.choice("AB")}
    for column, kind in COLUMNS[table].items():
        if column.endswith("_end_date"):
            row[column] = random.choice((None, _day(random)))
        elif kind == pl.Date:
            row[column] = _day(random)
        elif kind == pl.Float64:
            row[column] = random.choice((None, *map(float, range(4))))
        else:
            row[column] = (
                random.choice((None, *CONCEPTS)) if column.startswith(("value", "cause")) else random.choice(CONCEPTS)
            )
    return row


def model(rows: Tables) -> Cdm:
    """Return the rows as the common model."""
    frames = {}
    for name, columns in COLUMNS.items():
        own = columns if name == "person" else {"person_id": pl.Int64, "_site": pl.String} | columns
        frames[name] = pl.LazyFrame(rows[name], schema=own)
    return Cdm(frames, pl.DataFrame())


def study(random: Random) -> Study:
    """Return a definition made of chance."""
    baseline = {"age": {"title": _words(), "kind": "age"}}
    baseline |= {f"v{i}": _variable(random) for i in range(random.randint(1, 4))}
    endpoints = {f"e{i}": _endpoint(random) for i in range(random.randint(1, 3))}
    populations = {"all": {"title": _words()}}
    for name in ("p", "q"):
        criteria = [_criterion(random, f"{name}{i}", baseline) for i in range(random.randint(0, 2))]
        populations[name] = {"title": _words(), "criteria": criteria}
    return Study.model_validate(
        {
            "study": "s",
            "version": "1",
            **dict.fromkeys(("title", "question", "medicine", "indication", "time_zero"), _words()),
            "sites": ["x.yaml"],
            "as_of": AS_OF,
            "records": RECORDS,
            "index": {
                "record": random.choice(("operation", "drug")),
                "start": FIRST + timedelta(days=random.randint(0, 200)),
                "end": FIRST + timedelta(days=random.randint(300, 800)),
                "entry": random.choice(("index", "index", "observation")),
                "observed": random.choice((None, None, 0, 90)),
            },
            "baseline": baseline,
            "eligibility": [_criterion(random, f"c{i}", baseline) for i in range(random.randint(0, 2))],
            "populations": populations,
            "endpoints": endpoints,
            "outcomes": {f"o{i}": _outcome(random) for i in range(random.randint(0, 2))},
            "intervals": {f"i{i}": _interval(random) for i in range(random.randint(0, 2))},
            "insurance": random.choice((None, None, {"gap": random.choice((0, 31)), "reasons": {"left": [1, 2]}})),
            "deaths_known_to": random.choice((None, None, AS_OF - timedelta(days=100))),
            "lost_after": random.choice((0, 60, 365)),
            "focus": {"everyone": "all", "trial_like": "p", "endpoint": "e0", "milestone": 365, "by": "age"},
            "analyses": [{"id": "a", "analysis": "characteristics", "population": "all"}],
        }
    )


def _words() -> dict[str, str]:
    return {"en": "x", "bg": "x"}


def _some(random: Random, names: tuple[str, ...] = NAMES) -> list[str]:
    return random.sample(names, random.randint(1, 2))


def _window(random: Random) -> list[int]:
    return [random.randint(-60, 5) * 5, random.randint(5, 80) * 5]


def _levels(random: Random) -> dict[str, list[int]]:
    return {"good": [1], "fair": random.choice(([2], [2, 3])), "bad": [4]}


def _variable(random: Random) -> dict[str, Any]:
    kind = random.choice(("number", "level", "exists"))
    made = {"title": _words(), "kind": kind, "record": random.choice(NAMES), "window": _window(random)}
    return made | ({"levels": _levels(random)} if kind == "level" else {})


def _criterion(random: Random, name: str, baseline: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[str, list[str]] = {}
    for variable, spec in baseline.items():
        kinds.setdefault(spec["kind"], []).append(variable)
    tests: list[dict[str, Any]] = [
        {"known": random.sample([*baseline], 1)},
        {"min_follow_up": random.randint(0, 100)},
        {"records": _counted(random)},
        {"records": _counted(random)},
        {"observed": {"before": random.randint(0, 100), "after": random.randint(0, 200)}},
        {"variable": random.choice([*kinds["age"], *kinds.get("number", [])]), "at_least": random.choice((1.0, 30.0))},
        {"variable": random.choice([*kinds["age"], *kinds.get("number", [])]), "at_most": random.choice((2.0, 60.0))},
    ]
    if levels := kinds.get("level"):
        tests.append({"variable": random.choice(levels), "one_of": ["good", "bad"]})
    if exists := kinds.get("exists"):
        tests.append({"variable": random.choice(exists), "one_of": [random.choice(("yes", "no"))]})
    return {"name": name, "title": _words(), **random.choice(tests)}


def _counted(random: Random) -> dict[str, Any]:
    low, high = _window(random)
    bounds: list[dict[str, int]] = [{"at_least": 1}, {"at_least": 2}, {"at_most": 0}, {"at_least": 1, "at_most": 2}]
    return {
        "of": _some(random),
        "window": [random.choice((None, low)), random.choice((None, high, high))],
        "count": random.choice(("days", "records")),
        "observed": random.random() < 0.3,
        **random.choice(bounds),
    }


def _endpoint(random: Random) -> dict[str, Any]:
    made: dict[str, Any] = {"title": _words(), "definition": _words()}
    if random.random() < 0.4:
        made["stops"] = {"of": _some(random, ("drug", "other_drug")), "gap": random.randint(0, 90)}
    if "stops" not in made or random.random() < 0.5:
        made["events"] = _some(random)
    if random.random() < 0.4:
        made |= {"check": random.choice(("test", "any_test", "operation"))}
        made["after_check"] = random.choice(("event", "censor"))
    if random.random() < 0.5:
        made["since"] = random.choice((-30, 0, 1, 15))
    if random.random() < 0.4:
        made["censor"] = {"switch": _some(random), **({"tested": ["any_test"]} if random.random() < 0.5 else {})}
    if random.random() < 0.4:
        made["until"] = random.randint(0, 400)
    return made


def _outcome(random: Random) -> dict[str, Any]:
    record = random.choice(("test", "any_test"))
    if random.random() < 0.5:
        low = random.randint(-200, 0)
        after = sorted((low + 1 + random.randint(0, 100), random.randint(101, 300)))
        at = random.randint(*after)
        made = {"kind": "change", "title": _words(), "record": record, "before": [low - 100, low]}
        return made | {"at": at, "window": after}
    made = {"kind": "response", "title": _words(), "record": record, "window": _window(random)}
    made |= {"levels": _levels(random), "responders": random.choice((["good"], ["good", "fair"]))}
    if random.random() < 0.5:
        made["lasting"] = {random.choice(("good", "fair")): random.randint(0, 200)}
    return made | ({"until": _some(random)} if random.random() < 0.4 else {})


def _interval(random: Random) -> dict[str, Any]:
    return {"title": _words(), "start": _some(random), "end": _some(random)}
