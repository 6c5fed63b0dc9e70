# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The grammar of R's formulas, read by formulaic; its arithmetic is walked by us and never run as Python.

A formula may come from a study file, so nothing in it is evaluated: each factor is parsed into a syntax tree, of
which only columns, numbers, arithmetic and the functions named below are followed. formulaic (whose import
takes seconds, because of pandas) expands the operators ``+ - : * / ^ %in%`` and gives the bases of splines;
it is loaded when a formula needs it.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.columns import numeric, refuse

LONGEST = 2000  # characters of a formula
POWER = 4  # of a sum of terms: more is a slip, and grows without end
OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "I": np.positive,
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "sqrt": np.sqrt,
}
ARGUMENTS = ("strata", "cluster", "offset")  # terms of R's formulas that are arguments here
BASES = {"bs": ("df", "knots", "degree"), "cr": ("df", "knots"), "poly": ("degree",)}
DEEPEST = 40  # brackets within each other, or signs in a row
_SIGNS = re.compile(r"(?:[-+~!]\s*){41}")
_QUOTED, _RAISED = re.compile(r"`([^`]*)`"), re.compile(r"\)\s*(?:\^|\*\*)\s*(\d+)")


def factors_of(formula: str) -> list[tuple[str, ...]]:
    """Return the factors of each term of a formula in R's grammar, main effects first.

    Raises
    ------
    DefinitionError
        If it cannot be read, has a left side or no intercept, or a factor is not arithmetic of columns.
    """
    if len(formula) > LONGEST or any(int(power) > POWER for power in _RAISED.findall(formula)):
        raise DefinitionError(f"a formula has at most {LONGEST} characters and powers up to {POWER}")
    if _deep(formula):
        raise DefinitionError(f"a formula has at most {DEEPEST} brackets within each other, or signs in a row")
    if "~" in formula or "|" in formula:
        raise DefinitionError(
            "a formula here is a right side, without '~' and '|': the response has arguments of its own"
        )
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        terms = [[(f.expr, f.eval_method.value) for f in term.factors] for term in Formula(formula)]
    except (FormulaicError, SyntaxError, ValueError, RecursionError):
        raise DefinitionError(
            "the formula is not a term or a sum of terms; write for example age + C(stage) * log(size)"
        ) from None
    if [("1", "literal")] not in terms:
        raise DefinitionError("a Cox model has no intercept to take out: leave out 0 and - 1")
    found = [tuple(_plain(text, how) for text, how in term) for term in terms if term != [("1", "literal")]]
    for text in {text for term in found for text in term if not text.startswith("C(")}:
        _tree(text)
    return found


