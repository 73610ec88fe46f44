"""Make or find the machine code of the kernels."""

import ctypes


def library(dtype: str) -> ctypes.CDLL:
    """The kernels for a dtype, loaded."""
    raise NotImplementedError
