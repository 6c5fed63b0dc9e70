# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Looks: boundaries equal rpact, the e-process equals fractions by hand, and looking often does not cost error."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe import survival as sv
from rwe.errors import BrokenRows, DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_trust"
CASES = {case["case"]: case for case in json.loads((FOLDER / "looks.json").read_text("utf-8"))["cases"]}
ARMS = pl.DataFrame({"t": [1, 3, 4, 2, 4, 5], "e": [1, 1, 0, 1, 0, 0], "arm": list("AAABBB")})


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("spending")])
def test_boundaries(name: str) -> None:
    case = CASES[name]["expect"]
    kind = "obrien_fleming" if "asOF" in name else "pocock"

    found = cp.boundaries(case["input"]["rates"], alpha=case["input"]["alpha"], kind=kind)

    assert found == pytest.approx(case["critical"], rel=CASES[name]["tolerance"]["rel"])


def test_one_look_is_the_fixed_test_and_broken_plans_are_refused() -> None:
    assert cp.boundaries([1.0]) == pytest.approx([1.959963984540054])
    for rates in ([], [0.5, 0.5], [0.0, 1.0], [0.5, 1.1]):
        with pytest.raises(DefinitionError, match="rates"):
            cp.boundaries(rates)
    with pytest.raises(DefinitionError, match="kind"):
        cp.boundaries([1.0], kind="haybittle")


def ties(y1: int, y0: int, d1: int, d: int, ratio: Fraction) -> Fraction:
    """Return Fisher's noncentral hypergeometric probability."""
    ways = {k: math.comb(y1, k) * math.comb(y0, d - k) * ratio**k for k in range(max(0, d - y0), min(y1, d) + 1)}
    return ways[d1] / sum(ways.values())


def test_the_e_process_in_fractions() -> None:
    """Events at 1 (A), 2 (B), 3 (A), with 3, 3, 2 of B and 3, 2, 2 of A at risk; then two at once, one of each."""
    frame = pl.concat([ARMS, pl.DataFrame({"t": [6, 6, 7, 7], "e": [1, 1, 0, 0], "arm": list("ABAB")})])
    sets = [(5, 5, 0, 1), (5, 4, 1, 1), (4, 4, 0, 1), (2, 2, 1, 2)]

    found = cp.anytime_log_rank(frame, time="t", event="e", by="arm", expected_ratio=0.5)

    wanted = Fraction(0)
    for ratio in (Fraction(1, 2), Fraction(2)):
        whole = Fraction(1)
        for moment in sets:
            whole *= ties(*moment, ratio) / ties(*moment, Fraction(1))
        wanted += whole / 2
    assert found.table.select("at_risk", "at_risk_0", "d_treated", "d").rows() == sets
    assert found.e_value == pytest.approx(float(wanted), rel=1e-12)


def test_the_mean_of_the_evidence_under_equal_hazards_is_one() -> None:
    """Over both outcomes of a moment, by their probabilities: the martingale itself."""
    mean = 0.0
    for d1, arms in enumerate(("BB", "AB", "AA")):  # who of 4 treated (A is the second group here) and 7 others fails
        rows = [*(("x" if a == "A" else "w", 1, 1) for a in arms)]
        rows += [("x", 2, 0)] * (4 - d1) + [("w", 2, 0)] * (7 - 2 + d1)
        frame = pl.DataFrame(rows, schema=["arm", "t", "e"], orient="row")
        e_value = cp.anytime_log_rank(frame, time="t", event="e", by="arm").e_value
        mean += float(ties(4, 7, d1, 2, Fraction(1))) * e_value

    assert mean == pytest.approx(1.0, rel=1e-12)


