# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one place that knows numba: how a loop becomes machine code, and where that code is kept.

A kernel has one signature, compiled when its module is imported and kept on disk beside the source
(or in the user's cache folder, or in ``NUMBA_CACHE_DIR``). Array arguments are declared read-only and
C-contiguous: polars hands out read-only arrays, and one declaration then serves both kinds. IEEE
arithmetic is kept, because NaN and infinity carry meaning here; the one liberty, asked for loop by loop,
is that a long sum may be added up in another order (``reassociate``), which lets it run in vector
registers. Kernels are serial and release the interpreter's lock: `rwe.execute` runs several at once.

numba asks of kept code only whether its own file has changed, and a kernel holds the code of the kernels
it calls: kept code is therefore stamped with the text of all the kernel files that it rests on.

Code that is kept is loaded without setting up the compiler: its registries (and the linear algebra of
scipy, which they look for) cost more than the rest of the package together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from filelock import FileLock
from llvmlite import ir
from numba.core.runtime.nrt import rtsys
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
F8: TypeAlias = npt.NDArray[np.float64]
I8: TypeAlias = npt.NDArray[np.int64]
I4: TypeAlias = npt.NDArray[np.int32]
U1: TypeAlias = npt.NDArray[np.uint8]
U2: TypeAlias = npt.NDArray[np.uint16]
U4: TypeAlias = npt.NDArray[np.uint32]
U8: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_types: Any = numba.types
_tools: Any = numba.core.cgutils
integer, number, word = _types.int64, _types.float64, _types.uint64


def array_in(kind: Any, dimensions: int = 1) -> Any:
    """Return the type of a read-only C-contiguous argument."""
    return _types.Array(kind, dimensions, "C", readonly=True)


f8_in, i8_in, i4_in, flags_in = (array_in(kind) for kind in (number, integer, _types.int32, _types.boolean))
u1_in, u2_in, u4_in = (array_in(kind) for kind in (_types.uint8, _types.uint16, _types.uint32))
f8_in2, i8_in2, i4_in3 = array_in(number, 2), array_in(integer, 2), array_in(_types.int32, 3)
f8_out, f8_out2, i8_out, i8_out2 = number[::1], number[:, ::1], integer[::1], integer[:, ::1]  # filled for the caller
u8_out, i4_out, u1_out, u4_out = word[::1], _types.int32[::1], _types.uint8[::1], _types.uint32[::1]
u2_out, u4_out2, flags_out = _types.uint16[::1], _types.uint32[:, ::1], _types.boolean[::1]
four_integers, four_numbers = _types.UniTuple(integer, 4), _types.UniTuple(number, 4)  # what belongs together
_IMPORTED = re.compile(r"^from rwe\.kernels\.(\w+) import", re.MULTILINE)
REASSOCIATE = {"reassoc", "contract", "nsz"}


def kernel(*arguments: Any, reassociate: bool = False) -> Callable[[Function], Function]:
    """Compile a loop for these argument types when its module is imported.

    `reassociate` lets sums be added up in another order and multiply-adds be fused; NaN and infinity keep
    their meaning.

    Processes that start together take turns at the cache folder (numba issue 4807: a race there can
    crash a process). Where no folder can be written the code is compiled for this process alone.
    """

    options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    if reassociate:
        options["fastmath"] = REASSOCIATE

    def compile_(function: Function) -> Function:
        dispatcher = numba.njit(**options)(function)
        dispatcher.targetctx = _loading(dispatcher.targetctx)
        try:
            dispatcher.enable_caching()
            dispatcher._cache._cache_file._source_stamp = _stamp(Path(function.__code__.co_filename))
            folder = Path(cast(str, dispatcher.stats.cache_path))
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "rwe-kernels.lock"):
                dispatcher.compile(arguments)
        except (RuntimeError, OSError, EOFError, NotImplementedError):
            dispatcher = numba.njit(**options)(function)
            dispatcher.compile(arguments)
        dispatcher.disable_compile()
        return cast(Function, dispatcher)

    return compile_


def _number_at(_context: Any, address: Any, index: Any) -> Any:
    """Return the number `index` places after an address: how a kernel reads a column that lies anywhere."""

    def load(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        start = builder.inttoptr(arguments[0], ir.DoubleType().as_pointer())
        return builder.load(builder.gep(start, [arguments[1]]))

    return number(address, index), load


def _fetch_at(_context: Any, address: Any, index: Any) -> Any:
    """Ask for the line of memory `index` numbers after an address, to be there when it is read; it may lie anywhere."""

    def ask(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [word, flag, flag, flag])
        prefetch = _tools.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        line = builder.inttoptr(builder.add(arguments[0], builder.shl(arguments[1], arguments[1].type(3))), word)
        builder.call(prefetch, [line, flag(0), flag(2), flag(1)])
        return _target.get_dummy_value()

    return _types.void(address, index), ask


number_at: Any = intrinsic(_number_at)
fetch_at: Any = intrinsic(_fetch_at)


@cache
def _stamp(file: Path) -> str:
    """Return a digest of a kernel file and of the kernel files that it imports."""
    text = file.read_text("utf-8")
    below = sorted(set(_IMPORTED.findall(text)))
    return sha256("".join([text, *(_stamp(file.with_name(f"{name}.py")) for name in below)]).encode()).hexdigest()


def _loading(context: Any) -> Any:
    """Return the context in which kept code is loaded: refreshing it starts the allocator and no more.

    Compiling does not pass through it: the compiler takes its own context, and refreshes that in full.
    """
    return context.subtarget(refresh=lambda: rtsys.initialize(context))
