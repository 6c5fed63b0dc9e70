# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The chapters of the dossier, in their order; each is a function of the page."""

from collections.abc import Callable

from rwe.report.blocks import Section
from rwe.report.page import Page
from rwe.report.sections.arms import arms
from rwe.report.sections.balance import balance
from rwe.report.sections.comparison import comparison
from rwe.report.sections.competing import competing
from rwe.report.sections.cox import cox
from rwe.report.sections.extrapolation import extrapolation
from rwe.report.sections.follow_up import follow_up
from rwe.report.sections.gap import gap
from rwe.report.sections.looks import looks
from rwe.report.sections.methods import methods
from rwe.report.sections.outcomes import outcomes
from rwe.report.sections.population import population
from rwe.report.sections.price import price
from rwe.report.sections.provenance import glossary, provenance
from rwe.report.sections.quality import quality
from rwe.report.sections.reserve import reserve
from rwe.report.sections.robustness import robustness
from rwe.report.sections.sensitivity import sensitivity
from rwe.report.sections.settlement import settlement
from rwe.report.sections.survival import survival

ORDER: tuple[Callable[[Page], Section | None], ...] = (
    comparison,
    gap,
    balance,
    population,
    survival,
    extrapolation,
    competing,
    outcomes,
    cox,
    arms,
    sensitivity,
    robustness,
    looks,
    settlement,
    reserve,
    price,
    follow_up,
    quality,
    methods,
    provenance,
    glossary,
)
