# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of results: the words, the counts and the curves that are drawn are those of the result."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest

import rwe.survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.figures.chart import Chart
from rwe.figures.scales import MONTH
from rwe.survival.axis import Unit, axis
from rwe.survival.plot_states import stack
from rwe.survival.plot_terms import smooth

UNITS: tuple[Unit, ...] = ("months", "years", "days")


def cohort(n: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(20261122)
    arm = np.arange(n) % 2
    time, leave = rng.exponential(400 + 300 * arm), rng.uniform(200, 1400, n)
    cause = np.where(time <= leave, 1 + (rng.uniform(size=n) < 0.3), 0)
    return pl.DataFrame(
        {
            "days": np.minimum(time, leave).astype(np.int64) + 1,
            "died": (cause > 0).astype(np.int64),
            "cause": cause,
            "arm": np.where(arm == 1, "<new>", "old"),
            "age": rng.normal(62, 9, n).round(),
            "stage": np.array(["I", "II", "III"])[rng.integers(0, 3, n)],
        }
    )


def texts(chart: Chart) -> list[str]:
    return ["".join(e.itertext()) for e in ET.fromstring(chart.svg).iter("{http://www.w3.org/2000/svg}text")]


def test_kaplan_meier_chart_holds_the_counts_of_the_table_at_risk() -> None:
    km = sv.kaplan_meier(cohort(), time="days", event="died", by="arm")

    found = texts(km.plot(horizon=730))

    counts = km.at_risk([round(month * MONTH) for month in (0, 3, 6, 9, 12, 15, 18, 21)])
    for column in ("n_risk", "n_censor", "n_event"):
        assert set(counts[column].cast(pl.String)) <= set(found)
    assert {"At risk", "Censored", "Events", "<new>", "old", "100%", "Months"} <= set(found)
    assert [t for t in found if t.startswith("median")]


def test_medians_are_told_in_the_unit_of_the_axis() -> None:
    km = sv.kaplan_meier(cohort(), time="days", event="died")
    median = km.quantile(0.5)["time"][0]

    by_month, by_year, in_days = (texts(km.plot(unit=unit)) for unit in UNITS)

    assert f"median {median / MONTH:.1f} mo" in by_month
    assert f"median {median / (12 * MONTH):.1f} y" in by_year
    assert f"median {median:.0f} d" in in_days


def test_a_chart_speaks_bulgarian_with_decimal_commas() -> None:
    found = texts(sv.kaplan_meier(cohort(), time="days", event="died").plot(language="bg"))

    assert {"В риск", "Цензурирани", "Събития", "Месеци", "50\N{NO-BREAK SPACE}%"} <= set(found)
    assert any(re.fullmatch(r"медиана \d+,\d мес\.", t) for t in found)


def test_a_continuous_clock_has_the_times_of_the_data_on_its_axis() -> None:
    frame = cohort().with_columns(years=pl.col("days") / 365.25)

    found = texts(sv.kaplan_meier(frame, time="years", event="died", clock="continuous").plot(time="Years"))

    assert {"Years", "0.5", "1"} <= set(found)


def test_cumulative_incidence_chart_holds_the_counts_of_each_cause() -> None:
    found = sv.cumulative_incidence(cohort(), time="days", cause="cause")

    shown = texts(found.plot(cause_labels={2: "of something else"}))

    counts = found.at_risk([round(month * MONTH) for month in (0, 6, 12, 24)])
    assert {"cause 1", "of something else"} <= set(shown)
    assert set(counts["n_event"].cast(pl.String)) <= set(shown)


def test_one_cause_is_drawn_by_group_and_two_causes_for_two_groups() -> None:
    found = sv.cumulative_incidence(cohort(), time="days", cause="cause", by="arm")

    one, both = texts(found.plot(causes=[1])), texts(found.plot())

    assert {"<new>", "old"} <= set(one)
    assert {"<new>: cause 1", "old: cause 2"} <= set(both)
    assert "Aalen–Johansen estimate with 95% confidence band (log-log)" in one
    assert "Aalen–Johansen estimate with 95% confidence band (log-log) of <new> only" in both


def test_an_svg_is_one_picture_with_escaped_words_and_ids_of_its_own(tmp_path: Path) -> None:
    km = sv.kaplan_meier(cohort(), time="days", event="died", by="arm")
    chart, other = km.plot(title="A < B & C"), km.plot(horizon=365)

    file = chart.save(tmp_path / "chart.png")

    assert file.read_bytes().startswith(b"\x89PNG")
    assert chart.save(tmp_path / "chart.svg").read_text("utf-8") == chart.svg
    assert chart._repr_svg_() == chart.svg
    assert chart._repr_html_() == f"<div>{chart.svg}</div>"
    assert "A &lt; B &amp; C" in chart.svg
    assert "A < B" in texts(chart)[0]
    assert not set(re.findall(r'id="([^"]+)"', chart.svg)) & set(re.findall(r'id="([^"]+)"', other.svg))
    assert km.plot(horizon=365).svg == other.svg


def test_a_long_follow_up_makes_no_heavy_picture() -> None:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"t": rng.exponential(1, 20_000), "died": rng.integers(0, 2, 20_000)})

    chart = sv.kaplan_meier(frame, time="t", event="died", clock="continuous").plot()

    assert len(chart.svg) < 250_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "after 0"),
        ({"unit": "weeks"}, "days, months, years"),
        ({"language": "de"}, "en, bg"),
        ({"labels": ["one"]}, "give 2 names"),
        ({"labels": {"else": "x"}}, "1 levels that do not exist"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments: dict[str, Any], message: str) -> None:
    km = sv.kaplan_meier(cohort(), time="days", event="died", by="arm")

    with pytest.raises(DefinitionError, match=message):
        km.plot(**arguments)


