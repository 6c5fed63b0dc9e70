# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Ridge equals R, the elastic net equals glmnet and its optimality conditions, and both keep their laws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.execute import Parts

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
FILES = [json.loads((FOLDER / name).read_text("utf-8")) for name in ("cox_variants.json", "penalised.json")]
CASES = {case["case"]: case for file in FILES for case in file["cases"]}
ASK: dict[str, Any] = {"time": "time", "event": "event"}
GBSG: dict[str, Any] = {"time": "rfstime", "event": "status"}
TERMS = ["hormon", "age", "meno", "size", "grade", "nodes", "pgr", "er"]


@pytest.fixture(scope="module")
def gbsg() -> pl.DataFrame:
    return pl.read_csv(FOLDER / "gbsg.csv")


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("ridge.")])
def test_ridge_equals_r(name: str) -> None:
    _, _, theta, scale = name.split(".")
    wanted = CASES[name]["expect"]
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls(["ph_ecog"])

    fit = sv.ridge(
        frame, covariates=wanted["vars"], theta=float(theta.removeprefix("theta")), scale=scale == "scaleTRUE", **ASK
    )

    for ours, theirs in {"estimate": "coef", "std_error": "se", "sampling_error": "se2"}.items():
        assert fit.coefficients[ours].to_list() == pytest.approx(wanted[theirs], rel=1e-6), ours
    assert fit.loglik == pytest.approx(wanted["loglik_unpenalised"], rel=1e-10)
    assert fit.df == pytest.approx(wanted["df"][0], rel=1e-6)


def test_ridge_without_penalty_is_the_plain_model_and_predicts_as_it() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv")
    model: dict[str, Any] = ASK | {"covariates": ["age", "sex"], "strata": "inst_known"}
    frame = frame.with_columns(inst_known=pl.col("ph_ecog").fill_null(0) > 1)
    new = pl.DataFrame({"age": [50, 70], "sex": [1, 2], "inst_known": [True, False]})

    held, plain = sv.ridge(frame, theta=0, **model), sv.cox(frame, **model)

    columns = ["term", "estimate", "std_error", "hazard_ratio", "conf_low", "conf_high", "statistic", "p_value"]
    assert_frame_equal(held.coefficients.select(columns), plain.coefficients.select(columns), rel_tol=1e-9)
    assert (held.loglik, held.concordance) == pytest.approx((plain.loglik, plain.concordance), rel=1e-12)
    wanted = plain.predict_survival(new, [0, 300, 2000]).select("row", "time", "survival")
    assert_frame_equal(held.predict_survival(new, [0, 300, 2000]), wanted, rel_tol=1e-10)
    assert held.df == pytest.approx(2, rel=1e-12)


