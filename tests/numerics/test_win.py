# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Win statistics: by hand, by plain Python over all pairs, by small changes of each weight, and their laws."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.spec.base import Text

ORDER = ("os", "pfs")


def trial_of(rows: pl.DataFrame) -> cp.TrialBaseline:
    endpoints = {name: SimpleNamespace(available=True, reason=None, arms={}) for name in ORDER}
    words = Text(en="t", bg="t")
    individual = rows.with_columns(arm=pl.lit("a"))
    return cp.TrialBaseline("t", words, "", {"all": rows.height}, {}, endpoints, individual, ())


def rows_of(seed: int, n: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    os, pfs = rng.integers(1, 60, n), rng.integers(1, 60, n)
    pfs = np.minimum(os, pfs)
    frame = {"os_days": os, "os_event": rng.random(n) < 0.5, "pfs_days": pfs, "pfs_event": rng.random(n) < 0.7}
    return pl.DataFrame(frame | {"w": rng.uniform(0.2, 3, n)})


def plain(ours: pl.DataFrame, theirs: pl.DataFrame, weight: np.ndarray, tau: int) -> tuple[float, float]:
    """Return shares of wins and losses over all pairs, one after the other."""
    win = loss = total = 0.0
    for i, w in zip(ours.iter_rows(named=True), weight, strict=True):
        for j in theirs.iter_rows(named=True):
            verdict = 0
            for name in ORDER:
                (a, fa), (b, fb) = (
                    (min(x[f"{name}_days"], tau), x[f"{name}_event"] and x[f"{name}_days"] <= tau) for x in (i, j)
                )
                if fb and (a > b or (a == b and not fa)):
                    verdict = 1
                elif fa and (b > a or (b == a and not fb)):
                    verdict = -1
                if verdict:
                    break
            win, loss, total = win + w * (verdict == 1), loss + w * (verdict == -1), total + w
    return win / total, loss / total


def test_by_hand_in_fractions() -> None:
    # Practice: dies on 10; lives to 40, progresses on 20; lives to 40 without progression.
    # Trial: dies on 10; lives to 40, progresses on 30; censored on 5.
    # Pairs in order (win +, loss -, tie 0):  (0 - 0), (+ - 0), (+ + 0).
    ours = pl.DataFrame(
        {
            "os_days": [10, 40, 40],
            "os_event": [True, False, False],
            "pfs_days": [10, 20, 40],
            "pfs_event": [True, True, False],
        }
    )
    theirs = pl.DataFrame(
        {
            "os_days": [10, 40, 5],
            "os_event": [True, False, False],
            "pfs_days": [10, 30, 5],
            "pfs_event": [True, True, False],
        }
    )

    found = cp.win(ours, trial_of(theirs), endpoints=ORDER, tau=40)

    assert (found.win, found.loss, found.tie) == pytest.approx((3 / 9, 2 / 9, 4 / 9))
    estimate = dict(found.table.select("estimand", "estimate").iter_rows())
    expected = {"win_ratio": Fraction(3, 2), "net_benefit": Fraction(1, 9), "win_odds": Fraction(5, 4)}
    assert estimate == pytest.approx({name: float(x) for name, x in expected.items()})


@pytest.mark.parametrize("seed", range(4))
def test_equals_all_pairs_one_after_the_other(seed: int) -> None:
    ours, theirs = rows_of(seed, 30), rows_of(seed + 50, 25)

    found = cp.win(ours, trial_of(theirs), endpoints=ORDER, tau=40, weights="w")

    assert (found.win, found.loss) == pytest.approx(plain(ours, theirs, ours["w"].to_numpy(), 40), rel=1e-12)


def test_errors_are_those_of_small_changes_of_each_weight() -> None:
    # The infinitesimal jackknife by finite differences; the trial's part by swapping sides.
    ours, theirs = rows_of(1, 20), rows_of(2, 20)
    w, flat = ours["w"].to_numpy(), np.ones(20)

    def log_ratio(weight: np.ndarray, first: pl.DataFrame, second: pl.DataFrame) -> float:
        win, loss = plain(first, second, weight, 40)
        return float(np.log(win / loss))

    def influence(weight: np.ndarray, first: pl.DataFrame, second: pl.DataFrame) -> list[float]:
        changes = []
        for i in range(20):
            up, down = weight.copy(), weight.copy()
            up[i], down[i] = up[i] + 1e-5, down[i] - 1e-5
            changes.append(weight[i] * (log_ratio(up, first, second) - log_ratio(down, first, second)) / 2e-5)
        return changes

    found = cp.win(ours, trial_of(theirs), endpoints=ORDER, tau=40)

    own, other = influence(flat, ours, theirs), influence(flat, theirs, ours)
    error = found.table.filter(estimand="win_ratio")["std_error"].item()
    assert error == pytest.approx(float(np.hypot(np.linalg.norm(own), np.linalg.norm(other))), rel=1e-6)
    weighted = cp.win(ours, trial_of(theirs), endpoints=ORDER, tau=40, weights="w")
    assert weighted.table["std_error"].null_count() == 0
    assert influence(w, ours, theirs) != own


def test_one_endpoint_without_ties_and_censoring_is_the_concordance_of_two_samples() -> None:
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(4)
    days = rng.permutation(200) + 1
    frame = pl.DataFrame({"os_days": days, "os_event": True})

    last = int(min(days[:120].max(), days[120:].max()))

    found = cp.win(frame[:120], trial_of(frame[120:]), endpoints=("os",), tau=last)

    u = mannwhitneyu(days[:120], days[120:]).statistic
    assert found.win + found.tie / 2 == pytest.approx(u / (120 * 80), abs=1 / (120 * 80))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"endpoints": ("os", "os")}, DefinitionError, "once"),
        ({"endpoints": ("os", "relapse")}, NoValidAnswer, "individual data of relapse"),
        ({"tau": 400}, NoValidAnswer, "no common horizon"),
    ],
)
def test_refusals(options: dict, error: type[Exception], words: str) -> None:
    ours, theirs = rows_of(1, 20), rows_of(2, 20)

    with pytest.raises(error, match=words):
        cp.win(ours, trial_of(theirs), **{"endpoints": ORDER, "tau": 40, **options})
