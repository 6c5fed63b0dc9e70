# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A cohort of a million persons, ten criteria and three endpoints: ``python -m benchmarks.cohort [PEOPLE]``.

The common model (about 13 records a person, in parquet) is made first; a process of its own then builds the cohort
from it three times. The median seconds, the most memory held and how much of it the imports held already go to
``benchmarks/results/cohort.csv``. The goal is 20 seconds.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from benchmarks.table import commit, machine

RESULT = Path(__file__).parent / "results" / "cohort.csv"
PEOPLE, ROUNDS, GOAL = 1_000_000, 3, 20.0
FIRST, DAYS = date(2010, 1, 1), 3650
PER_PERSON = {"drug_exposure": 3, "measurement": 5, "visit_occurrence": 3, "condition_occurrence": 1, "episode": 0.5}
NAMES = {
    "drug_exposure": ("drug_exposure_start_date", "drug_concept_id"),
    "measurement": ("measurement_date", "measurement_concept_id"),
    "visit_occurrence": ("visit_start_date", "visit_concept_id"),
    "condition_occurrence": ("condition_start_date", "condition_concept_id"),
    "episode": ("episode_start_date", "episode_concept_id"),
}
CONCEPTS = 4


def write_model(folder: Path, people: int) -> None:
    """Write a common model whose days and concepts are drawn evenly."""
    draw = np.random.default_rng(1)
    persons = np.arange(people)
    _write(folder, "person", {"person_id": persons, "year_of_birth": draw.integers(1930, 1990, people)})
    start = draw.integers(0, 400, people)
    span = {"observation_period_start_date": start}
    span["observation_period_end_date"] = start + draw.integers(400, DAYS, people)
    _write(folder, "observation_period", {"person_id": persons} | span)
    dead = np.sort(draw.choice(people, people // 4, replace=False))
    died = (start + 400)[dead] + draw.integers(0, DAYS, dead.size)
    _write(folder, "death", {"person_id": dead, "death_date": died})
    for table, each in PER_PERSON.items():
        n = int(people * each)
        day, concept = NAMES[table]
        rows = {"person_id": draw.integers(0, people, n), day: draw.integers(0, DAYS, n)}
        rows[concept] = draw.integers(1, CONCEPTS + 1, n)
        if table == "measurement":
            rows["value_as_number"] = draw.normal(8, 2, n)
        _write(folder, table, rows)


def _write(folder: Path, table: str, columns: dict[str, Any]) -> None:
    """Write a table; columns of dates are given as days since the first."""
    frame = pl.DataFrame(columns)
    dated = [(pl.lit(FIRST) + pl.duration(days=pl.col(name))).alias(name) for name in columns if name.endswith("_date")]
    frame.with_columns(dated).write_parquet(folder / f"{table}.parquet")


def study() -> Any:
    """Return ten criteria and three endpoints, of every kind that reads records."""
    from rwe.spec.study import Study

    words = {"en": "x", "bg": "x"}
    records = {
        f"{t.partition('_')[0]}{c}": {"table": t, "concepts": [c]} for t in NAMES for c in range(1, CONCEPTS + 1)
    }

    def counted(name: str, of: list[str], window: list[int | None], **bound: int) -> dict[str, Any]:
        return {"name": name, "title": words, "records": {"of": of, "window": window, **bound}}

    criteria = [
        counted("washout", ["drug1"], [-365, -1], at_most=0),
        counted("other_washout", ["drug2", "drug3"], [-90, -1], at_most=0),
        counted("diagnosed", ["condition1", "condition2", "condition3"], [None, 0], at_most=3),
        counted("seen", ["visit1", "visit2"], [-1500, 0], at_least=1),
        counted("not_seen", ["visit3"], [-30, -1], at_most=0),
        {"name": "observed", "title": words, "observed": {"before": 180}},
        {"name": "known", "title": words, "known": ["age"]},
        {"name": "adult", "title": words, "variable": "age", "at_least": 18.0},
        {"name": "value", "title": words, "variable": "flag", "one_of": ["yes", "no"]},
        {"name": "followed", "title": words, "min_follow_up": 1},
    ]
    kinds = [("value", "number", "measurement1"), ("flag", "exists", "condition4")]
    baseline = {n: {"title": words, "kind": k, "record": r, "window": [-365, 0]} for n, k, r in kinds}
    end = {"title": words, "definition": words}
    return Study.model_validate(
        {
            "study": "benchmark",
            "version": "1",
            **dict.fromkeys(("title", "question", "medicine", "indication", "time_zero"), words),
            "sites": ["x.yaml"],
            "as_of": date(2019, 12, 31),
            "records": records | {"death": {"table": "death"}},
            "index": {"record": "drug1", "start": date(2011, 1, 1), "end": date(2017, 12, 31)},
            "baseline": {"age": {"title": words, "kind": "age"}} | baseline,
            "eligibility": criteria,
            "populations": {"all": {"title": words}},
            "endpoints": {
                "os": end | {"events": ["death"]},
                "pfs": end | {"events": ["episode1", "death"], "since": 1, "censor": {"switch": ["drug4"]}},
                "ttd": end | {"stops": {"of": ["drug1", "drug2"], "gap": 60}, "until": 1826},
            },
            "focus": {"everyone": "all", "trial_like": "all", "endpoint": "os", "milestone": 365, "by": "flag"},
            "analyses": [{"id": "a", "analysis": "characteristics", "population": "all"}],
        }
    )


def build(folder: Path) -> None:
    """Build the cohort and say seconds, persons, memory before and at most."""
    from rwe.cdm import Cdm
    from rwe.cohort import build_cohort

    tables = {path.stem: pl.scan_parquet(path) for path in folder.glob("*.parquet")}
    definition, before = study(), _memory()
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        cohort = build_cohort(Cdm(tables, pl.DataFrame()), definition)
        sys.stdout.write(f"{time.perf_counter() - begin} {cohort.subjects.height} {before} {_memory()}\n")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(people: int) -> None:
    """Measure, print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), people)
        line = [sys.executable, "-m", "benchmarks.cohort", "--build", folder]
        said = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    rounds = [[float(figure) for figure in one.split()] for one in said]
    row = {
        "people": people,
        "records": int(people * sum(PER_PERSON.values())),
        "chosen": int(rounds[0][1]),
        "seconds": round(median(one[0] for one in rounds), 2),
        "goal_seconds": GOAL,
        "imports_mb": round(rounds[0][2]),
        "peak_mb": round(rounds[-1][3]),
        "load": round(os.getloadavg()[0], 2),
        "where": machine(),
        "commit": commit(),
    }
    pl.DataFrame([row]).write_csv(RESULT)
    sys.stdout.write(RESULT.read_text("utf-8"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--build"]:
        build(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else PEOPLE)
