# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Questions without a right answer are refused, never answered with nought."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rwe.errors import NoValidAnswer
from rwe.plugins import hospital


@pytest.mark.ci
def test_an_agreement_whose_product_nobody_had_is_not_settled_at_nought(
    make_demo: Callable[[], Any], tmp_path: Path
) -> None:
    configs = Path(shutil.copytree(hospital("breast").study.parents[1], tmp_path / "configs"))
    agreement = configs / "agreements" / "hormonal_breast.yaml"
    agreement.write_text(agreement.read_text("utf-8").replace("[2000000051]", "[2000000999]"), "utf-8")
    home = make_demo()

    with pytest.raises(NoValidAnswer, match="nobody of its population has a record of its product"):
        home.again(study=configs / "studies" / "breast_hormonal.yaml")