def test_too_many_groups_a_unit_without_days_and_other_files_are_refused(tmp_path: Path) -> None:
    many = cohort().with_columns(pl.col("age").cast(pl.Int64) % 12)

    with pytest.raises(DefinitionError, match="too many"):
        sv.kaplan_meier(many, time="days", event="died", by="age").plot()
    with pytest.raises(DefinitionError, match="no unit"):
        sv.kaplan_meier(many, time="days", event="died", clock="continuous").plot(unit="months")
    with pytest.raises(DefinitionError, match="not among"):
        sv.cumulative_incidence(many, time="days", cause="cause").plot(causes=[7])
    with pytest.raises(DefinitionError, match=r"\.svg or \.png"):
        sv.kaplan_meier(many, time="days", event="died").plot().save(tmp_path / "chart.pdf")


def fitted() -> sv.Cox:
    return sv.cox(cohort(), time="days", event="died", covariates=["age", "arm", "stage"])


def test_a_forest_tells_each_ratio_and_its_reference() -> None:
    fit = fitted()

    found = texts(fit.plot(labels={"stage": "Stage", "arm=old": "Old drug"}, units={"age": 10}))

    ratio, low, high = fit.coefficients.row(0)[4:7]
    told = f"{ratio**10:.2f} ({low**10:.2f}–{high**10:.2f})"
    assert {told, "age, per 10", "Stage", "Old drug", "I", "II", "III", "reference", "HR (95% CI)"} <= set(found)


def test_a_unit_may_turn_a_ratio_round() -> None:
    fit = fitted()

    found = texts(fit.plot(units={"age": -1}))

    ratio, low, high = (1 / value for value in fit.coefficients.row(0)[4:7])
    assert f"{ratio:.2f} ({high:.2f}–{low:.2f})" in found


def test_ratios_without_end_are_drawn_at_the_edge_and_told() -> None:
    fit = fitted()
    columns = {"hazard_ratio": [1e5], "conf_low": [0.0], "conf_high": [float("inf")]}
    table = fit.coefficients.head(1).with_columns(**{n: pl.Series(v) for n, v in columns.items()})

    found = texts(replace(fit, coefficients=pl.concat([table, fit.coefficients.tail(3)])).plot())

    assert ">1000 (<0.01–>1000)" in found


