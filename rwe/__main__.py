# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``rwe``, and ``python -m rwe``."""

from __future__ import annotations

import sys

from rwe.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
