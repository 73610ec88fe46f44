"""Which machine code this processor takes, best first.

The levels are those of the x86-64 psABI, which every compiler knows by these names. NumPy has
found out at its import what the processor and the system can do; its table is read here, and where
a version of NumPy has it no longer, the level that every processor has is taken.
"""

import platform
import sys
from importlib import import_module
from typing import NamedTuple


class Target(NamedTuple):
    """A kind of processor: its name in file names, the compiler's option for it, and what NumPy
    calls what it must be able to do."""

    name: str
    options: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


_V3 = ("AVX", "AVX2", "FMA3", "F16C")
_V4 = (*_V3, "AVX512F", "AVX512CD", "AVX512_SKX")

# What each machine, as Python calls it, can be asked for, best first; the last one asks nothing.
TARGETS = {
    "x86-64": (
        Target("x86-64-v4", ("-march=x86-64-v4",), _V4),
        Target("x86-64-v3", ("-march=x86-64-v3",), _V3),
        Target("x86-64"),
    ),
    "aarch64": (Target("aarch64"),),
}

_SAME = {"amd64": "x86-64", "x86_64": "x86-64", "arm64": "aarch64"}

# Of shared libraries, by `sys.platform`.
SUFFIXES = {"darwin": ".dylib", "win32": ".dll"}
SUFFIX = SUFFIXES.get(sys.platform, ".so")


def usable_targets() -> tuple[Target, ...]:
    """The targets whose machine code runs here, best first; for a machine that is not in the table
    one that says nothing to the compiler."""
    machine = platform.machine().lower()
    machine = _SAME.get(machine, machine)
    features = _features()
    return tuple(
        target
        for target in TARGETS.get(machine, (Target(machine or "unknown"),))
        if all(features.get(name, False) for name in target.features)
    )


def _features() -> dict[str, bool]:
    try:
        return dict(import_module("numpy._core._multiarray_umath").__cpu_features__)
    except (ImportError, AttributeError):
        return {}
