# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One Cox fit however its rows are read: threads, parts, batches, places, stretches; with offsets and weights."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, RweError
from rwe.execute import Parts
from rwe.kernels._jit import F8
from rwe.kernels.exponential import exponentials
from rwe.kernels.matrix import add_gram, room, turn_block, whole_gram
from rwe.survival import column_rows as columnar
from rwe.survival import cox_fit, standard, survey
from rwe.survival import rows as reading
from rwe.survival import spread as spreading
from rwe.survival.data import respond
from rwe.survival.occasions import numbered
from rwe.survival.partial import Point, evaluate
from rwe.survival.steps import shares

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
FORMULA = "x + y + C(z)"
MODEL: dict[str, Any] = {"time": "t", "event": "e", "formula": FORMULA}


def _cohort(n: int, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, y, z = rng.normal(size=n), rng.integers(0, 2, n), rng.choice(["a", "b", "c"], n)
    t = (rng.exponential(60 / np.exp(0.5 * x - 0.3 * y + 0.2 * (z == "b")))).astype(np.int64) + 2
    entry = (t * rng.uniform(0, 0.7, n)).astype(np.int64)
    columns = {"x": x, "y": y, "z": z, "t": t, "e": rng.uniform(size=n) < 0.6, "entry": entry}
    more = {"w": rng.uniform(0.2, 2, n), "site": rng.choice(["S", "T"], n), "o": rng.normal(size=n) / 3}
    return pl.DataFrame(columns | more | {"id": rng.integers(0, n // 3, n)})


def _numbers(fit: sv.Cox) -> F8:
    found = fit.coefficients.select(pl.selectors.numeric()).fill_null(0.0).to_numpy().ravel()
    return np.concatenate([found, fit.covariance.ravel(), [fit.loglik, fit.loglik_null]])


def test_exponential_and_gram_blocks() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-700, 700, 4000), [0.0, -800.0, 720.0, np.inf, -np.inf, np.nan]])
    out, y = np.empty(x.size), rng.normal(size=(200, 7))
    turned, gram = room(7)

    exponentials(x, x.size, np.empty(x.size, np.int64), out)
    turn_block(y, np.arange(200), 200, np.full(200, 2.0), turned)
    add_gram(turned, 200, gram)

    with np.errstate(over="ignore"):
        wanted = np.exp(x)
    np.testing.assert_allclose(out, wanted, rtol=5e-16, atol=0)
    np.testing.assert_allclose(whole_gram(gram, 7), 4 * y.T @ y, rtol=1e-13)


def _small_parts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reading, "PART", 500)
    patch.setattr(standard, "PART", 700)
    patch.setattr(columnar, "PART", 600)


def _many(patch: pytest.MonkeyPatch) -> None:
    """Let a few thousand rows count as many: they are read column by column, and a sample shows the way."""
    for module in (reading, columnar, cox_fit):
        patch.setattr(module, "MANY", 2000)
    patch.setattr(reading, "ENOUGH", 100)


