# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How courses of treatment are read from single exposures: what a pack holds, how long it lasts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from rwe.spec.base import Day, Flag, Int, Name, Part, Real
from rwe.spec.names import unknown
from rwe.spec.treatment_lines import Change, Lines, Switch

Positive = Annotated[Real, Field(gt=0)]
Counts = Literal["units", "packs", "mg", "mg_m2"]
Says = Literal["verbatim_end", "days_supply", "quantity", "end"]


class Product(Part):
    """Records of one product, and what their quantity counts.

    Parameters
    ----------
    concepts
        As records bear them; with `descendants` those below too.
    quantity
        What `quantity` of a record counts, or that by the unit which the record names (``dose_unit_source_value``):
        ``units`` (tablets, vials), ``packs``, ``mg``, or ``mg_m2`` of body surface. Where it is absent no dose is
        read; a record of another unit has none.
    pack
        Units in a pack.
    strength
        Milligrams in a unit.
    daily
        Units taken a day.
    """

    concepts: tuple[Int, ...] = Field(min_length=1)
    descendants: Flag = False
    quantity: Counts | dict[str, Counts] | None = None
    pack: Positive | None = None
    strength: Positive | None = None
    daily: Positive | None = None

    @property
    def counted(self) -> dict[str | None, Counts]:
        """What quantity counts by the unit that a record names; None stands for any."""
        if isinstance(self.quantity, dict):
            return dict(self.quantity.items())
        return {None: self.quantity} if self.quantity else {}

    @model_validator(mode="after")
    def _countable(self) -> Product:
        if "packs" in self.counted.values() and self.pack is None:
            raise ValueError("quantity counts packs: say how many units are in a pack (pack)")
        return self


class Ingredient(Part):
    """A medicine by its active substance: the products that hold it, and when one course of it ends.

    Parameters
    ----------
    concept
        Concept under which its eras are written.
    gap
        Days: an exposure that begins at most so many days after the last day covered goes on with the era, and always
        one that begins on the day after it; so do all gaps here.
    lasts
        What says how long an exposure lasts, the first that does: the end as the source told it, the days of supply,
        the quantity over the units taken a day, the end of the common model (which where nothing was told is the
        first day).
    days
        How long it lasts where nothing says so.
    most
        A length of more days than this is not believed, and the next in `lasts` is asked.
    carry_over
        Whether what is dispensed before the last supply is used up begins after it; else the rest is thrown away.
    """

    concept: Int
    products: dict[Name, Product] = Field(min_length=1)
    gap: Day = 30
    lasts: tuple[Says, ...] = ("verbatim_end", "days_supply", "quantity", "end")
    days: Annotated[Day, Field(ge=1)] = 1
    most: Annotated[Day, Field(ge=1)] | None = None
    carry_over: Flag = False

    @field_validator("products")
    @classmethod
    def _told_apart(cls, value: dict[str, Product]) -> dict[str, Product]:
        seen: dict[int, str] = {}
        for name, product in value.items():
            for concept in product.concepts:
                if concept in seen:
                    raise ValueError(f"concept {concept} stands under {seen[concept]} and {name}: it is one product")
                seen[concept] = name
        return value


class BodySize(Part):
    """Body surface for doses in mg/m2, from the newest height (cm) and weight (kg) at most `within` days old.

    ``mosteller`` (1987, N Engl J Med 317:1098) is the root of height times weight over 3600, ``du_bois`` (1916,
    Arch Intern Med 17:863) 0.007184 x height^0.725 x weight^0.425.
    """

    rule: Literal["mosteller", "du_bois"]
    height: Name
    weight: Name
    within: Day = 365


class Treatment(Part):
    """The courses of treatment of a study, written as OMOP's eras and episodes, which its records may name.

    Each ingredient gives ``drug_era`` and, where its dose is known, ``dose_era``; `lines` give ``episode`` rows
    numbered from 1 whose object is the regimen's concept (0 where it is none of `regimens`), with their
    ``episode_event``; each of `changes` gives ``episode`` rows of its own concept.
    """

    ingredients: dict[Name, Ingredient] = Field(min_length=1)
    body_size: BodySize | None = None
    lines: Lines | None = None
    changes: dict[Name, Change] = Field(default_factory=dict)

    def products(self) -> Iterator[tuple[str, str, Product]]:
        """Yield every product with the names of its ingredient and of its own."""
        for ingredient, spec in self.ingredients.items():
            for name, product in spec.products.items():
                yield ingredient, name, product

    @model_validator(mode="after")
    def _known(self) -> Treatment:
        found: list[tuple[str, Iterable[str], Iterable[str]]] = []
        if self.lines:
            found += [("lines.of", self.lines.of, self.ingredients), ("lines", self.lines.names(), self.lines.of)]
        for name, change in self.changes.items():
            named = (*change.left, *change.to) if isinstance(change, Switch) else change.of
            found.append((f"changes.{name}", named, self.ingredients))
        for where, names, allowed in found:
            for name in names:
                if name not in (known := [*allowed]):
                    raise ValueError(f"{where}: {unknown(name, known, 'ingredient')}")
        return self

    @model_validator(mode="after")
    def _concepts_apart(self) -> Treatment:
        taken = [change.concept for change in self.changes.values()]
        taken += [self.lines.concept] if self.lines else []
        if twice := sorted({concept for concept in taken if taken.count(concept) > 1}):
            raise ValueError(f"concept {twice[0]} stands for two kinds of episode; give each its own")
        eras = [ingredient.concept for ingredient in self.ingredients.values()]
        if twice := sorted({concept for concept in eras if eras.count(concept) > 1}):
            raise ValueError(f"concept {twice[0]} stands for two ingredients; give each its own")
        return self
