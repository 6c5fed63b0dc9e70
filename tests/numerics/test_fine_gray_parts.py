# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Fine-Gray fit is the same however its rows are held: one frame, batches, a file, parts in threads or processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.execute import Parts
from rwe.survival import subdistribution_spread

MODEL: dict[str, Any] = {"time": "t", "cause": "why", "of": "relapse", "covariates": ["x", "stage"]}
LATE = {"entry": "a", "weights": "w"}
ASKED: list[dict[str, Any]] = [
    {},
    {**LATE, "censor_strata": "site"},
    {**LATE, "variance": "known_weights", "ties": "efron"},
    {"weights": "w", "censoring_ties": "failures_first", "censor_strata": ["site", "stage"]},
    {"entry": "a", "variance": "model", "censoring_ties": "failures_first"},
]


def _cohort(n: int, seed: int = 1) -> pl.DataFrame:
    """Make a cohort with ties, late entry, weights (some of them 0), two causes and two sites."""
    rng = np.random.default_rng(seed)
    entry, x = rng.integers(0, 4, n), rng.normal(40.0, 12.0, n)
    why = rng.choice(["censored", "relapse", "death"], n, p=[0.3, 0.4, 0.3])
    columns = {"t": entry + rng.integers(1, 30, n), "a": entry, "why": why, "x": x}
    levels = {"stage": rng.choice(["I", "II", "III"], n, p=[0.6, 0.3, 0.1]), "site": rng.integers(0, 2, n)}
    return pl.DataFrame({**columns, **levels, "w": rng.integers(0, 8, n) / 4})


