# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How families of survival distributions are named in files, and where their numbers stand in the name."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import StringConstraints

PLAIN = "exp|weibull|weibull_ph|gompertz|llogis|lnorm|gamma|gengamma|genf"
SPLINE = re.compile(r"spline_(hazard|odds|normal)_([0-9])")
FLEXIBLE = re.compile(r"m_spline_([1-9]|[12][0-9]|30)")
CURE = re.compile(rf"(cure|nonmixture)_({PLAIN})")

FamilyName = Annotated[
    str, StringConstraints(pattern=rf"^({PLAIN}|{SPLINE.pattern}|{FLEXIBLE.pattern}|{CURE.pattern})$")
]
