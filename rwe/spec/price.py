# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A price file: what is compared, over what time, at what worth of a year of life, and what people it concerns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rwe.errors import DefinitionError
from rwe.spec.agreement_words import Currency
from rwe.spec.base import Int, Name, Part, Real, Text, placed, read
from rwe.spec.price_checks import faults
from rwe.spec.price_curves import Correlation, Curve, Parameter
from rwe.spec.price_model import Model, Strategy

Share = Annotated[Real, Field(ge=0, le=1)]
Rate = Annotated[Real, Field(ge=0, lt=1)]


class Discount(Part):
    """Rates a year, and the moment of a cycle at which it is discounted."""

    costs: Rate = 0.0
    effects: Rate = 0.0
    at: Literal["start", "middle", "end"] = "middle"


class Time(Part):
    """Length of a cycle, how far the model looks, and how a stay within a cycle is counted (see `Timing`)."""

    cycle: Literal["day", "week", "month", "year"] | Annotated[Real, Field(gt=0)]
    years: Annotated[Real, Field(gt=0, le=120)]
    discount: Discount = Discount()
    correction: Literal["life_table", "half_cycle", "start", "end"] = "life_table"


class Medicine(Part):
    """The medicine whose price is asked for: the strategy that uses it, the price of one unit now."""

    strategy: Name
    price: Annotated[Real, Field(ge=0)]
    unit: Text


class Budget(Part):
    """People who begin treatment in each year, the share that begins with the medicine, and whom it displaces."""

    eligible: Annotated[tuple[Annotated[Real, Field(ge=0)], ...], Field(min_length=1)]
    uptake: tuple[Share, ...]
    displaced: dict[Name, Share]

    @model_validator(mode="after")
    def _of_one_length(self) -> Budget:
        if len(self.uptake) != len(self.eligible):
            raise ValueError(f"{len(self.eligible)} years of eligible people, {len(self.uptake)} of uptake")
        if abs(sum(self.displaced.values()) - 1) > 1e-9:
            raise ValueError("displaced: the shares must sum to 1")
        return self


class PriceFile(Part):
    """The whole price file.

    `promised` holds the models that the trial led one to expect, by strategy; what the price kept to then is what it
    is asked to keep to now.
    """

    title: Text
    note: Text | None = None
    currency: Currency
    threshold: Annotated[Real, Field(gt=0)]
    time: Time
    medicine: Medicine
    parameters: dict[Name, Parameter] = Field(default_factory=dict)
    correlations: tuple[Correlation, ...] = ()
    curves: dict[Name, Curve] = Field(default_factory=dict)
    strategies: Annotated[dict[Name, Strategy], Field(min_length=2)]
    promised: dict[Name, Model] = Field(default_factory=dict)
    states: dict[Name, Text] = Field(default_factory=dict)
    draws: Annotated[Int, Field(ge=2, le=1_000_000)] = 10_000
    seed: Annotated[Int, Field(ge=0)] = 1
    budget: Budget | None = None


def load_price_file(path: Path) -> PriceFile:
    """Read a price file and hold it against itself.

    Raises
    ------
    DefinitionError
        With all faults at once, each at its place: of the grammar, or, once that holds, names of curves, parameters,
        states and strategies that are not there.
    """
    found = read(path, PriceFile)
    if wrong := list(faults(found)):
        raise DefinitionError(placed(path, wrong))
    return found