def test_ridge_answers_where_the_plain_model_cannot() -> None:
    separated = pl.read_csv(FOLDER / "edge_separation.csv").with_columns(x2=2 * pl.col("x"), one=pl.lit(1))

    fit = sv.ridge(separated, covariates=["x", "x2", "one"], theta=1, **ASK)

    a, b, c = fit.coefficients["estimate"]
    assert b == pytest.approx(2 * a, rel=1e-9)
    assert (np.isfinite(a), c) == (True, 0.0)
    with pytest.raises(NoValidAnswer, match=r"\['x2', 'one'\] are constant or a combination"):
        sv.ridge(separated, covariates=["x", "x2", "one"], theta=0, **ASK)
    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate"):
        sv.ridge(separated, covariates=["x"], theta=0, **ASK)
    with pytest.raises(DefinitionError, match="theta is -1"):
        sv.ridge(separated, covariates=["x"], theta=-1, **ASK)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_elastic_net_equals_glmnet(gbsg: pl.DataFrame, l1_ratio: float) -> None:
    wanted = CASES[f"glmnet.gbsg.alpha{l1_ratio:g}"]["expect"]

    net = sv.elastic_net(gbsg, covariates=TERMS, l1_ratio=l1_ratio, penalties=wanted["lambda"], **GBSG)

    found = net.table["estimate"].to_numpy().reshape(6, 8)
    assert found == pytest.approx(np.array(wanted["coef_rows_lambda_cols_vars"]), rel=1e-5, abs=2e-7)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_optimality_conditions_hold(gbsg: pl.DataFrame, l1_ratio: float) -> None:
    """Karush, Kuhn and Tucker: the slope equals the penalty's where a term is in, and stays within it where not."""
    penalty = 0.03
    x = gbsg.select(TERMS).to_numpy().astype(float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    time, event = gbsg["rfstime"].to_numpy(), gbsg["status"].to_numpy() == 1

    beta = sv.elastic_net(gbsg, covariates=TERMS, l1_ratio=l1_ratio, penalties=[0.1, penalty], **GBSG).table
    b = beta.filter(penalty=penalty)["estimate"].to_numpy() * gbsg.select(TERMS).to_numpy().std(axis=0)

    risk, slope = np.exp(x @ b), x[event].sum(axis=0)
    for day in time[event]:
        slope -= (risk * (time >= day)) @ x / risk[time >= day].sum()
    slope = slope / time.size - penalty * (1 - l1_ratio) * b
    there = b != 0
    assert slope[there] == pytest.approx(penalty * l1_ratio * np.sign(b[there]), abs=1e-11)
    assert (np.abs(slope[~there]) <= penalty * l1_ratio * (1 + 1e-9)).all()
    assert there.all() if l1_ratio == 0 else not there.all()


def test_path_begins_where_every_term_is_out_and_ends_at_the_plain_model(gbsg: pl.DataFrame) -> None:
    net = sv.elastic_net(gbsg, covariates=TERMS, l1_ratio=0.5, **GBSG)
    lambdas = CASES["path.gbsg"]["expect"]["lambda"]
    plain = sv.cox(gbsg, covariates=TERMS, ties="breslow", **GBSG)

    assert net.path["penalty"].head(len(lambdas)).to_list() == pytest.approx(
        lambdas, rel=1e-8
    )  # glmnet's steps drift by 5e-9
    assert net.path["n_terms"].head(2).to_list() == [0, 1]
    assert net.path["loglik"][0] == pytest.approx(plain.loglik_null, rel=1e-12)
    assert net.path["loglik"].is_sorted()
    free = net.at(0.0)
    assert free.coefficients["estimate"].to_list() == pytest.approx(plain.coefficients["estimate"].to_list(), rel=1e-8)
    assert free.loglik == pytest.approx(plain.loglik, rel=1e-12)
    new = gbsg.head(3)
    at = net.path["penalty"][40]
    some = net.at(at)
    assert some.coefficients["estimate"].to_list() == pytest.approx(
        net.table.filter(penalty=at)["estimate"].to_list(), rel=1e-8, abs=1e-12
    )
    score = new.select(TERMS).to_numpy() @ some.coefficients["estimate"].to_numpy()
    assert np.diff(some.predict_score(new)["score"]) == pytest.approx(np.diff(score), rel=1e-10)
    assert some.to_result(outcome="os").table["estimate"][-1] == some.concordance


def test_units_of_a_covariate_do_not_matter(gbsg: pl.DataFrame) -> None:
    scaled = gbsg.with_columns(age=pl.col("age") * 365.25 + 1000)

    nets = [sv.elastic_net(f, covariates=TERMS, penalties=[0.05, 0.01], **GBSG).table for f in (gbsg, scaled)]

    unit = pl.when(pl.col("term") == "age").then(365.25).otherwise(1.0)
    assert_frame_equal(nets[1].with_columns(pl.col("estimate") * unit), nets[0], rel_tol=1e-8)


def test_weights_are_copies_and_strata_count(gbsg: pl.DataFrame) -> None:
    few = gbsg.gather_every(8).with_columns(w=pl.int_range(86) % 3 + 1)
    copies = few[np.repeat(np.arange(86), few["w"])]
    ask = GBSG | {"covariates": TERMS, "l1_ratio": 0.7, "penalties": [0.1, 0.02], "strata": "meno"}
    ask["covariates"] = [t for t in TERMS if t != "meno"]

    nets = [sv.elastic_net(few, weights="w", **ask), sv.elastic_net(copies, **ask)]

    assert_frame_equal(nets[0].table, nets[1].table, rel_tol=1e-8, abs_tol=1e-11)


def test_cross_validation_equals_glmnet(gbsg: pl.DataFrame) -> None:
    wanted = CASES["cv.gbsg"]["expect"]
    frame = gbsg.with_columns(fold=pl.int_range(pl.len()) % 5)

    net = sv.elastic_net(frame, covariates=TERMS, penalties=wanted["lambda"], folds="fold", **GBSG)

    assert net.path["deviance"].to_list() == pytest.approx(wanted["cvm"], rel=1e-7)
    assert net.path["std_error"].to_list() == pytest.approx(wanted["cvsd"], rel=1e-6)
    assert net.path["n_terms"].to_list() == wanted["nzero"]
    assert (net.best, net.sparsest) == (wanted["min"], wanted["se1"])


def test_folds_rest_on_the_seed_and_keep_a_person_together(gbsg: pl.DataFrame) -> None:
    few = gbsg.head(120)
    ask: dict[str, Any] = GBSG | {"covariates": TERMS, "penalties": [0.2, 0.05, 0.02], "folds": 4}
    numbered = few.with_columns(pid=pl.int_range(120), w=pl.lit(2))
    copies = pl.concat([numbered, numbered])

    nets = [sv.elastic_net(few, seed=seed, **ask) for seed in (1, 1, 2)]
    weighted = sv.elastic_net(numbered, weights="w", seed=1, **ask)
    together = sv.elastic_net(copies, cluster="pid", seed=1, **ask)

    assert_frame_equal(nets[0].path, nets[1].path)
    assert nets[0].path["deviance"].to_list() != nets[2].path["deviance"].to_list()
    assert nets[0]._repr_html_().startswith("<div>")
    assert_frame_equal(together.path, weighted.path, rel_tol=1e-9)


def test_terms_may_outnumber_rows() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 200))
    time = np.minimum(rng.exponential(300 * np.exp(-1.5 * x[:, 0])).astype(int), 5000)
    frame = pl.DataFrame(x, schema=[f"x{j}" for j in range(200)]).with_columns(t=pl.Series(time), e=pl.lit(1))

    net = sv.elastic_net(frame, time="t", event="e", covariates=frame.columns[:200], penalties=20)

    first = net.table.filter(pl.col("estimate") != 0)["term"][0]
    assert first == "x0"
    assert net.path["penalty"][-1] == pytest.approx(net.path["penalty"][0] * 0.01, rel=1e-12)
    assert net.path["n_terms"].max() <= 60


