# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the tests and contrasts of groups: order, names, units, copies and batches change no answer.

A cohort is made from a seed, which also picks the weights of days; each law meets 2,000 with each estimator in CI.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import NoValidAnswer
from rwe.execute import Parts
from rwe.survival import boxes
from tests.numerics.many import FEW, MANY, PassedOver, hold, of, pairs

GIVEN: dict[str, Any] = {"time": "t", "event": "e", "entry": "a", "by": "g"}
DAYS: tuple[dict[str, Any], ...] = (
    {"day_weights": "gehan"},
    {"day_weights": "tarone_ware"},
    {"day_weights": "peto_peto"},
    {"day_weights": "modified_peto_peto"},
    {"rho": 0.5, "gamma": 1},
)
CURVE = pl.DataFrame({"time": [5, 20], "survival": [0.8, 0.3]})
Answer = Callable[[Any], Any]


def cohort(seed: int) -> tuple[pl.DataFrame, np.random.Generator]:
    """Make a small cohort with ties, late entry, two groups and strata and whole weights; numbers to change it by."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 25))
    a, e, g = rng.integers(0, 4, n), rng.integers(0, 2, n), rng.integers(0, 2, n)
    if e.sum() < 3 or not 0 < g.sum() < n:
        raise PassedOver
    columns = {"a": a, "t": a + rng.integers(1, 13, n), "e": e, "g": g, "s": rng.integers(0, 2, n)}
    return pl.DataFrame(columns | {"w": rng.integers(1, 4, n)}), rng


def _test(seed: int, frame: Any, **more: Any) -> float:
    return sv.log_rank(frame, **{**GIVEN, **DAYS[seed % len(DAYS)], **more}).statistic


def _combo(frame: Any) -> list[float]:
    found = sv.max_combo(frame, **GIVEN, tests=[(0, 0), (1, 0), (0, 1)])
    return [found.p_value, *found.table["statistic"]]


def _medians(frame: pl.DataFrame) -> list[float]:
    row = sv.median_difference(frame, **GIVEN).table.select("estimate", "conf_low", "conf_high").row(0)
    return [np.nan if x is None else x for x in row]


def _of(seed: int) -> dict[str, Answer]:
    """Return what is asked of a cohort, by name."""
    weighted: dict[str, Any] = {"weights": "w", "entry": None, "variance": "xie_liu"} if seed % 2 else {}
    return {
        "log-rank": lambda frame: _test(seed, frame, strata="s", **weighted),
        "MaxCombo": _combo,
        "medians": _medians,
    }


def _said(answer: Answer, frame: Any) -> Any:
    """Return an answer; a cohort that has none is passed over."""
    try:
        return answer(frame)
    except NoValidAnswer:
        raise PassedOver from None


@cache
def _plain(what: str, seed: int) -> Any:
    """Return the answer to a cohort as it is; laws share it."""
    try:
        return _of(seed)[what](cohort(seed)[0])
    except (NoValidAnswer, PassedOver):
        return None


def _asked(what: str, seed: int) -> tuple[pl.DataFrame, np.random.Generator, Answer, Any]:
    """Return a cohort, numbers to change it by, what is asked of it, and the answer."""
    plain = _plain(what, seed)
    if plain is None:
        raise PassedOver
    return *cohort(seed), _of(seed)[what], plain


def _same(got: Any, wanted: Any) -> None:
    assert_allclose(got, wanted, rtol=1e-9, atol=1e-10)


def order_of_rows_changes_nothing(what: str, seed: int) -> None:
    frame, rng, answer, plain = _asked(what, seed)

    _same(answer(frame[rng.permutation(frame.height)]), plain)


def names_of_groups_change_only_the_sign(what: str, seed: int) -> None:
    frame, _, answer, plain = _asked(what, seed)

    turned = answer(frame.with_columns(g=1 - pl.col("g")))
    if what == "MaxCombo":
        turned = [turned[0], *(-z for z in turned[1:])]
    if what == "medians":
        turned = [-turned[0], -turned[2], -turned[1]]
    _same(turned, plain)


def the_unit_of_time_changes_only_times(what: str, seed: int) -> None:
    frame, rng, answer, plain = _asked(what, seed)
    factor = int(rng.integers(2, 90))

    _same(answer(frame.with_columns(pl.col("t", "a") * factor)), np.multiply(plain, factor if what == "medians" else 1))


def the_unit_of_time_changes_no_expected_failures(what: str, seed: int) -> None:
    frame, rng = cohort(seed)
    factor = int(rng.integers(2, 90))
    slow, curve = frame.with_columns(pl.col("t", "a") * factor), CURVE.with_columns(pl.col("time") * factor)
    if what == "one sample":
        pairs = [sv.one_sample_log_rank(f, **GIVEN, reference=c).table for f, c in ((slow, curve), (frame, CURVE))]
        _same(*(table["expected"] for table in pairs))
    else:
        pairs = [sv.nelson_aalen(f, **GIVEN, ties="fleming_harrington").table for f in (slow, frame)]
        _same(*(table["cumulative_hazard"] for table in pairs))


def copies_are_weights_in_what_is_observed_and_expected(_: str, seed: int) -> None:
    frame, _rng = cohort(seed)
    copies = frame[np.repeat(np.arange(frame.height), frame["w"].to_numpy())]

    def table(frame: pl.DataFrame, **more: Any) -> Any:
        return sv.log_rank(frame, **GIVEN, **DAYS[seed % len(DAYS)], **more).table.select("observed", "expected")

    _same(_said(partial(table, weights="w"), frame).to_numpy(), _said(table, copies).to_numpy())


def weights_of_one_make_xie_and_liu_the_plain_test(_: str, seed: int) -> None:
    frame, _rng = cohort(seed)
    one = partial(_test, seed, weights="w", variance="xie_liu")

    _same(_said(one, frame.with_columns(w=1.0)), _said(partial(_test, seed), frame))


def batches_are_the_whole(what: str, seed: int) -> None:
    frame, rng, answer, plain = _asked(what, seed)
    cut = int(rng.integers(1, frame.height))

    _same(answer(Parts([frame[:cut], frame[cut:]])), plain)


ALL = ("log-rank", "MaxCombo", "medians")
LAWS: dict[Callable[[str, int], None], tuple[str, ...]] = {
    order_of_rows_changes_nothing: ALL,
    names_of_groups_change_only_the_sign: ALL,
    the_unit_of_time_changes_only_times: ALL,
    the_unit_of_time_changes_no_expected_failures: ("one sample", "Fleming-Harrington"),
    copies_are_weights_in_what_is_observed_and_expected: ("log-rank",),
    weights_of_one_make_xie_and_liu_the_plain_test: ("log-rank",),
    batches_are_the_whole: ALL,
}


@pytest.fixture(autouse=True)
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Integrate over fewer points: what a law says of a tail holds for any lattice."""
    monkeypatch.setattr(boxes, "POINTS", 1 << 9)


@pytest.mark.parametrize(("law", "what"), pairs(LAWS))
def test_law(law: Callable[[str, int], None], what: str) -> None:
    hold(FEW, partial(law, what))


@pytest.mark.ci
@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", dict.fromkeys(what for _, what in pairs(LAWS)))
def test_laws_on_many_cohorts(what: str) -> None:
    hold(MANY, *(partial(law, what) for law in of(LAWS, what)))
