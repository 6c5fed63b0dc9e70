# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Random exposures and random rules, every word of the grammar among them; few days, so that ties are common."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from rwe.cdm import Cdm
from rwe.spec.treatment import Treatment
from rwe.treatment import Course, Known, treat

FIRST, AS_OF = date(2020, 1, 1), date(2021, 6, 30)
DRUGS = ("a", "b", "c", "d")
UNITS = ("mg", "mg/m2", "tablet")
Row = dict[str, Any]

days = st.integers(0, 100).map(lambda n: FIRST + timedelta(days=5 * n))
gaps = st.sampled_from((0, 5, 10, 30))
some = st.lists(st.sampled_from(DRUGS), min_size=1, max_size=3, unique=True)


def everyone(people: int = 8, most: int = 12) -> st.SearchStrategy[list[list[Row]]]:
    """Return the records of some people, numbered through."""
    row = st.fixed_dictionaries(
        {
            "concept": st.integers(1, 5),
            "start": days,
            "end": st.none() | days,
            "verbatim_end": st.none() | st.none() | days,
            "days_supply": st.none() | st.sampled_from((-5, 0, 5, 30, 400)),
            "quantity": st.none() | st.sampled_from((-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)),
            "unit": st.none() | st.sampled_from((*UNITS, "vial")),
        }
    )
    found = st.lists(st.lists(row, max_size=most), min_size=1, max_size=people)
    return found.map(
        lambda rows: [[each | {"id": 100 * p + i} for i, each in enumerate(r)] for p, r in enumerate(rows)]
    )


sizes = st.fixed_dictionaries(
    {
        name: st.lists(st.fixed_dictionaries({"day": days, "number": st.sampled_from(values)}), max_size=4)
        for name, values in {"height": (1.7, 160.0, 172.0), "weight": (60.0, 71.5, 7000.0)}.items()
    }
)


@st.composite
def treatments(draw: st.DrawFn) -> Treatment:
    """Return rules made of chance."""
    positive = st.none() | st.sampled_from((0.5, 2.0, 10.0))
    counts = st.sampled_from(("units", "packs", "mg", "mg_m2"))
    orders = st.permutations(("verbatim_end", "days_supply", "quantity", "end"))
    ingredients = {}
    for i, name in enumerate(DRUGS):
        products = {}
        for k, concepts in enumerate(([i + 1], [5]) if draw(st.booleans()) else ([i + 1],)):
            quantity = draw(st.none() | counts | st.dictionaries(st.sampled_from(UNITS), counts))
            numbers = {what: draw(positive) for what in ("strength", "daily")}
            products[f"p{k}"] = {"concepts": concepts, "quantity": quantity, "pack": 10.0, **numbers}
        ingredients[name] = {
            "concept": 100 + i,
            "products": products,
            "gap": draw(gaps),
            "lasts": draw(orders)[: draw(st.integers(1, 4))],
            "days": draw(st.sampled_from((1, 5, 28))),
            "most": draw(st.none() | st.sampled_from((20, 365))),
            "carry_over": draw(st.booleans()),
        }
    body = st.none() | st.fixed_dictionaries(
        {
            "rule": st.sampled_from(("mosteller", "du_bois")),
            "height": st.just("height"),
            "weight": st.just("weight"),
            "within": st.sampled_from((0, 50, 365)),
        }
    )
    return Treatment.model_validate(
        {"ingredients": ingredients, "body_size": draw(body), "lines": draw(_lines()), "changes": draw(_changes())}
    )


@st.composite
def _lines(draw: st.DrawFn) -> dict[str, Any]:
    window, more, longer = draw(st.tuples(*[st.sampled_from((0, 10, 25))] * 3))
    left = draw(st.sampled_from(([], [["a", "b"]], [["a", "b"], ["d", "c"]])))
    maintenance = st.fixed_dictionaries({"of": some, "after": some})
    return {
        "of": list(DRUGS),
        "since": draw(st.none() | st.none() | st.just("since")),
        "window": window,
        "addition": draw(st.none() | st.just(window + more)),
        "gap": window + more + longer,
        "restart": draw(st.sampled_from(("new_line", "same_line"))),
        "substitutes": left,
        "joins": draw(st.just([]) | some),
        "maintenance": draw(st.lists(maintenance, max_size=2)),
        "regimens": {"both": {"of": ["a", "b"], "concept": 77}, "one": {"of": ["c"], "concept": 78}},
    }


@st.composite
def _changes(draw: st.DrawFn) -> dict[str, Any]:
    left, to = draw(st.sampled_from(((["a"], ["b"]), (["a", "b"], ["c"]), (["c"], ["a", "d"]))))
    within, overlap = draw(gaps), draw(gaps)
    switch = {"from": left, "to": to, "within": within, "overlap": overlap}
    return {
        "stopped": {"kind": "discontinuation", "concept": 2_000_000_001, "of": draw(some), "gap": draw(gaps)},
        "left": {"kind": "switch", "concept": 2_000_000_002, **switch},
        "again": {"kind": "rechallenge", "concept": 2_000_000_003, "of": draw(some), "gap": draw(gaps)},
    }


SCHEMA = {
    "drug_exposure_id": pl.Int64,
    "person_id": pl.Int64,
    "drug_concept_id": pl.Int64,
    "drug_exposure_start_date": pl.Date,
    "drug_exposure_end_date": pl.Date,
    "verbatim_end_date": pl.Date,
    "days_supply": pl.Int64,
    "quantity": pl.Float64,
    "dose_unit_source_value": pl.String,
}
_PLACES = ("concept", "start", "end", "verbatim_end", "days_supply", "quantity", "unit")


def course(
    people: list[list[Row]],
    treatment: Treatment,
    *,
    sizes: dict[str, list[Row]] | None = None,
    since: date | None = None,
    until: date | None = AS_OF,
) -> Course:
    """Read the courses of some people who all have the same body, day of `since` and end of follow-up."""
    lines = [(r["id"], p, *(r[k] for k in _PLACES)) for p, found in enumerate(people) for r in found]
    table = pl.LazyFrame(lines, schema=SCHEMA, orient="row")
    measured = {name: [(r["day"], r["number"]) for r in (sizes or {}).get(name, [])] for name in ("height", "weight")}
    measured["since"] = [(since, 0.0)] if since else []
    everyone = range(len(people))

    def read(name: str) -> pl.LazyFrame:
        held = [(p, *row) for p in everyone for row in measured[name]]
        return pl.LazyFrame(held, schema={"person_id": pl.Int64, "day": pl.Date, "number": pl.Float64}, orient="row")

    followed = pl.LazyFrame(
        {"person_id": list(everyone), "until": [until for _ in everyone]},
        schema={"person_id": pl.Int64, "until": pl.Date},
    )
    return treat(Cdm({"drug_exposure": table}, pl.DataFrame()), treatment, Known(read, followed, AS_OF))
