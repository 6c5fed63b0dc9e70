# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The release rules read once more from their words, in plain Python on rows: slow, short, independent.

The words are those at the head of ``rwe/disclosure/__init__.py`` and decision 8 of ARCHITECTURE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Row = dict[str, Any]
Test = Callable[[Row], bool]

LABELS = ("analysis", "population", "group", "stratum", "outcome", "estimand")
ESTIMATES = ("estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value")
# the label along which the cells of a family add up to a total shown beside them
ALONG = {
    **dict.fromkeys(("proportion", "count"), "stratum"),
    "proportion_registry": "group",
    **dict.fromkeys(("excluded", "patients", "spend", "payback"), "outcome"),
}
CURVES = ("survival", "cumulative_incidence", "at_risk", "baseline_hazard")
OF_PERSONS = ("survival", "cumulative_incidence", "milestone", "gap_milestone", "response")
BETWEEN = ("difference", "hypothesis")  # practice less trial
GRID, STEP, AT_RISK, SMALLEST = 30, 13, 11, 13


def released(rows: list[Row]) -> list[Row]:
    """Return what the rules make of exact rows, with the names of the masked columns."""
    ours = [row for row in rows if not public(row)]
    curves = [row for row in ours if row["estimand"] in CURVES]
    private = [
        *(shown for curve in _apart(curves, LABELS) for shown in _curve(curve)),
        *_cells([row for row in ours if row["estimand"] not in CURVES]),
    ]
    return [*({**row, "masked": ""} for row in rows if public(row)), *(_in_persons(row, rows) for row in private)]


def _in_persons(row: Row, rows: list[Row]) -> Row:
    """Return survival and incidence in whole fives of the persons it began with, without its error; a short SMD."""
    if row["estimand"] == "smd" and row["estimate"] is not None:
        return {**row, "estimate": round(row["estimate"], 2)}
    same = [r for r in rows if all(r[k] == row[k] for k in ("analysis", "population", "stratum", "outcome"))]
    whose = _whose(row)
    size = rounded(max((r["n"] for r in same if _whose(r) == whose and r["n"] is not None), default=None))
    if row["estimand"] not in OF_PERSONS or row["analysis"] == "settlement" or not size:
        return row
    like = [r for r in same if r["group"] == "trial" and (r["estimand"], r["time"]) == (row["estimand"], row["time"])]
    trial = like[0]["estimate"] or 0.0 if like and row["group"] in BETWEEN else 0.0
    shown = {c: _fives(row[c], size, trial if c == "estimate" else 0.0) for c in ("estimate", "conf_low", "conf_high")}
    p_value = None if row["p_value"] is None else round(row["p_value"], 3)
    return {**row, **shown, "std_error": None, "statistic": None, "p_value": p_value}


def _whose(row: Row) -> str:
    return "registry" if row["group"] in BETWEEN else str(row["group"])


def _fives(value: float | None, size: int, offset: float) -> float | None:
    return None if value is None else round(round((value + offset) * size / 5) * 5 / size - offset, 6)


def public(row: Row) -> bool:
    """Tell whether a figure is the trial's, which is published."""
    return row["group"] == "trial" or row["estimand"].endswith("_trial")


def small(count: int | None) -> bool:
    return count is not None and 1 <= count < SMALLEST


def rounded(count: int | None) -> int | None:
    """Return the nearest multiple of five."""
    return None if count is None else 5 * round(count / 5)


def _apart(rows: Iterable[Row], labels: Iterable[str]) -> Iterator[list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[label] for label in labels), []).append(row)
    yield from found.values()


def _masked(row: Row, hidden: dict[str, bool]) -> Row:
    gone = [name for name, hide in hidden.items() if hide and row[name] is not None]
    return {**row, **dict.fromkeys(gone), "masked": ",".join(gone)}


def _curve(rows: list[Row]) -> Iterator[Row]:
    """Yield a curve on its grid, a table at risk as it is; counts masked and rounded."""
    rows = sorted(rows, key=lambda row: row["time"])
    for row in rows if rows[0]["estimand"] == "at_risk" else _on_grid(rows):
        shown = _masked(row, {name: small(row[name]) for name in ("n", "n_event")})
        yield {**shown, "n": rounded(shown["n"]), "n_event": rounded(shown["n_event"])}


def _on_grid(rows: list[Row]) -> Iterator[Row]:
    last = None
    for day in range(0, rows[-1]["time"] + 1, GRID):
        before = [row for row in rows if row["time"] <= day]
        at_risk = next(row["n"] for row in rows if row["time"] >= day)
        if before and at_risk < AT_RISK:
            return
        if not before or (before[-1]["n_event"] - (last or 0) < STEP and (last is not None or before[-1]["n_event"])):
            continue
        last = before[-1]["n_event"]
        yield {**before[-1], "time": day, "n": at_risk}


