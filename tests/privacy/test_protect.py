# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one door out: literal tables in, what may be shown out, and attacks that must fail."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rwe.disclosure import Policy, protect
from rwe.result import Result, tidy


def released(rows: list[dict[str, Any]], analysis: str = "characteristics") -> pl.DataFrame:
    return protect(Result(tidy(rows, analysis=analysis, population="p"))).table


def cells(counts: list[int], group: str = "overall") -> list[dict[str, Any]]:
    total = sum(counts)
    return [
        {
            "group": group,
            "outcome": "stage",
            "stratum": str(i),
            "estimand": "proportion",
            "n": n,
            "estimate": n / total if total else 0.0,
        }
        for i, n in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("n", "shown"),
    [(0, 0), (1, None), (6, None), (7, None), (10, None), (11, None), (12, None), (13, 15), (17, 15), (18, 20)],
)
def test_counts_from_1_to_12_are_masked_and_the_rest_rounded_to_5(n: int, shown: int | None) -> None:
    table = released([{"estimand": "events", "n": n, "estimate": float(n)}], "survival")

    assert table["n"].to_list() == [shown]
    assert table["masked"].to_list() == ["" if shown is not None else "n,estimate"]


def test_an_estimate_goes_with_its_count() -> None:
    row = {"estimand": "milestone", "n": 200, "n_event": 7, "estimate": 0.96, "conf_low": 0.9, "conf_high": 0.99}

    table = released([row], "survival")

    assert table.row(0, named=True) | {"time": None} == {
        **dict.fromkeys(table.columns),
        "analysis": "survival",
        "population": "p",
        "group": "",
        "stratum": "",
        "outcome": "",
        "estimand": "milestone",
        "n": 200,
        "masked": "n_event,estimate,conf_low,conf_high",
    }


def test_persons_without_the_event_are_a_count_too() -> None:
    table = released([{"estimand": "events", "n": 45, "n_event": 40, "estimate": 40 / 45}], "survival")

    assert table["n_event"].to_list() == [None]
    assert table["estimate"].to_list() == [None]


def test_a_lone_masked_cell_takes_the_smallest_other_with_it() -> None:
    assert released(cells([7, 33, 60]))["n"].to_list() == [None, None, 60]
    assert released(cells([7, 5, 60]))["n"].to_list() == [None, None, 60]
    assert released(cells([0, 33, 60]))["n"].to_list() == [0, 35, 60]


def test_proportions_are_made_from_released_counts() -> None:
    table = released(cells([33, 61]))

    assert table["n"].to_list() == [35, 60]
    assert table["estimate"].to_list() == [35 / 95, 60 / 95]


def test_shares_beside_a_masked_cell_are_shares_of_all() -> None:
    table = released(cells([7, 33, 60]))

    assert table["estimate"].to_list() == [None, None, 60 / 100]


def test_the_unknown_of_a_number_is_a_share_of_everybody() -> None:
    row = {"group": "overall", "outcome": "age", "stratum": "unknown", "estimand": "proportion"}

    table = released([{**row, "n": 26, "estimate": 26 / 339}])

    assert table["estimate"].to_list() == [25 / 340]


def test_standardised_differences_go_with_a_masked_level() -> None:
    smd = {"group": "difference", "outcome": "stage", "estimand": "smd", "n": 90, "estimate": 0.31}

    hidden, shown = (released([*cells(counts), smd]).row(-1, named=True) for counts in ([7, 33, 60], [20, 33, 60]))

    assert (hidden["n"], hidden["estimate"], hidden["masked"]) == (None, None, "n,estimate")
    assert (shown["n"], shown["estimate"], shown["masked"]) == (90, 0.31, "")


@pytest.mark.parametrize(
    ("mean", "shown"),
    [(164184 / 2982, 55.1), (-164184 / 2982, -55.1), (919 / 339, 2.71), (0.0, 0.0), (13 / 339, 0.0383)],
)
def test_a_mean_does_not_tell_its_denominator(mean: float, shown: float) -> None:
    table = released(
        [{"outcome": "age", "estimand": estimand, "n": 339, "estimate": mean} for estimand in ("mean", "sd")]
    )

    assert table["estimate"].to_list() == [shown, shown]


def test_attrition_is_rebased_so_that_a_masked_exclusion_cannot_be_subtracted() -> None:
    lines = [("everyone", "remaining", 2982), ("index", "excluded", 4), ("index", "remaining", 2978)]
    lines += [("nodes", "excluded", 1436), ("nodes", "remaining", 1542)]
    lines += [("complete", "excluded", 100), ("complete", "remaining", 1442)]

    table = released([{"outcome": o, "estimand": e, "n": n} for o, e, n in lines], "attrition")

    # 4 is masked, and 100 with it; the persons remaining no longer tell either
    assert table["n"].to_list() == [2980, None, 2980, 1435, 1545, None, 1545]


def test_a_total_is_the_sum_of_its_released_cells() -> None:
    outcomes = {"responder": 151, "failure": 172, "not_evaluable": 8, "open": 8, "all": 339}

    table = released([{"outcome": o, "estimand": "patients", "n": n} for o, n in outcomes.items()], "settlement")

    assert table["n"].to_list() == [150, 170, None, None, 320]


def test_an_effective_sample_size_does_not_tell_the_exact_number_of_persons() -> None:
    rows = [{"group": "registry", "estimand": "effective_sample_size", "n": 1546, "estimate": 1546.0}]

    table = released(rows, "trial_comparison")

    assert table.select("n", "estimate").row(0) == (1545, 1545.0)


