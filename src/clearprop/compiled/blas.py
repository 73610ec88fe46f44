"""The matrix product of the BLAS that NumPy brings with it, as an address for the kernels."""

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

# OpenBLAS with integers of 64 bits, as NumPy's wheels bring it.
_SYMBOLS = {"float32": "scipy_sgemm_64_", "float64": "scipy_dgemm_64_"}


@cache
def matrix_product_of_numpy(dtype: str) -> int | None:
    """The address of sgemm or dgemm; None where NumPy is built with another BLAS, and the kernels'
    own product does all the work."""
    home = Path(np.__file__).parent
    for folder in (home.parent / "numpy.libs", home / ".dylibs"):
        for path in sorted(folder.glob("*openblas64*")):
            try:
                # NumPy has loaded it: this is the same copy.
                symbol = getattr(ctypes.CDLL(str(path)), _SYMBOLS[dtype])
            except (OSError, AttributeError):
                continue
            return ctypes.cast(symbol, ctypes.c_void_p).value
    return None
