# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The SQL connector does what every connector must, on each database, by its own driver and over ODBC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.conformance import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check: Callable[[Any], None], any_clinic: Any) -> None:
    check(any_clinic)
