# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`appraise`: a price file worked out: what strategies come to, the price that is worth it, what it costs all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.reimbursement.economics.budget import Market, budget
from rwe.reimbursement.economics.build import check_matrices, curves_of, parameters_of, strategies_of, timing_of
from rwe.reimbursement.economics.curves import Named, Sample, Source
from rwe.reimbursement.economics.decision import population_evpi
from rwe.reimbursement.economics.distributions import base, draw, stream
from rwe.reimbursement.economics.evaluate import evaluate
from rwe.reimbursement.economics.evaluation import Evaluation
from rwe.reimbursement.economics.family_curve import FamilyCurve
from rwe.reimbursement.economics.partial import partial_values
from rwe.reimbursement.economics.value_price import ValuePrice, promised_threshold
from rwe.result import Result, tidy
from rwe.spec.price import PriceFile, load_price_file


@dataclass(frozen=True, slots=True, eq=False)
class Appraisal:
    """What a price file comes to.

    Parameters
    ----------
    file
        The file.
    found
        The strategies by what was observed.
    value
        The price worth paying at the file's threshold.
    promised
        The strategies by what the trial promised, None where the file does not say.
    kept
        The price at which what was observed costs as much for a QALY as was promised.
    budget
        What is spent each year, None where the file asks for no budget.
    partial
        What knowing each number alone would be worth: ``name``, ``evppi`` a person.
    """

    file: PriceFile
    found: Evaluation
    value: ValuePrice
    promised: Evaluation | None
    kept: ValuePrice | None
    budget: pl.DataFrame | None
    partial: pl.DataFrame

    def titles(self, language: str) -> dict[str, str]:
        """Return names of strategies and states for people."""
        named = {name: one.title for name, one in self.file.strategies.items()} | self.file.states
        return {name: str(getattr(text, language)) for name, text in named.items()}

    @property
    def evpi(self) -> tuple[float, float | None]:
        """What perfect knowledge is worth at the threshold: a person, and all of the budget's years."""
        table = self.found.acceptability([self.file.threshold])
        person = float(table["evpi"][0])
        if self.file.budget is None:
            return person, None
        return person, population_evpi(person, self.file.budget.eligible, self.found.timing.costs)

    @property
    def gained(self) -> tuple[float, float, float]:
        """Years of life, not discounted, that the medicine's strategy has more than its comparator, with 95% limits."""
        new, old = (self.found.names.index(name) for name in (self.file.medicine.strategy, comparator(self.file)))
        drawn = (self.found.draws or self.found.base).lived
        low, high = np.quantile(drawn[:, new] - drawn[:, old], [0.025, 0.975])
        base = self.found.base.lived[0]
        return float(base[new] - base[old]), float(low), float(high)

    def to_result(self) -> Result:
        """Return all figures in the long tidy form."""
        whole = self.found.to_result(self.file.threshold)
        more = tidy([*self._prices(), *self._known(), *self._years()], analysis="economics")
        settings = {"currency": self.file.currency, "threshold": self.file.threshold}
        return Result(pl.concat([whole.table, more]), {**whole.settings, **settings})

    def _prices(self) -> Iterator[dict[str, Any]]:
        for name, one in (("value", self.value), ("promised", self.kept)):
            if one is not None:
                labels = {"group": one.strategy, "stratum": f"{one.threshold:g}", "outcome": name, "estimand": "price"}
                yield labels | {"estimate": one.price, "conf_low": one.low, "conf_high": one.high}

    def _known(self) -> Iterator[dict[str, Any]]:
        gained, low, high = self.gained
        labels = {"group": self.file.medicine.strategy, "estimand": "life_years_gained"}
        yield labels | {"estimate": gained, "conf_low": low, "conf_high": high}
        for name, worth in self.partial.iter_rows():
            yield {"stratum": f"{self.file.threshold:g}", "outcome": name, "estimand": "evppi", "estimate": worth}

    def _years(self) -> Iterator[dict[str, Any]]:
        for row in () if self.budget is None else self.budget.iter_rows(named=True):
            labels = {"outcome": "budget", "stratum": f"year {row['year']}"}
            for name in ("without", "with", "medicine"):
                yield labels | {"estimand": name, "estimate": row[name]}
            yield labels | {
                "estimand": "impact", "estimate": row["impact"], "conf_low": row["low"], "conf_high": row["high"],
            }  # fmt: skip


def appraise(path: str | Path, *, draws: int | None = None) -> Appraisal:
    """Read a price file and work it out.

    Parameters
    ----------
    path
        The file; see `rwe.spec.price`.
    draws
        How many, in place of the file's.

    Raises
    ------
    DefinitionError
        With all faults of the file at their places.
    NoValidAnswer
        If a curve has no fit, or no price decides.
    Refused
        If a curve rests on fewer patients than may be shown.
    """
    place = Path(path)
    file = load_price_file(place)
    curves, known, timing = curves_of(file, place), parameters_of(file, place), timing_of(file.time)
    related = {one.between: one.value for one in file.correlations}
    many = file.draws if draws is None else draws
    samples = [Sample(1, None, base(known)), Sample(many, file.seed, draw(known, many, file.seed, related))]
    check_matrices(file, place, samples)
    price, years = file.medicine.price, len(file.budget.eligible) if file.budget else 0
    found = evaluate(
        strategies_of(file, curves, {}), timing, parameters=known, correlated=related, price=price,
        draws=many, seed=file.seed, years=years,
    )  # fmt: skip
    new, old = file.medicine.strategy, comparator(file)
    promised, kept = None, None
    if file.promised:
        promised = evaluate(strategies_of(file, curves, file.promised), timing, parameters=known, price=price)
        kept = found.value_price(new, promised_threshold(promised, new, old))
    spent = None
    if file.budget:
        market = Market(file.budget.eligible, file.budget.uptake, new, file.budget.displaced)
        spent = budget(found, market)
    told = _told(found, file, {**samples[1].values, **_curves_drawn(curves, many, file.seed)})
    return Appraisal(file, found, found.value_price(new, file.threshold), promised, kept, spent, told)


def _told(found: Evaluation, file: PriceFile, drawn: Mapping[str, F8]) -> pl.DataFrame:
    totals = found.draws or found.base
    return partial_values(totals.cost(found.price), totals.effect, file.threshold, drawn)


def _curves_drawn(curves: Mapping[str, Source], many: int, seed: int) -> dict[str, F8]:
    """Return the draws of the parameters of each curve that has some, as the evaluation drew them."""
    return {
        source.name: source.curve.drawn(many, stream(seed, source.name))
        for source in curves.values()
        if isinstance(source, Named) and isinstance(source.curve, FamilyCurve)
    }


def comparator(file: PriceFile) -> str:
    """Return the first strategy that is not the medicine's: what it was compared with."""
    return next(name for name in file.strategies if name != file.medicine.strategy)
