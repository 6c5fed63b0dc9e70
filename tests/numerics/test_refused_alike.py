# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The same fault is refused by the same error in the same words wherever the rows lie: names, and counts of all rows.

Rows of the edge table that are refused, with more faults that a path could tell otherwise. Batches and parts hold a
few rows only, so that those at fault lie in several of them, and some hold none.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import BrokenRows, DataError, NoValidAnswer, RweError
from rwe.execute import Parts
from rwe.survival import spread, stream, subdistribution_spread, survey

N = 24
ROWS: dict[str, Any] = {"time": "t", "event": "e"}
CAUSES: dict[str, Any] = {"time": "t", "cause": "c", "weights": "w"}
Door = Callable[[Any], Any]
DOORS: dict[str, Door] = {  # in parts, curves and tests take late entry or weights, not both
    "curves": lambda rows: sv.kaplan_meier(rows, **ROWS, entry="a", by="g"),
    "hazards": lambda rows: sv.nelson_aalen(rows, **ROWS, weights="w", by="g"),
    "log-rank": lambda rows: sv.log_rank(rows, **ROWS, entry="a", by="g", strata="s"),
    "incidence": lambda rows: sv.cumulative_incidence(rows, **CAUSES, by="g"),
    "cox": lambda rows: sv.cox(rows, **ROWS, entry="a", weights="w", strata="s", covariates=["x", "z", "g"]),
    "fine-gray": lambda rows: sv.fine_gray(rows, **CAUSES, entry="a", of=1, covariates=["x", "z"]),
}
ALL, LATE, WEIGHED = (
    tuple(DOORS),
    ("curves", "log-rank", "cox", "fine-gray"),
    ("hazards", "incidence", "cox", "fine-gray"),
)
EVENTS = ("curves", "hazards", "log-rank", "cox")


