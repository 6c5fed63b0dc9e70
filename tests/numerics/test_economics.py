# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Economic models against R (flexsurv, heemod, BCEA), a textbook, and their own laws."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.reimbursement import economics as ec
from rwe.reimbursement.economics.curves import Sample
from rwe.reimbursement.economics.decision import acceptability

F8 = NDArray[np.float64]
DATA = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case["expect"] for case in json.loads((DATA / "econ.json").read_text("utf-8"))["cases"]}
MONTH, YEAR = 30.4375, 365.25


@dataclass(frozen=True)
class Weibull:
    """A Weibull curve by R's shape and scale in months, with errors on their logarithms."""

    shape: float
    scale: float
    error: float = 0.1

    def survival_at(self, days: F8) -> F8:
        return np.asarray(np.exp(-((days / MONTH / self.scale) ** self.shape)), np.float64)

    def survival_draws(self, days: F8, n: int, seed: int) -> F8:
        moved = np.exp(self.error * np.random.default_rng(seed).standard_normal((n, 2)))
        shape, scale = self.shape * moved[:, [0]], self.scale * moved[:, [1]]
        return np.asarray(np.exp(-((days / MONTH / scale) ** shape)), np.float64)


def arm(name: str, *, units: bool = False, error: float = 0.1) -> ec.Strategy:
    """Return an arm of the reference: two Weibull curves, utilities 0.8 and 0.6, costs a month."""
    told = CASES["partitioned_survival.sim"][name]
    curves = {
        "pf": ec.Named(f"pfs {name}", Weibull(told["pfs_shape"], told["pfs_scale"], error)),
        "pd": ec.Named(f"os {name}", Weibull(told["os_shape"], told["os_scale"], error)),
    }
    costs = (ec.Stay("pf", 3000, MONTH), ec.Stay("pd", 1200, MONTH))
    medicine = (ec.Stay("pf", 1, MONTH),) if units else ()
    return ec.Strategy(ec.Partitioned(curves), costs, medicine, (ec.Stay("pf", 0.8), ec.Stay("pd", 0.6)))


ARMS = {"arm0": arm("arm0"), "arm1": arm("arm1", units=True)}
MONTHLY = ec.Timing(MONTH, 240, 0.035, 0.035)


@pytest.mark.parametrize(
    ("correction", "named"), [("start", "beginning"), ("end", "end"), ("life_table", "life-table")]
)
def test_a_markov_model_equals_heemod(correction: Any, named: str) -> None:
    told = CASES["markov.three_state"]
    given = told["input"]
    matrix = tuple(tuple(map(float, row)) for row in given["P"])
    stays = {
        name: tuple(ec.Stay(s, v) for s, v in zip("wi", given[name], strict=False)) for name in ("cost", "utility")
    }
    strategy = ec.Strategy(ec.Markov(("w", "i", "dead"), (ec.Phase(matrix),)), stays["cost"], (), stays["utility"])

    found = ec.evaluate({"one": strategy}, ec.Timing(YEAR, 20, 0.03, 0.03, "start", correction))

    row = found.table.row(0, named=True)
    assert row["cost"] == pytest.approx(told["totals"][named]["total_cost_per_person"], rel=1e-9)
    assert row["effect"] == pytest.approx(told["totals"][named]["total_qaly_per_person"], rel=1e-9)
    trace = np.stack(list(found.states["one"].values()), axis=1)
    np.testing.assert_allclose(trace, told["trace"], rtol=1e-9, atol=1e-12)


def test_partitioned_survival_equals_r() -> None:
    told = CASES["partitioned_survival.sim"]

    found = ec.evaluate(ARMS, MONTHLY, price=2500.0)

    for row in found.table.iter_rows(named=True):
        of = told[row["strategy"]]
        assert row["cost"] == pytest.approx(of["cost_discounted"], rel=1e-9)
        assert row["effect"] == pytest.approx(of["qaly_discounted"], rel=1e-9)
        assert row["lived"] * 12 == pytest.approx(of["life_months_undiscounted"], rel=1e-9)
    assert found.icers["icer"][1] == pytest.approx(told["icer"], rel=1e-9)


