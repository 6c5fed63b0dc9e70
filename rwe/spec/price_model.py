# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Strategies of a price file: the states people pass through, what those cost and are worth."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rwe.spec.base import Int, Name, Part, Real, Text
from rwe.spec.price_curves import Amount, Per, one_of

Cell = Real | str  # a probability, a parameter (`name.2`: the second of its counts), or `rest`


class Phase(Part):
    """Probabilities of one cycle, for so many cycles; `ratio` is an effect on every way out of a state."""

    matrix: Annotated[tuple[tuple[Cell, ...], ...], Field(min_length=1)]
    cycles: Annotated[Int, Field(gt=0)] | None = None
    ratio: Amount = 1.0
    scale: Literal["probability", "hazard"] = "hazard"


class Matrices(Part):
    """A Markov model from matrices; the last phase holds to the end."""

    states: Annotated[tuple[Name, ...], Field(min_length=1)]
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    start: tuple[Real, ...] = ()


class Steps(Part):
    """A three-state Markov model from curves: states `progression_free`, `progressed`, `dead`.

    `progression` and `death` each take the other as censoring; `after` runs from the start (`forward`) or from
    progression (`reset`).
    """

    progression: Name
    death: Name
    after: Name
    clock: Literal["forward", "reset"] = "forward"


class Model(Part):
    """How people move: curves one upon another by state, matrices, or steps by their curves. `dead` comes of itself."""

    partitioned: Annotated[dict[Name, Name], Field(min_length=1)] | None = None
    markov: Matrices | None = None
    steps: Steps | None = None

    @model_validator(mode="after")
    def _one(self) -> Model:
        one_of(self, ("partitioned", "markov", "steps"))
        return self

    def states(self) -> tuple[str, ...]:
        """Return the states by name."""
        if self.partitioned is not None:
            return (*self.partitioned, "dead")
        if self.markov is not None:
            return self.markov.states
        return ("progression_free", "progressed", "dead")


class Item(Part):
    """An amount: while somebody stays in `state` (`per` a time, from one day to another), or once.

    `on: start` is paid at the start, `enter` and `leave` whenever somebody enters or leaves the state.
    """

    amount: Amount
    state: Name | None = None
    on: Literal["stay", "start", "enter", "leave"] = "stay"
    per: Per = "cycle"
    from_day: Annotated[Real, Field(ge=0)] = 0.0
    to_day: Annotated[Real, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _placed(self) -> Item:
        if (self.state is None) != (self.on == "start"):
            raise ValueError("an amount at the start has no state, every other one names its state")
        timed = {"per", "from_day", "to_day"} & self.model_fields_set
        if self.on != "stay" and timed:
            raise ValueError(f"{', '.join(sorted(timed))}: only an amount while somebody stays has it")
        return self


class Strategy(Part):
    """A way to treat: its model, costs, units of the medicine whose price is asked for, utilities by state (a year).

    `effects` are gains and losses in QALYs beside the utilities, for example once at an adverse event.
    """

    title: Text
    model: Model
    costs: tuple[Item, ...] = ()
    units: tuple[Item, ...] = ()
    utilities: dict[Name, Amount] = Field(default_factory=dict)
    effects: tuple[Item, ...] = ()
