# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Gates: the checks that a study makes its estimates depend on, and how they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from rwe.quality.checks import Check, dqd_checks
from rwe.quality.scorecard import FAILED, NOT_APPLICABLE, Scorecard
from rwe.spec.study import Gate

Verdict = Literal["red", "green", "not_asked"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A gate and how it stands: ``red`` names the hospitals where its check fails.

    Where the check could be put nowhere, because there is nothing to ask, the gate is ``not_asked``: it holds
    nothing back, and nobody may say that it was passed.
    """

    gate: Gate
    verdict: Verdict
    red: tuple[str, ...]

    def closes(self, analysis: str) -> bool:
        """Tell whether the estimates of an analysis are withheld."""
        return self.verdict == "red" and self.gate.action == "withhold" and self.concerns(analysis)

    def concerns(self, analysis: str) -> bool:
        """Tell whether an analysis rests on this gate."""
        return not self.gate.analyses or analysis in self.gate.analyses


def judge(gates: Iterable[Gate], cards: Mapping[str, Scorecard]) -> tuple[Judged, ...]:
    """Return how each gate stands, from the scorecards by hospital."""
    return tuple(_judged(gate, cards) for gate in gates)


def misplaced(gate: Gate) -> tuple[str, list[str]] | None:
    """Return the key of a gate that names nothing asked, and what it may name; None where all is well.

    Examples
    --------
    >>> from rwe.spec.base import Text
    >>> gate = Gate(check="isRequired", table="persons", action="mark", reason=Text(en="", bg=""))
    >>> misplaced(gate)[0]
    'table'
    """
    left: list[Check] = list(dqd_checks())
    for key, of in (("check", "name"), ("table", "table"), ("field", "field")):
        named = getattr(gate, key)
        found = [check for check in left if named in (None, getattr(check, of))]
        if not found:
            return key, sorted({getattr(check, of) for check in left})
        left = found
    return None


def _judged(gate: Gate, cards: Mapping[str, Scorecard]) -> Judged:
    own = {"check": gate.check, "table": gate.table, "field": gate.field}
    mine = [pl.col(column) == name for column, name in own.items() if name is not None]
    stands = {site: set(card.lines.filter(*mine)["status"]) for site, card in cards.items()}
    red = tuple(site for site, found in stands.items() if FAILED in found)
    asked = any(found - {NOT_APPLICABLE} for found in stands.values())
    return Judged(gate, "red" if red else "green" if asked else "not_asked", red)