def test_acceptability_and_perfect_information_equal_bcea() -> None:
    told = CASES["psa.sim"]
    drawn = pl.read_csv(DATA / "sim_psa.csv")
    cost, effect = (drawn.select(columns).to_numpy() for columns in (("c0", "c1"), ("e0", "e1")))

    found = acceptability(["old", "new"], cost, effect, told["wtp"])
    steps = ec.icers(["old", "new"], cost.mean(axis=0), effect.mean(axis=0))

    new, old = found.filter(strategy="new"), found.filter(strategy="old")
    np.testing.assert_allclose(new["probability"], told["ceac"], rtol=1e-9)
    np.testing.assert_allclose(new["evpi"], told["evpi"], rtol=1e-9)
    np.testing.assert_allclose(new["net_benefit"] - old["net_benefit"], told["eib"], rtol=1e-9)
    assert steps["icer"][1] == pytest.approx(told["icer"], rel=1e-9)
    assert steps["effect_more"][1] == pytest.approx(told["mean_delta_effect"], rel=1e-9)


COUNTED = {"a": (1251.0, 350.0, 116.0, 17.0), "b": (0.0, 731.0, 512.0, 15.0), "c": (0.0, 0.0, 1312.0, 437.0)}
HIV = {name: ec.Counts(counts) for name, counts in COUNTED.items()}
ROWS = (*(tuple(f"{name}.{i}" for i in (1, 2, 3, 4)) for name in COUNTED), (0.0, 0.0, 0.0, 1.0))


def hiv(correction: Any, **draws: Any) -> ec.Evaluation:
    """Return zidovudine alone, and with lamivudine for two years (Chancellor et al. 1997)."""
    states = ("a", "b", "c", "dead")
    care = {"a": 1701 + 1055 + 2278, "b": 1774 + 1278 + 2278, "c": 6948 + 2059 + 2278}
    costs, lived = tuple(ec.Stay(s, v) for s, v in care.items()), tuple(ec.Stay(s, 1.0) for s in care)
    added = tuple(ec.Stay(s, 2086.50, stop=2 * YEAR) for s in care)
    both = (ec.Phase(ROWS, 2, "ratio"), ec.Phase(ROWS))
    strategies = {
        "mono": ec.Strategy(ec.Markov(states, (ec.Phase(ROWS),)), costs, (), lived),
        "both": ec.Strategy(ec.Markov(states, both), costs + added, (), lived),
    }
    timing = ec.Timing(YEAR, 20, 0.06, 0.0, "end", correction)
    return ec.evaluate(strategies, timing, parameters=HIV | {"ratio": ec.Ratio(0.509, 0.365, 0.710)}, **draws)


def test_the_hiv_model_of_briggs_claxton_and_sculpher() -> None:
    """Exercise 2.5 of Decision Modelling for Health Economic Evaluation (2006), the spreadsheet that comes with it."""
    found = hiv("end").icers

    assert found["cost"].to_list() == pytest.approx([44_663.4535637, 50_601.6513312], abs=1e-7)
    assert found["effect"].to_list() == pytest.approx([7.9912066, 8.9373889], abs=1e-7)
    assert found["icer"][1] == pytest.approx(6_275.95560, abs=1e-4)


def hip(ratio: float) -> ec.Markov:
    """Return a woman of 60 with a new hip: revision rises with time, death with age (a matrix a year)."""
    died = {55: 0.0067, 65: 0.0193, 75: 0.0535, 85: 0.1548}
    scale, power = np.exp(-5.490935 - 0.0367022 * 60) * ratio, np.exp(0.3740968)
    phases = []
    for year in range(1, 62):
        die = max((age, rate) for age, rate in died.items() if age <= 60 + year)[1]
        revise = -np.expm1(scale * ((year - 1) ** power - year**power))
        rows = (0.0, "rest", 0.0, 0.0, 0.02), (0.0, "rest", float(revise), 0.0, die)
        again = (0.0, 0.0, 0.0, "rest", 0.02 + die), (0.0, 0.0, 0.04, "rest", die), (0.0, 0.0, 0.0, 0.0, 1.0)
        phases.append(ec.Phase((*rows, *again), 1))
    return ec.Markov(("new", "well", "revision", "well_again", "dead"), tuple(phases))


