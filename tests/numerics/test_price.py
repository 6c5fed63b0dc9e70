# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Price files: the example, its command and page, curves of a file and of a trial, and faults at their places."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from scipy.stats import norm

from rwe import survival as sv
from rwe.cli.app import main
from rwe.errors import DefinitionError, NoValidAnswer, Refused
from rwe.reimbursement import economics as ec
from rwe.reimbursement.economics.appraise import appraise
from rwe.reimbursement.economics.partial import partial_values
from rwe.report.words import load_words
from rwe.survival.parametric import FAMILIES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "configs" / "prices" / "breast_hormonal.yaml"
DATA = ROOT / "tests" / "data" / "r_reference"
SIMULATED = json.loads((DATA / "econ.json").read_text("utf-8"))["cases"]


def arms(family: str = "weibull", **more: Any) -> dict[str, Any]:
    """Return the price file of the reference: both arms of sim_os_pfs.csv, fitted."""

    def curve(arm: int, end: str) -> dict[str, Any]:
        rows = {"file": str(DATA / "sim_os_pfs.csv"), "where": {"arm": arm}, "unit": "month"}
        return {"fit": {**rows, "time": f"{end}_time", "event": f"{end}_event", "family": family}}

    def strategy(arm: int) -> dict[str, Any]:
        costs = [{"state": "pf", "amount": 3000, "per": "month"}, {"state": "pd", "amount": 1200, "per": "month"}]
        model = {"partitioned": {"pf": f"pfs{arm}", "pd": f"os{arm}"}}
        words = {"en": f"arm {arm}", "bg": f"рамо {arm}"}
        return {"title": words, "model": model, "costs": costs, "utilities": {"pf": 0.8, "pd": 0.6}}

    words = {"en": "x", "bg": "х"}
    units = [{"state": "pf", "amount": 1, "per": "month"}]
    return {
        "title": words, "currency": "EUR", "threshold": 100000.0,
        "time": {"cycle": "month", "years": 20.0, "discount": {"costs": 0.035, "effects": 0.035}},
        "medicine": {"strategy": "new", "price": 2500.0, "unit": words},
        "curves": {f"{end}{arm}": curve(arm, end) for end in ("os", "pfs") for arm in (0, 1)},
        "strategies": {"old": strategy(0), "new": {**strategy(1), "units": units}},
        "draws": 50, **more,
    }  # fmt: skip


def written(folder: Path, values: dict[str, Any]) -> Path:
    """Return a file that holds the values, floats as our YAML writes them."""
    path = folder / "price.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), "utf-8")
    return path


def test_a_file_of_patients_gives_the_values_of_r(tmp_path: Path) -> None:
    """Curves fitted by us, costs and QALYs as flexsurv's Weibulls give them."""
    told = next(case["expect"] for case in SIMULATED if case["case"] == "partitioned_survival.sim")

    found = appraise(written(tmp_path, arms())).found

    assert found.icers["icer"][1] == pytest.approx(told["icer"], rel=1e-4)
    assert found.table["effect"].to_list() == pytest.approx(
        [told[a]["qaly_discounted"] for a in ("arm0", "arm1")], rel=1e-4
    )


def test_the_example_says_what_the_price_should_be() -> None:
    found = appraise(EXAMPLE, draws=400)

    assert found.kept is not None
    assert found.promised is not None
    assert found.budget is not None
    assert found.found.at(found.value.price).icers["icer"][1] == pytest.approx(30_000)
    assert found.kept.threshold == pytest.approx(found.promised.icers["icer"][1])
    assert found.found.at(found.kept.price).icers["icer"][1] == pytest.approx(found.kept.threshold)
    assert found.value.worth is not None
    assert 0 < found.value.worth < 1
    assert found.budget["impact"].to_list() == sorted(found.budget["impact"].to_list())
    low, high = found.budget["low"].to_list(), found.budget["high"].to_list()
    assert all(a < b < c for a, b, c in zip(low, found.budget["impact"].to_list(), high, strict=True))


