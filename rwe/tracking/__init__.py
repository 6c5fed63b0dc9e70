# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Finished runs in MLflow: what was released, and the Cox model as code with JSON parameters.

Importing this package is light; mlflow itself is loaded by the first call.
"""

from rwe.tracking.client import Tracked, predict, track

__all__ = ["Tracked", "predict", "track"]