def columns_in(text: str) -> list[str]:
    """Return the columns that a factor names."""
    tree, quoted = _tree(text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    return list(dict.fromkeys(quoted.get(name, name) for name in names))


def values_of(text: str, frame: pl.DataFrame, state: Mapping[str, Any] | None = None) -> tuple[F8, dict[str, Any]]:
    """Return the values of a factor, shape (rows, columns), and what makes the same of other rows.

    Raises
    ------
    DataError
        If a column has rows without a value, the result is not finite, or lies beyond the knots in `state`.
    """
    tree, quoted = _tree(text)
    columns = {name: _column(frame[quoted.get(name, name)]) for name in _names(tree)}
    basis = tree.body if isinstance(tree.body, ast.Call) and _function(tree.body) in BASES else None
    with np.errstate(all="ignore"):
        inside = basis.args[0] if basis else tree.body
        found = np.broadcast_to(np.asarray(_walk(inside, columns), np.float64), frame.height)
    refuse(int((~np.isfinite(found)).sum()), frame.height, text, "have no finite value")
    if basis is None:
        return found[:, None], {}
    return _basis(text, basis, found, dict(state or {}))


def _plain(text: str, how: str) -> str:
    return f"`{text}`" if how == "lookup" and not text.isidentifier() else text


def _deep(formula: str) -> bool:
    """Return whether to read the formula would take more of the stack than there may be: parsers call themselves."""
    steps = np.array([(c in "([{") - (c in ")]}") for c in formula])
    return bool(_SIGNS.search(formula)) or int(steps.cumsum().max(initial=0)) > DEEPEST


def _tree(text: str) -> tuple[ast.Expression, dict[str, str]]:
    """Return the checked syntax tree of a factor, and the columns that stand in it under another name."""
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        quoted[name := f"quoted_{len(quoted)}_"] = match[1]
        return name

    try:
        tree = ast.parse(_QUOTED.sub(stand_in, text).replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise DefinitionError(f"'{text}' is not a term: write columns, numbers, + - * / ** and functions") from None
    if sum(1 for _ in ast.walk(tree)) > LONGEST // 5:
        raise DefinitionError(f"'{text[:40]}...' is not a term: it is too deep")
    if isinstance(tree.body, ast.Call) and _function(tree.body) in BASES:
        _check_basis(text, tree.body)
        _check(text, tree.body.args[0])
    else:
        _check(text, tree.body)
    if not _names(tree):
        raise DefinitionError(f"'{text}' names no column")
    return tree, quoted


def _check(text: str, node: ast.AST) -> None:
    """Refuse what is not arithmetic of columns."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return None
    if isinstance(node, ast.Name):
        return None
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        _check(text, node.left)
        return _check(text, node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return _check(text, node.operand)
    if isinstance(node, ast.Call) and _function(node) in FUNCTIONS and len(node.args) == 1 and not node.keywords:
        return _check(text, node.args[0])
    if isinstance(node, ast.Call) and _function(node) in ARGUMENTS:
        raise DefinitionError(f"'{text}' is not a term: use the argument {_function(node)} for its column")
    what = f"{_function(node)}()" if isinstance(node, ast.Call) else type(node).__name__
    raise DefinitionError(
        f"'{text}' is not a term: {what} is not allowed here; a formula holds columns, numbers, + - * / ** "
        f"and {', '.join(sorted(FUNCTIONS))}, C; {', '.join(BASES)} stand alone"
    )


def _check_basis(text: str, call: ast.Call) -> None:
    allowed = BASES[_function(call)]
    given = [*allowed[: len(call.args) - 1], *(k.arg for k in call.keywords)]
    values = [*call.args[1:], *(k.value for k in call.keywords)]
    fine = (
        call.args
        and len(call.args) - 1 <= len(allowed)
        and set(given) <= set(allowed)
        and len(set(given)) == len(values)
    )
    if not fine or not all(_literal(v) for v in values):
        raise DefinitionError(f"'{text}' is not a term: after the column come numbers for {', '.join(allowed)}")


def _literal(node: ast.AST) -> bool:
    """Return whether a node is a number, or a list of numbers."""
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(_literal(item) and not isinstance(item, (ast.Tuple, ast.List)) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and type(node.value) is not bool


def _function(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else type(call.func).__name__


def _names(tree: ast.Expression) -> set[str]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}


def _walk(node: ast.AST, columns: Mapping[str, F8]) -> Any:
    """Return the value of a checked node."""
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](_walk(node.left, columns), _walk(node.right, columns))
    if isinstance(node, ast.UnaryOp):
        inside = _walk(node.operand, columns)
        return -inside if isinstance(node.op, ast.USub) else inside
    if isinstance(node, ast.Call):
        return FUNCTIONS[_function(node)](_walk(node.args[0], columns))
    if isinstance(node, ast.Name):
        return columns[node.id]
    return np.float64(ast.literal_eval(node))


def _column(column: pl.Series) -> F8:
    return numeric(column.cast(pl.Int64) if column.dtype == pl.Boolean else column).cast(pl.Float64).to_numpy()


def _basis(text: str, call: ast.Call, x: F8, state: dict[str, Any]) -> tuple[F8, dict[str, Any]]:
    """Return the columns of a spline or polynomial; knots and norms are those of `state` where there is one."""
    from formulaic.transforms import TRANSFORMS

    name = _function(call)
    given = dict(zip(BASES[name], (ast.literal_eval(v) for v in call.args[1:]), strict=False))
    given |= {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    if name == "cr":
        given["constraints"] = "center"  # without it the columns add up to 1, which a hazard ratio cannot see
    if "lower_bound" in state:
        beyond = int(((x < state["lower_bound"]) | (x > state["upper_bound"])).sum())
        refuse(beyond, x.size, text, "lie beyond the data that the model was fitted to", "predict within them")
    kept = _thaw(state)
    try:
        found = TRANSFORMS[name](x, _state=kept, **given)
        matrix = np.column_stack(list(found.values())) if hasattr(found, "values") else np.asarray(found)
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError):
        raise DefinitionError(f"'{text}' cannot be built of these rows: look at {', '.join(BASES[name])}") from None
    return np.asarray(matrix, np.float64), _freeze(kept)


def _freeze(value: Any) -> Any:
    """Return a state as plain values that JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): _freeze(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_freeze(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _thaw(value: Any) -> Any:
    """Return a state as formulaic holds it: whole numbers as keys, matrices as arrays."""
    if isinstance(value, Mapping):
        return {int(key) if key.isdigit() else key: _thaw(item) for key, item in value.items()}
    return np.array(value) if isinstance(value, list) and value and isinstance(value[0], list) else value
