# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""OMOP CDM 5.4: the common model that every hospital is brought to."""

from rwe.cdm.model import SITE, Cdm
from rwe.cdm.tables import BUCKETS, DERIVED, PROVENANCE, ROWS, TABLES

__all__ = ["BUCKETS", "DERIVED", "PROVENANCE", "ROWS", "SITE", "TABLES", "Cdm"]
