# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What leaves the zone: every released row is what the rules make of the exact one, and no exact count goes along."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rwe.disclosure import protect
from rwe.result import SCHEMA, Result, tidy
from rwe.store import Store

Row = dict[str, Any]
WHOLE = ("time", "n", "n_event")
OUTSIDE = ("release", "report")


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rules = _beside("rules")


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows_of(path: Path) -> list[Row]:
    return [{name: _value(name, text) for name, text in row.items()} for row in _lines(path)]


def _value(name: str, text: str) -> Any:
    if name in (*rules.LABELS, "masked"):
        return text
    return None if text == "" else int(text) if name in WHOLE else float(text)


def named(run: Path, name: str) -> Path:
    return next((run / "release").glob(f"[0-9][0-9]-{name}.csv"))


def settled(run: Path) -> list[Row]:
    """Return the exact rows of the settlement, counted and summed from its ledger."""
    ledger, excluded = (_lines(run / "6-reimburse" / f"{name}.csv") for name in ("lines", "excluded"))
    told = json.loads((run / "6-reimburse" / "settlement.json").read_text("utf-8"))
    verdict, term = told["verdicts"]["guarantee_5y"], {"stratum": "guarantee_5y", "outcome": "all", "time": 1826}
    rows: list[Row] = []
    for outcome in ("responder", "failure", "not_evaluable", "open", "all"):
        mine = [line for line in ledger if line["term"] == "result_5y" and outcome in (line["outcome"], "all")]
        rows += _sums("result_5y", outcome, mine)
    rows += _sums("guarantee_5y", "all", [line for line in ledger if line["term"] == "guarantee_5y"])
    rows.append(term | {"estimand": "threshold", "estimate": float(verdict["threshold"])})
    limits = {name: verdict[name] for name in ("estimate", "conf_low", "conf_high")}
    rows.append(term | {"estimand": "milestone", "n": verdict["at_risk"], **limits})
    numerator, denominator = map(int, verdict["rate"].split("/"))
    rows.append(term | {"estimand": "payback_rate", "n": verdict["at_risk"], "estimate": numerator / denominator})
    persons = len({line["person_id"] for line in ledger})
    totals = {"patients": persons, "spend": float(told["gross"]), "payback": float(told["total"])}
    everything = {"stratum": "all", "outcome": "all", "n": persons}
    rows += [everything | {"estimand": name, "estimate": float(value)} for name, value in totals.items()]
    for line in excluded:
        row = {"stratum": "all", "outcome": line["reason"], "estimand": "doses_excluded"}
        rows.append(row | {"n": int(line["patients"]), "estimate": float(line["doses"])})
    blank = {name: "" if name in rules.LABELS else None for name in SCHEMA}
    return [blank | {"analysis": "settlement", "population": "DEMO-HORMONAL-BREAST"} | row for row in rows]


def _sums(term: str, outcome: str, lines: list[Row]) -> Iterator[Row]:
    persons = len({line["person_id"] for line in lines})
    sums = {name: sum(Decimal(line[name]) for line in lines) for name in ("spend", "amount")}
    values = {"patients": persons, "spend": sums["spend"], "payback": sums["amount"]}
    for estimand, value in values.items():
        yield {"stratum": term, "outcome": outcome, "estimand": estimand, "n": persons, "estimate": float(value)}


def exact(run: Path) -> dict[str, list[Row]]:
    """Return the exact rows of each table inside the zone."""
    stages = [path for path in run.glob("[345]-*/*.csv") if "3-select" not in path.parts or path.stem == "attrition"]
    return {path.stem: rows_of(path) for path in stages} | {"settlement": settled(run)}


@pytest.fixture(scope="module")
def run(demo: Any) -> Path:
    folder: Path = demo.summary.folder
    return folder


@pytest.fixture(scope="module")
def inside(run: Path) -> dict[str, list[Row]]:
    return exact(run)


