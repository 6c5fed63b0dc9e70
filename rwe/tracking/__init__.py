# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Finished runs in MLflow, and fitted models as code with JSON parameters.

Importing this package is light; mlflow itself is loaded by the first call.
"""

from rwe.tracking.client import Tracked, predict, track
from rwe.tracking.fits import Kept, load_model, log_model

__all__ = ["Kept", "Tracked", "load_model", "log_model", "predict", "track"]