def test_the_hip_model_of_briggs_claxton_and_sculpher() -> None:
    """Example 3.5 of the book: transitions that change from year to year, two rates of discount."""
    lived = (ec.Stay("well", 0.85), ec.Stay("revision", 0.30), ec.Stay("well_again", 0.75))
    revised = ec.Stay("revision", 5294.0)
    strategies = {
        "standard": ec.Strategy(hip(1.0), (ec.Once(394.0), revised), (), lived),
        "np1": ec.Strategy(hip(float(np.exp(-1.344474))), (ec.Once(579.0), revised), (), lived),
    }

    found = ec.evaluate(strategies, ec.Timing(YEAR, 61, 0.06, 0.015, "start", "start"))

    assert found.icers["cost"].to_list() == pytest.approx([512.434658, 610.311818], abs=1e-6)
    assert found.icers["effect"].to_list() == pytest.approx([14.6531896, 14.69770986], abs=1e-7)
    assert found.icers["icer"][1] == pytest.approx(2_198.486665, abs=1e-4)


def test_the_hiv_model_with_half_a_cycle() -> None:
    """The same exercise with half of each cycle lived by those who die in it: 8.475 and 9.42 years of life."""
    found = hiv("life_table").table

    assert found["effect"].to_list() == pytest.approx([8.475, 9.42], abs=0.025)


def test_strategies_of_the_guide_to_cost_effectiveness() -> None:
    """Worked example of the Health Economics Resource Center (US Veterans), with its answers as dampack tests them."""
    names = ["E", "D", "C", "B", "A", "usual"]
    cost, effect = np.array([55e3, 35e3, 25e3, 10e3, 12e3, 5e3]), np.array([5, 4, 3, 2, 1.5, 1])

    found = ec.icers(names, cost, effect)

    told = dict(zip(found["strategy"], found["status"], strict=True))
    assert told["A"] == "dominated"
    assert told["C"] == "extendedly_dominated"
    on = found.filter(status="efficient")
    assert on["strategy"].to_list() == ["usual", "B", "D", "E"]
    assert on["icer"].to_list() == [None, 5000, 12500, 20000]


def test_progression_free_survival_is_capped_and_said() -> None:
    crossed = ec.Partitioned({"pf": ec.Named("pfs", Weibull(1.0, 30.0)), "pd": ec.Named("os", Weibull(1.0, 20.0))})

    found = ec.evaluate({"x": ec.Strategy(crossed)}, MONTHLY)

    assert found.table["capped"][0] == 240
    assert np.all(found.states["x"]["pd"] == 0.0)
    assert "capped" in repr(found)


@dataclass(frozen=True)
class Constant:
    """A constant hazard a year."""

    rate: float

    def survival_at(self, days: F8) -> F8:
        return np.asarray(np.exp(-self.rate * days / YEAR), np.float64)

    def survival_draws(self, days: F8, n: int, seed: int) -> F8:
        del seed  # it is certain
        return np.repeat(self.survival_at(days)[None], n, axis=0)


@pytest.mark.parametrize("clock", ["forward", "reset"])
def test_constant_hazards_give_one_matrix(clock: Any) -> None:
    """With constant hazards the clock does not matter, and each cycle has the probabilities of the first."""
    curves = [ec.Named(name, Constant(rate)) for name, rate in (("p", 0.4), ("d", 0.1), ("a", 0.7))]
    stay, kept = np.exp(-0.5 / 12), np.exp(-0.7 / 12)
    matrix = ((stay, (1 - stay) * 0.8, "rest"), (0.0, kept, "rest"), (0.0, 0.0, 1.0))
    states = ("progression_free", "progressed", "dead")
    values = (ec.Stay("progression_free", 3.0), ec.Stay("progressed", 5.0), ec.Once(7.0, "enter", "progressed"))
    values += (ec.Once(11.0, "enter", "dead"), ec.Once(13.0, "leave", "progressed"), ec.Once(17.0))

    fitted = ec.Strategy(ec.IllnessDeath(curves[0], curves[1], curves[2], clock), values)
    plain = ec.Strategy(ec.Markov(states, (ec.Phase(matrix),)), values)
    found = ec.evaluate({"fitted": fitted, "plain": plain}, ec.Timing(YEAR / 12, 600, 0.03, 0.03))

    assert found.table["cost"][0] == pytest.approx(found.table["cost"][1], rel=1e-9)
    assert found.table["lived"][0] == pytest.approx(found.table["lived"][1], rel=1e-9)