def test_limits_that_would_both_read_1_are_told_with_more_digits() -> None:
    fit = fitted()
    columns = {"hazard_ratio": [1.00013], "conf_low": [0.99968], "conf_high": [1.00058]}
    table = fit.coefficients.head(1).with_columns(**{n: pl.Series(v) for n, v in columns.items()})

    found = texts(replace(fit, coefficients=pl.concat([table, fit.coefficients.tail(3)])).plot())

    assert "1.0001 (0.9997–1.0006)" in found


def test_a_fine_gray_forest_names_its_cause() -> None:
    fit = sv.fine_gray(cohort(), time="days", cause="cause", of=2, covariates=["age"])

    found = texts(fit.plot(language="bg"))

    assert f"Регресия на Fine–Gray за причина 2, 300 реда, {fit.n_event} събития" in found


def test_residuals_have_a_panel_and_a_p_value_for_each_term() -> None:
    found = fitted().proportional_hazards()

    shown = texts(found.plot(labels={"age": "Age"}))

    assert sum("log hazard ratio over time" in text for text in shown) == 4
    assert any(text.startswith("Age: ") and text.endswith(f"{found.table['p_value'][0]:.3f}") for text in shown)
    assert "Months" in shown


def test_the_smooth_of_a_natural_spline_is_that_of_a_line_and_its_band_holds_it() -> None:
    rng = np.random.default_rng(3)
    at = np.sort(rng.uniform(size=400))
    grid = np.linspace(at[0], at[-1], 30)

    straight = smooth(at, 2 + 3 * at, grid, 1.96)
    line, low, high = smooth(at, 2 + 3 * at + rng.normal(size=400), grid, 3.5)

    np.testing.assert_allclose(straight[0], 2 + 3 * grid, rtol=1e-10)
    assert ((low < 2 + 3 * grid) & (2 + 3 * grid < high)).all()
    assert (low < line).all()


def test_labels_of_terms_that_do_not_exist_are_refused() -> None:
    with pytest.raises(DefinitionError, match="no terms or columns"):
        fitted().plot(units={"weight": 10})


def histories() -> pl.DataFrame:
    frame = cohort()
    whole = frame.select("arm", start=0, stop="days", was=pl.lit("<well>"), then="cause")
    return whole.with_columns(pl.col("then").replace_strict({0: None, 1: "ill", 2: "dead"}, return_dtype=pl.String))


def test_a_chart_of_states_has_a_panel_a_group_and_the_states_in_its_key() -> None:
    found = sv.multi_state(histories(), start="start", stop="stop", state_from="was", to="then", by="arm")

    chart = found.plot(state_labels={"ill": "relapsed"})

    told = texts(chart)
    assert {"<new>: Probability of the state", "old: Probability of the state", "Where people are over time"} <= set(
        told
    )
    assert [told.count(name) for name in ("<well>", "relapsed", "dead", "ill")] == [1, 1, 1, 0]
    assert told.count("100%") == 2