def test_the_command_shows_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["price", str(EXAMPLE), "--draws", "60", "--out", str(tmp_path), "--lang", "bg", "--json"])

    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert [line["of"] for line in said if line["event"] == "price"] == ["worth", "kept"]
    assert sum(line["event"] == "year" for line in said) == 5
    assert said[-1] == {"event": "end", "code": 0}
    html = (tmp_path / "price.bg.html").read_text("utf-8")
    assert html.count("<svg") == 5
    assert "с хормонална терапия" in html
    assert "{" not in html.partition("</style>")[2]
    assert pl.read_csv(tmp_path / "price.csv").filter(estimand="price").height == 2


def test_faults_are_told_at_their_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = EXAMPLE.read_text("utf-8")
    for right, wrong in (
        ("shape: beta, mean: 0.82, se: 0.03", "shape: beta, mean: 0.82, se: 0.93"),
        ("ratio: 0.670, low: 0.565", "ratio: 0.670, low: 0.765"),
    ):
        text = text.replace(right, wrong)
    path = tmp_path / "price.yaml"
    path.write_text(text, "utf-8")

    code = main(["price", str(path)])

    said = capsys.readouterr().err
    assert code == 2
    assert f"{path}:{line(text, 'utility_free:')}" in said
    assert f"{path}:{line(text, 'ratio_recurrence:')}" in said


