# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of treatment read in plain Python, a person, a day and a tablet at a time: what they say, slowly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rwe.spec.treatment import Ingredient, Product, Treatment
from rwe.spec.treatment_lines import Change, Discontinuation, Lines, Rechallenge

Row = dict[str, Any]
DAY = timedelta(days=1)


@dataclass
class Given:
    """One exposure to one medicine."""

    id: int
    drug: str
    start: date
    end: date
    mg: float | None
    why: str


def exposures(rows: list[Row], treatment: Treatment, sizes: dict[str, list[Row]]) -> list[Given]:
    """Return the exposures of one person; `sizes` are the heights and weights: ``day``, ``number``."""
    found = []
    for drug, ingredient in treatment.ingredients.items():
        mine = []
        for product in ingredient.products.values():
            for concept in product.concepts:
                same = [row for row in rows if row["concept"] == concept]
                for row, left in _kept(same):
                    days = _days(row, left, product, ingredient)
                    mg, why = _mg(row, left, product, treatment, sizes)
                    mine.append(Given(row["id"], drug, row["start"], row["start"] + (days - 1) * DAY, mg, why))
        found += _carried(mine) if ingredient.carry_over else mine
    return found


def _kept(rows: list[Row]) -> list[tuple[Row, float | None]]:
    """Hand units out onto a pile; a return takes the newest off it. Halves are the smallest unit here."""
    order = sorted(rows, key=_moved)
    pile: list[int] = []
    left: dict[int, float] = {}
    for i, row in enumerate(order):
        halves = round((row["quantity"] or 0) * 2)
        pile += [i] * halves
        for _ in range(-halves):
            if pile:
                pile.pop()
    for i in range(len(order)):
        left[i] = pile.count(i) / 2
    return [
        (row, left[i] if row["quantity"] and row["quantity"] > 0 else row["quantity"])
        for i, row in enumerate(order)
        if row["quantity"] is None or row["quantity"] == 0 or left[i] > 0
    ]


def _moved(row: Row) -> tuple[Any, ...]:
    quantity, end = row["quantity"], row["end"]
    return row["start"], (quantity or 0) < 0, quantity is None, quantity or 0, end or date.max, row["id"]


def _counts(row: Row, product: Product) -> str | None:
    if isinstance(product.quantity, dict):
        return product.quantity.get(row["unit"] or "")
    return product.quantity


def _units(row: Row, quantity: float | None, product: Product) -> float | None:
    counts = _counts(row, product)
    if quantity is None or counts is None or counts == "mg_m2":
        return None
    if counts == "mg":
        return quantity / product.strength if product.strength else None
    return quantity * (product.pack or 0) if counts == "packs" else quantity


def _days(row: Row, left: float | None, product: Product, ingredient: Ingredient) -> int:
    units = _units(row, row["quantity"], product)
    said = {
        "verbatim_end": (row["verbatim_end"] - row["start"]).days + 1 if row["verbatim_end"] else None,
        "days_supply": row["days_supply"],
        "quantity": units / product.daily if units is not None and product.daily else None,
        "end": (row["end"] - row["start"]).days + 1 if row["end"] else None,
    }
    most = ingredient.most if ingredient.most is not None else math.inf
    days = next((d for name in ingredient.lasts if (d := said[name]) is not None and 0 < d <= most), ingredient.days)
    share = left / row["quantity"] if left is not None and row["quantity"] else 1
    return max(1, math.ceil(days * share - 1e-9))


def _mg(
    row: Row, left: float | None, product: Product, treatment: Treatment, sizes: dict[str, list[Row]]
) -> tuple[float | None, str]:
    counts = _counts(row, product)
    if left is None:
        return None, "no_quantity"
    if counts is None:
        return None, "unit_not_declared"
    if counts == "mg":
        return left, "known"
    if counts == "mg_m2":
        area = _area(row["start"], treatment, sizes)
        return (left * area, "known") if area is not None else (None, "no_body_surface")
    units = left * (product.pack or 0) if counts == "packs" else left
    return (units * product.strength, "known") if product.strength else (None, "no_strength")


def _area(day: date, treatment: Treatment, sizes: dict[str, list[Row]]) -> float | None:
    body = treatment.body_size
    if body is None:
        return None
    found = []
    for name, low, high in (("height", 50, 250), ("weight", 2, 400)):
        near = [
            (size["day"], size["number"])
            for size in sizes[name]
            if low <= size["number"] <= high and timedelta(0) <= day - size["day"] <= timedelta(days=body.within)
        ]
        if not near:
            return None
        found.append(max(near)[1])
    height, weight = found
    if body.rule == "mosteller":
        return math.sqrt(height * weight / 3600)
    return float(0.007184 * height**0.725 * weight**0.425)