def test_published_figures_of_a_trial_pass() -> None:
    table = released([{"group": "trial", "estimand": "milestone", "n": 7, "estimate": 0.5}], "trial_comparison")

    assert table.select("n", "estimate", "masked").row(0) == (7, 0.5, "")


def exact_curve(days: list[int], n: int) -> list[dict[str, Any]]:
    rows, at_risk, events, survival = [{"time": 0, "n": n, "n_event": 0, "estimate": 1.0}], n, 0, 1.0
    for day in sorted(days):
        events, survival = events + 1, survival * (1 - 1 / at_risk)
        rows.append({"time": day, "n": at_risk, "n_event": events, "estimate": survival})
        at_risk -= 1
    return [row | {"estimand": "survival", "outcome": "os"} for row in rows]


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=400))
def test_a_released_curve_never_shows_the_day_of_a_person(days: list[int]) -> None:
    policy = Policy()

    table = released(exact_curve(days, len(days) + 20), "survival")

    events = [sum(d <= t for d in days) for t in table["time"]]
    assert all(t % policy.grid_days == 0 for t in table["time"])
    assert all(b - a >= policy.step_events for a, b in pairwise([0, *filter(None, events)]))
    assert table["estimate"].is_sorted(descending=True)
    assert all(n % policy.rounding == 0 for n in table["n"].drop_nulls())


def test_the_first_step_of_a_curve_is_as_large_as_the_others() -> None:
    exact = exact_curve([40, *range(100, 120), *range(195, 215)], 200)

    table = released(exact[1:], "survival")

    assert table.select("time", "n", "n_event").rows() == [(120, 180, 20), (210, 165, 35)]


def test_at_risk_on_a_grid_day_are_those_still_there() -> None:
    rows = [
        {"time": 20, "n": 100, "n_event": 20},
        {"time": 50, "n": 60, "n_event": 40},
        {"time": 80, "n": 20, "n_event": 60},
    ]

    table = released([row | {"estimand": "survival", "estimate": 0.5} for row in rows], "survival")

    assert table.select("time", "n", "n_event").rows() == [(30, 60, 20), (60, 20, 40)]


def test_a_curve_ends_before_too_few_are_at_risk() -> None:
    table = released(exact_curve(list(range(30, 6000, 30)), 199), "survival")

    assert table["time"].max() == 30 * 182  # 13 events a step; fewer than 11 are at risk from day 30 x 190


@given(st.lists(st.integers(0, 60), min_size=2, max_size=8))
def test_no_lone_cell_of_a_family_stays_masked_while_another_could_hide_it(counts: list[int]) -> None:
    table = released(cells(counts))

    masked = table["n"].null_count()
    assert masked != 1 or sum(n > 0 for n in counts) == 1
    assert not set(table["n"].drop_nulls()) & set(range(1, 13))
    assert all(n % 5 == 0 for n in table["n"].drop_nulls())


@given(st.permutations(cells([7, 33, 60, 14, 0])))
def test_the_order_of_rows_changes_nothing(rows: list[dict[str, Any]]) -> None:
    table = released(rows).sort("stratum")

    assert table.equals(released(cells([7, 33, 60, 14, 0])).sort("stratum"))


def test_survival_tells_its_events_to_five_persons_only() -> None:
    rows = exact_curve(list(range(31, 31 + 300)), 1546)

    table = released(rows, "survival")

    persons = table["estimate"] * 1545 / 5
    assert (persons - persons.round()).abs().max() < 1e-3
    assert table["std_error"].null_count() == table.height


def test_two_curves_that_differ_by_few_persons_do_not_tell_how_many() -> None:
    """Deaths after the last check: one endpoint counts them, the other does not."""
    early = list(range(40, 640, 2))
    curves = {late: released(exact_curve([*early, *[650] * late], 1546), "survival") for late in range(5)}

    told = {late: table.filter(time=660)["estimate"].to_list() for late, table in curves.items()}

    assert len({tuple(s) for s in told.values()}) <= 2


def test_a_difference_from_the_trial_tells_no_more_than_the_curve() -> None:
    labels = {"stratum": "unadjusted", "outcome": "rfs", "estimand": "milestone", "time": 365}
    rows = [
        {**labels, "group": "registry", "n": 1178, "n_event": 206, "estimate": 0.850981, "std_error": 0.0095},
        {**labels, "group": "registry", "estimand": "events", "time": None, "n": 1546, "n_event": 1080},
        {**labels, "group": "trial", "n": 602, "n_event": 56, "estimate": 0.915558, "std_error": 0.0108},
        {**labels, "group": "difference", "n": 1178, "n_event": 206, "estimate": 0.850981 - 0.915558},
    ]

    table = released(rows, "trial_comparison").filter(estimand="milestone")

    ours, trial, difference = table["estimate"].to_list()
    assert trial == 0.915558
    assert difference == pytest.approx(ours - trial, abs=2e-6)


def test_a_total_spend_beside_a_masked_cell_is_masked() -> None:
    spend = {"responder": 100, "failure": 150, "not_evaluable": 3, "open": 5, "all": 258}
    rows = [{"outcome": o, "estimand": "spend", "n": n, "estimate": 1200.0 * n} for o, n in spend.items()]

    table = released(rows, "settlement")

    assert table["estimate"].to_list() == [120_000.0, 180_000.0, None, None, None]