def by_labels(rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    found = {tuple(row[label] for label in (*rules.LABELS, "time")): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_table_is_released_as_csv_and_as_json_with_the_same_rows(run: Path, inside: dict[str, list[Row]]) -> None:
    tables = {path.stem[3:]: path for path in (run / "release").glob("*.csv")}

    assert tables.keys() == inside.keys()
    for path in tables.values():
        assert json.loads(path.with_suffix(".json").read_text("utf-8")) == rows_of(path), path.name


def test_every_released_row_is_what_the_rules_make_of_the_exact_row(run: Path, inside: dict[str, list[Row]]) -> None:
    compared = 0
    for name, rows in inside.items():
        ours, theirs = by_labels(rules.released(rows)), by_labels(rows_of(named(run, name)))
        assert ours.keys() == theirs.keys(), name
        for labels, row in ours.items():
            compared += _same(row, theirs[labels], f"{name} {labels}")
    assert compared > 4000


def _same(ours: Row, theirs: Row, where: str) -> int:
    for column, value in ours.items():
        shown = theirs[column]
        if isinstance(value, float) and shown is not None:
            assert math.isclose(value, shown, rel_tol=1e-12, abs_tol=1e-12), f"{where} {column}: {value} {shown}"
        else:
            assert value == shown, f"{where} {column}"
    return 1


COUNT = st.integers(0, 60)


@settings(max_examples=60)
@given(
    levels=st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=4),
    unknown=st.integers(1, 30),
    steps=st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=4),
    outcomes=st.lists(COUNT, min_size=4, max_size=4),
    events=st.tuples(COUNT, COUNT),
    days=st.lists(st.integers(1, 900), min_size=1, max_size=120),
)
def test_small_tables_are_released_by_the_same_rules(
    levels: list[Any], unknown: int, steps: list[Any], outcomes: list[int], events: tuple[int, int], days: list[int]
) -> None:
    parts = [*_baseline(levels, unknown), *_losses(steps), *_paid(outcomes), *_clock(sorted(days), events)]
    parts += _causes(outcomes)
    rows = [_whole(row) for row in parts]

    ours = by_labels(rules.released(rows))
    table = protect(Result(tidy(rows))).table

    theirs = by_labels(list(table.iter_rows(named=True)))
    assert ours.keys() == theirs.keys()
    for labels, row in ours.items():
        _same(row, theirs[labels], str(labels))


def _whole(row: Row) -> Row:
    return {name: "" if name in rules.LABELS else None for name in SCHEMA} | row


def _baseline(levels: list[tuple[int, int]], unknown: int) -> Iterator[Row]:
    for analysis, estimand, along in (("c", "proportion", "stratum"), ("balance", "proportion_registry", "group")):
        for side in (0, 1):
            whole = max(1, sum(level[side] for level in levels))
            for i, level in enumerate(levels):
                labels = {"analysis": analysis, "outcome": "size", "estimand": estimand, along: str(i)}
                other = {"group": f"g{side}"} if along == "stratum" else {"stratum": ("before", "after")[side]}
                yield labels | other | {"n": level[side], "estimate": level[side] / whole}
        yield {"analysis": analysis, "outcome": "size", "estimand": "smd", "n": 50, "estimate": 0.3}
    age = {"analysis": "c", "outcome": "age", "group": "all"}
    yield age | {"estimand": "proportion", "stratum": "unknown", "n": unknown, "estimate": unknown / 339}
    yield age | {"estimand": "mean", "n": 339 - unknown, "estimate": 18000 / (339 - unknown)}


def _losses(steps: list[tuple[int, int]]) -> Iterator[Row]:
    left = 300
    yield {"analysis": "attrition", "population": "p", "outcome": "all of them", "estimand": "remaining", "n": left}
    for i, (lost, _) in enumerate(steps):
        left -= lost
        labels = {"analysis": "attrition", "population": "p", "outcome": f"step {i}"}
        yield labels | {"estimand": "excluded", "n": lost}
        yield labels | {"estimand": "remaining", "n": left}


def _paid(outcomes: list[int]) -> Iterator[Row]:
    for name, n in {**dict(zip("abcd", outcomes, strict=True)), "all": sum(outcomes)}.items():
        for estimand, value in (("patients", n), ("spend", 1200 * n)):
            yield {"analysis": "settlement", "outcome": name, "estimand": estimand, "n": n, "estimate": float(value)}


