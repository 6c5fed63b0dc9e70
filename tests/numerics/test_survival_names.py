# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the survival package are loaded when they are asked for, and mean the same however one gets there."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rwe import compare as cp
from rwe import survival as sv


def _loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("package", [sv, cp], ids=["survival", "compare"])
def test_every_name_is_listed_typed_and_there(package: ModuleType) -> None:
    tree = ast.parse(Path(str(package.__file__)).read_text("utf-8"))
    imports = [
        n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and str(n.module).startswith(f"{package.__name__}.")
    ]
    typed = {(str(n.module).rpartition(".")[2], name.name) for n in imports for name in n.names}

    assert typed == {(module, name) for module, names in package._OFFERS.items() for name in names}
    assert all(callable(getattr(package, name)) for name in package.__all__)
    assert package.__all__ == sorted(name for _, name in typed) == dir(package)


def test_the_collector_waits_until_a_name_is_loaded_and_no_longer() -> None:
    _loaded(
        "import gc\nimport rwe.survival as sv\nseen = []\ngc.callbacks.append(lambda phase, _: seen.append(phase))\n"
        "sv.cox\nassert seen.count('start') <= 1\nassert gc.isenabled()\n"
        "gc.disable()\nsv.fine_gray\nassert not gc.isenabled()"
    )


def test_what_was_loaded_before_is_not_told_as_leaked() -> None:
    code = "import duckdb\nimport rwe.survival as sv\nsv.kaplan_meier"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr == ""


def test_a_name_loads_its_module_only() -> None:
    nothing = _loaded("import rwe.survival")
    curve = _loaded("from rwe.survival import kaplan_meier")

    assert not nothing & {"numba", "numpy", "polars", "scipy"}
    assert "rwe.survival.kaplan_meier" in curve
    assert not curve & {"rwe.survival.cox", "rwe.kernels.partial_likelihood", "rwe.kernels.concordance", "formulaic"}


def test_a_first_curve_loads_no_compiler() -> None:
    curve = (
        "import polars as pl\nfrom rwe.survival import kaplan_meier\n"
        "km = kaplan_meier(pl.DataFrame({'t': [2, 3, 3], 'e': [1, 0, 1]}), time='t', event='e')\n"
        "assert km.table['survival'][0] > 0.6\nassert km.quantile().height == 1"
    )

    _loaded(curve)  # with its kernels kept from here on
    loaded = _loaded(curve)

    heavy = {"numba.np.arraymath", "scipy.linalg", "scipy.special", "narwhals", "pandas"}
    assert not loaded & heavy


def test_a_function_is_not_hidden_by_the_module_of_its_name() -> None:
    _loaded("import rwe.survival.cox\nfrom rwe import survival\nassert callable(survival.cox)")
    _loaded("from rwe import survival\nsurvival.cox\nfrom rwe.survival.cox import Cox\nassert callable(survival.cox)")


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'coxph'"):
        _ = sv.coxph
