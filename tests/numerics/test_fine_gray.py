# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Fine-Gray regression equals cmprsk and finegray, its own derivatives, and Cox where nothing competes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"


def _cases(name: str) -> dict[str, Any]:
    return {case["case"]: case for case in json.loads((FOLDER / name).read_text("utf-8"))["cases"]}


SHARED, OPTIMUM, GOLDEN = (_cases(f"{name}.json") for name in ("competing", "subdistribution", "golden"))
ARM: dict[str, Any] = {"time": "ftime", "cause": "fstatus", "covariates": ["arm", "x"], "clock": "continuous"}
COLON: dict[str, Any] = {"time": "ftime", "cause": "fstatus", "covariates": ["age", "sex", "node4"]}
LIKE_FINEGRAY: dict[str, Any] = {"censoring_ties": "failures_first", "variance": "known_weights"}


def _sim() -> pl.DataFrame:
    i = pl.col("id")
    return (
        pl.read_csv(FOLDER / "sim_competing.csv")
        .with_row_index("id", offset=1)
        .with_columns(
            copies=1 + i % 3,
            cluster=i % 40,
            entry=pl.when(i % 3 == 0)
            .then(pl.max_horizontal(0.0, pl.col("ftime") - 0.25 * (1 + i % 7)))
            .otherwise(0.0),
        )
    )  # fmt: skip


def _close(got: Any, wanted: Any, what: str, rtol: float = 1e-9) -> None:
    assert_allclose(np.array(got, float), np.array(wanted, float), rtol=rtol, atol=1e-12, err_msg=what)


@pytest.mark.parametrize("name", [n for n in SHARED if n.startswith("finegray.")])
def test_coefficients_and_predictions_equal_cmprsk(name: str) -> None:
    _, data, cause = name.split(".")
    expect, given = SHARED[name]["expect"], ARM if data == "sim" else COLON
    frame = _sim() if data == "sim" else pl.read_csv(FOLDER / "colon_cr.csv")

    fit = sv.fine_gray(frame, **given, of=int(cause[-1]))

    found = fit.coefficients
    for column, key in {"estimate": "coef", "hazard_ratio": "shr", "robust_std_error": "se_robust"}.items():
        _close(found[column], expect[key], f"{name} {column}", 1e-5)
    _close([fit.loglik, fit.loglik_null, fit.n], [expect["loglik"], expect["loglik_null"], expect["n"]], name, 1e-8)
    new = expect["predicted_cif"]
    predicted = fit.predict_incidence(pl.DataFrame(new["newdata"], strict=False), new["time"])
    _close(predicted["incidence"], np.transpose(new["cif_rows_time_cols_newdata"]).ravel(), name, 1e-5)


@pytest.mark.parametrize("name", [n for n in OPTIMUM if n.startswith("crr.")])
def test_the_optimum_and_its_variance_equal_cmprsk(name: str) -> None:
    expect, given = OPTIMUM[name]["expect"], COLON if "colon" in name else ARM
    frame = pl.read_csv(FOLDER / "colon_cr.csv") if "colon" in name else _sim()
    of = 2 if name.endswith("2") else 1
    more: dict[str, Any] = {"crr.sim.copies": {"weights": "copies"}, "crr.sim.groups": {"censor_strata": "stage"}}

    fit = sv.fine_gray(frame, **given, of=of, **more.get(name, {}))

    _close(fit.coefficients["estimate"], expect["coef"], name)
    _close(fit.coefficients["std_error"], np.sqrt(np.diag(expect["var_model"])), name, 1e-8)
    _close(fit.loglik, expect["loglik"], name)
    if not name.endswith(("copies", "groups")):  # copies are many persons; in groups crr's variance is not written down
        _close(fit.covariance, expect["var"], name, 1e-8)


