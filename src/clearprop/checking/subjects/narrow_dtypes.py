"""Numbers of three digits, float16 and bfloat16: too few to compare slopes, so they are refused.

The same code may be checked in float32 or float64. What computes in float16 inside is found later,
by its results (`rules.precision`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from clearprop.base.errors import ConfigurationError
from clearprop.checking.subjects.structures import (
    DEPTH,
    FUNCTIONS,
    PLAIN,
    Path,
    children,
    is_number,
)
from clearprop.checking.subjects.written_names import shown

# As NumPy and JAX spell it, and PyTorch.
NARROW = re.compile(r"(?:torch\.)?(?P<name>b?float16|b?float8\w*|half)")


def narrow_dtype(value: Any) -> str:
    """The name of its dtype where that has fewer digits than float32, of whichever library it is;
    "" of anything else."""
    found = NARROW.fullmatch(str(getattr(value, "dtype", "")))
    return found["name"] if found else ""


def refuse_narrow(roots: Mapping[str, Any]) -> None:
    """Refuse numbers of too few digits, wherever they stand in what was handed over.

    Raises ConfigurationError that names them.
    """
    found = {
        shown(root, path, short=True): dtype
        for root, value in roots.items()
        for path, dtype in _narrow(value, (), set())
    }
    if found:
        dtypes = ", ".join(dict.fromkeys(found.values()))
        raise ConfigurationError("check_narrow", names=", ".join(found), dtype=dtypes)


def _narrow(value: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, str]]:
    if dtype := narrow_dtype(value):
        yield path, dtype
        return
    known = (*PLAIN, *FUNCTIONS)
    if is_number(value) or len(path) >= DEPTH or id(value) in seen or isinstance(value, known):
        return
    seen.add(id(value))
    for step, child in children(value):
        yield from _narrow(child, (*path, step), seen)
