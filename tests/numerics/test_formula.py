# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Formulas read as R's, remember what new rows need, live in plain JSON, and never run what a study file says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError
from rwe.survival.design import Design, design
from rwe.survival.terms import columns_of

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"


@pytest.fixture(scope="module")
def lung() -> pl.DataFrame:
    return pl.read_csv(FOLDER / "lung.csv")


@pytest.mark.parametrize(
    ("formula", "coefficients", "loglik"),
    [  # R 4.2.2, survival 3.5-3 and splines: coxph(Surv(time, event) ~ ..., eps = 1e-13)
        (
            "bs(age, df=4) + sex",
            [1.919978339434516, 0.750595040761207, 1.615645508156679, 2.314777102874282, -0.514488257092681],
            -741.227120063309,
        ),
        (
            "poly(age, 2) * sex",
            [3.776641711492746, 3.903372397765720, -0.523864522800396, -1.203535064717261, -2.673702325489002],
            -742.238876068371,
        ),
        (
            "I(age^2 / 100) + log(age) * sex",
            [0.0213230447724453, 0.0596136388474379, 1.3387720649027841, -0.4484560902470883],
            -742.687221135031,
        ),
        (
            "bs(age, knots=[55, 65], degree=2)",
            [1.63904804727182, 1.24025014027532, 1.40739995714089, 2.40898292243928],
            -746.073107169726,
        ),
    ],
)
def test_equals_r(lung: pl.DataFrame, formula: str, coefficients: list[float], loglik: float) -> None:
    fit = sv.cox(lung, time="time", event="event", formula=formula)

    assert fit.coefficients["estimate"].to_list() == pytest.approx(coefficients, rel=1e-8)
    assert fit.loglik == pytest.approx(loglik, rel=1e-12)


def test_a_natural_spline_holds_the_straight_line(lung: pl.DataFrame) -> None:
    basis = design(lung, "cr(age, df=3)").matrix(lung)
    age = lung["age"].to_numpy().astype(float)

    beside = np.column_stack([np.ones(age.size), basis])
    left = np.linalg.lstsq(beside, age, rcond=None)[1]

    assert np.linalg.matrix_rank(beside) == 4
    assert float(left[0]) == pytest.approx(0, abs=1e-18)  # squares of roundings of ages


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("a * b", ["a", "b", "a:b"]),
        ("(a + b + c)^2 - a:b", ["a", "b", "c=v", "c=w", "a:c=v", "a:c=w", "b:c=v", "b:c=w"]),
        ("1 + a", ["a"]),
        ("a + C(b)", ["a", "b=1.0"]),
        ("C(b) * log(a)", ["b=1.0", "log(a)", "b=1.0:log(a)"]),
        ("{a + 1} + I(a / b2)", ["a + 1", "I(a / b2)"]),
        ("`an odd name` + sqrt(`an odd name`)", ["an odd name", "sqrt(`an odd name`)"]),
        ("C(`an odd name`)", ["an odd name=2", "an odd name=3"]),
        (
            "poly(a, 2):b + poly(a, 2) + b",
            ["poly(a, 2)[1]", "poly(a, 2)[2]", "b", "poly(a, 2)[1]:b", "poly(a, 2)[2]:b"],
        ),
    ],
)
def test_terms_are_named_as_they_are_read(formula: str, names: list[str]) -> None:
    frame = pl.DataFrame(
        {
            "a": [1.0, 2, 3, 5, 6, 8],
            "b": [1.0, 0, 1, 0, 1, 0],
            "b2": [1, 2, 3, 4, 5, 6],
            "c": ["u", "v", "w"] * 2,
            "an odd name": [1, 2, 3, 1, 2, 3],
        }
    )

    plan = design(frame, formula)

    assert list(plan.names) == names
    assert plan.matrix(frame).shape == (6, len(names))


def test_values_are_those_of_the_arithmetic(lung: pl.DataFrame) -> None:
    plan = design(
        lung, "I(-(age - 60) ** 2 / 7 + 2.5 * sex) + exp(log1p(age)) + abs(age - 60) + log2(age) + log10(age)"
    )

    age, sex = lung["age"].to_numpy(), lung["sex"].to_numpy()
    wanted = [-((age - 60) ** 2) / 7 + 2.5 * sex, 1 + age, np.abs(age - 60.0), np.log2(age), np.log10(age)]
    assert pytest.approx(np.array(wanted), rel=1e-14) == plan.matrix(lung).T
    assert sorted(plan.columns) == ["age", "sex"]


