# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The value of waiting: pay now, wait for evidence, or pay while evidence is collected."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from rwe.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class Waiting:
    """Expected net benefit of three ways, over all patients.

    Parameters
    ----------
    adopt
        Pay for everybody from now on, for good.
    wait
        Pay for nobody until the evidence is there, then decide.
    collect
        Pay from now on while the evidence is collected, then decide (coverage with evidence development).
    """

    adopt: float
    wait: float
    collect: float

    @property
    def value(self) -> float:
        """The value of waiting: what it brings over deciding for good now, paying or not."""
        return self.wait - max(self.adopt, 0.0)


def value_of_waiting(
    mean: float, sd: float, *, evidence_sd: float, patients_now: float, patients_later: float, cost: float = 0.0
) -> Waiting:
    """Return the expected net benefit of deciding now and of deciding on evidence.

    The net benefit of a patient is normal before the evidence; after it its mean is normal with the standard deviation
    ``sd**2 / sqrt(sd**2 + evidence_sd**2)`` (Eckermann & Willan 2007, Health Econ 16:195).

    Parameters
    ----------
    mean, sd
        Net benefit of a patient as it is known now, in money.
    evidence_sd
        Standard error that the evidence to come would have alone.
    patients_now, patients_later
        Who are treated until it is there, and afterwards.
    cost
        Of collecting it.

    Examples
    --------
    >>> found = value_of_waiting(0.0, 1000.0, evidence_sd=0.0, patients_now=0, patients_later=1)
    >>> round(found.value, 2)  # 1,000 / sqrt(2 pi)
    398.94
    """
    if sd <= 0 or evidence_sd < 0 or min(patients_now, patients_later) < 0:
        raise DefinitionError("sd is above 0; evidence_sd and numbers of patients are not negative")
    spread = sd**2 / sqrt(sd**2 + evidence_sd**2)
    known = NormalDist()
    informed = mean * known.cdf(mean / spread) + spread * known.pdf(mean / spread)
    wait = patients_later * informed - cost
    return Waiting((patients_now + patients_later) * mean, wait, wait + patients_now * mean)