def line(text: str, piece: str) -> int:
    return 1 + text[: text.index(piece)].count("\n")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("hazard_ratio: ratio_death", "hazard_ratio: ratio_deaths", "unknown parameter 'ratio_deaths'; did you mean"),
        ("of: free_usual, hazard_ratio: ratio_trial", "of: free, hazard_ratio: ratio_trial", "unknown curve"),
        ("{state: free, amount: cost_free", "{state: fee, amount: cost_free", "unknown state 'fee'; did you mean 'fr"),
        ("  strategy: hormonal", "  strategy: hormone", "unknown strategy 'hormone'"),
        ("displaced: {usual: 1.0}", "displaced: {usual: 0.5}", "the shares must sum to 1"),
        ("uptake: [0.2, ", "uptake: [", "5 years of eligible people, 4 of uptake"),
        ("uptake: [0.2,", "uptake: [1.2,", "less than or equal to 1"),
        ("  cycle: month", "  cycle: fortnight", "month"),
        ("threshold: 30000.0", "treshold: 30000.0", "unknown key; did you mean 'threshold'?"),
        ("between: [ratio_recurrence, ratio_death]", "between: [ratio_recurrence, death]", "unknown parameter 'death'"),
        ("- {on: enter, state: dead, amount: cost_death}", "- {on: enter, amount: cost_death}", "names its state"),
        ("family: lnorm", "family: normal", "lnorm"),
        ("family: lnorm", "family: lnorm\n      knots: 3", "knots does not belong to 'lnorm'"),
        ("wanes: [3652.5, 5478.75]", "wanes: [3652.5, 547.75]", "wanes from a day"),
        ("rotterdam.csv", "rotterdam.txt", "no csv or parquet file"),
        ("time: rtime", "time: rtimes", "has no column rtimes"),
        ("utilities: &utilities {free: utility_free,", "utilities: &utilities {free: 1.25,", "a utility of 1.25"),
        ("&utilities {free: utility_free, ", "&utilities {", "no utility for free; write 0.0"),
        ("currency: EUR", "currency: GBX", "GBX"),
        ("to_day: 1826.25}", "to_day: 1826.25, on: start}", "an amount at the start has no state"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    text = EXAMPLE.read_text("utf-8")
    assert right in text
    path = tmp_path / "price.yaml"
    path.write_text(text.replace(right, wrong), "utf-8")

    with pytest.raises(DefinitionError, match=r"price\.yaml:\d+:\d+") as caught:
        appraise(path, draws=2)

    assert said in str(caught.value)


TEXTBOOK = ROOT / "configs" / "prices" / "hiv_textbook.yaml"


def test_a_utility_above_full_health_is_refused_where_a_parameter_brings_it(tmp_path: Path) -> None:
    values = arms(parameters={"well": {"shape": "normal", "mean": 1.4, "se": 0.1}})
    values["strategies"]["new"]["utilities"]["pf"] = "well"

    with pytest.raises(DefinitionError, match=r"yaml:\d+:\d+: strategies\.new\.utilities\.pf: a utility of 1\.4"):
        appraise(written(tmp_path, values))


def test_a_count_below_nought_is_one_fault_at_its_place(tmp_path: Path) -> None:
    text = TEXTBOOK.read_text("utf-8").replace("counts: [1251, 350,", "counts: [1251, -350,")
    path = tmp_path / "price.yaml"
    path.write_text(text, "utf-8")

    with pytest.raises(DefinitionError) as caught:
        appraise(path, draws=2)

    assert str(caught.value).count("price.yaml:") == 1
    assert f"price.yaml:{line(text, 'counts: [1251')}:" in str(caught.value)
    assert "unknown key" not in str(caught.value)


def test_a_row_that_is_none_of_probabilities_is_told_at_its_place(tmp_path: Path) -> None:
    text = TEXTBOOK.read_text("utf-8")
    text = text.replace("[0.0, 0.0, 0.0, 1.0]", "[0.0, 0.1, 0.0, 1.0]")
    path = tmp_path / "price.yaml"
    path.write_text(text, "utf-8")

    with pytest.raises(
        DefinitionError, match=r"matrix\.3: probabilities from dead must be 0 or more and sum"
    ) as caught:
        appraise(path, draws=2)

    assert f"price.yaml:{line(text, '[0.0, 0.1')}:" in str(caught.value)


def test_the_command_writes_numbers_as_its_language_does(capsys: pytest.CaptureFixture[str]) -> None:
    main(["price", str(EXAMPLE), "--draws", "60", "--lang", "bg"])
    bulgarian = capsys.readouterr().out
    main(["price", str(EXAMPLE), "--draws", "60", "--lang", "en"])
    english = capsys.readouterr().out

    assert re.search(r"\d,\d{3}\b", english)
    assert re.search(r"\d\.\d{2}\b", english)
    assert re.search(r"\d\N{NO-BREAK SPACE}\d{3}\b", bulgarian)
    assert re.search(r"\d,\d{2}\b", bulgarian)
    assert not re.search(r"\d\.\d", bulgarian)


@pytest.mark.parametrize("shape", [{"family": "spline", "knots": 1}, {"family": "weibull", "cure": "mixture"}])
def test_splines_and_cures_are_curves_of_a_file(tmp_path: Path, shape: dict[str, Any]) -> None:
    values = arms()
    for name in ("os0", "os1"):
        values["curves"][name]["fit"] |= shape
    rows = pl.read_csv(DATA / "sim_os_pfs.csv").filter(arm=1)
    names: Any = {"time": "os_time", "event": "os_event", "clock": "continuous"}
    plain = sv.spline(rows, knots=1, **names) if "knots" in shape else sv.cure(rows, family="weibull", **names)

    found = appraise(written(tmp_path, values)).found

    alive = 1 - found.states["new"]["dead"]
    np.testing.assert_allclose(alive[[0, 12, 240]], plain.survival_at([0.0, 12.0, 240.0]), rtol=1e-9)


def test_a_curve_of_a_few_patients_is_refused(tmp_path: Path) -> None:
    values = arms()
    values["curves"]["os1"]["fit"]["where"] = {"arm": 1, "os_time": {"above": 0.0, "upto": 0.9}}

    with pytest.raises(Refused, match="fewer than 13 patients"):
        appraise(written(tmp_path, values))


def test_curves_of_a_trial_and_of_a_publication(tmp_path: Path) -> None:
    trial = {"file": str(ROOT / "configs" / "trials" / "gbsg.yaml"), "endpoint": "rfs", "arm": "hormonal"}
    published = {"family": "exp", "parameters": {"rate": 0.01}, "covariance": [[0.01]], "unit": "month"}
    values = arms()
    values["curves"] |= {"os1": {"published": published}, "pfs1": {"trial": {**trial, "family": "weibull"}}}

    found = appraise(written(tmp_path, values)).found

    assert found.draws is not None
    alive = np.exp(-0.01 * np.arange(241))
    np.testing.assert_allclose(1 - found.states["new"]["dead"], alive, rtol=1e-9)
    assert found.table["capped"][1] > 0


def test_the_exercise_of_the_textbook_is_a_file() -> None:
    """Exercise 2.5 of Briggs, Claxton and Sculpher (2006), its answers by the spreadsheet that comes with it."""
    found = appraise(ROOT / "configs" / "prices" / "hiv_textbook.yaml", draws=2000)

    steps = found.found.icers
    assert steps["cost"].to_list() == pytest.approx([44_663.4535637, 50_601.6513312], abs=1e-7)
    assert steps["effect"].to_list() == pytest.approx([7.9912066, 8.9373889], abs=1e-7)
    assert steps["icer"][1] == pytest.approx(6_275.95560, abs=1e-4)
    assert found.found.draws is not None
    lived = found.found.draws.lived.mean(axis=0)
    assert lived.tolist() == pytest.approx([7.99, 8.94], abs=0.05)


def test_steps_of_curves_are_a_model_of_a_file(tmp_path: Path) -> None:
    rates = {"progress": 0.05, "die": 0.01, "after": 0.08}
    values = arms()
    values["curves"] = {
        n: {"published": {"family": "exp", "parameters": {"rate": r}, "unit": "month"}} for n, r in rates.items()
    }
    for name, clock in (("old", "forward"), ("new", "reset")):
        model = {"steps": {"progression": "progress", "death": "die", "after": "after", "clock": clock}}
        utilities = {"progression_free": 0.8, "progressed": 0.6}
        values["strategies"][name] |= {"model": model, "costs": [], "utilities": utilities}
    values["strategies"]["new"]["units"] = [{"on": "start", "amount": 1.0}]

    found = appraise(written(tmp_path, values)).found

    assert found.table["effect"][0] == pytest.approx(found.table["effect"][1], rel=1e-9)


def test_a_promise_that_was_none_is_said(tmp_path: Path) -> None:
    values = arms(promised={"new": {"partitioned": {"pf": "pfs0", "pd": "os0"}}})

    with pytest.raises(NoValidAnswer, match="there is no ratio to keep"):
        appraise(written(tmp_path, values))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_curves_of_families_are_their_survival(family: str) -> None:
    rows = pl.read_csv(DATA / "sim_os_pfs.csv")
    try:
        fit = sv.parametric(rows, time="os_time", event="os_event", family=family, clock="continuous")
    except NoValidAnswer:
        return  # genf has no maximum here
    days = np.array([0.0, 10.0, 300.0, 3000.0])

    ours = ec.fitted_curve(fit, 30.4375)

    np.testing.assert_allclose(ours.survival_at(days), fit.survival_at(days / 30.4375), rtol=1e-9)
    np.testing.assert_allclose(ours.survival_draws(days, 9, 4), fit.survival_draws(days / 30.4375, 9, 4), rtol=1e-9)


def test_every_word_of_the_page_is_used() -> None:
    code = (ROOT / "rwe" / "report" / "price.py").read_text("utf-8")
    families = ("title", "at_", "life_table", "half_cycle", "start", "end", "dominated", "extendedly_dominated")
    keys = [key.removeprefix("price.") for key in load_words("en").entries if key.startswith("price.")]

    unused = [key for key in keys if not key.startswith(families) and not re.search(rf"""["'.]{key}["']""", code)]

    assert unused == []


def test_the_worth_of_one_number_alone_is_that_of_the_loss_integral() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 20_000))
    gain = 0.3 + 1.0 * x + 0.5 * y  # of the second strategy, in money at a threshold of 1

    found = partial_values(
        np.zeros((20_000, 2)),
        np.stack([0 * x, gain], axis=1),
        1.0,
        {"x": x, "y": y, "both": np.stack([x, y], 1), "none": 0 * x},
    )

    def worth(spread: float) -> float:
        return float(0.3 * norm.cdf(0.3 / spread) + spread * norm.pdf(0.3 / spread) - 0.3)

    told = dict(found.iter_rows())
    assert list(told) == ["both", "x", "y"]
    assert told["x"] == pytest.approx(worth(1.0), abs=0.01)
    assert told["y"] == pytest.approx(worth(0.5), abs=0.01)
    assert told["both"] == pytest.approx(worth(np.hypot(1.0, 0.5)), abs=0.01)