@pytest.mark.parametrize(
    "formula", ["bs(age, df=4) * C(sex)", "poly(age, 3) + log(age)", "cr(age, df=3)", "age:sex+age+sex"]
)
def test_a_design_goes_through_json_and_gives_new_rows_the_same_values(lung: pl.DataFrame, formula: str) -> None:
    plan = design(lung, formula)

    again = Design.from_dict(json.loads(json.dumps(plan.to_dict())))

    assert again.names == plan.names
    assert np.array_equal(again.matrix(lung[7:12]), plan.matrix(lung)[7:12])


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('true')",
        "age + __import__(1)",
        "age + open(age)",
        "age + eval(age)",
        "I(age.__class__)",
        "I((lambda: age)())",
        "I([x for x in age])",
        "{[x for x in age]}",
        "I(age if sex else sex)",
        "I(age[0])",
        "I(age == sex)",
        "I(age and sex)",
        "I(f'{age}')",
        "I(age := 1)",
        "I(True)",
        "I('a')",
        "I(1j * age)",
        "log(age, sex)",
        "log(x=age)",
        "log(*age)",
        "bs(age, df=sex)",
        "bs(age, df='4')",
        "bs(age, extrapolation=1)",
        "bs()",
        "bs(age, 4, df=4)",
        "bs(bs(age, 4), 4)",
        "I(2 * bs(age, df=4))",
        "C(age, contr.sum)",
        "numpy.log(age)",
        "I(5)",
        "age | sex",
        "y ~ age",
        "age - 1",
        "age + (sex",
        ".",
        "(age + sex)^9",
        "age + " * 400 + "sex",
        "I(" * 600 + "age" + ")" * 600,
        "{" + "-" * 900 + "age}",
    ],
)
def test_nothing_but_arithmetic_of_columns_is_taken(lung: pl.DataFrame, formula: str) -> None:
    with pytest.raises(DefinitionError):
        sv.cox(lung, time="time", event="event", formula=formula)


def test_refusals_name_what_is_wrong(lung: pl.DataFrame) -> None:
    def message(formula: str) -> str:
        with pytest.raises((DefinitionError, DataError)) as error:
            sv.cox(lung, time="time", event="event", formula=formula)
        return str(error.value)

    assert "__import__() is not allowed here" in message("age + __import__(age)")
    assert "Attribute() is not allowed" in message("I(age.mean())")
    assert "Lambda is not allowed" in message("{(lambda: 1) + age}")
    assert "no column 'agee' (did you mean 'age'?)" in message("I(agee / 10)")
    assert "column 'meal_cal': 47 of 228 rows have no finite value" in message("I(meal_cal / 100)")
    assert "column 'log(sex - 1)': 138 of 228 rows have no finite value" in message("log(sex - 1)")
    assert "column 'I(9.0 ** 9 ** 9 * age)': 228 of 228 rows have no finite value" in message("I(9.0 ** 9 ** 9 * age)")
    assert "look at df, knots, degree" in message("bs(age, df=1)")
    assert "choose its reference with `reference`" in message("C(sex, 2)")


def test_new_rows_are_held_to_what_the_model_knows(lung: pl.DataFrame) -> None:
    frame = lung.with_columns(site=pl.when(pl.col("age") > 60).then(pl.lit("a")).otherwise(pl.lit("b")))
    fit = sv.cox(frame, time="time", event="event", formula="bs(age, df=4) + C(site)")

    with pytest.raises(DataError, match=r"'bs\(age, df=4\)': 1 of 2 rows lie beyond the data"):
        fit.predict_survival(pl.DataFrame({"age": [60, 99], "site": ["a", "a"]}), 365)
    with pytest.raises(DataError, match="column 'site': 1 of 1 rows hold none of the 2 levels"):
        fit.predict_survival(pl.DataFrame({"age": [60], "site": ["c"]}), 365)


def test_plain_models_do_not_load_formulaic() -> None:
    code = (
        "import sys, polars as pl; from rwe import survival as sv\n"
        "d = pl.DataFrame({'t': [1, 2, 3, 4], 'e': [1, 1, 0, 1], 'x': [1.0, 3, 2, 2], 'g': ['a', 'b', 'b', 'a']})\n"
        "from rwe.survival.design import design\n"
        "design(d, ['x', 'g']); design(d, 'log(x) * C(g)')\n"
        "assert not {'formulaic', 'pandas'} & set(sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_columns_of_a_formula() -> None:
    assert columns_of("age + log(size) + C(stage):age + C(stage)") == ["age", "size", "stage"]
    assert columns_of("I(a / `b c`) + bs(d, df=4)") == ["a", "b c", "d"]
