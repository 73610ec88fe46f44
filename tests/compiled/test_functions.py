"""The kernels' own exponential, logarithm and tanh, against NumPy's with more digits."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

import clearprop.compiled
from clearprop.base.arrays import Array
from clearprop.compiled.processors import usable_targets

SOURCES = Path(clearprop.compiled.__file__).parent / "source"

# A translation unit of a dtype, with what makes the functions callable in place of the training.
WRAPPER = """
#include "functions.h"
void apply(int which, const real *x, real *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) {
        vec v = load(x + i);
        store(y + i, which == 0 ? power_of_e(v) : which == 1 ? hyperbolic_tangent(v)
            : which == 2 ? logarithm(v) : which == 3 ? log_of_1_plus(v)
            : which == 4 ? power_less_1(v) : normal_share(v));
    }
}
"""

Apply = Callable[[int, Array], Array]
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1e30, -1e30])


@pytest.fixture(scope="module", params=["float32", "float64"])
def apply(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Apply:
    """Function number so and so of an array, in one dtype."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder, dtype = tmp_path_factory.mktemp("functions"), request.param
    source, library = folder / "functions.c", folder / f"{dtype}.so"
    unit = (SOURCES / f"{dtype}.c").read_text(encoding="utf-8")
    assert '#include "training.h"' in unit
    source.write_text(unit.replace('#include "training.h"', WRAPPER), encoding="utf-8")
    options = ["-O1", "-std=gnu11", "-shared", "-fPIC", f"-I{SOURCES}"]
    level = usable_targets()[0].options
    subprocess.run([compiler, *options, *level, source, "-o", library, "-lm"], check=True)
    function = ctypes.CDLL(str(library)).apply

    def applied(which: int, x: Array) -> Array:
        padded = np.ones(-(-len(x) // 16) * 16, dtype)
        padded[: len(x)] = x
        y = np.empty_like(padded)
        pointers = (ctypes.c_void_p(array.ctypes.data) for array in (padded, y))
        function(which, *pointers, ctypes.c_int64(len(y)))
        return y[: len(x)]

    return applied


def _spread(low: float, high: float) -> Array:
    generator = np.random.default_rng(0)
    return np.concatenate([generator.uniform(low, high, 20000), generator.normal(size=2000) * 1e-5])


CASES: dict[str, tuple[int, Any, Array]] = {
    "exp": (0, np.exp, _spread(-80, 80)),
    "tanh": (1, np.tanh, _spread(-12, 12)),
    "log": (2, np.log, np.exp(_spread(-80, 80))),
    "log close to 1": (2, np.log, 1 + _spread(-0.3, 0.3)),
    "log1p": (3, np.log1p, np.abs(_spread(0, 1))),
    "expm1": (4, np.expm1, -np.abs(_spread(0, 30))),
}


@pytest.mark.parametrize("name", CASES)
def test_within_two_units_in_the_last_place(name: str, apply: Apply) -> None:
    which, exact, x = CASES[name]
    rounded = x.astype(apply(which, x).dtype)
    found, expected = apply(which, rounded), exact(rounded.astype(np.longdouble))
    off = np.abs(found.astype(np.longdouble) - expected)
    assert (off <= 2 * np.finfo(rounded.dtype).eps * np.abs(expected)).all()


@pytest.mark.parametrize("name", ["exp", "tanh", "log", "expm1"])
def test_at_infinity_zero_and_nan(name: str, apply: Apply) -> None:
    which, exact, _ = CASES[name]
    x = SPECIAL if name != "expm1" else SPECIAL[[0, 1, 3, 4, 5, 7]]
    x = x.astype(apply(which, x).dtype)
    with np.errstate(all="ignore"):
        expected = exact(x)
    found = apply(which, x)
    eps = np.finfo(x.dtype).eps
    assert np.allclose(found, expected, rtol=2 * eps, atol=0, equal_nan=True)


def test_the_ends_of_what_a_power_can_be(apply: Apply) -> None:
    dtype = apply(0, np.zeros(1)).dtype
    largest = np.log(np.finfo(dtype).max)
    found = apply(0, np.array([largest * 0.9999, largest * 1.0001, -largest * 1.01, -largest * 2]))
    assert np.isfinite(found[0])
    assert found[1] == np.inf
    assert found[2] <= np.finfo(dtype).tiny
    assert found[3] == 0


def test_the_normal_distribution(apply: Apply) -> None:
    x = np.linspace(-6, 6, 997)
    found = apply(5, x)
    expected = ndtr(x.astype(found.dtype).astype(float))
    assert np.abs(found - expected).max() <= 2 * np.finfo(found.dtype).eps
