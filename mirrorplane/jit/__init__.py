"""Compiled functions: the bottom room.

Owns how a function over columns becomes machine code, is kept between runs and is called. Must not know any
packet, any stage, or what a column means.

A *kernel* is a function over numpy columns, written in the Python that numba compiles. It is compiled once
per machine and version, its machine code kept in the user's cache folder, and loaded again without numba:
importing numba and compiling takes seconds, loading a kept kernel milliseconds.

* `columns`:  the column types, and what a call passes (one block of words a call);
* `memory`:   words at any offset of a byte column, for kernels;
* `vectors`:  one value against eight words at once;
* `compile`:  the only import of numba; source -> machine code;
* `flatten`:  machine code -> an image, which runs wherever it lies, and `image` its loading;
* `linking`:  LLVM's idea of this machine; it loads what no image can be made of;
* `identity`: what machine code depends on;
* `store`:    the folder it is kept in.

A function that kernels call is marked `@inline` (`inlined`); both kinds stay ordinary Python functions, so
that a test can run them uncompiled (`kernel.python`).
"""

from mirrorplane.jit.columns import F64, I32, I64, U8, U16, U32, U64, Column, zeros
from mirrorplane.jit.inlined import inline
from mirrorplane.jit.kernels import Bound, Kernel, KernelError, kernel

__all__ = [
    "F64",
    "I32",
    "I64",
    "U8",
    "U16",
    "U32",
    "U64",
    "Bound",
    "Column",
    "Kernel",
    "KernelError",
    "inline",
    "kernel",
    "zeros",
]