def _causes(counts: list[int]) -> Iterator[Row]:
    for cause, n in zip("abcd", counts, strict=True):
        yield {"analysis": "competing_risks", "outcome": "rfs", "estimand": "count", "stratum": cause, "n": n}


def _clock(days: list[int], events: tuple[int, int]) -> Iterator[Row]:
    """Yield a curve of one leaving on each day, every third without the event; and figures beside it."""
    n, failed, labels = len(days) + 12, 0, {"analysis": "survival", "outcome": "os"}
    for i, day in enumerate(dict.fromkeys(days)):
        failed += i % 3 > 0
        yield labels | {"estimand": "survival", "time": day, "n": n - i, "n_event": failed, "estimate": 1 - failed / n}
        yield labels | {"estimand": "at_risk", "time": day, "n": n - i, "n_event": failed}
        step = {"time": day, "n": n - i, "n_event": failed, "estimate": failed / n}
        yield labels | {"estimand": "cumulative_incidence", "stratum": "a"} | step
    counts = {"n": sum(events), "n_event": events[0], "estimate": 7.5, "p_value": 0.04}
    yield from (labels | counts | {"estimand": name} for name in ("events", "median", "milestone", "log_rank"))
    yield labels | {"estimand": "effective_sample_size", "n": sum(events), "estimate": sum(events) / 1.7}


def test_counts_outside_are_rounded_or_masked(run: Path, inside: dict[str, list[Row]]) -> None:
    for name in inside:
        for row in rows_of(named(run, name)):
            counts = [row["n"], row["n_event"]] if not rules.public(row) else []
            if row["estimand"] in ("patients", "effective_sample_size", "doses_excluded"):
                counts.append(row["estimate"])
            assert all(n is None or (n % 5 == 0 and not 0 < n < 13) for n in counts), row


def test_a_figure_of_the_trial_carries_no_count_of_the_registry(run: Path, inside: dict[str, list[Row]]) -> None:
    for name in inside:
        for row in rows_of(named(run, name)):
            if row["estimand"].endswith("_trial"):
                assert (row["n"], row["n_event"]) == (None, None), row


# where a number may stand in context.json, and what it is
KNOWN = {
    r"study\.|sites\.|populations\.|criteria\.|variables\.|terms\.|endpoints\.": "words of the study",
    r"focus\.milestone|key_figures\.\d+\.time|methods\.horizon|settings\.\w+\.(tau|milestones\.\d+)": "days asked for",
    r"trial\.arms\.\w+|trial\.criteria": "published by the trial",
    r"(methods|settings\.\w+)\.refused\.\d+\.n": "published by the trial",
    r"agreement\.terms\.\d+\.settings\.|settings\.settlement\.min_cell": "clauses of the contract",
    r"time_zero\.\d+\.reach": "days that the definition looks ahead",
    r"policy\.|settings\.\w+\.policy\.": "the release rules",
    r"(methods|settings\.\w+)\.conf_level|settings\.\w+\.(rho|gamma|terms\.\d+\.scale)": "how it was estimated",
    r"settings\.cox_rfs\.loglik(_null)?": "fit of the model",
    r"settings\.\w+\.(replicates|seed)": "how it was resampled",
    r"settings\.\w+\.hypothesis\.(margin|time|min_at_risk)": "what the study claims",
    r"provenance\.data\.[\w/]+\.commit": "how often a stream was landed",
    r"scorecard\.checks\.\d+\.(passed|failed|not_applicable)": "how many checks there are",
    r"scorecard\.(failed|coded)\.\d+\.(share|rows|codes|threshold)": "shares of released counts, and thresholds",
    r"scorecard\.feeds\.\d+\.lag_months": "whole months since the newest records",
}
COUNTS = r"quality\.\d+\.n|provenance\.data\.[\w/]+\.rows|time_zero\.\d+\.(n|left)|by_group\.\d+\.n"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if pairs is None:
        yield path, value
        return
    for key, part in pairs:
        yield from leaves(part, f"{path}.{key}".lstrip("."))


