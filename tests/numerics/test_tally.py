# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A cohort counted in one pass, in batches, in parts, by threads, processes and sites gives one answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.execute import Parts
from rwe.survival import counting, stream
from rwe.survival.counts import Tally
from rwe.survival.data import respond
from rwe.survival.gather import from_response
from rwe.survival.roles import Roles

GIVEN: dict[str, Any] = {"time": "t", "event": "e", "entry": "a", "by": "g"}
WEIGHTED = GIVEN | {"weights": "w", "entry": None}


def _cohort(n: int, seed: int = 7) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    enter = rng.integers(0, 20, n)
    columns = {"a": enter, "t": enter + rng.integers(1, 90, n), "e": rng.integers(0, 2, n)}
    return pl.DataFrame(columns | {"g": rng.choice(["x", "y", "z"], n), "s": rng.integers(3, 6, n), "w": rng.random(n)})


def _answers(frame: Any) -> list[Any]:
    tests = [sv.log_rank(frame, **more, strata="s") for more in (GIVEN, WEIGHTED | {"variance": "xie_liu"})]
    curves = [sv.kaplan_meier(frame, **more) for more in (GIVEN, WEIGHTED)]
    means = [curve.rmst(60) for curve in curves]
    hazard, follow_up = sv.nelson_aalen(frame, **WEIGHTED).table, sv.median_follow_up(frame, **GIVEN).table
    return [t.table for t in tests] + [c.table for c in curves] + [*means, hazard, follow_up]


def _same(frames: list[Any], wanted: list[Any]) -> None:
    for one, other in zip(frames, wanted, strict=True):
        assert_frame_equal(one, other, rel_tol=1e-10, abs_tol=1e-10)


def _cut(frame: pl.DataFrame, cuts: list[int]) -> list[pl.DataFrame]:
    places = sorted({0, frame.height, *(c % frame.height for c in cuts)})
    return [frame[a:b] for a, b in pairwise(places)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=6), st.integers(0, 99))
def test_any_partition_gives_the_answer_of_one_pass(cuts: list[int], seed: int) -> None:
    frame = _cohort(120, seed)

    _same(_answers(Parts(_cut(frame, cuts))), _answers(frame))


def test_parts_in_any_order_with_levels_and_causes_of_their_own() -> None:
    frame = _cohort(300).with_columns(c=pl.when(pl.col("g") == "z").then(2).otherwise(1) * pl.col("e"))
    parts = frame.partition_by("g", "s")
    roles: dict[str, Any] = {"time": "t", "cause": "c", "entry": "a", "by": ["g"], "strata": ["s"]}

    whole, merged = sv.tally(frame, **roles), sv.tally(Parts([*parts[::-1], frame.clear()]), **roles)

    assert merged.causes == whole.causes == (1, 2)
    assert np.array_equal(merged.days.persons, whole.days.persons)
    assert merged.group.frame.equals(whole.group.frame)


@contextmanager
def _dask() -> Any:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            1, processes=False, host="127.0.0.1", protocol="tcp", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


WORKERS: dict[str, Callable[[], AbstractContextManager[Executor]]] = {
    "threads": lambda: ThreadPoolExecutor(3),
    "processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
    "dask": _dask,
}


