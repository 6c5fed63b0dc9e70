# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From hospital records to the evidence on which a country decides what it pays for a medicine.

``from rwe import survival, compare, reimbursement`` loads a room when it is first asked for (PEP
562), so that ``import rwe`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rwe import compare, reimbursement, survival

    __version__: str

ROOMS = ("compare", "reimbursement", "survival")
__all__ = ["__version__", "compare", "reimbursement", "survival"]


def __getattr__(name: str) -> Any:
    if name in ROOMS:
        return importlib.import_module(f"rwe.{name}")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("rwe-engine")
    raise AttributeError(f"module 'rwe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