def _good() -> dict[str, Any]:
    rng = np.random.default_rng(6)
    entry, cause = rng.integers(0, 3, N), np.arange(N) % 3
    return {
        "t": (entry + rng.integers(1, 15, N)).tolist(), "a": entry.tolist(), "c": cause.tolist(),
        "e": (cause > 0).astype(int).tolist(), "w": [1.0, 0.5, 2.0, 1.0] * (N // 4), "g": ["x", "y"] * (N // 2),
        "s": [0, 0, 1] * (N // 3), "x": rng.normal(size=N).tolist(), "z": rng.integers(0, 2, N).tolist(),
    }  # fmt: skip


def _with(column: str, *values: Any) -> pl.DataFrame:
    """Return good rows with these values in some places of a column, far from each other."""
    good = _good()
    for place, value in zip((4, 5, 20), values, strict=False):
        good[column][place] = value
    return pl.DataFrame(good, strict=False)


def _but(*columns: pl.Expr, **named: Any) -> pl.DataFrame:
    return pl.DataFrame(_good()).with_columns(*columns, **named)


NAN = float("nan")
FAULTS: dict[str, tuple[pl.DataFrame, tuple[str, ...], type[RweError], str]] = {
    "E7 fractions of days": (_with("t", 0.3, 7.5, 2.25), ALL, DataError, "column 't': 3 of 24 rows are not w"),
    "E12 leave before they enter": (_with("a", 80, 90, 70), LATE, DataError, "column 't' and 'a': 3 of 24"),
    "E15 before day 0": (_with("t", -4, -1), ALL, DataError, "column 't': 2 of 24 rows lie before day 0"),
    "E15 missing": (_with("t", None, 5, None), ALL, DataError, "column 't': 2 of 24 rows have no finite"),
    "E15 no number": (_with("t", NAN, 5.0, NAN), ALL, DataError, "column 't': 2 of 24 rows have no finite"),
    "other unit": (_with("t", 10**6, 5, 10**6), ALL, DataError, "column 't': 2 of 24 rows lie beyond 150"),
    "text": (_but(pl.col("t").cast(pl.String)), ALL, DataError, "column 't' holds String, not numbers"),
    "single": (_but(pl.col("w").cast(pl.Float32)), WEIGHED, DataError, "column 'w' is in single precision"),
    "events of R": (_with("e", 2, 2, 2), EVENTS, DataError, "column 'e': 3 of 24"),
    "causes below 0": (_with("c", -1, 1, -2), ("incidence", "fine-gray"), DataError, "column 'c': 2 of 24 rows are n"),
    "weights below 0": (_with("w", -1.0, 1.0, -3.0), WEIGHED, DataError, "column 'w': 2 of 24 rows have a negat"),
    "weights too large": (_with("w", 1e300, 1.0, 1e-300), WEIGHED, DataError, "column 'w': 2 of 24 rows have a w"),
    "two faults": (
        _with("t", -4, 5, 2.5).with_columns(a=pl.Series([0, NAN] + [0] * 22, dtype=pl.Float64, strict=False)),
        LATE, DataError, "column 't': 1 of 24 rows are not whole days",
    ),
    "levels missing": (_with("g", None, "x", None), EVENTS, DataError, "column 'g': 2 of 24"),
    "strata missing": (_with("s", None, 1, None), ("log-rank", "cox"), DataError, "column 's': 2 of 24 rows have no"),
    "covariate missing": (_with("x", None, 1.0, NAN), ("cox", "fine-gray"), DataError, "column 'x': 2 of 24 rows hav"),
    "E13 all weights 0": (_but(w=pl.lit(0.0)), WEIGHED, NoValidAnswer, "no rows are left to analyse: all weig"),
    "no rows": (pl.DataFrame(_good()).clear(), ALL, NoValidAnswer, "no rows are left to analyse"),
    "E19 no events": (_but(e=0), ("log-rank", "cox"), NoValidAnswer, "there are no events"),
    "E19 one group": (_but(g=pl.lit("x")), ("log-rank",), NoValidAnswer, ""),
    "E22 separation": (_but(z=pl.col("e")), ("cox",), NoValidAnswer, "terms ['z'] have no finite estimate"),
    "E23 repeated": (_but(z=2 * pl.col("x") + 1), ("cox", "fine-gray"), NoValidAnswer, "terms ['z'] are constant or"),
    "E24 constant": (_but(z=pl.lit(7)), ("cox", "fine-gray"), NoValidAnswer, "terms ['z'] are constant or"),
    "one level": (_but(g=pl.lit("x")), ("cox",), NoValidAnswer, "column 'g' holds one level only"),
    "no column": (pl.DataFrame(_good()).drop("t"), ALL, RweError, "the frame has no column 't'"),
}  # fmt: skip


def _lazy(rows: pl.DataFrame, _: Path) -> Any:
    return rows.lazy()


def _file(rows: pl.DataFrame, folder: Path) -> Any:
    rows.write_parquet(folder / "rows.parquet", row_group_size=3)
    return folder / "rows.parquet"


def _parts(rows: pl.DataFrame, _: Path) -> Any:
    return Parts([rows[:5], rows[5:6], rows[6:]])


def _files(rows: pl.DataFrame, folder: Path) -> Any:
    parts = []
    for i, part in enumerate((rows[:11], rows[11:])):
        (folder / str(i)).mkdir()
        parts.append(_file(part, folder / str(i)))
    return Parts(parts)


PATHS: dict[str, Callable[[pl.DataFrame, Path], Any]] = {
    "lazy frame": _lazy,
    "file": _file,
    "parts": _parts,
    "parts in files": _files,
}
FEW = ("E15 missing", "E13 all weights 0")  # those of the default tier
CASES = [
    pytest.param(fault, door, marks=() if fault in FEW else pytest.mark.ci)
    for fault, (_, doors, *_) in FAULTS.items()
    for door in doors
]


def _refused(door: Door, rows: Any) -> RweError:
    with pytest.raises(RweError) as caught:
        door(rows)
    return caught.value


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("fault", "door"), CASES)
def test_a_fault_is_told_alike_wherever_rows_lie(
    fault: str, door: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, _, error, says = FAULTS[fault]
    for module in (stream, survey, spread, subdistribution_spread):
        monkeypatch.setattr(module, "BATCH", 3)

    held, elsewhere = _refused(DOORS[door], rows), _refused(DOORS[door], PATHS[path](rows, tmp_path))

    assert isinstance(held, error)
    assert str(held).startswith(says)
    assert (type(elsewhere), str(elsewhere)) == (type(held), str(held))


def test_rows_of_weight_0_in_a_batch_of_their_own_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stream, survey, spread):
        monkeypatch.setattr(module, "BATCH", 3)
    rows = _but(w=pl.when(pl.int_range(pl.len()) < 7).then(0.0).otherwise("w"))

    fits = [DOORS["cox"](held) for held in (rows, rows.lazy(), Parts([rows[:4], rows[4:]]))]

    assert [fit.notes for fit in fits] == [("7 rows of weight 0 left out",)] * 3


@pytest.mark.ci
def test_a_fault_travels_between_processes() -> None:
    rows = _with("t", -4, -1, -2)
    fault = BrokenRows("t", "lie before day 0", "mend them", 3, 24)

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        told = _refused(DOORS["curves"], Parts([rows[:5], rows[5:]], executor))

    assert str(told) == str(_refused(DOORS["curves"], rows))
    assert str(pickle.loads(pickle.dumps(fault))) == str(fault)