def test_every_number_a_dossier_is_told_is_of_a_known_kind(run: Path) -> None:
    context = json.loads((run / "release" / "context.json").read_text("utf-8"))
    numbers = [(path, n) for path, n in leaves(context) if isinstance(n, int | float) and not isinstance(n, bool)]

    unknown = [path for path, _ in numbers if not any(re.match(known, path) for known in (*KNOWN, COUNTS))]
    counts = [n for path, n in numbers if re.fullmatch(COUNTS, path)]

    assert unknown == []
    assert len(counts) >= 40
    assert all(n % 5 == 0 and not 0 < n < 13 for n in counts)


def test_no_exact_count_stands_in_what_a_dossier_is_told(run: Path, inside: dict[str, list[Row]]) -> None:
    told = json.loads((run / "release" / "context.json").read_text("utf-8"))
    daily = (*rules.CURVES, "milestone")
    ours = [row for rows in inside.values() for row in rows if not rules.public(row) and row["estimand"] not in daily]
    ledger = len(_lines(run / "6-reimburse" / "lines.csv"))
    hidden = {n for row in ours for n in (row["n"], row["n_event"]) if n and n % 5} - {686, 246, 81} | {ledger}
    opaque = r"sha256|seals|configs|code|loglik|packages|run_id|started"
    words = [(path, str(value)) for path, value in leaves(told) if not re.search(opaque, path)]

    assert {2982, 1546, 339, 678} <= hidden
    found = {token for _, text in words for token in re.findall(r"(?<![\d.])\d{3,}(?![\d.])", text)}
    assert {int(token) for token in found} & hidden == set()


def test_the_model_outside_is_the_released_rows_and_nothing_more(run: Path) -> None:
    model = json.loads((run / "release" / "model" / "cox.json").read_text("utf-8"))
    rows = rows_of(named(run, "cox_rfs"))
    scale = {"age": 10.0, "pgr": 100.0, "er": 100.0}

    ratios = {row["stratum"]: row["estimate"] for row in rows if row["estimand"] == "hazard_ratio"}
    assert model.keys() == {"terms", "coefficients", "levels", "baseline"}
    for term, coefficient in zip(model["terms"], model["coefficients"], strict=True):
        assert coefficient == pytest.approx(math.log(ratios[term]) / scale.get(term, 1.0), rel=1e-12)
    base = [(row["time"], row["estimate"]) for row in rows if row["estimand"] == "baseline_hazard"]
    assert list(zip(model["baseline"]["days"], model["baseline"]["cumulative_hazard"], strict=True)) == base


def test_nothing_of_a_person_is_outside(demo: Any, run: Path) -> None:
    store, landing = Store(demo.home / "store"), [f"rotterdam/landing/{name}" for name in ("patient", "surgery")]
    tokens = {
        token
        for name in landing
        for column in store.table(name).current().collect().select("^.*token.*$").iter_columns()
        for token in column.explode().drop_nulls()
    }
    people = {str(n) for n in pl.read_parquet(run / "3-select" / "subjects.parquet")["person_id"]}

    assert (len(people), len(tokens) > 3 * 2982) == (2982, True)
    for path in files(run):
        text = path.read_text("utf-8")
        assert not people & set(re.findall(r"\d{6,}", text)), path.name
        assert not tokens & set(re.findall(r"[0-9a-f]{32}", text)), path.name
        assert not re.search(r"subjects|person_id|token|\bR\d{5}\b", text), path.name


def files(run: Path) -> list[Path]:
    return sorted(path for part in OUTSIDE for path in (run / part).rglob("*") if path.is_file())


def test_what_is_outside_is_small_and_plain(run: Path) -> None:
    assert {path.suffix for path in files(run)} == {".csv", ".json", ".html"}
    assert all(path.stat().st_size < 16e6 for path in files(run))
    assert all(len(rows_of(path)) <= 5000 for path in files(run) if path.suffix == ".csv")
    assert not [
        path for path in files(run) if str(Path.home()) in path.read_text("utf-8") or "/tmp" in path.read_text("utf-8")
    ]
