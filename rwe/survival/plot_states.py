# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of the states of a multi-state model: where people are over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rwe.errors import DefinitionError
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.look import PALETTE
from rwe.figures.stacks import Stack, stacks
from rwe.figures.steps import Frame
from rwe.figures.svg import Caption
from rwe.figures.tongue import Language, Tongue
from rwe.survival.axis import Axis, Unit, axis
from rwe.survival.levels import text
from rwe.survival.plots import QUARTERS, Labels, given, named

if TYPE_CHECKING:
    from rwe.survival.states import Course, MultiState


def multi_state_chart(
    found: MultiState, *, horizon: float | None, unit: Unit | None, title: str | None, subtitle: str | None,
    time: str | None, labels: Labels, state_labels: Labels, language: Language,
) -> Chart:  # fmt: skip
    """Draw the probabilities of the states; see `MultiState.plot`."""
    if len(found.states) > len(PALETTE):
        raise DefinitionError(f"{len(found.states)} states are too many to tell apart: {len(PALETTE)} can be drawn")
    say = Tongue(language)
    groups = named(found._groups, labels, say) if found._groups.frame.width else [""]
    names = given([text(state) for state in found.states], found.states, state_labels)
    last = max(course.last for course in found._courses)
    where = axis(found._clock, float(found._clock.times([last])[0]), horizon, unit)
    panels = [
        stack(course, where, f"{group}: {say('probability')}" if group else say("probability"))
        for group, course in zip(groups, found._courses, strict=True)
    ]
    heading = title or say("states_title"), say("states_note") if subtitle is None else subtitle
    frame = Frame((where.title(say, time), ""), where.ticks, QUARTERS, where.end, say.percent, say.short)
    end = f"{say.number(where.end, 0)} ({frame.titles[0]})"
    spoken = say("description", kind=say("probability"), names=", ".join(names), end=end)
    key = key_of(heading, names, groups, frame.ticks, [panel.share.sum(axis=0).tolist() for panel in panels])
    return headed(stacks(panels, names, frame, Caption(key, heading[0], spoken)), *heading)


def stack(course: Course, where: Axis, title: str) -> Stack:
    """Return the steps of one group, the last of which holds up to its end of follow-up."""
    time = where.of(where.clock.times(np.append(course.days, course.last)))
    share = np.vstack([course.probability, course.probability[-1]])
    return Stack(title, np.append(0.0, time), share)
