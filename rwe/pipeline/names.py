# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the study that other pieces use: options of analyses, and the agreement's records and terms."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.spec.agreement import Agreement, OutcomeGuarantee
from rwe.spec.base import Part
from rwe.spec.study import Study, Used

# options of these names hold names of the study, alone, in a list or as the keys of a mapping
VARIABLES = ("by", "variables", "covariates", "margins", "optional_margins", "merge", "units")
ENDPOINTS = ("endpoint", "endpoints")


def option_names(study: Study, options: Part) -> Iterator[Used]:
    """Yield each variable and endpoint that the options of an analysis name, and what it may be."""
    for kind, known in ((VARIABLES, [*study.baseline]), (ENDPOINTS, [*study.endpoints])):
        for option in kind:
            value = getattr(options, option, None)
            if isinstance(value, str):
                yield (option,), value, known
            for i, name in enumerate(value if isinstance(value, tuple) else ()):
                yield (option, i), name, known
            for name in value if isinstance(value, dict) else ():
                yield (option, name), name, known


def agreement_names(study: Study, agreement: Agreement) -> Iterator[Used]:
    """Yield each name of the study that an agreement uses, and what it may be."""
    endpoints = [*study.endpoints]
    if agreement.records:
        settled = study.reimbursement.population if study.reimbursement else agreement.records.population
        yield ("records", "population"), agreement.records.population, [settled]
        yield ("records", "endpoint"), agreement.records.endpoint, endpoints
        yield ("records", "death_endpoint"), agreement.records.death_endpoint, endpoints
    for i, term in enumerate(agreement.terms):
        if isinstance(term, OutcomeGuarantee):
            yield ("terms", i, "endpoint"), term.endpoint, endpoints