def test_the_sequence_holds_what_the_evidence_does_not_refuse() -> None:
    draw = np.random.default_rng(4)
    n = 400
    arm = np.repeat([0, 1], n // 2)
    frame = pl.DataFrame({"t": draw.exponential(np.where(arm == 1, 200.0, 100.0)), "e": 1, "arm": arm})

    found = cp.anytime_log_rank(frame, time="t", event="e", by="arm")

    assert found.conf_low < 0.5 < found.conf_high < 1
    assert found.p_value < 0.05
    assert found.e_value > 20
    # turning the groups about turns the ratio
    turned = cp.anytime_log_rank(frame.with_columns(arm=1 - pl.col("arm")), time="t", event="e", by="arm")
    assert turned.e_value == pytest.approx(found.e_value, rel=1e-9)
    assert turned.conf_low == pytest.approx(1 / found.conf_high, rel=1e-6)
    assert found.table["p_value"].is_sorted(descending=True)
    assert found.to_result().table.height == 2


def test_late_entry_and_strata_count_who_was_there() -> None:
    frame = ARMS.with_columns(start=pl.Series([0, 0, 2, 0, 2, 2]), s=pl.Series([1, 1, 1, 1, 1, 1]))

    found = cp.anytime_log_rank(frame, time="t", event="e", by="arm", entry="start", strata="s")

    # those who enter on day 2 are not at risk on day 2
    assert found.table["at_risk"].to_list() == [1, 1, 2]
    assert found.table["at_risk_0"].to_list() == [2, 1, 2]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"t": pl.lit(None, dtype=pl.Float64)}, BrokenRows),
        ({"e": pl.lit(2)}, BrokenRows),
        ({"arm": pl.lit("A")}, DefinitionError),
        ({"arm": pl.when(pl.col("t") > 1).then("arm")}, BrokenRows),
        ({"e": pl.lit(0)}, NoValidAnswer),
    ],
)
def test_refused_by_name(change: dict[str, pl.Expr], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        cp.anytime_log_rank(ARMS.with_columns(**change), time="t", event="e", by="arm")
    with pytest.raises(DefinitionError, match="other than 1"):
        cp.anytime_log_rank(ARMS, time="t", event="e", by="arm", expected_ratio=1.0)


def growing(seed: int, ratio: float, n: int = 160) -> pl.DataFrame:
    """People who enter over 600 days, half of them treated; Weibull times since entry."""
    draw = np.random.default_rng(seed)
    arm = draw.integers(0, 2, n)
    time = 300 * (draw.exponential(size=n) / np.where(arm == 1, ratio, 1.0)) ** (1 / 1.3)
    return pl.DataFrame({"t": np.ceil(time).astype(int), "e": 1, "arm": arm, "entered": draw.integers(0, 600, n)})


DAYS = list(range(150, 1051, 100))
ROLES = {"time": "t", "event": "e", "by": "arm", "entered": "entered"}


def test_looks_say_which_may_be_acted_on() -> None:
    frame = growing(2, 0.5)

    planned = cp.looks(frame, **ROLES, at=DAYS, planned_events=200)
    open_end = cp.looks(frame, **ROLES, at=DAYS)
    beyond = cp.looks(frame, **ROLES, at=DAYS, planned_events=50)

    assert (planned.act_on, open_end.act_on, beyond.act_on) == ("spending", "anytime", "anytime")
    assert planned.crossed is not None
    assert planned.table["n_event"].is_sorted()
    assert open_end.table["boundary"].null_count() == len(DAYS)
    assert any("no longer hold" in note for note in beyond.notes)
    assert open_end.to_result(outcome="os").table.height == 4 * len(DAYS)
    last = planned.table.row(-1, named=True)
    whole = cp.anytime_log_rank(
        frame.with_columns(end=pl.min_horizontal(pl.col("t") + pl.col("entered"), DAYS[-1]))
        .with_columns(e=(pl.col("t") + pl.col("entered") <= DAYS[-1]).cast(pl.Int64))
        .filter(pl.col("entered") < DAYS[-1]),
        time="end", event="e", by="arm", entry="entered",
    )  # fmt: skip
    assert last["e_value"] == pytest.approx(whole.e_value, rel=1e-9)


def test_looks_refused() -> None:
    frame = growing(2, 1.0, 20)

    with pytest.raises(DefinitionError, match="rising"):
        cp.looks(frame, **ROLES, at=[5, 5])
    with pytest.raises(DefinitionError, match="1 groups"):
        cp.looks(frame.with_columns(arm=pl.lit(1)), **ROLES, at=[500])
    with pytest.raises(BrokenRows, match="20 of 20"):
        cp.looks(frame.with_columns(t=pl.lit(0)), **ROLES, at=[500])
    with pytest.raises(NoValidAnswer, match="at no look"):
        cp.looks(frame.with_columns(e=pl.lit(0)), **ROLES, at=[500])


def errors_of(replicates: int, ratio: float) -> dict[str, float]:
    """Return how often ten looks ever say that hazards differ, by rule."""
    said = dict.fromkeys(("naive", "spending", "anytime", "gaussian"), 0)
    for seed in range(replicates):
        table = cp.looks(growing(seed, ratio), **ROLES, at=DAYS, planned_events=160).table
        said["naive"] += bool((table["naive_p"] < 0.05).any())
        said["spending"] += bool((table["z"].abs() >= table["boundary"]).any())
        said["anytime"] += bool((table["anytime_p"] <= 0.05).any())
        said["gaussian"] += bool((table["gaussian_e"] >= 20).any())
    return {rule: count / replicates for rule, count in said.items()}


def judge(found: dict[str, float], replicates: int) -> None:
    error = math.sqrt(0.05 * 0.95 / replicates)
    assert found["naive"] > 0.1
    assert found["spending"] == pytest.approx(0.05, abs=4 * error)
    assert found["anytime"] <= 0.05 + 4 * error
    assert found["gaussian"] <= 0.05 + 4 * error


@pytest.mark.ci
def test_ten_looks_keep_their_error() -> None:
    judge(errors_of(500, 1.0), 500)


@pytest.mark.long
def test_ten_looks_keep_their_error_in_ten_thousand_replicates() -> None:
    found = {ratio: errors_of(10_000, ratio) for ratio in (1.0, 0.7)}

    rows = [{"hazard_ratio": ratio, "replicates": 10_000, **rules} for ratio, rules in found.items()]
    pl.DataFrame(rows).write_csv(Path(__file__).parents[1] / "looks.csv")
    judge(found[1.0], 10_000)


def test_naive_and_anytime_tests_compare_within_the_same_levels() -> None:
    rng, n = np.random.default_rng(6), 400
    stage = rng.integers(0, 3, n)
    arm = (rng.random(n) < 0.2 + 0.3 * stage).astype(int)  # the sicker are treated; treatment does nothing
    days = np.ceil(rng.exponential(800 / 2.0**stage)).astype(int)
    rows = pl.DataFrame({"t": days, "e": 1, "arm": arm, "in": rng.integers(0, 300, n), "s": stage.astype(str)})
    last = int((rows["in"] + rows["t"]).max())

    plain, within = (
        cp.looks(rows, time="t", event="e", by="arm", entered="in", at=[last], within=name).table.row(0, named=True)
        for name in (None, "s")
    )

    stratified = sv.log_rank(rows, time="t", event="e", by="arm", strata="s")
    assert within["z"] ** 2 == pytest.approx(stratified.statistic)
    assert within["naive_p"] > 0.05 > plain["naive_p"]
    assert within["e_value"] < 1 < plain["e_value"]