@pytest.mark.parametrize("kind", WORKERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_workers_of_any_kind(kind: str, tmp_path: Path) -> None:
    frame = _cohort(200)
    paths = [tmp_path / f"{i}.parquet" for i in range(3)]
    for part, path in zip(_cut(frame, [50, 90]), paths, strict=True):
        part.write_parquet(path)

    with WORKERS[kind]() as executor:
        curve = sv.kaplan_meier(Parts(paths, executor), **GIVEN).table
        test = sv.log_rank(Parts(paths, executor), **GIVEN).table

    _same([curve, test], [sv.kaplan_meier(frame, **GIVEN).table, sv.log_rank(frame, **GIVEN).table])


@pytest.mark.parametrize("clock", ["days", "continuous"])
@pytest.mark.parametrize("weights", [None, "w"])
def test_two_sites_that_send_tables_only(clock: Any, weights: str | None, tmp_path: Path) -> None:
    frame = _cohort(200).with_columns(c=pl.col("e") * pl.col("s").replace_strict({3: 1, 4: 2, 5: 2}))
    roles: dict[str, Any] = {"time": "t", "cause": "c", "by": "g", "strata": ["s"], "weights": weights, "clock": clock}
    for name, part in zip("ab", _cut(frame, [120]), strict=True):
        sv.tally(part, **roles).save(tmp_path / name)

    north, south = (Tally.load(tmp_path / name) for name in "ab")

    merged, whole = sv.tally(Parts([north, south]), **roles), sv.tally(frame, **roles)
    assert np.array_equal(merged.days.persons, whole.days.persons)
    assert_allclose(merged.days.weights, whole.days.weights, rtol=1e-12, atol=1e-12)
    assert_allclose(merged.days.squares, whole.days.squares, rtol=1e-12, atol=1e-12)
    assert (merged.roles, merged.causes, merged.whole) == (whole.roles, whole.causes, whole.whole)
    assert_frame_equal(merged.frame(), whole.frame())


def test_a_table_answers_only_what_it_was_counted_for(tmp_path: Path) -> None:
    frame = _cohort(50)
    counted = sv.tally(frame, time="t", event="e", by="g")
    frame.write_parquet(tmp_path / "rows.parquet")

    with pytest.raises(DefinitionError, match=r"rows were counted by \['t', 'e', 'g'\], and asked for by \['t', 'e'\]"):
        sv.kaplan_meier(counted, time="t", event="e")
    with pytest.raises(DefinitionError, match="need all rows in one frame"):
        sv.kaplan_meier(Parts([frame]), time="t", event="e", cluster="s")
    with pytest.raises(DataError, match="holds no table of counts"):
        Tally.load(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="different types in different parts"):
        sv.tally(Parts([frame, frame.with_columns(pl.col("g").cast(pl.Categorical))]), time="t", event="e", by="g")
    with pytest.raises(NoValidAnswer, match="no rows are left"):
        sv.tally(Parts([frame.clear(), frame.clear().lazy()]), time="t", event="e", by="g")


def test_batches_of_a_lazy_frame_and_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _cohort(1000)
    frame.write_parquet(tmp_path / "rows.parquet", row_group_size=130)
    monkeypatch.setattr(stream, "BATCH", 300)

    for held in (frame.lazy(), tmp_path / "rows.parquet"):
        _same(_answers(held), _answers(frame))


@pytest.mark.parametrize("more", [{}, {"weights": "w"}])
def test_the_same_bits_on_any_number_of_threads(more: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "PART", 100)
    frame, found = _cohort(1000), []

    for threads in ("1", "2", "5"):
        monkeypatch.setenv("RWE_THREADS", threads)
        found.append(sv.kaplan_meier(frame.lazy(), **GIVEN, robust=False, **more).table)

    assert all(table.equals(found[0]) for table in found)


KINDS: dict[str, list[pl.Expr]] = {
    "integers": [],
    "floats": [pl.col("t", "a").cast(pl.Float64)],
    "short": [pl.col("t", "a").cast(pl.Int32), pl.col("e").cast(pl.Int8), pl.col("s").cast(pl.UInt16)],
    "truth": [pl.col("e").cast(pl.Boolean), (pl.col("s") > 4).alias("s")],
    "enum": [pl.col("g").cast(pl.Enum(["unused", "z", "y", "x"]))],
    "category": [pl.col("g").cast(pl.Categorical)],
    "far": [pl.col("s") * 500 - 1700],
    "wide": [pl.col("s") * 50_000],
    "float levels": [pl.col("s") / 2],
    "float events": [pl.col("e").cast(pl.Float64)],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunks", [1, 3])
def test_the_short_way_counts_as_the_long_way(kind: str, chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "PART", 100)
    monkeypatch.setattr(counting, "BLOCK", 64)
    frame = _cohort(500).with_columns(KINDS[kind])
    frame = pl.concat(frame.iter_slices(-(-500 // chunks)), rechunk=False)
    roles = Roles("t", "e", None, "a", ("g",), ("s",))

    short, long = sv.tally(frame, time="t", event="e", entry="a", by="g", strata="s"), respond(
        frame, time="t", event="e", entry="a", by=("g",), strata=("s",)
    )  # fmt: skip

    wanted = from_response(long, roles)
    assert np.array_equal(short.days.persons, wanted.days.persons)
    assert_frame_equal(short.group.frame, wanted.group.frame)
    assert_frame_equal(short.strata.frame, wanted.strata.frame)
    assert (counting.count(frame, roles) is None) == (kind in {"wide", "float events"})


def test_causes_are_counted_the_short_way() -> None:
    frame = _cohort(500).with_columns(c=pl.col("e") * (2 + 3 * (pl.col("s") == 4)))
    roles = Roles("t", None, "c", "a", ("g",), ("s",))

    counted = counting.count(frame, roles)

    assert counted is not None
    wanted = from_response(respond(frame, time="t", cause="c", entry="a", by=("g",), strata=("s",)), roles)
    assert counted.causes == wanted.causes == (2, 5)
    assert np.array_equal(counted.persons.reshape(wanted.days.persons.shape), wanted.days.persons)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"t": [3, -1, 9]}, "column 't': 1 of 3 rows lie before day 0"),
        ({"t": [3.0, 7.5, 9.0]}, "column 't': 1 of 3 rows are not whole days"),
        ({"t": [3.0, float("nan"), float("inf")]}, "column 't': 2 of 3 rows have no finite value"),
        ({"t": [3, 54_788, 2**40]}, "column 't': 2 of 3 rows lie beyond 150 years"),
        ({"t": [3, None, 9]}, "column 't': 1 of 3 rows have no finite value"),
        ({"e": [1, 2, 1]}, "column 'e': 1 of 3 rows are neither 0 nor 1"),
        ({"e": [1, -1, 1]}, "column 'e': 1 of 3 rows are neither 0 nor 1"),
        ({"a": [0, 7, 9]}, "column 't' and 'a': 2 of 3 rows leave on or before the day they enter"),
        ({"a": [0, -7, 9]}, "column 'a': 1 of 3 rows lie before day 0"),
        ({"g": [1, None, 9]}, "column 'g': 1 of 3 rows have no value"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_name(change: dict[str, Any], says: str) -> None:
    good = {"t": [3, 7, 9], "e": [1, 0, 1], "a": [0, 1, 2], "g": [1, 2, 1]}

    with pytest.raises(DataError) as error:
        sv.kaplan_meier(pl.DataFrame(good | change, strict=False), **GIVEN)

    assert str(error.value).startswith(says)
