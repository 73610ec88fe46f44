"""The BLAS that NumPy brings with it: its matrix product as an address for the kernels, and how
many threads it may use."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

# OpenBLAS with integers of 64 bits, as NumPy's wheels bring it.
_PRODUCTS = {"float32": "scipy_sgemm_64_", "float64": "scipy_dgemm_64_"}
_CORE, _THREADS = "scipy_openblas_get_corename64_", "scipy_openblas_get_num_threads64_"
_SET_THREADS = "scipy_openblas_set_num_threads64_"

# Those of OpenBLAS's kernels that use vectors of 64 bytes.
_WIDE_CORES = ("SkylakeX", "Cooperlake", "SapphireRapids")
_WIDE = 64


class _Blas(NamedTuple):
    """A loaded library, its product, and how wide its vectors may be."""

    library: ctypes.CDLL
    product: int | None
    is_wide: bool


def large_product(dtype: str, vector_bytes: int) -> int | None:
    """The address of sgemm or dgemm for kernels whose vectors are so wide. None where NumPy is
    built with another BLAS, or where this one is slower than the kernels' own product: on one
    thread, with narrower vectors."""
    found = _numpy_blas(dtype)
    if found is None:
        return None
    if vector_bytes >= _WIDE and not found.is_wide and getattr(found.library, _THREADS)() == 1:
        return None
    return found.product


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Products on one thread meanwhile, where NumPy can be told. For many small ones: threads
    that wait for each other take several times as long, on a busy machine nearly all of it."""
    found = _numpy_blas("float64")
    change = None if found is None else getattr(found.library, _SET_THREADS, None)
    if found is None or change is None:
        yield
        return
    before = getattr(found.library, _THREADS)()
    change(1)
    try:
        yield
    finally:
        change(before)


@cache
def _numpy_blas(dtype: str) -> _Blas | None:
    home = Path(np.__file__).parent
    for folder in (home.parent / "numpy.libs", home / ".dylibs"):
        for path in sorted(folder.glob("*openblas64*")):
            try:
                # NumPy has loaded it: this is the same copy.
                library = ctypes.CDLL(str(path))
                product = ctypes.cast(getattr(library, _PRODUCTS[dtype]), ctypes.c_void_p)
                core, _ = getattr(library, _CORE), getattr(library, _THREADS)
            except (OSError, AttributeError):
                continue
            core.restype = ctypes.c_char_p
            return _Blas(library, product.value, core().decode() in _WIDE_CORES)
    return None