def test_competing_failures_leave_when_nobody_of_their_censoring_group_is_followed() -> None:
    """The follow-up of group a ends with a failure on day 5; cmprsk 2.2-11 with ``cengroup``, gtol 1e-13."""
    frame = pl.DataFrame(
        {
            "t": [1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
            "why": [2, 1, 0, 2, 1, 2, 1, 0, 1, 2, 1, 0, 1, 0],
            "x": [0, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0],
            "unit": [*"abaaaaabbbbbbb"],
        }
    )

    fit = sv.fine_gray(frame, time="t", cause="why", covariates=["x"], censor_strata="unit")

    _close(fit.coefficients["estimate"], [1.10927734609372], "coef")
    _close(fit.coefficients["std_error"], np.sqrt([0.757433567762299]), "std_error")
    _close(fit.loglik, -10.9937017348027, "loglik")


@pytest.mark.parametrize("name", [n for n in OPTIMUM if n.startswith("finegray.")])
def test_the_other_ties_late_entry_and_clusters_equal_finegray(name: str) -> None:
    expect, (_, what, ties) = OPTIMUM[name]["expect"], name.split(".")
    more: dict[str, Any] = {"cluster": "cluster"} if "cluster" in what else {}
    more |= {"entry": "entry"} if "entry" in what else {}
    frame = _sim()
    if what == "copies":
        frame = frame[np.repeat(np.arange(frame.height), frame["copies"].to_numpy())]

    found = sv.fine_gray(frame, **ARM, **LIKE_FINEGRAY, ties=ties, **more).coefficients

    _close(found["estimate"], expect["coef"], name)
    _close(found["robust_std_error"], expect["se"], name, 1e-8)
    _close(found["std_error"], expect["se_naive"], name, 1e-8)


def test_mgus2_equals_cmprsk() -> None:
    expect = GOLDEN["golden.mgus2.fine_gray"]["expect"]
    mgus = pl.read_csv(FOLDER / "mgus2.csv").with_columns(
        time=pl.when(pl.col("pstat") == 1).then("ptime").otherwise("futime"),
        why=pl.when(pl.col("pstat") == 1).then(1).otherwise(2 * pl.col("death")),
    )

    fit = sv.fine_gray(mgus, time="time", cause="why", covariates=["age", "male"])

    _close(fit.coefficients["estimate"], expect["coef"], "coef")
    _close(fit.coefficients["robust_std_error"], expect["se"], "se")


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("more", [{}, {"entry": "entry"}, {"censor_strata": "arm"}], ids=str)
def test_errors_are_those_of_the_derivatives_by_weights(ties: str, more: dict[str, Any]) -> None:
    """The sum of squared derivatives by the weight of a row is the variance, of coefficients and predictions."""
    frame = _sim().gather_every(9).with_columns(w=pl.lit(1.0))
    given = ARM | more | {"ties": ties, "censoring_ties": "failures_first", "weights": "w"}
    new, times = pl.DataFrame({"arm": [0, 1], "x": [0.0, 0.5]}), [1, 4]

    def answers(change: float, row: int) -> np.ndarray:
        moved = frame.with_columns(w=1 + change * (pl.int_range(pl.len()) == row))
        fit = sv.fine_gray(moved, **given, variance="known_weights")
        predicted = fit.predict_incidence(new, times)["incidence"].to_numpy()
        return np.concatenate([fit.coefficients["estimate"].to_numpy(), predicted])

    slopes = np.array([(answers(1e-4, i) - answers(-1e-4, i)) / 2e-4 for i in range(frame.height)])
    fit = sv.fine_gray(frame, **given)
    errors = [*fit.coefficients["robust_std_error"], *fit.predict_incidence(new, times)["std_error"]]
    _close(errors, np.sqrt((slopes**2).sum(axis=0)), "errors", 1e-6)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_without_competing_failures_it_is_cox(ties: str) -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls(["inst", "ph_ecog"])
    given: dict[str, Any] = {"time": "time", "formula": "age + sex + ph_ecog", "ties": ties, "cluster": "inst"}

    mine, cox = sv.fine_gray(frame, cause="event", **given), sv.cox(frame, event="event", **given)

    for column in ("estimate", "std_error", "robust_std_error", "conf_low", "p_value"):
        _close(mine.coefficients[column], cox.coefficients[column], column, 1e-7)
    _close(mine.baseline()["cumulative_hazard"], cox.baseline()["cumulative_hazard"], "baseline")


def test_a_whole_weight_is_that_many_copies() -> None:
    frame = _sim()
    copies = frame[np.repeat(np.arange(frame.height), frame["copies"].to_numpy())]

    for more in ({}, {"entry": "entry"}, {"censor_strata": "stage"}):
        weighted = sv.fine_gray(frame, **ARM, **more, weights="copies", cluster="id")
        copied = sv.fine_gray(copies, **ARM, **more, cluster="id")

        for column in ("estimate", "std_error", "robust_std_error"):
            _close(weighted.coefficients[column], copied.coefficients[column], f"{more} {column}", 1e-8)


def test_order_units_and_coding_change_nothing() -> None:
    frame = _sim()
    other = frame.sample(fraction=1, shuffle=True, seed=3).with_columns(
        pl.col("ftime") * 7, x=pl.col("x") * 10 + 1000, fstatus=pl.col("fstatus").replace_strict({0: 0, 1: 7, 2: 3})
    )

    first, second = sv.fine_gray(frame, **ARM), sv.fine_gray(other, **ARM, of=7)

    _close(second.coefficients["estimate"].to_numpy() * [1, 10], first.coefficients["estimate"], "estimate", 1e-8)
    _close(second.coefficients["p_value"], first.coefficients["p_value"], "p", 1e-6)


def test_threads_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    n = 150_000
    columns = {
        "t": rng.integers(1, 900, n),
        "why": rng.integers(0, 3, n),
        "x": rng.normal(size=n),
        "z": rng.normal(size=n),
    }
    frame = pl.DataFrame(columns)

    def fit(threads: str) -> pl.DataFrame:
        monkeypatch.setenv("RWE_THREADS", threads)
        return sv.fine_gray(frame, time="t", cause="why", covariates=["x", "z"]).coefficients

    assert fit("1").equals(fit("2"))


def test_result_and_page() -> None:
    fit = sv.fine_gray(_sim(), **ARM)

    table = fit.to_result(outcome="relapse").table

    assert table["estimand"].to_list() == ["subdistribution_hazard_ratio"] * 2
    assert (fit.n_event, fit.n_competing) == (195, 160)
    assert fit.predict_incidence(pl.DataFrame({"arm": [0], "x": [0]}), [9999])["incidence"].to_list() == [None]
    assert "Fine-Gray" in fit._repr_html_()
    model = sv.fine_gray(_sim(), **ARM, variance="model")
    assert model.coefficients["robust_std_error"].null_count() == 2
    assert model.predict_incidence(pl.DataFrame({"arm": [0], "x": [0]}), [2])["std_error"].to_list() == [None]


def test_refusals() -> None:
    frame = _sim().with_columns(y=2 * pl.col("x"), one=pl.lit(1.0))
    with pytest.raises(DefinitionError, match="nobody fails of cause 9"):
        sv.fine_gray(frame, **ARM, of=9)
    with pytest.raises(NoValidAnswer, match=r"terms \['y'\] are constant or a combination"):
        sv.fine_gray(frame, **ARM | {"covariates": ["x", "y"]})
    with pytest.raises(DefinitionError, match="censoring_ties 'crr' is not one of"):
        sv.fine_gray(frame, **ARM, censoring_ties="crr")
    with pytest.raises(DefinitionError, match="need a robust variance"):
        sv.fine_gray(frame, **ARM, variance="model", weights="copies")
    with pytest.raises(DefinitionError, match="one of them"):
        sv.fine_gray(frame, time="ftime", cause="fstatus")
    separated = pl.DataFrame({"t": range(1, 9), "why": [1, 1, 1, 0, 2, 0, 2, 0], "x": [1, 1, 1, 0, 0, 0, 0, 0]})
    with pytest.raises(NoValidAnswer, match="no finite estimate"):
        sv.fine_gray(separated, time="t", cause="why", covariates=["x"])
    empty = pl.DataFrame({"a": [0, 0, 3, 3, 3], "t": [2, 1, 5, 6, 7], "why": [1, 2, 1, 2, 1], "x": [0, 1, 1, 0, 1]})
    with pytest.raises(NoValidAnswer, match="risk set runs empty before others enter"):
        sv.fine_gray(empty, time="t", cause="why", covariates=["x"], entry="a")


def test_a_maximum_that_quick_steps_miss_is_climbed_to() -> None:
    entry, leave, cause = [0, 1, 2, 0, 1, 2, 0, 3, 2], [12, 10, 6, 6, 13, 12, 6, 12, 14], [2, 1, 1, 2, 1, 0, 1, 0, 2]
    x = [-1.2009243917227448, 0.17632355219551474, 0.457068038782764, -0.937524731311064, -0.08835436088946143]
    x += [0.561769417696768, 1.043528158777703, 0.13037673520982188, -0.734590673825572]
    frame = pl.DataFrame({"id": range(9), "a": entry, "t": leave, "c": cause, "x": x, "g": [1] * 6 + [0, 1, 1]})
    cut = pl.when(pl.col("id") == 5).then(4)  # nobody fails on day 4: a row cut there is the same row
    ends = frame.with_columns(day=cut)
    before = ends.drop_nulls("day").with_columns(t="day", c=pl.lit(0))
    split = pl.concat([before, ends.with_columns(a=pl.coalesce("day", "a"))], how="diagonal_relaxed")

    settings = {"time": "t", "entry": "a", "cause": "c", "of": 1, "covariates": ["x", "g"], "cluster": "id"}
    whole, pieces = (sv.fine_gray(f, **settings, censoring_ties="failures_first") for f in (frame, split))

    assert whole.coefficients["estimate"].to_list() == pytest.approx([3.15381166, 0.63149852], abs=1e-7)
    assert whole.coefficients["estimate"].to_list() == pytest.approx(
        pieces.coefficients["estimate"].to_list(), rel=1e-9
    )