def _parts(frame: pl.DataFrame, seed: int) -> list[pl.DataFrame]:
    """Cut rows, shuffled, in one to seven parts, of which some may be empty."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, frame.height + 1, rng.integers(0, 7)))
    shuffled = frame[rng.permutation(frame.height)]
    return [shuffled[i:j] for i, j in zip([0, *at], [*at, frame.height], strict=True)]


def _equal(one: sv.FineGray, whole: sv.FineGray) -> None:
    estimates, errors = ["estimate", "hazard_ratio"], ["std_error", "robust_std_error", "conf_low", "conf_high"]
    for columns, tolerance in ((estimates, 1e-10), (errors, 1e-8)):
        mine, theirs = (fit.coefficients.select(columns).fill_null(0.0).to_numpy() for fit in (one, whole))
        assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)
    assert_allclose([one.loglik, one.loglik_null], [whole.loglik, whole.loglik_null], rtol=1e-10)
    assert_allclose(one.tests["statistic"], whole.tests["statistic"], rtol=1e-8)
    assert_allclose(one.baseline(), whole.baseline(), rtol=1e-9)
    for what in ("n", "n_event", "n_competing", "notes", "of", "design"):
        assert getattr(one, what) == getattr(whole, what)


@pytest.mark.parametrize("more", ASKED)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_parts_give_the_fit_of_one_frame(more: dict[str, Any], seed: int) -> None:
    frame = _cohort(400, seed)

    parts = Parts(_parts(frame, seed))

    _equal(sv.fine_gray(parts, **MODEL, **more), sv.fine_gray(frame, **MODEL, **more))


@pytest.mark.ci
@pytest.mark.parametrize("more", ASKED)
def test_two_hundred_random_partitions(more: dict[str, Any]) -> None:
    frame = _cohort(500, seed=9)
    whole = sv.fine_gray(frame, **MODEL, **more)

    for seed in range(200 // len(ASKED)):
        _equal(sv.fine_gray(Parts(_parts(frame, seed)), **MODEL, **more), whole)


@pytest.mark.parametrize("kind", ["lazy", "path", "threads", "processes"])
def test_wherever_rows_lie(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subdistribution_spread, "BATCH", 150)
    frame, files = _cohort(600), [tmp_path / f"{k}.parquet" for k in range(3)]
    for file, part in zip(files, _three(frame), strict=True):
        part.write_parquet(file, row_group_size=70)
    frame.write_parquet(tmp_path / "all.parquet", row_group_size=70)
    spawn = multiprocessing.get_context("forkserver")
    sources: dict[str, Callable[[], Any]] = {
        "lazy": frame.lazy,
        "path": lambda: str(tmp_path / "all.parquet"),
        "threads": lambda: Parts(files, ThreadPoolExecutor(2)),
        "processes": lambda: Parts(files, ProcessPoolExecutor(2, mp_context=spawn)),
    }

    source = sources[kind]()
    found = sv.fine_gray(source, **MODEL, **LATE)
    if isinstance(source, Parts) and source.executor:
        source.executor.shutdown()

    _equal(found, sv.fine_gray(frame, **MODEL, **LATE))


def _three(frame: pl.DataFrame) -> list[pl.DataFrame]:
    return [frame[:200], frame[200:210], frame[210:]]


def test_parts_that_are_empty_weightless_or_without_events() -> None:
    frame = _cohort(400).with_columns(keep=pl.col("why").replace_strict({"censored": 0, "relapse": 1, "death": 2}))
    none = frame.with_columns(w=pl.lit(0.0))[:30]
    pieces = [frame.clear(), *(frame.filter(keep=k) for k in range(3)), none]

    found = sv.fine_gray(Parts(pieces), **MODEL, weights="w")

    whole = sv.fine_gray(pl.concat([frame, none]), **MODEL, weights="w")
    _equal(found, whole)
    assert found.notes[0].startswith(f"{int((frame['w'] == 0).sum()) + 30} rows of weight 0")


def test_causes_as_numbers_that_not_every_part_holds() -> None:
    frame = _cohort(300).with_columns(pl.col("why").replace_strict({"censored": 0, "relapse": 7, "death": 3}))
    pieces = [frame.filter(pl.col("why") != 3), frame.filter(pl.col("why") == 3)]
    asked = {**MODEL, "of": 7}

    _equal(sv.fine_gray(Parts(pieces), **asked), sv.fine_gray(pl.concat(pieces), **asked))


def test_results_of_rows_that_are_not_held() -> None:
    frame = _cohort(400)
    found, whole = (sv.fine_gray(source, **MODEL) for source in (frame.lazy(), frame))
    plain, held = (sv.fine_gray(source, **MODEL, variance="model") for source in (frame.lazy(), frame))
    new = frame[:2]

    told, wanted = (fit.to_result(population="p", outcome="o").table for fit in (found, whole))
    risks, expected = (fit.predict_incidence(new, [5, 20])["incidence"] for fit in (plain, held))

    assert_allclose(told["estimate"], wanted["estimate"], rtol=1e-10)
    assert_allclose(risks, expected, rtol=1e-9)
    assert repr(found).splitlines()[0] == repr(whole).splitlines()[0]
    with pytest.raises(DefinitionError, match="needs the rows of the model: fit it with fine_gray"):
        found.predict_incidence(new, 5)


def test_what_needs_all_rows_in_memory_and_what_has_no_answer_is_refused() -> None:
    frame = _cohort(200)

    for more in ({"cluster": "site"}, {"clock": "continuous"}):
        with pytest.raises(DefinitionError, match="need rows held in memory: collect the frame"):
            sv.fine_gray(frame.lazy(), **MODEL, **more)
    with pytest.raises(NoValidAnswer, match="no rows are left"):
        sv.fine_gray(Parts([frame.clear(), frame.clear()]), **MODEL)
    with pytest.raises(NoValidAnswer, match="all weights are 0"):
        sv.fine_gray(Parts([frame.with_columns(w=pl.lit(0.0))]), **MODEL, weights="w")
    with pytest.raises(DefinitionError, match="nobody fails of cause 'stroke'"):
        sv.fine_gray(Parts([frame]), **{**MODEL, "of": "stroke"})
    with pytest.raises(DataError, match="different types in different parts"):
        sv.fine_gray(Parts([frame, frame.with_columns(why=pl.lit(1))]), **MODEL)


@pytest.mark.parametrize("days", [40, -1])
def test_rows_that_change_between_reads_are_refused(days: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, file = _cohort(300), tmp_path / "rows.parquet"
    frame.write_parquet(file)
    counts = subdistribution_spread.cells_of_counts

    def after_the_first_read(*told: Any) -> Any:
        frame.with_columns(pl.col("t") + days).write_parquet(file)
        return counts(*told)

    monkeypatch.setattr(subdistribution_spread, "cells_of_counts", after_the_first_read)

    with pytest.raises(DataError, match="not those of the first read"):
        sv.fine_gray(file, **MODEL)
