# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The small systems beneath every regression hold to certified answers, or say which rows are nothing new.

Longley's employment data of the NIST Statistical Reference Datasets (public domain): six covariates so nearly
collinear that normal equations in their own units lose nearly all digits (Longley 1967, J Am Stat Assoc 62:819).
"""

from __future__ import annotations

import numpy as np
import pytest

from rwe.survival.linear import aliased, solve
from rwe.survival.rows import NONE
from rwe.survival.standard import on_scale

LONGLEY = np.array(
    [
        [60323, 83.0, 234289, 2356, 1590, 107608, 1947],
        [61122, 88.5, 259426, 2325, 1456, 108632, 1948],
        [60171, 88.2, 258054, 3682, 1616, 109773, 1949],
        [61187, 89.5, 284599, 3351, 1650, 110929, 1950],
        [63221, 96.2, 328975, 2099, 3099, 112075, 1951],
        [63639, 98.1, 346999, 1932, 3594, 113270, 1952],
        [64989, 99.0, 365385, 1870, 3547, 115094, 1953],
        [63761, 100.0, 363112, 3578, 3350, 116219, 1954],
        [66019, 101.2, 397469, 2904, 3048, 117388, 1955],
        [67857, 104.6, 419180, 2822, 2857, 118734, 1956],
        [68169, 108.4, 442769, 2936, 2798, 120445, 1957],
        [66513, 110.8, 444546, 4681, 2637, 121950, 1958],
        [68655, 112.6, 482704, 3813, 2552, 123366, 1959],
        [69564, 114.2, 502601, 3931, 2514, 125368, 1960],
        [69331, 115.7, 518173, 4806, 2572, 127852, 1961],
        [70551, 116.9, 554894, 4007, 2827, 130081, 1962],
    ]
)
CERTIFIED = [15.0618722713733, -0.0358191792925910, -2.02022980381683, -1.03322686717359, -0.0511041056535807]
CERTIFIED += [1829.15146461355]
ERRORS = [84.9149257747669, 0.0334910077722432, 0.488399681651699, 0.214274163161675, 0.226073200069370]
ERRORS += [455.478499142212]


def _standard(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = x.copy()
    _, scale, _ = on_scale(z, NONE, np.zeros(len(z), np.bool_))
    return z, scale


def test_longley_on_the_scale_of_every_model_keeps_nine_digits_and_more() -> None:
    z, scale = _standard(LONGLEY[:, 1:])
    y = LONGLEY[:, 0] - LONGLEY[:, 0].mean()

    gram = z.T @ z
    found = solve(gram, z.T @ y)
    rest = y - z @ found
    errors = np.sqrt(np.diag(solve(gram, np.eye(6))) * (rest @ rest) / 9) / scale

    assert aliased(gram) == []
    assert found / scale == pytest.approx(CERTIFIED, rel=1e-10)
    assert errors == pytest.approx(ERRORS, rel=1e-10)


def test_a_row_that_the_others_exhaust_is_named() -> None:
    x = LONGLEY[:, 1:]
    z, _ = _standard(np.column_stack([x, x[:, 0] - 3 * x[:, 5], np.full(16, 2.0)]))

    assert aliased(z.T @ z) == [6, 7]