def test_one_matrix_of_a_curve_is_partitioned_survival() -> None:
    """Without progression both models are the survival curve."""
    alive, never = ec.Named("os", Weibull(1.2, 20.0)), ec.Named("never", Constant(0.0))
    model = ec.IllnessDeath(never, alive, never)
    values = (ec.Stay("progression_free", 100.0), ec.Once(9.0, "enter", "dead"))

    found = ec.evaluate(
        {
            "steps": ec.Strategy(model, values),
            "curves": ec.Strategy(ec.Partitioned({"progression_free": alive}), values),
        },
        MONTHLY,
    )

    assert found.table["cost"][0] == pytest.approx(found.table["cost"][1], rel=1e-12)


def test_a_price_solved_is_a_price_worth_paying() -> None:
    found = ec.evaluate(ARMS, MONTHLY, price=2500.0, draws=400)

    solved = found.value_price("arm1", 100_000.0)
    again = found.at(solved.price)

    assert again.icers["icer"][1] == pytest.approx(100_000.0)
    assert found.value_price("arm1", found.icers["icer"][1]).price == pytest.approx(2500.0)
    assert solved.low is not None
    assert solved.high is not None
    assert solved.low < solved.price < solved.high
    t = found.draws
    assert t is not None
    benefit = 100_000.0 * t.effect - t.cost(2500.0)
    assert solved.worth == pytest.approx(np.mean(benefit[:, 1] >= benefit[:, 0]))


@pytest.mark.parametrize(("gain", "price"), [(0.40, 516.67), (0.30, 366.67)])
def test_the_outcome_indexed_price(gain: float, price: float) -> None:
    """36,000 a QALY, 2,000 of other cost, 24 units: the example that payers work with."""
    model = ec.Markov(("alive", "dead"), (ec.Phase(((1.0, 0.0), (0.0, 1.0))),))
    new = ec.Strategy(model, (ec.Once(2000.0),), (ec.Once(24.0),), (ec.Once(gain),))

    found = ec.evaluate({"old": ec.Strategy(model), "new": new}, ec.Timing(YEAR, 1)).value_price("new", 36_000.0)

    assert round(found.price, 2) == price


def test_the_price_that_keeps_what_the_trial_promised() -> None:
    """Half the gain at the same other cost is worth less than the price; the full gain exactly the price."""
    promised = ec.evaluate(ARMS, MONTHLY, price=2500.0)
    worse = ARMS | {
        "arm1": ec.Strategy(ARMS["arm0"].model, ARMS["arm1"].costs, ARMS["arm1"].units, ARMS["arm1"].effects)
    }

    threshold = ec.promised_threshold(promised, "arm1", "arm0")

    assert ec.value_price(promised, "arm1", threshold).price == pytest.approx(2500.0)
    assert ec.value_price(ec.evaluate(worse, MONTHLY, price=2500.0), "arm1", threshold).price == pytest.approx(
        0, abs=1e-9
    )


def test_a_budget_by_hand() -> None:
    """Everybody lives; 100 a year without, 300 with, of which 200 are the medicine; uptake 0.5 then 1."""
    model = ec.Markov(("alive", "dead"), (ec.Phase(((1.0, 0.0), (0.0, 1.0))),))
    usual = ec.Strategy(model, (ec.Stay("alive", 100.0),))
    new = ec.Strategy(model, (ec.Stay("alive", 100.0),), (ec.Stay("alive", 4.0),))
    found = ec.evaluate({"usual": usual, "new": new}, ec.Timing(YEAR / 12, 120), price=50.0, years=2)

    table = ec.budget(found, ec.Market((10, 20), (0.5, 1.0), "new", {"usual": 1.0}))

    assert table["without"].to_list() == pytest.approx([1000, 3000])
    assert table["medicine"].to_list() == pytest.approx([1000, 5000])
    assert table["impact"].to_list() == pytest.approx([1000, 5000])
    assert table["with"].to_list() == pytest.approx([2000, 8000])


def test_perfect_information_for_all() -> None:
    assert ec.population_evpi(10.0, (100, 100), 0.25) == pytest.approx(1800.0)


def test_draws_do_not_rest_on_threads_or_on_other_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    timing = ec.Timing(7.0, 2087, 0.035, 0.035)
    monkeypatch.setenv("RWE_THREADS", "1")
    one = ec.evaluate(ARMS, timing, draws=300, seed=5)
    monkeypatch.setenv("RWE_THREADS", "2")
    two = ec.evaluate(ARMS, timing, draws=300, seed=5, parameters={"unused": ec.Uncertain("gamma", 3.0, 1.0)})

    assert one.draws is not None
    assert two.draws is not None
    np.testing.assert_array_equal(one.draws.other, two.draws.other)
    np.testing.assert_array_equal(one.draws.effect, two.draws.effect)