def _cells(rows: list[Row]) -> list[Row]:
    shown = [_cell(row, rows) for row in rows]
    shown = [_share(row, exact, shown, rows) for row, exact in zip(shown, rows, strict=True)]
    shown = [_total(row, shown) for row in shown]
    shown = [_spend(row, shown) for row in shown]
    return list(_attrition(shown))


def _spend(row: Row, shown: list[Row]) -> Row:
    """Return a total spend masked where a cell of it is masked."""
    mine = [r for r in shown if all(r[k] == row[k] for k in ("analysis", "population", "estimand"))]
    if row["estimand"] == "spend" and _is_total(row) and not row["masked"] and any(r["masked"] for r in mine):
        return {**row, "estimate": None, "masked": "estimate"}
    return row


def _family(row: Row, rows: list[Row]) -> list[Row]:
    """Return the cells that add up with this one, itself included; none for what is not additive."""
    along = ALONG.get(row["estimand"])
    if along is None:
        return []
    same = [label for label in LABELS if label != along]
    return [r for r in rows if all(r[label] == row[label] for label in same) and not _is_total(r)]


def _is_total(row: Row) -> bool:
    return row["estimand"] in ALONG and row["outcome"] == "all"


def _cell(row: Row, rows: list[Row]) -> Row:
    n, events = row["n"], row["n_event"]
    hide = small(n) or _buddy(row, rows) or _gives_away(row, rows)
    without = None if n is None or events is None else n - events
    # at a milestone n are those at risk, so the rest are no persons without the event
    hide_events = small(events) or (small(without) and row["estimand"] != "milestone")
    either = dict.fromkeys(("n_event", *ESTIMATES), hide or hide_events)
    hidden = _masked(row, {"n": hide, **either})
    hidden |= {"n": rounded(hidden["n"]), "n_event": rounded(hidden["n_event"])}
    value = hidden["estimate"]
    if value is not None and row["estimand"] in ("mean", "sd"):
        hidden["estimate"] = round(value, 1) if abs(value) >= 10 else float(f"{value:.3g}")
    if value is not None and row["estimand"] == "effective_sample_size":
        hidden["estimate"] = 5.0 * round(value / 5)
    return hidden


def _buddy(row: Row, rows: list[Row]) -> bool:
    """Tell whether this is the smallest cell that can hide a lone masked one of its family."""
    family = _family(row, rows)
    large = [r for r in family if r["n"] is not None and r["n"] >= SMALLEST]
    return sum(small(r["n"]) for r in family) == 1 and bool(large) and min(large, key=lambda r: r["n"]) is row


def _gives_away(row: Row, rows: list[Row]) -> bool:
    """Tell whether this is a standardised difference from which a masked level could be computed."""
    if row["estimand"] != "smd":
        return False
    same = [r for r in rows if all(r[label] == row[label] for label in ("analysis", "population", "outcome"))]
    return any((small(r["n"]) or _buddy(r, rows)) and len(_family(r, rows)) > 1 for r in same if r["estimand"] in ALONG)


def _share(row: Row, exact: Row, shown: list[Row], rows: list[Row]) -> Row:
    raw = row["estimand"] == "proportion" or (row["estimand"] == "proportion_registry" and row["stratum"] == "before")
    if not raw or row["n"] is None:
        return row
    family, whole = _family(row, shown), sum(r["n"] for r in _family(exact, rows))
    if len(family) == 1:  # the unknown of a number is a share of everybody
        whole = round(exact["n"] / exact["estimate"]) if exact["estimate"] else 0
    complete = len(family) > 1 and all(r["n"] is not None for r in family)
    of = sum(r["n"] for r in family) if complete else rounded(whole)
    return {**row, "estimate": row["n"] / of if of else None}


def _total(row: Row, shown: list[Row]) -> Row:
    parts = [r["n"] for r in _family(row, shown) if r["n"] is not None] if _is_total(row) else []
    if parts and row["n"] is not None:
        row = {**row, "n": sum(parts)}
    counted = row["estimand"] == "patients" and row["n"] is not None
    return {**row, "estimate": float(row["n"])} if counted else row


def _attrition(shown: list[Row]) -> Iterator[Row]:
    """Yield the rows, those remaining counted down from the first by the released exclusions."""
    left: dict[str, int] = {}
    for row in shown:
        if row["analysis"] != "attrition":
            yield row
            continue
        population = row["population"]
        if row["estimand"] == "excluded":
            left[population] = left.get(population, 0) - (row["n"] or 0)
            yield row
        elif row["masked"]:
            yield row
        else:
            first = next(r["n"] for r in shown if _remaining(r, population))
            count = first + left.setdefault(population, 0)
            yield {**row, "n": None, "masked": "n"} if small(count) else {**row, "n": count}


def _remaining(row: Row, population: str) -> bool:
    mine = row["analysis"] == "attrition" and row["population"] == population
    return mine and row["estimand"] == "remaining" and not row["masked"]
