# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What of the connectors' tests is CI's: servers of the system to start, processes to kill over and over."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.conformance import CHECKS

_DIES = "lands_once_whenever_its_process_died"  # SQLite and PostgreSQL show it in the default tier
FAST_FIRST = [
    pytest.param(one, id=one.__name__, marks=[pytest.mark.ci] if one.__name__ == _DIES else []) for one in CHECKS
]


def databases(*names: str) -> list[Any]:
    """Return databases as parameters of a test; a server on TCP and MariaDB take seconds to start."""
    here = ("sqlite", "sqlite over odbc", "postgresql")
    return [name if name in here else pytest.param(name, marks=pytest.mark.ci) for name in names]
