# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Labels placed by computation: beside their own curve, on no line, on no other label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Boxes = NDArray[np.float64]  # (n, 4): left, top, right, bottom in px, y downwards
STEP_X, STEP_Y = 16.0, 6.0
CLEAR = 5.0  # px between a label and a line


@dataclass(frozen=True, slots=True)
class Label:
    """A label looking for a place.

    Parameters
    ----------
    width, height
        Its size in px.
    curve
        Boxes of the curve it names.
    """

    width: float
    height: float
    curve: Boxes


def step_boxes(x: ArrayLike, y: ArrayLike) -> Boxes:
    """Return the horizontal and vertical pieces of a step curve as boxes without area."""
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    flat = np.column_stack([xs[:-1], ys[:-1], xs[1:], ys[:-1]])
    fall = np.column_stack([xs[1:], np.minimum(ys[:-1], ys[1:]), xs[1:], np.maximum(ys[:-1], ys[1:])])
    return np.vstack([flat, fall])


def place(labels: Sequence[Label], lines: Boxes, soft: Boxes, size: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the left top corner of each label, in the order given.

    Parameters
    ----------
    labels
        What is to be placed; earlier labels choose first.
    lines
        What no label may touch: curves, rules.
    soft
        What a label had better not cover: bands, grid lines.
    size
        Width and height of the view in px.
    """
    taken: list[tuple[float, float]] = []
    for label in labels:
        free = _candidates(label, size)
        own, other = _gap(free, label.curve), _gap(free, _without(lines, label.curve))
        gap = np.minimum(own, other)
        cost = own + np.where(other < own, 60.0, 0.0)  # nearest to the curve it names, or it misleads
        cost += np.where(gap < CLEAR, 1e4 * (CLEAR - gap), 0.0)
        cost += 25.0 * (_gap(free, soft) < 2)
        cost += 0.03 * (size[0] - free[:, 2])  # rather where curves have parted, to the right
        cost += np.where(_gap(free, lines_of(taken, labels)) < CLEAR, 1e6, 0.0)
        best = free[int(np.argmin(cost))]
        taken.append((float(best[0]), float(best[1])))
    return taken


def leader(label: Label, corner: tuple[float, float], lines: Boxes) -> tuple[float, float, float] | None:
    """Return x, from and to of the upright line that ties a label to its curve, where another curve is nearer."""
    x, y = corner
    box = np.array([[x, y, x + label.width, y + label.height]])
    if _gap(box, _without(lines, label.curve))[0] >= _gap(box, label.curve)[0]:
        return None
    at = x + 9.0
    over = label.curve[(label.curve[:, 0] <= at) & (at <= label.curve[:, 2])]
    if not len(over):
        return None
    to = float(over[0, 1])
    return at, (y + label.height if to > y else y), to


def lines_of(corners: Sequence[tuple[float, float]], labels: Sequence[Label]) -> Boxes:
    """Return the boxes of the labels already placed."""
    boxes = [(x, y, x + one.width, y + one.height) for (x, y), one in zip(corners, labels, strict=False)]
    return np.asarray(boxes, dtype=float).reshape(-1, 4)


def _candidates(label: Label, size: tuple[float, float]) -> Boxes:
    lefts = np.arange(STEP_X, max(size[0] - label.width, STEP_X + 1), STEP_X)
    tops = np.arange(STEP_Y, max(size[1] - label.height - STEP_Y, STEP_Y + 1), STEP_Y)
    left, top = (grid.ravel() for grid in np.meshgrid(lefts, tops))
    return np.column_stack([left, top, left + label.width, top + label.height])


def _without(boxes: Boxes, own: Boxes) -> Boxes:
    """Return the boxes that are not pieces of the label's own curve."""
    if not len(own):
        return boxes
    mine = set(map(tuple, own.tolist()))
    return boxes[[tuple(box) not in mine for box in boxes.tolist()]]


def _gap(free: Boxes, boxes: Boxes) -> NDArray[np.float64]:
    """Return the distance in px from each candidate to the nearest of `boxes` (infinite if there is none)."""
    if not len(boxes):
        return np.full(len(free), np.inf)
    across = np.maximum(boxes[None, :, 0] - free[:, None, 2], free[:, None, 0] - boxes[None, :, 2])
    down = np.maximum(boxes[None, :, 1] - free[:, None, 3], free[:, None, 1] - boxes[None, :, 3])
    across, down = np.maximum(across, 0, out=across), np.maximum(down, 0, out=down)
    squared = np.add(np.square(across, out=across), np.square(down, out=down), out=across)
    return np.asarray(np.sqrt(squared.min(axis=1)), dtype=np.float64)
