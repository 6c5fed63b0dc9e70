# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The bootstrap by counts equals the estimators on the rows it stands for, whatever the threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.execute import Parts
from rwe.kernels.draws import generator, multinomial

NAMES: dict[str, Any] = {"time": "t", "event": "e"}


def _cohort(n: int, seed: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    entry, group = rng.integers(0, 5, n), rng.integers(0, 2, n)
    stay = np.ceil(rng.exponential(20 + 10 * group)).astype(np.int64)
    columns = {
        "a": entry,
        "t": entry + np.minimum(stay, rng.integers(10, 60, n)),
        "g": group,
        "s": rng.integers(0, 2, n),
    }
    columns |= {"e": rng.integers(0, 4, n) > 0, "k": rng.integers(0, 3, n), "c": np.arange(n) % (n // 4)}
    return pl.DataFrame(columns | {"w": rng.choice([0.5, 1.0, 2.25], n)})


@pytest.mark.parametrize("more", [{}, {"entry": "a"}, {"weights": "w"}, {"entry": "a", "weights": "w"}])
@pytest.mark.parametrize("clock", ["days", "continuous"])
def test_estimates_are_those_of_the_estimators(more: dict[str, Any], clock: Any) -> None:
    frame = _cohort(120)
    given: dict[str, Any] = {**NAMES, "by": "g", "clock": clock, **more}
    asked: dict[str, Any] = {**given, "replicates": 20}

    km = sv.kaplan_meier(frame, **given)
    mean = sv.bootstrap(frame, **asked, statistic="rmst", at=25)
    survival = sv.bootstrap(frame, **asked, statistic="survival", at=17)
    median = sv.bootstrap(frame, **asked, statistic="median")

    assert mean.table["estimate"].to_numpy() == pytest.approx(km.rmst(25)["rmst"].to_numpy(), rel=1e-12)
    assert survival.table["estimate"].to_numpy() == pytest.approx(km.at(17)["survival"].to_numpy(), rel=1e-12)
    assert median.table["estimate"].to_list() == km.quantile(0.5)["time"].to_list()


def test_incidence_of_all_causes_is_what_survival_lacks() -> None:
    frame, asked = _cohort(150), {"by": "g", "at": 20, "replicates": 30, "seed": 4}

    parts = [
        sv.bootstrap(frame, time="t", cause="k", of=k, statistic="cumulative_incidence", **asked).table["estimate"]
        for k in (1, 2)
    ]
    whole = sv.bootstrap(frame.with_columns(e=pl.col("k") > 0), **NAMES, statistic="survival", **asked).table[
        "estimate"
    ]

    assert (parts[0] + parts[1]).to_numpy() == pytest.approx(1 - whole.to_numpy(), abs=1e-14)
    assert min(parts[0].min(), parts[1].min()) > 0.05


def test_a_replicate_is_the_estimator_on_the_rows_drawn() -> None:
    frame = _cohort(60).with_columns(t=pl.col("t").clip(upper_bound=30))
    found = sv.bootstrap(frame, **NAMES, by="g", statistic="rmst", at=25, replicates=5, seed=9)
    cells = found._frame.source.cells

    for b in range(5):
        state, drawn = generator(9, b), np.empty(cells.mass.size, np.int64)
        for first, end, n, row in cells.pools:
            multinomial(cells.mass, first, end, cells.of_row, row, n, state, drawn)
        g, t = np.divmod(cells.cells[1], found._frame.source.question.tick.size)
        rows = pl.DataFrame({"g": g, "t": t, "e": np.minimum(cells.cells[3], 1)})[np.repeat(np.arange(g.size), drawn)]
        wanted = sv.kaplan_meier(rows, **NAMES, by="g").rmst(25)["rmst"].to_list()
        assert found.replicates.filter(replicate=b)["value"].to_list() == pytest.approx(wanted, rel=1e-12)


def _plain_mean(rows: list[tuple[int, bool]], tau: int) -> float:
    """Return the area under the Kaplan-Meier curve of (day, failed) by its definition, a day at a time."""
    area, left = 0.0, 1.0
    for day in range(tau):
        at_risk = sum(t >= day for t, _ in rows)
        failing = sum(t == day and failed for t, failed in rows)
        left *= 1 - failing / at_risk if at_risk else 1
        area += left
    return area


def test_a_bootstrap_of_a_difference_is_that_of_plain_python_on_the_same_draws() -> None:
    """Estimate, every replicate, error, bias and limits, with nothing of ours but the numbers drawn of each row."""
    frame = _cohort(40).with_columns(t=pl.col("t").clip(upper_bound=30), e=pl.col("e") & (pl.col("t") < 30))
    tau, replicates, seed = 12, 60, 11
    asked: dict[str, Any] = {"statistic": "rmst", "contrast": "difference", "at": tau, "replicates": replicates}
    found = sv.bootstrap(frame, **NAMES, by="g", seed=seed, **asked)
    cells, n_days = found._frame.source.cells, found._frame.source.question.tick.size
    place = [divmod(int(cell), n_days) for cell in cells.cells[1]]
    rows = [(g, t, int(kind) == 1) for (g, t), kind in zip(place, cells.cells[3], strict=True)]
    held = sorted(row for row, n in zip(rows, cells.mass, strict=True) for _ in range(int(n)))
    # beyond the day asked for it does not matter when somebody leaves, or why
    after = [(g, min(t, tau + 1), bool(e) and t <= tau) for g, t, e in frame.select("g", "t", "e").rows()]
    assert held == sorted(after)

    def difference(counts: Any) -> float:
        groups: tuple[list[tuple[int, bool]], ...] = ([], [])
        for (g, t, failed), n in zip(rows, counts, strict=True):
            groups[g].extend([(t, failed)] * int(n))
        return _plain_mean(groups[1], tau) - _plain_mean(groups[0], tau)

    values = []
    for b in range(replicates):
        state, drawn = generator(seed, b), np.empty(cells.mass.size, np.int64)
        for first, end, n, row in cells.pools:
            multinomial(cells.mass, first, end, cells.of_row, row, n, state, drawn)
        values.append(difference(drawn))

    assert found.replicates["value"].to_list() == pytest.approx(values, rel=1e-12)
    row, mean = found.table.row(0, named=True), sum(values) / replicates
    error = (sum((v - mean) ** 2 for v in values) / (replicates - 1)) ** 0.5
    low, high = (np.quantile(values, p, method="weibull") for p in (0.025, 0.975))
    wanted = [difference(cells.mass), error, mean - difference(cells.mass), low, high]
    assert [row[k] for k in ("estimate", "std_error", "bias", "conf_low", "conf_high")] == pytest.approx(wanted)


@pytest.mark.parametrize("more", [{}, {"cluster": "c"}, {"strata": "s"}, {"weights": "w", "entry": "a"}])
def test_same_bits_for_any_number_of_threads(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    frame, found = _cohort(200), []

    for threads in ("1", "2", "3"):
        monkeypatch.setenv("RWE_THREADS", threads)
        found.append(sv.bootstrap(frame, **NAMES, by="g", statistic="rmst", at=25, replicates=100, **more))

    assert all(f.replicates.equals(found[0].replicates) for f in found)
    assert all(f.limits("bca").equals(found[0].limits("bca")) for f in found)
    assert found[0].replicates["value"].n_unique() > 150


@pytest.mark.parametrize("copies", [1, 200])
def test_errors_are_those_of_greenwood_at_a_cost_that_copies_do_not_raise(copies: int) -> None:
    one = _cohort(400).select("t", "e", "g")
    frame = pl.concat([one] * copies)

    found = sv.bootstrap(frame, **NAMES, by="g", statistic="rmst", contrast="difference", at=25, replicates=1000)

    wanted = sv.rmst_difference(frame, **NAMES, by="g", tau=25).table["std_error"].item()
    assert found.table["std_error"].item() == pytest.approx(wanted, rel=4 / np.sqrt(2 * 999))
    assert found._frame.source.cells.mass.size < 110


def test_clusters_are_drawn_whole() -> None:
    """Copies of a row that form a cluster say nothing more than the row."""
    one = _cohort(80).with_row_index("id").select("t", "e", "id")
    asked: dict[str, Any] = {**NAMES, "statistic": "rmst", "at": 25, "cluster": "id", "replicates": 50}

    single, triple = sv.bootstrap(one, **asked), sv.bootstrap(pl.concat([one] * 3), **asked)

    assert triple.replicates["value"].to_numpy() == pytest.approx(single.replicates["value"].to_numpy(), rel=1e-12)


def test_clusters_of_both_groups_are_drawn_for_both() -> None:
    """Pairs of equal rows, one in each group: their difference is 0 in every replicate."""
    one = _cohort(80).with_row_index("id").select("t", "e", "id")
    pairs = pl.concat([one.with_columns(g=pl.lit(g)) for g in (0, 1)])

    found = sv.bootstrap(
        pairs, **NAMES, by="g", statistic="rmst", contrast="difference", at=25, cluster="id", replicates=50
    )

    assert found.replicates["value"].to_numpy() == pytest.approx(np.zeros(50), abs=1e-12)


def test_strata_keep_their_size() -> None:
    """In each stratum all rows are alike, so nothing can vary."""
    frame = pl.DataFrame({"t": [5] * 10 + [9] * 30, "e": [1] * 40, "s": [0] * 10 + [1] * 30})

    found = sv.bootstrap(frame, **NAMES, statistic="rmst", at=9, strata="s", replicates=50)

    assert found.replicates["value"].unique().to_list() == pytest.approx([8.0])


def test_acceleration_of_a_mean_is_a_sixth_of_its_skewness() -> None:
    """Without censoring the restricted mean beyond the last failure is the mean."""
    t = np.random.default_rng(8).integers(1, 60, 50)
    frame = pl.DataFrame({"t": t, "e": np.ones(50, np.int64)})
    found = sv.bootstrap(frame, **NAMES, statistic="rmst", at=60, replicates=20_000)

    skew = ((t - t.mean()) ** 3).sum() / (6 * ((t - t.mean()) ** 2).sum() ** 1.5)
    assert found._frame.source.acceleration() == pytest.approx([skew], rel=1e-10)
    wanted = stats.bootstrap((t,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    got = found.limits("bca").row(0, named=True)
    assert [got["conf_low"], got["conf_high"]] == pytest.approx(list(wanted), abs=0.4)  # four errors of two runs
    low, high = (np.quantile(found.replicates["value"], p, method="weibull") for p in (0.025, 0.975))
    mean, basic = t.mean(), found.limits("basic").row(0, named=True)
    assert found.table.select("conf_low", "conf_high").row(0) == pytest.approx((low, high), rel=1e-12)
    assert [basic["conf_low"], basic["conf_high"]] == pytest.approx([2 * mean - high, 2 * mean - low], rel=1e-12)


def test_what_is_left_out_is_one_row() -> None:
    frame = _cohort(40).select("t", "e", "g", "a")
    found = sv.bootstrap(frame, **NAMES, entry="a", by="g", statistic="survival", at=15, replicates=5)._frame.source

    left = found.cells.leave_out(found.question)

    wanted = [
        sv.kaplan_meier(frame.filter(pl.int_range(pl.len()) != i), **NAMES, entry="a", by="g").at(15)["survival"]
        for i in range(40)
    ]
    assert sorted(np.repeat(left[:, 0], found.cells.mass)) == pytest.approx(sorted(w[0] for w in wanted), rel=1e-12)
    assert sorted(np.repeat(left[:, 1], found.cells.mass)) == pytest.approx(sorted(w[1] for w in wanted), rel=1e-12)


def test_ratio_and_result() -> None:
    frame = _cohort(200)
    asked: dict[str, Any] = {**NAMES, "by": "g", "statistic": "rmst", "at": 25, "replicates": 100}

    ratio, each = sv.bootstrap(frame, **asked, contrast="ratio"), sv.bootstrap(frame, **asked)

    mean = each.table["estimate"]
    assert ratio.table["estimate"].item() == pytest.approx(mean[1] / mean[0], rel=1e-15)
    row = ratio.to_result(population="all").table.row(0, named=True)
    assert (row["group"], row["estimand"], row["time"], row["n"]) == ("ratio", "rmst_ratio", 25, 200)
    assert each.to_result().table["group"].to_list() == ["g=0", "g=1"]
    assert "100 replicates, percentile limits" in each._repr_html_()


def test_replicates_without_an_answer_are_told() -> None:
    frame = pl.DataFrame({"t": [5, 6, 7, 8, 9, 30], "e": [1, 0, 1, 0, 1, 0]})

    found = sv.bootstrap(frame, **NAMES, statistic="rmst", at=20, replicates=200)

    lost = found.replicates["value"].null_count()
    assert 10 < lost < 40
    assert found.notes == (f"{lost} of 200 replicates reach no answer (follow-up too short, or median not reached)",)
    assert found.table.select("conf_low", "conf_high").row(0) == (None, None)


@pytest.mark.parametrize("interval", ["percentile", "basic", "bca"])
@pytest.mark.parametrize("contrast", [None, "difference", "ratio"])
@pytest.mark.parametrize("event", [0, 1])
def test_a_median_that_is_not_reached_or_0_has_no_number(interval: Any, contrast: Any, event: int) -> None:
    """Nobody fails: no error of 0 for a median that no replicate reaches. All fail at 0: a ratio has no answer."""
    frame = pl.DataFrame({"t": [0 if event else 7] * 12, "e": [event] * 12, "g": [0, 1] * 6})
    ask: dict[str, Any] = {"statistic": "median", "by": "g", "replicates": 20, "contrast": contrast}

    found = sv.bootstrap(frame, **NAMES, interval=interval, **ask).table

    one = found.select("estimate", "std_error", "bias", "conf_low", "conf_high").row(0)
    if event and contrast != "ratio":
        assert one[:3] == (0.0, 0.0, 0.0)
    else:
        assert one == (None,) * 5


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"statistic": "mean", "at": 5}, DefinitionError, "statistic 'mean' is not one of rmst"),
        ({"statistic": "median", "at": 5}, DefinitionError, "a median has none"),
        ({"statistic": "rmst"}, DefinitionError, "at is the time of rmst"),
        ({"statistic": "cumulative_incidence", "at": 5}, DefinitionError, "give cause and the cause of interest"),
        ({"statistic": "rmst", "at": 5, "contrast": "difference"}, DefinitionError, "needs two groups"),
        ({"statistic": "rmst", "at": 5, "replicates": 1}, DefinitionError, "whole number from 2"),
        ({"statistic": "rmst", "at": 500}, NoValidAnswer, "follow-up of 1 of 1 groups does not reach"),
        ({"statistic": "rmst", "at": 5, "cluster": "c", "strata": "s"}, DataError, "more than one stratum"),
    ],
)
def test_refusals(given: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        sv.bootstrap(_cohort(40).with_columns(e=pl.col("e") & (pl.col("t") < 30)), **NAMES, **given)


@pytest.mark.parametrize(
    "more", [{"statistic": "rmst", "event": "e"}, {"statistic": "cumulative_incidence", "cause": "c", "of": 2}]
)
def test_files_and_parts_give_the_bits_of_a_frame(more: dict[str, Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    n, cause = 3000, rng.integers(0, 3, 3000)
    frame = pl.DataFrame({"t": rng.integers(1, 900, n), "c": cause, "e": cause > 0, "g": rng.integers(0, 2, n)})
    asked: dict[str, Any] = {"time": "t", "by": "g", "contrast": "difference", "at": 400, "replicates": 40} | more
    frame.write_parquet(tmp_path / "rows.parquet")

    held = sv.bootstrap(frame, **asked)

    for other in (tmp_path / "rows.parquet", frame.lazy(), Parts([frame[:1000], frame[1000:]])):
        assert sv.bootstrap(other, **asked).replicates.equals(held.replicates)