def _carried(given: list[Given]) -> list[Given]:
    """Begin each supply after all before it are used up."""
    free = date.min
    made = []
    for one in sorted(given, key=lambda g: (g.start, g.end, g.id)):
        start = max(one.start, free)
        end = start + (one.end - one.start)
        made.append(Given(one.id, one.drug, start, end, one.mg, one.why))
        free = end + DAY
    return made


def runs(given: list[Given], gap: int) -> list[list[Given]]:
    """Return exposures in runs."""
    made: list[list[Given]] = []
    for one in sorted(given, key=lambda g: (g.start, g.end)):
        if made and one.start <= max(g.end for g in made[-1]) + max(gap, 1) * DAY:
            made[-1].append(one)
        else:
            made.append([one])
    return made


def eras(given: list[Given], treatment: Treatment) -> list[tuple[int, date, date, int, int]]:
    """Return concept, first day, last day, exposures and days not covered of each era."""
    made = []
    for drug, ingredient in treatment.ingredients.items():
        for run in runs([g for g in given if g.drug == drug], ingredient.gap):
            start, end = run[0].start, max(g.end for g in run)
            days = [start + i * DAY for i in range((end - start).days + 1)]
            bare = sum(not any(g.start <= day <= g.end for g in run) for day in days)
            made.append((ingredient.concept, start, end, len(run), bare))
    return sorted(made)


def lines(given: list[Given], rules: Lines, since: date | None) -> list[tuple[int, date, date, list[str], list[int]]]:
    """Return number, first and last day, regimen and exposures of each line."""
    mine = [g for g in given if g.drug in rules.of]
    if rules.since:
        mine = [g for g in mine if since is not None and g.start >= since - rules.lead * DAY]
    left = sorted(mine, key=lambda g: g.start)
    made: list[tuple[int, date, date, list[str], list[int]]] = []
    while left:
        line = _next(left, mine, rules)
        first = line[0].start
        if made:
            number, start, end, regimen, ids = made[-1]
            made[-1] = (number, start, min(end, first - DAY), regimen, ids)
        regimen = sorted({g.drug for g in line if (g.start - first).days <= rules.window})
        made.append((len(made) + 1, first, max(g.end for g in line), regimen, sorted({g.id for g in line})))
        left = [g for g in left if g not in line]
    return made


def _alike(drug: str, rules: Lines) -> frozenset[str]:
    return next((frozenset(group) for group in rules.substitutes if drug in group), frozenset((drug,)))


def _next(left: list[Given], mine: list[Given], rules: Lines) -> list[Given]:
    first = left[0].start
    regimen = {g.drug for g in left if (g.start - first).days <= rules.window}
    own = {_alike(g.drug, rules) for g in left if (g.start - first).days <= rules.added_until}
    for one in left:
        before = [g.end for g in left if g.start < one.start]
        gone = bool(before) and one.start > max(before) + max(rules.gap, 1) * DAY
        if gone and rules.restart == "same_line" and _alike(one.drug, rules) in own:
            gone = False
        same = [g.end for g in mine if _alike(g.drug, rules) == _alike(one.drug, rules) and g.start < one.start]
        begins = not same or one.start > max(same) + max(rules.gap, 1) * DAY
        welcome = one.drug in rules.joins or any(
            one.drug in rule.of and set(rule.after) <= regimen for rule in rules.maintenance
        )
        if gone or (begins and _alike(one.drug, rules) not in own and not welcome):
            return [g for g in left if g.start < one.start]
    return left


def changed(given: list[Given], spec: Change, until: date | None) -> list[date]:
    """Return the days on which a change is known."""
    if isinstance(spec, Discontinuation):
        over = [max(g.end for g in run) + spec.gap * DAY for run in runs(_of(given, spec.of), spec.gap)]
        return [day for day in over if until is not None and day <= until]
    if isinstance(spec, Rechallenge):
        return [run[0].start for run in runs(_of(given, spec.of), spec.gap)[1:]]
    days = []
    for came in runs(_of(given, spec.to), spec.within):
        for went in runs(_of(given, spec.left), spec.within):
            day, end = came[0].start, max(g.end for g in went)
            if went[0].start <= day <= end + spec.within * DAY and end <= day + spec.overlap * DAY:
                days.append(day)
    return sorted(set(days))


def _of(given: list[Given], drugs: tuple[str, ...]) -> list[Given]:
    return [g for g in given if g.drug in drugs]