def test_the_states_drawn_fill_the_whole_at_every_time() -> None:
    found = sv.multi_state(histories(), start="start", stop="stop", state_from="was", to="then")
    where = axis(found._clock, 700, None, None)

    panel = stack(found._courses[0], where, "")

    assert panel.time[0] == 0
    assert where.of(found._courses[0].last) == panel.time[-1]
    np.testing.assert_allclose(panel.share.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(panel.share[-1], found.at([found._courses[0].last])["probability"], atol=1e-12)


def test_a_chart_of_states_refuses_more_than_can_be_told_apart() -> None:
    frame = pl.DataFrame({"start": 0, "stop": range(1, 10), "was": "a", "then": [f"s{k}" for k in range(9)]})
    found = sv.multi_state(frame, start="start", stop="stop", state_from="was", to="then")

    with pytest.raises(DefinitionError, match="10 states are too many"):
        found.plot()


def test_a_chart_of_hazards_holds_the_counts_of_the_table_at_risk_and_hazards_beyond_1() -> None:
    found = sv.nelson_aalen(cohort(), time="days", event="died", by="arm")

    words = texts(found.plot(language="en"))

    counts = found.at_risk([0, 183])
    assert set(counts["n_risk"].cast(pl.String)) <= set(words)
    assert {"Cumulative hazard", "At risk", "Censored", "Events", "<new>", "old", "Months", "2"} <= set(words)
    assert "Кумулативен риск" in texts(found.plot(language="bg"))
    assert counts.equals(sv.kaplan_meier(cohort(), time="days", event="died", by="arm").at_risk([0, 183]))


def test_a_chart_of_interval_censored_survival_tells_what_is_known_at_each_tick() -> None:
    rows = {"left": [0, 100, 200, 300, 150, 400], "right": [100, 200, 300, 300, 150, None]}
    found = sv.turnbull(pl.DataFrame(rows), left="left", right="right")

    words = texts(found.plot(unit="days", horizon=400))
    plain = texts(sv.turnbull(pl.DataFrame(rows).cast(pl.Float64), left="left", right="right").plot(time="Weeks"))

    failed, free, unknown = "0 0 1 2 3 3 5 5 5", "6 5 5 3 3 2 1 1 1", "0 1 0 1 0 1 0 0 0"
    assert words[-30:] == ["Failed", "Not failed", "Not known", *f"{failed} {free} {unknown}".split()]
    assert {"Days", "100%"} <= set(words)
    assert {"Weeks", "Survival between visits"} <= set(plain)


def test_replicates_are_drawn_with_their_estimate_and_limits() -> None:
    frame = cohort()
    asked = {"time": "days", "event": "died", "statistic": "survival", "at": 365, "replicates": 200}
    by_arm = sv.bootstrap(frame, **asked, by="arm")
    apart = sv.bootstrap(frame, **asked, by="arm", contrast="difference")

    shown, plain = texts(by_arm.plot(labels={"<new>": "New drug"})), texts(sv.bootstrap(frame, **asked).plot())

    row = by_arm.table.row(0, named=True)
    figures = " ({conf_low:.4g}–{conf_high:.4g})".format(**row)
    assert any(text.startswith("New drug: ") and text.endswith(figures) for text in shown)
    assert "200 bootstrap replicates; line: the estimate, dashed: its 95% limits (percentile)" in " ".join(shown)
    assert any(text.startswith("All: ") for text in plain)
    assert any(text.startswith("arm=old − arm=<new>: ") for text in texts(apart.plot()))
    assert "Преживяемост: разлика" in texts(apart.plot(language="bg"))


def test_an_estimate_without_an_answer_has_no_distribution_to_draw() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 0, 0, 0]})
    found = sv.bootstrap(frame, time="t", event="e", statistic="median", replicates=10)

    with pytest.raises(NoValidAnswer, match="no distribution to draw"):
        found.plot()


def test_coefficients_and_deviance_are_drawn_along_the_penalty() -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({f"x{j}": rng.normal(size=200) for j in range(10)} | {"e": np.ones(200, np.int64)})
    frame = frame.with_columns(
        t=pl.Series(1 + (300 * rng.exponential(size=200) * np.exp(-frame["x3"].to_numpy())).astype(np.int64))
    )
    model = {"time": "t", "event": "e", "covariates": [f"x{j}" for j in range(10)]}
    found, bare = (sv.elastic_net(frame, **model, folds=folds, penalties=12) for folds in (4, None))

    terms, judged = texts(found.plot(labels={"x3": "Third"})), texts(found.plot("deviance"))

    assert "Third" in terms
    assert sum(text in model["covariates"] for text in terms) == 7  # eight have names, the others are quiet
    assert "sparsest penalty and the best" in " ".join(terms)
    assert f"deviance: best at {found.best:.4g}, sparsest as good at {found.sparsest:.4g}" in judged
    assert "sparsest" not in " ".join(texts(bare.plot()))
    assert "Наказание (логаритмична скала)" in texts(found.plot(language="bg"))
    for ask, says in (
        (lambda: bare.plot("deviance"), "there are no folds"),
        (lambda: found.plot("other"), "what 'other' is not one of"),
        (lambda: found.plot(labels={"y": "Y"}), "are no terms of the model"),
        (lambda: sv.elastic_net(frame, **model, penalties=[1.0]).plot(), "two positive penalties"),
    ):
        with pytest.raises(DefinitionError, match=says):
            ask()