@pytest.mark.parametrize("shape", ["normal", "lognormal", "gamma", "beta"])
def test_draws_have_the_mean_and_error_given(shape: Any) -> None:
    known = {"a": ec.Uncertain(shape, 0.6, 0.1), "b": ec.Uncertain("normal", 0.0, 1.0), "c": ec.Counts((3, 1, 0))}

    model = ec.Markov(("alive",), (ec.Phase(((1.0,),)),))
    strategy = ec.Strategy(model, (ec.Once("a"),), (ec.Once("b"),), (ec.Once("c.1"),))

    found = ec.evaluate(
        {"x": strategy}, ec.Timing(YEAR, 1), parameters=known, correlated={("a", "b"): 0.5}, draws=40_000
    ).draws

    assert found is not None
    assert found.other.mean() == pytest.approx(0.6, abs=0.003)
    assert found.other.std() == pytest.approx(0.1, abs=0.002)
    assert np.corrcoef(found.other[:, 0], found.units[:, 0])[0, 1] == pytest.approx(0.5, abs=0.03)
    assert found.effect.mean() == pytest.approx(0.75, abs=0.003)


def test_a_hazard_ratio_scales_a_curve_and_leaves_it_the_same_draw() -> None:
    base = ec.Named("os", Weibull(1.0, 20.0))
    pair = {
        "usual": ec.Strategy(ec.Partitioned({"alive": base}), (), (), (ec.Stay("alive", 1.0),)),
        "same": ec.Strategy(ec.Partitioned({"alive": ec.Proportional(base, 1.0)}), (), (), (ec.Stay("alive", 1.0),)),
        "half": ec.Strategy(ec.Partitioned({"alive": ec.Proportional(base, 0.5)}), (), (), (ec.Stay("alive", 1.0),)),
    }

    found = ec.evaluate(pair, ec.Timing(MONTH, 2400), draws=50)

    assert found.draws is not None
    np.testing.assert_allclose(found.draws.effect[:, 0], found.draws.effect[:, 1], rtol=1e-12)
    assert found.base.lived[0, 2] == pytest.approx(2 * found.base.lived[0, 0], rel=1e-3)


def test_what_a_model_cannot_tell_is_refused() -> None:
    one, timing = ARMS["arm0"], MONTHLY
    unknown = ec.Strategy(one.model, (ec.Stay("ill", 1.0),))
    early = ec.Strategy(one.model, (ec.Once(1.0, "enter", "pd"),))
    matrix = ec.Strategy(ec.Markov(("a", "dead"), (ec.Phase(((0.9, 0.2), (0.0, 1.0))),)))
    rising = ec.Strategy(ec.Partitioned({"a": ec.Named("wild", Constant(-1.0))}))

    with pytest.raises(DefinitionError, match="unknown state ill; states: pf, pd, dead"):
        ec.evaluate({"x": unknown}, timing)
    with pytest.raises(DefinitionError, match="curves do not tell who enters 'pd'"):
        ec.evaluate({"x": early}, timing)
    with pytest.raises(DefinitionError, match="probabilities from a must be 0 or more and sum to 1"):
        ec.evaluate({"x": matrix}, timing)
    with pytest.raises(DataError, match="curve 'wild'"):
        ec.evaluate({"x": rising}, timing)
    with pytest.raises(NoValidAnswer, match="no price decides"):
        ec.evaluate({"a": one, "b": one}, timing).value_price("b", 1.0)
    with pytest.raises(DefinitionError, match="this needs draws"):
        ec.evaluate({"a": one}, timing).acceptability([1.0])
    with pytest.raises(DefinitionError, match="contradict each other"):
        ec.evaluate({"a": one}, timing, parameters=dict.fromkeys("xyz", ec.Uncertain("normal", 0.0, 1.0)), draws=9,
                    correlated={("x", "y"): 0.9, ("y", "z"): 0.9, ("x", "z"): -0.9})  # fmt: skip