def test_what_has_no_answer_is_refused(gbsg: pl.DataFrame) -> None:
    ask: dict[str, Any] = GBSG | {"covariates": ["age", "size"]}

    with pytest.raises(DefinitionError, match="l1_ratio is 2"):
        sv.elastic_net(gbsg, l1_ratio=2, **ask)
    with pytest.raises(DefinitionError, match="different finite numbers"):
        sv.elastic_net(gbsg, penalties=[0.1, 0.1], **ask)
    with pytest.raises(DefinitionError, match="at least 2"):
        sv.elastic_net(gbsg, penalties=1, **ask)
    with pytest.raises(DefinitionError, match="folds is 1"):
        sv.elastic_net(gbsg, folds=1, **ask)
    with pytest.raises(DefinitionError, match="penalty is -1"):
        sv.elastic_net(gbsg, penalties=[0.1], **ask).at(-1)
    with pytest.raises(NoValidAnswer, match=r"\['one'\] are constant"):
        sv.elastic_net(gbsg.with_columns(one=1), **GBSG, covariates=["age", "one"])
    with pytest.raises(NoValidAnswer, match="no events"):
        sv.elastic_net(gbsg.with_columns(status=0), **ask)
    few = gbsg.head(40).with_columns(status=pl.int_range(40) % 20 == 3)
    with pytest.raises(NoValidAnswer, match=r"[34] of 5 folds hold no events"):
        sv.elastic_net(few, folds=5, penalties=[0.1], **ask)
    with pytest.raises(DataError, match="column 'age': 1 of 686 rows have no finite value"):
        sv.elastic_net(gbsg.with_columns(age=pl.when(pl.int_range(686) > 0).then("age")), **ask)


@pytest.mark.parametrize("scale", [False, True])
def test_ridge_of_one_row_is_its_penalty(*, scale: bool) -> None:
    """One row compares nobody: the spread of the coefficient is that of the penalty, if one row has one."""
    one = pl.DataFrame({"t": [3], "e": [1], "x": [0.7]})

    if scale:
        with pytest.raises(NoValidAnswer, match="'x'"):
            sv.ridge(one, time="t", event="e", theta=4.0, covariates=["x"], scale=True)
        return
    fit = sv.ridge(one, time="t", event="e", theta=4.0, covariates=["x"]).coefficients.row(0, named=True)

    assert (fit["estimate"], fit["std_error"], fit["sampling_error"]) == (0.0, 0.5, 0.0)