@pytest.mark.parametrize("cache", [10, standard.CACHE])
def test_same_bits_on_any_number_of_threads(cache: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _small_parts(monkeypatch)
    monkeypatch.setattr(standard, "CACHE", cache)
    monkeypatch.setattr(columnar, "CACHE", cache)
    _many(monkeypatch)
    frame, found = _cohort(9000), []

    for threads in ("1", "2", "5"):
        monkeypatch.setenv("RWE_THREADS", threads)
        found.append(_numbers(sv.cox(frame, **MODEL, entry="entry", weights="w", strata="site", offset="o")))

    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()


@pytest.mark.parametrize("more", [{}, {"entry": "entry"}, {"weights": "w", "strata": "site"}, {"cluster": "id"}])
def test_tables_too_large_for_a_cache_and_samples_change_nothing(more: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _cohort(6000)
    plain = sv.cox(frame, **MODEL, **more)

    _small_parts(monkeypatch)
    monkeypatch.setattr(standard, "CACHE", 10)
    sorted_ = sv.cox(frame, **MODEL, **more)
    _many(monkeypatch)
    sampled = sv.cox(frame, **MODEL, **more)
    monkeypatch.setattr(columnar, "CACHE", 10)
    of_sorted = sv.cox(frame, **MODEL, **more)

    np.testing.assert_allclose(_numbers(sorted_), _numbers(plain), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(_numbers(sampled), _numbers(plain), rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(_numbers(of_sorted), _numbers(plain), rtol=1e-8, atol=1e-11)
    assert sampled.coefficients["estimate"].to_list() == pytest.approx(
        plain.coefficients["estimate"].to_list(), rel=1e-10
    )


def test_columns_are_read_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole numbers, levels, products, offsets, chunks, continuous times: the same model as of rows side by side."""
    frame = _cohort(6000)
    chunks = pl.concat([frame[:1700], frame[1700:]], rechunk=False)
    asked: dict[str, Any] = {
        "time": "t",
        "event": "e",
        "formula": "x * C(site) + log(w)",
        "offset": "o",
        "weights": "w",
    }
    later = frame.with_columns(t=pl.col("t") + pl.col("w") / 10)
    plain = sv.cox(frame, **asked), sv.cox(later, **MODEL, clock="continuous")

    _many(monkeypatch)
    read = sv.cox(chunks, **asked), sv.cox(later, **MODEL, clock="continuous")

    for one, other in zip(read, plain, strict=True):
        np.testing.assert_allclose(_numbers(one), _numbers(other), rtol=1e-8, atol=1e-11)
        tests = (fit.tests["statistic"].fill_null(0.0).to_list() for fit in (one, other))
        assert next(tests) == pytest.approx(next(tests), rel=1e-8)
        assert one.concordance == other.concordance
        for kind in ("martingale", "dfbeta", "scaled_schoenfeld"):
            mine, theirs = (fit.residuals(kind).drop("row").to_numpy() for fit in (one, other))
            np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9)


def test_a_file_is_read_for_the_score_test_when_asked_and_refused_when_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, file = _cohort(9000), tmp_path / "rows.parquet"
    frame.write_parquet(file)
    monkeypatch.setattr(spreading, "ENOUGH", 100)
    held, kept, changed = sv.cox(frame, **MODEL), sv.cox(file, **MODEL), sv.cox(file, **MODEL)

    np.testing.assert_allclose(_numbers(kept), _numbers(held), rtol=1e-8, atol=1e-11)
    assert kept.tests["statistic"].to_list() == pytest.approx(held.tests["statistic"].to_list(), rel=1e-8)
    frame.with_columns(x=-pl.col("x")).write_parquet(file)
    with pytest.raises(DataError, match="not those of the fit"):
        _ = changed.tests


@pytest.mark.parametrize(
    ("column", "word"),
    [
        (pl.lit(0.1), "constant"),
        (2 * pl.col("x") + 1, "combination"),
        (pl.col("x") * 1e-200, "another unit"),
        (pl.when(pl.col("x") > 0).then(pl.lit(float("nan"))).otherwise(1.0), "no finite value"),
        (pl.col("e").cast(pl.Float64), "monotone"),
    ],
)
def test_what_has_no_answer_is_refused_where_rows_are_many(
    column: pl.Expr, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _many(monkeypatch)

    with pytest.raises(RweError, match="q") as refused:
        sv.cox(_cohort(6000).with_columns(q=column), time="t", event="e", covariates=["x", "y", "q"])

    assert word in str(refused.value)


def test_what_is_written_to_after_the_fit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = _cohort(6000)["x"].to_numpy().copy()
    frame = pl.DataFrame({**_cohort(6000).select("t", "e", "y").to_dict(), "x": buffer})
    _many(monkeypatch)
    fit, other = (sv.cox(frame, time="t", event="e", covariates=["x", "y"]) for _ in range(2))

    buffer[::2] = 0.5

    with pytest.raises(DataError, match="not those of the fit"):
        _ = fit.concordance
    with pytest.raises(DataError, match="not those of the fit"):
        _ = other.tests


@pytest.mark.parametrize("far", [1e3, 1e8])
def test_columns_far_from_0_lose_no_digits(far: float, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _cohort(6000).with_columns(x=(1000 * pl.col("x")).round() + far)
    asked: dict[str, Any] = {"time": "t", "event": "e", "covariates": ["x", "y"]}
    plain = sv.cox(frame, **asked)

    streamed = sv.cox(frame.lazy(), **asked)
    _many(monkeypatch)
    read = sv.cox(frame, **asked)

    for fit in (streamed, read):
        wanted = plain.coefficients["estimate"].to_numpy()
        np.testing.assert_allclose(fit.coefficients["estimate"].to_numpy(), wanted, rtol=1e-11)


@pytest.mark.parametrize("shape", ["skewed", "rare", "wild"])
def test_errors_are_those_of_the_maximum_however_the_covariate_is_spread(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few rows carry the information on such a covariate, however many events there are."""
    frame, rng = _cohort(60_000), np.random.default_rng(8)
    drawn = {
        "skewed": rng.lognormal(size=60_000),
        "rare": rng.uniform(size=60_000) < 2e-4,
        "wild": rng.standard_cauchy(60_000),
    }
    frame = frame.with_columns(x=pl.Series(drawn[shape]).cast(pl.Float64) + 0.3 * pl.col("x"))
    asked: dict[str, Any] = {"time": "t", "event": "e", "covariates": ["x", "y"]}
    if shape == "wild":
        frame = frame.with_columns(x=pl.col("x").clip(-300, 300))
    plain = sv.cox(frame, **asked)
    assert plain._fitted is not None

    _many(monkeypatch)
    read = sv.cox(frame, **asked)

    best = evaluate(plain._fitted.data, plain._fitted.best.beta)
    wanted = np.sqrt(np.diag(np.linalg.inv(best.information))) / plain._fitted.data.scale
    for fit in (plain, read):
        np.testing.assert_allclose(fit.coefficients["std_error"].to_numpy(), wanted, rtol=1e-8)


@pytest.mark.parametrize("more", [{}, {"penalty": "firth"}, {"ties": "exact"}])
def test_a_fit_can_be_sent_to_another_process(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    _many(monkeypatch)
    fit = sv.cox(_cohort(3000 if not more else 60), **MODEL, **more)

    sent = pickle.loads(pickle.dumps(fit))

    np.testing.assert_array_equal(_numbers(sent), _numbers(fit))
    assert sent.concordance == fit.concordance
    if more.get("penalty") is None:
        assert sent.tests["statistic"].to_list() == fit.tests["statistic"].to_list()


def test_terms_that_need_all_rows_are_refused_where_they_are_not_held() -> None:
    frame = _cohort(400).lazy()
    for formula in ("poly(x, 2)", "bs(x, df=4) + C(z)"):
        with pytest.raises(DefinitionError, match="take their form from all rows"):
            sv.cox(frame, time="t", event="e", formula=formula)

    flagged = _cohort(400).with_columns(flag=pl.col("y") == 1)
    asked: dict[str, Any] = {"time": "t", "event": "e", "formula": "C(z) + flag + log10(w) + I(1/w)"}
    found = sv.cox(flagged.lazy(), **asked)
    np.testing.assert_allclose(_numbers(found), _numbers(sv.cox(flagged, **asked)), rtol=1e-8, atol=1e-11)


def test_a_level_that_the_sample_misses_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _cohort(6000).with_row_index().with_columns(q=(pl.col("index") % 136 == 9).cast(pl.Int64))
    plain = sv.cox(frame, time="t", event="e", covariates=["x", "q"])

    _many(monkeypatch)
    sampled = sv.cox(frame, time="t", event="e", covariates=["x", "q"])

    np.testing.assert_allclose(_numbers(sampled), _numbers(plain), rtol=1e-8, atol=1e-11)


def _plain_point(frame: pl.DataFrame, beta: F8) -> tuple[float, F8, F8]:
    """Return value, score and information of Efron's partial likelihood, failure by failure."""
    x = frame.select("x", "y").to_numpy().astype(float)
    t, a, e, w = (frame[c].to_numpy() for c in ("t", "entry", "e", "w"))
    r = w * np.exp(x @ beta)
    value, score, information = 0.0, np.zeros(2), np.zeros((2, 2))
    for day in np.unique(t[e]):
        risk, fail = (a < day) & (day <= t), (t == day) & e
        d, m = int(fail.sum()), w[fail].mean()
        value, score = value + float(w[fail] @ (x[fail] @ beta)), score + w[fail] @ x[fail]
        for k in range(d):
            share = r * (risk - k / d * fail)
            mean = share @ x / share.sum()
            value, score = value - m * np.log(share.sum()), score - m * mean
            information += m * ((x * share[:, None]).T @ x / share.sum() - np.outer(mean, mean))
    return value, score, information


@given(seed=st.integers(0, 10_000))
def test_a_point_is_its_definition(seed: int) -> None:
    frame = _cohort(40, seed)
    if not frame["e"].any() or frame["y"].n_unique() < 2:
        return
    response = respond(frame, time="t", event="e", entry="entry", weights="w")
    data = standard.rows(response, frame.select("x", "y").to_numpy().astype(np.float64), efron=True)
    beta = np.array([0.4, -0.7])

    at: Point = evaluate(data, beta * data.scale)

    value, score, information = _plain_point(frame, beta)
    shift = float((frame["w"] * frame["e"]).sum()) * 0.0
    assert at.loglik == pytest.approx(
        value - float((frame["w"].to_numpy() * frame["e"].to_numpy()).sum()) * shift, rel=1e-11
    )
    np.testing.assert_allclose(at.score * data.scale, score, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(at.information * np.outer(data.scale, data.scale), information, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "more", [{}, {"entry": "entry", "weights": "w"}, {"strata": "site", "ties": "breslow", "offset": "o"}]
)
def test_streamed_and_partitioned_equal_one_pass(more: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _cohort(3000)
    frame.write_parquet(tmp_path / "rows.parquet")
    whole = sv.cox(frame, **MODEL, **more)
    monkeypatch.setattr(survey, "BATCH", 700)

    pieces = [frame[:100], frame[100:2000].lazy(), frame[2000:]]
    for source in (tmp_path / "rows.parquet", frame.lazy(), Parts(pieces)):
        found = sv.cox(source, **MODEL, **more)

        np.testing.assert_allclose(_numbers(found), _numbers(whole), rtol=1e-10, atol=1e-11)
        assert (found.n, found.n_event, found.robust) == (whole.n, whole.n_event, whole.robust)
        assert_frame_equal(found.baseline(), whole.baseline(), rel_tol=1e-9)
        new = frame.head(3)
        told, wanted = (fit.predict_survival(new, [10, 40]) for fit in (found, whole))
        if whole.robust:  # these errors need the rows
            nothing = pl.lit(None, pl.Float64)
            wanted = wanted.with_columns(std_error=nothing, conf_low=nothing, conf_high=nothing)
        assert_frame_equal(told, wanted, rel_tol=1e-8)
        assert found.to_result().table.height == whole.to_result().table.height - 1
        with pytest.raises(DefinitionError, match="needs the rows of the model"):
            found.residuals("martingale")


def test_two_hospitals_send_sums_and_get_the_stratified_fit(tmp_path: Path) -> None:
    frame = _cohort(1500)
    paths = []
    for site in ("S", "T"):
        paths.append(tmp_path / f"{site}.parquet")
        frame.filter(pl.col("site") == site).write_parquet(paths[-1])

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        found = sv.cox(Parts(paths, executor), **MODEL, strata="site")

    np.testing.assert_allclose(_numbers(found), _numbers(sv.cox(frame, **MODEL, strata="site")), rtol=1e-10, atol=1e-11)


def test_what_needs_all_rows_is_refused_where_they_are_not_held() -> None:
    with pytest.raises(DefinitionError, match="need rows held in memory"):
        sv.cox(_cohort(50).lazy(), **MODEL, cluster="id")


@given(cuts=st.lists(st.integers(1, 40), max_size=4), seed=st.integers(0, 50))
def test_follow_up_cut_in_stretches_gives_the_same_fit(cuts: list[int], seed: int) -> None:
    frame = _cohort(60, seed).with_row_index("person").with_columns(entry=pl.lit(-1, pl.Int64))
    pieces = [frame]
    for day in cuts:
        before, after = pieces.pop(), None
        inside = (pl.col("entry") < day) & (day < pl.col("t"))
        first = before.filter(inside).with_columns(t=pl.lit(day, pl.Int64), e=pl.lit(value=False))
        after = before.filter(inside).with_columns(entry=pl.lit(day, pl.Int64))
        pieces.append(pl.concat([before.filter(~inside), first, after]))
    cut = pieces[0].with_columns(entry=pl.col("entry").clip(0) if cuts else 0)

    whole = sv.cox(frame, time="t", event="e", covariates=["x", "y"])
    found = sv.cox(cut, time="t", event="e", covariates=["x", "y"], entry="entry", person="person")

    np.testing.assert_allclose(_numbers(found), _numbers(whole), rtol=1e-9, atol=1e-11)
    assert found.notes == ()


def test_stretches_that_overlap_are_refused_and_gaps_are_said() -> None:
    frame = pl.DataFrame({"a": [0, 5, 0, 3, 0], "t": [5, 9, 4, 8, 7], "e": [0, 1, 0, 1, 1], "x": [1.0, 1, 2, 0, 1]})
    gap = frame.with_columns(a=pl.Series([0, 6, 0, 5, 0]), p=pl.Series([1, 1, 2, 2, 3]))

    fit = sv.cox(gap, time="t", event="e", covariates=["x"], entry="a", person="p")

    assert fit.notes == ("2 gaps between the stretches of a person: nobody is at risk in them",)
    with pytest.raises(DataError, match="'p': 1 of 5 rows begin before the row before of the same person has ended"):
        sv.cox(
            frame.with_columns(p=pl.Series([1, 1, 2, 2, 3])),
            time="t",
            event="e",
            covariates=["x"],
            entry="a",
            person="p",
        )


def test_offset_equals_r() -> None:
    """R 4.2.2, survival 3.5-3: coxph(Surv(time, event) ~ sex + offset(0.02 * age))."""
    lung = pl.read_csv(FOLDER / "lung.csv").with_columns(o=0.02 * pl.col("age"))

    fit = sv.cox(lung, time="time", event="event", covariates=["sex"], offset="o")

    assert fit.coefficients.select("estimate", "std_error").row(0) == pytest.approx(
        (-0.51028552480735, 0.16721011207787861), rel=1e-6
    )
    assert [fit.loglik_null, fit.loglik] == pytest.approx([-747.7990132751867, -742.899358482312], rel=1e-9)


def test_an_offset_is_a_term_whose_coefficient_is_known() -> None:
    frame = _cohort(400)
    free = sv.cox(frame, time="t", event="e", covariates=["x", "y"])
    b = free.coefficients["estimate"][0]
    new = frame.head(5).with_columns(o=pl.col("x") * b)

    held = sv.cox(frame.with_columns(o=pl.col("x") * b), time="t", event="e", covariates=["y"], offset="o")

    assert held.coefficients["estimate"][0] == pytest.approx(free.coefficients["estimate"][1], rel=1e-9)
    assert held.loglik == pytest.approx(free.loglik, rel=1e-12)
    ours, theirs = (f.predict_survival(new, [20, 50])["survival"].to_list() for f in (held, free))
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_continuous_clock_is_that_of_days_in_another_unit() -> None:
    frame = _cohort(800)
    years = frame.with_columns(t=pl.col("t") / 365.25, entry=pl.col("entry") / 365.25)

    days = sv.cox(frame, **MODEL, entry="entry")
    found = sv.cox(years, **MODEL, entry="entry", clock="continuous")

    np.testing.assert_allclose(_numbers(found), _numbers(days), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.baseline()["time"] * 365.25, days.baseline()["time"], rtol=1e-12)
    at = found.predict_survival(frame.head(2), [20 / 365.25, 60 / 365.25])
    assert_frame_equal(at.drop("time"), days.predict_survival(frame.head(2), [20, 60]).drop("time"))


@pytest.mark.parametrize("n_event", [1, 300])
def test_occasions_are_summed_up_in_few_parts_however_many_they_are(n_event: int) -> None:
    many = np.arange(200_000)

    when = numbered(np.zeros_like(many), many, np.full_like(many, n_event), np.full_like(many, n_event), efron=True)
    parts = shares(when)

    assert len(parts) <= 16
    assert parts[0][0] == 0
    assert parts[-1][1] == many.size


def test_many_continuous_times_are_led_to_the_maximum_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _cohort(10_000, 6).with_columns(u=pl.col("t") + np.random.default_rng(6).uniform(size=10_000))
    told = {"time": "u", "event": "e", "formula": "x + y", "strata": "site", "clock": "continuous"}
    few = sv.cox(frame, **told)
    monkeypatch.setattr(cox_fit, "MANY", 1000)
    monkeypatch.setattr(columnar, "MANY", 1000)
    leads: list[F8] = []
    read = columnar.ColumnRows.leads
    monkeypatch.setattr(columnar.ColumnRows, "leads", lambda *given: leads.append(given[1]) or read(*given))

    many = sv.cox(frame, **told)

    assert leads
    np.testing.assert_allclose(_numbers(many), _numbers(few), rtol=1e-9, atol=1e-12)


def test_a_place_may_know_one_level_only() -> None:
    frame = _cohort(400)
    pieces = [frame.filter(z=level) for level in ("b", "a", "c")]

    found = sv.cox(Parts(pieces), **MODEL)

    np.testing.assert_allclose(_numbers(found), _numbers(sv.cox(pl.concat(pieces), **MODEL)), rtol=1e-8, atol=1e-11)