@pytest.mark.parametrize(
    ("what", "language"), [("states", "en"), ("plane", "bg"), ("acceptability", "en"), ("price", "bg")]
)
def test_charts_are_drawn(what: Any, language: Any) -> None:
    found = ec.evaluate(ARMS, ec.Timing(MONTH, 60), price=2500.0, draws=60)

    svg = found.plot(what, threshold=60_000.0, currency="EUR", language=language).svg

    assert svg.startswith("<svg")
    assert "arm1" in svg


def test_the_aggregate_form_says_how_it_was_made() -> None:
    found = ec.evaluate(ARMS, MONTHLY, price=2500.0, draws=60).to_result(60_000.0)

    assert {"cost", "effect", "icer", "net_benefit", "probability", "evpi"} <= set(found.table["estimand"])
    assert found.settings["correction"] == "life_table"
    assert found.settings["notes"][0].startswith("money of a model is an estimate")


@pytest.mark.parametrize("days", [(0.0, 0.0), (365.25, 365.25), (365.25, 1826.25)])
def test_an_effect_wanes_as_in_extrapolation(days: tuple[float, float]) -> None:
    """On the steps of `waned` both are one; there an effect fades between curves, here it is a ratio."""
    base = ec.Named("os", Weibull(1.1, 40.0))
    grid = np.arange(0.0, 1827.0, 7.0)
    treated = ec.Proportional(base, 0.6).rows(grid, Sample(1, None, {}))(slice(0, 1))[0]

    class Treated(Weibull):
        def survival_at(self, days: F8) -> F8:
            return np.interp(days, grid, treated)

    told = sv.waned(Treated(1.1, 40.0), base.curve, begin=days[0], end=days[1]).survival_at(grid)
    found = ec.Proportional(base, 0.6, days).rows(grid, Sample(1, None, {}))(slice(0, 1))[0]

    np.testing.assert_allclose(found, told, rtol=1e-9)


def test_the_order_of_strategies_does_not_matter() -> None:
    rng = np.random.default_rng(8)
    names, cost, effect = list("abcdefg"), rng.uniform(0, 9e4, 7), rng.uniform(0, 5, 7)
    mixed = rng.permutation(7)

    there = ec.icers(names, cost, effect)
    back = ec.icers([names[i] for i in mixed], cost[mixed], effect[mixed])

    assert there.equals(back)


def test_net_benefit_in_money_and_in_health() -> None:
    cost, effect = np.array([100.0, 400.0]), np.array([1.0, 2.0])

    assert ec.net_benefit(cost, effect, 500.0).tolist() == [400.0, 600.0]
    assert ec.net_benefit(cost, effect, 500.0, health=True).tolist() == pytest.approx([0.8, 1.2])
    with pytest.raises(DefinitionError, match="threshold above 0"):
        ec.net_benefit(cost, effect, 0.0, health=True)


def test_ratios_at_the_means_of_the_draws() -> None:
    found = ec.evaluate(ARMS, MONTHLY, price=2500.0, draws=300)

    assert found.draws is not None
    cost, effect = (part.mean(axis=0) for part in (found.draws.cost(2500.0), found.draws.effect))
    ratio = (cost[1] - cost[0]) / (effect[1] - effect[0])
    assert found.expected_icers["icer"][1] == pytest.approx(ratio)


def test_figures_that_are_no_numbers_are_refused() -> None:
    nan = float("nan")
    stay = ec.Stay("alive", nan)
    curve = ec.Partitioned({"alive": ec.Named("s", ec.published_curve("exp", {"rate": 0.001}))})
    timing = ec.Timing(30.0, 12)

    with pytest.raises(DefinitionError, match="1 of the costs, effects and thresholds"):
        ec.icers(["a", "b"], np.array([1.0, 2.0]), np.array([1.0, nan]))
    with pytest.raises(DefinitionError, match="no finite numbers"):
        ec.acceptability(["a", "b"], np.array([[1.0, nan]]), np.array([[1.0, 2.0]]), [100.0])
    with pytest.raises(DefinitionError, match="no finite numbers"):
        ec.acceptability(["a"], np.ones((2, 1)), np.ones((2, 1)), [nan])
    with pytest.raises(DefinitionError, match="the price is no finite number"):
        ec.evaluate({"a": ec.Strategy(curve)}, timing, price=nan)
    with pytest.raises(DefinitionError, match="an amount is no finite number"):
        ec.evaluate({"a": ec.Strategy(curve, costs=(stay,))}, timing)