@pytest.mark.parametrize(
    ("seed", "folds", "says"),
    [(1, None, "risks are too far apart"), (2, 3, r"1 of 3 folds hold rows whose risk.*far from all others")],
)
def test_a_value_far_from_all_others_is_refused_where_no_number_holds_its_risk(
    seed: int, folds: int | None, says: str
) -> None:
    """In the fit itself (seed 1), or only by the coefficients of the other folds (seed 2)."""
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"t": rng.integers(2, 20, 30), "e": [1, 0, 1] * 10, "x": rng.normal(size=30)})
    far = frame.with_columns(x=pl.when(pl.int_range(30) == 4).then(77123.5).otherwise("x"))

    with pytest.raises(NoValidAnswer, match=says) as error:
        sv.elastic_net(far, time="t", event="e", covariates=["x"], penalties=5, folds=folds)
    assert "77123" not in str(error.value)


@pytest.mark.parametrize("more", [{}, {"weights": "w", "strata": "meno"}, {"entry": "from"}])
def test_rows_in_parts_or_a_file_give_the_same_answer(gbsg: pl.DataFrame, more: Any, tmp_path: Path) -> None:
    rng, model = np.random.default_rng(8), GBSG | {"covariates": ["hormon", "age", "size", "nodes"]} | more
    late = pl.Series("from", rng.integers(0, 8, gbsg.height))
    frame = gbsg.with_columns(late, w=pl.Series(rng.integers(0, 4, gbsg.height) / 2)).filter(
        pl.col("from") < pl.col("rfstime")
    )
    place = rng.integers(0, 4, frame.height)
    parts = Parts([frame.filter(pl.Series(place == k)) for k in range(5)])  # the last is empty
    frame.write_parquet(tmp_path / "rows.parquet")
    new, scaled = frame[:5], "weights" not in more

    for rows in (parts, tmp_path / "rows.parquet"):
        ridge, net = sv.ridge(rows, theta=2.0, scale=scaled, **model), sv.elastic_net(rows, penalties=5, **model)
        held, whole = sv.ridge(frame, theta=2.0, scale=scaled, **model), sv.elastic_net(frame, penalties=5, **model)

        assert_frame_equal(ridge.coefficients, held.coefficients, rel_tol=1e-10, abs_tol=1e-12)
        assert (ridge.loglik, ridge.df, ridge.n, ridge.n_event) == pytest.approx(
            (held.loglik, held.df, held.n, held.n_event), rel=1e-10
        )
        assert ridge.concordance is None
        assert_frame_equal(ridge.predict_survival(new, [400, 2000]), held.predict_survival(new, [400, 2000]))
        assert_frame_equal(net.table, whole.table, rel_tol=1e-10, abs_tol=1e-10)
        assert_frame_equal(net.path, whole.path, rel_tol=1e-10)
        at, wanted = net.at(0.05), whole.at(0.05)
        assert_frame_equal(at.coefficients, wanted.coefficients, rel_tol=1e-10, abs_tol=1e-10)
        assert at.concordance is None
        assert ridge.to_result().table.height == len(model["covariates"])


def test_what_needs_all_rows_is_refused_where_they_lie_in_parts(gbsg: pl.DataFrame) -> None:
    parts, model = Parts([gbsg[:300], gbsg[300:]]), GBSG | {"covariates": ["age", "size"]}

    with pytest.raises(DefinitionError, match="folds need rows held in memory"):
        sv.elastic_net(parts, **model, folds=5)
    with pytest.raises(DefinitionError, match="continuous clock need rows held in memory"):
        sv.ridge(parts, **model, theta=1.0, clock="continuous")
    with pytest.raises(DefinitionError, match="scale=True with weights"):
        sv.ridge(parts, **model, theta=1.0, scale=True, weights="grade")
    with pytest.raises(NoValidAnswer, match=r"'one'.* are constant"):
        sv.elastic_net(
            Parts([f.with_columns(one=pl.lit(3.0)) for f in parts.frames]), **GBSG, covariates=["age", "one"]
        )
    with pytest.raises(NoValidAnswer, match="no rows are left"):
        sv.ridge(Parts([gbsg.clear()]), **model, theta=1.0)
