# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Evaluation`: what strategies come to, what follows for the decision, and its aggregate form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.reimbursement.economics.accrual import finite
from rwe.reimbursement.economics.decision import acceptability, icers
from rwe.reimbursement.economics.timing import Timing
from rwe.reimbursement.economics.totals import Totals
from rwe.reimbursement.economics.value_price import ValuePrice, value_price
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language

LEVEL = 0.95
Kind: TypeAlias = Literal["states", "plane", "acceptability", "price"]
ESTIMATE = "money of a model is an estimate, not a sum owed"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Evaluation(Shown):
    """What strategies cost a person and bring.

    Parameters
    ----------
    names
        The strategies.
    timing
        Cycles and discounting.
    price
        Of one unit of the medicine.
    base, draws
        Sums in the base case, and in the draws where there were some.
    states
        Shares of people by strategy and state at each end of a cycle, in the base case.
    seed
        From which the draws follow.
    """

    names: tuple[str, ...]
    timing: Timing
    price: float
    base: Totals
    draws: Totals | None
    states: Mapping[str, Mapping[str, F8]]
    seed: int

    @property
    def table(self) -> pl.DataFrame:
        """Means a person by strategy: cost, medicine, units, QALYs, years of life (discounted and not), capped."""
        b = self.base
        columns = {"strategy": self.names, "cost": b.cost(self.price)[0], "medicine": self.price * b.units[0]}
        columns |= {"units": b.units[0], "effect": b.effect[0], "life": b.life[0], "lived": b.lived[0]}
        return pl.DataFrame(columns | {"capped": b.capped[0].astype(int)})

    @property
    def icers(self) -> pl.DataFrame:
        """Dominance and the ratio of each step, in the base case; see `decision.icers`."""
        return icers(self.names, self.base.cost(self.price)[0], self.base.effect[0])

    @property
    def expected_icers(self) -> pl.DataFrame:
        """Dominance and the ratio of each step, at the means of the draws."""
        t = self._drawn()
        return icers(self.names, t.cost(self.price).mean(axis=0), t.effect.mean(axis=0))

    def acceptability(self, thresholds: Sequence[float]) -> pl.DataFrame:
        """Return CEAC, CEAF and EVPI by threshold; see `decision.acceptability`."""
        t = self._drawn()
        return acceptability(self.names, t.cost(self.price), t.effect, thresholds)

    def value_price(self, strategy: str, threshold: float, *, level: float = LEVEL) -> ValuePrice:
        """Return the price at which a strategy is worth what it costs; see `value_price.value_price`."""
        return value_price(self, strategy, threshold, level=level)

    def at(self, price: float) -> Evaluation:
        """Return the same at another price; nothing is run again."""
        return Evaluation(
            self.names, self.timing, finite(price, "the price"), self.base, self.draws, self.states, self.seed
        )

    def plot(
        self,
        what: Kind = "states",
        *,
        threshold: float | None = None,
        strategy: str | None = None,
        labels: Mapping[str, str] | None = None,
        currency: str = "",
        language: Language = "en",
    ) -> Chart:
        """Draw where people are, the cost-effectiveness plane, acceptability by threshold, or worth by price.

        Parameters
        ----------
        what
            Which chart; all but the states need draws.
        threshold
            Money for one unit of effect: a line of the plane, the middle of the acceptability, the value of an effect.
            All charts but the states need it.
        strategy
            Whose price is drawn; the last one if left out.
        labels
            Names of strategies and states for people.
        currency
            Written beside money.
        """
        from rwe.reimbursement.economics import plots

        say = plots.Speech(language, currency, labels or {})
        if what == "states":
            return plots.states_chart(self, say)
        if threshold is None or what not in ("plane", "acceptability", "price"):
            raise DefinitionError("plot: 'states', or 'plane', 'acceptability', 'price' with a threshold")
        if what == "plane":
            return plots.plane_chart(self, threshold, say)
        if what == "acceptability":
            return plots.acceptability_chart(self, threshold, say)
        return plots.price_chart(self.value_price(strategy or self.names[-1], threshold), say)

    def to_result(self, threshold: float | None = None) -> Result:
        """Return the sums by strategy with their limits, ratios, and at a threshold net benefit and probabilities."""
        rows = [*self._sums(), *self._ratios(), *(self._benefits(threshold) if threshold is not None else ())]
        t = self.timing
        settings: dict[str, Any] = {"cycle_days": t.cycle, "cycles": t.cycles, "discount_costs": t.costs}
        settings |= {"discount_effects": t.effects, "discounted_at": t.discounted, "correction": t.correction}
        settings |= {"price": self.price, "draws": 0 if self.draws is None else len(self.draws.other)}
        settings |= {"seed": self.seed, "notes": [ESTIMATE, *self._capped()]}
        return Result(tidy(rows, analysis="economics"), settings)

    def _drawn(self) -> Totals:
        if self.draws is None:
            raise DefinitionError("this needs draws: evaluate(..., draws=10_000)")
        return self.draws

    def _sums(self) -> Iterator[dict[str, Any]]:
        base, t = self.base, self.draws
        for name in ("cost", "units", "effect", "life", "lived"):
            point = base.cost(self.price) if name == "cost" else getattr(base, name)
            each = None if t is None else t.cost(self.price) if name == "cost" else getattr(t, name)
            for i, strategy in enumerate(self.names):
                row = {"group": strategy, "estimand": name, "estimate": float(point[0, i])}
                yield row | ({} if each is None else spread(each[:, i]))

    def _ratios(self) -> Iterator[dict[str, Any]]:
        for row in self.icers.iter_rows(named=True):
            yield {"group": row["strategy"], "outcome": row["status"], "estimand": "icer", "estimate": row["icer"]}

    def _benefits(self, threshold: float) -> Iterator[dict[str, Any]]:
        labels = {"stratum": f"{threshold:g}"}
        if self.draws is None:
            benefit = threshold * self.base.effect[0] - self.base.cost(self.price)[0]
            for name, value in zip(self.names, benefit, strict=True):
                yield labels | {"group": name, "estimand": "net_benefit", "estimate": float(value)}
            return
        for row in self.acceptability([threshold]).iter_rows(named=True):
            for estimand in ("net_benefit", "probability"):
                yield labels | {"group": row["strategy"], "estimand": estimand, "estimate": row[estimand]}
            if row["best"]:
                yield labels | {"group": row["strategy"], "estimand": "evpi", "estimate": row["evpi"]}

    def _capped(self) -> list[str]:
        counts = zip(self.names, self.base.capped[0], strict=True)
        ends = self.timing.cycles + 1
        return [f"{name}: a curve was capped at the next one at {int(n)} of {ends} times" for name, n in counts if n]

    def _story(self) -> Story:
        how = "base case" if self.draws is None else f"base case; {len(self.draws.other)} draws"
        years = self.timing.days[-1] / 365.25
        title = f"{len(self.names)} strategies over {years:.3g} years, a person ({how})"
        kept = self.icers.select("strategy", "status", "icer")
        table = self.table.drop("capped").join(kept, on="strategy", maintain_order="left")
        return title, table, [ESTIMATE, *self._capped()]


def spread(values: F8, level: float = LEVEL) -> dict[str, float]:
    """Return standard deviation and limits of draws."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return {"std_error": float(values.std(ddof=1)), "conf_low": float(low), "conf_high": float(high)}
