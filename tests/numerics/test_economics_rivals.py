# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Economic models beside heormodel, on the same inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe.reimbursement import economics as ec
from rwe.reimbursement.economics.decision import acceptability

pytestmark = pytest.mark.ci
YEAR = 365.25
MATRIX = ((0.85, 0.10, 0.05), (0.0, 0.8, 0.2), (0.0, 0.0, 1.0))
COST, UTILITY = (2000.0, 5000.0), (0.85, 0.6)
SHORT = {"efficient": "ND", "dominated": "D", "extendedly_dominated": "ED"}


@pytest.mark.parametrize("seed", range(100))
def test_dominance_equals_heormodel(seed: int) -> None:
    import pandas as pd
    from heormodel.cea import icer_table

    rng = np.random.default_rng(seed)
    cost, effect = rng.integers(1, 12, 8) * 1000.0, rng.integers(1, 12, 8) / 4
    names = [f"s{i}" for i in range(8)]

    found = ec.icers(names, cost, effect)
    theirs = icer_table(pd.DataFrame({"cost": cost, "effect": effect}, index=names))

    ours = {row["strategy"]: (SHORT[row["status"]], row["icer"]) for row in found.iter_rows(named=True)}
    for name, row in theirs.iterrows():
        status, icer = ours[str(name)]
        assert status == row["status"]
        assert (np.nan if icer is None else icer) == pytest.approx(row["icer"], nan_ok=True)


@pytest.mark.parametrize(("theirs", "ours"), [("half_cycle", "half_cycle"), ("none", "end")])
def test_a_markov_model_equals_heormodel(theirs: str, ours: Any) -> None:
    """heormodel without a correction counts those at the start too: the first point is taken from it."""
    import pandas as pd
    from heormodel.models import CohortSpec, MarkovModel

    spec = CohortSpec(np.array(MATRIX), np.array([*COST, 0.0]), np.array([*UTILITY, 0.0]))
    engine = MarkovModel(
        states=("w", "i", "d"),
        interventions=("x",),
        transitions_and_rewards=lambda _, __: spec,
        n_cycles=80,
        cycle_length=0.5,
        discount_rate=0.035,
        cycle_correction=theirs,
    )
    told = engine.evaluate(pd.DataFrame({"unused": [0.0, 1.0]})).data.iloc[0]
    first = 0.0 if theirs == "half_cycle" else 1.0

    costs, effects = (tuple(ec.Stay(s, v, YEAR / 2) for s, v in zip("wi", g, strict=True)) for g in (COST, UTILITY))
    model = ec.Markov(("w", "i", "dead"), (ec.Phase(MATRIX),))
    timing = ec.Timing(YEAR / 2, 80, 0.035, 0.035, "end", ours)
    found = ec.evaluate({"x": ec.Strategy(model, costs, (), effects)}, timing).table

    assert found["cost"][0] == pytest.approx(told["cost"] - first * COST[0], rel=1e-12)
    assert found["effect"][0] == pytest.approx(told["qaly"] - first * UTILITY[0], rel=1e-12)


def test_a_decision_under_uncertainty_equals_heormodel() -> None:
    import pandas as pd
    from heormodel.cea import ceac, ceaf
    from heormodel.models import Outcomes
    from heormodel.voi import evpi

    rng, names = np.random.default_rng(3), ["a", "b", "c"]
    cost, effect = rng.gamma(40.0, 500.0, (2000, 3)), rng.normal([3.0, 3.2, 3.3], 0.4, (2000, 3))
    outcomes = Outcomes.from_wide(*(pd.DataFrame(values, columns=names) for values in (cost, effect)))
    thresholds = [1e3, 2e4, 5e4]

    found = acceptability(names, cost, effect, thresholds)

    for name in names:
        np.testing.assert_allclose(found.filter(strategy=name)["probability"], ceac(outcomes, thresholds)[name])
    best = found.filter(pl.col("best"))
    np.testing.assert_allclose(best["evpi"], evpi(outcomes, thresholds).to_numpy())
    assert best["strategy"].to_list() == ceaf(outcomes, thresholds)["intervention"].to_list()
