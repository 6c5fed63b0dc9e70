# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The dossier: one self-contained page a language, made from ``release/`` alone."""

from rwe.report.cards import Card, key_figures
from rwe.report.context import Context
from rwe.report.naming import figure_name, figure_text
from rwe.report.page import open_page
from rwe.report.render import render
from rwe.report.words import LANGUAGES

__all__ = ["LANGUAGES", "Card", "Context", "figure_name", "figure_text", "key_figures", "open_page", "render"]
