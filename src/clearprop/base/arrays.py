"""The dtype policy, read-only arrays, and generators keyed by what they are for.

dtype: float64 unless float32 is asked for; the parameters decide and everything else must match.
Complex parameters serve the complex step. Integers are ids or class numbers, never measurements.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from mmap import mmap
from numbers import Real
from typing import TYPE_CHECKING, Any, NewType, TypeAlias

import numpy as np

from clearprop.base.errors import ConfigurationError, DtypeError

if TYPE_CHECKING:
    import numpy.typing as npt

if TYPE_CHECKING:
    Array: TypeAlias = npt.NDArray[Any]
else:
    # Signatures and help() say the name of this; an alias they would spell out.
    Array = NewType("Array", np.ndarray)
Shape: TypeAlias = tuple[int, ...]
Index: TypeAlias = tuple[int, ...]

DTYPES = ("float64", "float32")


class Empty(Mapping[str, Any]):
    """The mapping without entries: read-only, and picklable where `MappingProxyType` is not."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


EMPTY = Empty()


def dtype_named(name: "str | type[Any] | np.dtype[Any]") -> np.dtype[Any]:
    """float64 or float32, by name or as NumPy's own. Raises ConfigurationError for any other."""
    if isinstance(name, type | np.dtype):
        name = np.dtype(name).name
    if name not in DTYPES:
        raise ConfigurationError("dtype_unknown", name=name, known=", ".join(DTYPES))
    return np.dtype(name)


def require_matching_dtype(array: Array, params: Array, *, where: str) -> None:
    """Refuse `array` unless its dtype goes with that of the parameters.

    Integers pass (a layer that cannot take them says so itself), and real input passes beside
    complex parameters. Raises DtypeError.
    """
    if array.dtype == params.dtype:
        return
    kind = array.dtype.kind
    if kind in "iu" or (kind == "f" and params.dtype.kind == "c"):
        return
    raise DtypeError("dtype_mixed", where=where, came=array.dtype, expected=params.dtype)


def matrix_product(a: Array, b: Array, out: Array | None = None) -> Array:
    """A @ b over the last two axes, by the fastest of NumPy's ways to the same numbers; written
    into `out` where that is given.

    For two small matrices `dot` costs a third of `@`, and where the inner size is 1 the product is
    an outer one, which multiplying with broadcasting does several times faster on stacks.
    """
    if a.ndim == 2 and b.ndim == 2:
        product: Array = a.dot(b, out)
        return product
    if a.shape[-1] == 1:
        return np.multiply(a, b, out=out)
    return np.matmul(a, b, out=out)


def sum_rows(array: Array, out: Array | None = None) -> Array:
    """The sum over the rows (the axis before the last), kept as one row: (..., N, D) → (..., 1, D).

    As a product with a row of ones, which is BLAS's work and several times faster on stacks.
    """
    return matrix_product(_row_of_ones(array.shape[-2], array.dtype.char), array, out)


def sum_columns(array: Array) -> Array:
    """The sum over the last axis, kept as one column: (..., N, D) → (..., N, 1).

    As a product with a column of ones: of many short rows, NumPy's own sum takes several times as
    long.
    """
    return matrix_product(array, _row_of_ones(array.shape[-1], array.dtype.char).mT)


def mean_along(array: Array, axis: int) -> Array:
    """The mean along the last axis (−1) or the one before it (−2), which keeps its place."""
    mean = sum_columns(array) if axis == -1 else sum_rows(array)
    mean /= array.shape[axis]
    return mean


@lru_cache(maxsize=8)
def zero_of(dtype: np.dtype[Any]) -> Array:
    """0 as an array () of a dtype: NumPy takes half as long to compare with it as with Python's."""
    return freeze(np.zeros((), dtype))


@lru_cache(maxsize=8)
def _row_of_ones(length: int, dtype: str) -> Array:
    # Making it anew would cost more than the product of a small network.
    return freeze(np.ones((1, length), dtype))


def frozen(array: Array) -> Array:
    """A read-only array of the same values: `array` itself where nobody can write to it,
    otherwise a copy, so that a later edit of the caller's array cannot reach a record.

    A read-only view of an array that can be written to is copied as well. A file that is mapped
    into memory is copied unless it was opened read-only (`np.load(file, mmap_mode="r")`): then it
    is as fixed as the file, and may be larger than the memory.
    """
    owner: object = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if owner is None or isinstance(owner, bytes) or _is_fixed_file(owner):
        return array
    return freeze(np.array(array))  # np.array, since a copy of a memmap is one in name


def _is_fixed_file(owner: object) -> bool:
    return isinstance(owner, mmap) and memoryview(owner).readonly


def freeze(array: Array) -> Array:
    """Make an array that we allocated ourselves read-only, in place, and return it."""
    array.setflags(write=False)
    return array


def keyed_generator(seed: int, step: int = 0, path: str = "") -> "np.random.Generator":
    """A generator made from what it is for, so that the same draw can be made again later.

    Equal keys give equal streams, different keys independent ones; nothing has to be saved to
    repeat a dropout mask, a shuffle or a start. Raises ConfigurationError unless seed and step are
    whole numbers >= 0.
    """
    # Imported here, as numpy.random is (hence the quoted annotations): whoever draws nothing does
    # not wait for it.
    import hashlib

    seed, step = require_seed(seed), require_seed(step, "step")
    place = _words(int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "little"))
    (low_seed, *high_seed), (low_step, *high_step) = map(_words, (seed, step))
    key = [low_seed, low_step, *place]
    if high_seed or high_step:
        # NumPy strings the words of several numbers together and would take [2**32, 0] for [0, 1];
        # what is beyond 32 bits comes last, and how much of it is the seed's is said before.
        key += [0] * (4 - len(key)) + [len(high_seed), *high_seed, *high_step]
    # The words as they are: NumPy takes them from a list one by one, which is three times as slow.
    return np.random.default_rng(np.array(key, np.uint32))


def _words(number: int) -> list[int]:
    """The number's 32-bit words, the lowest first; at least one."""
    words = [number & 0xFFFFFFFF]
    while number := number >> 32:
        words.append(number & 0xFFFFFFFF)
    return words


def require_seed(seed: int, name: str = "seed") -> int:
    """`seed` as a Python int. Raises ConfigurationError unless it is a whole number >= 0."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigurationError("seed_invalid", name=name, value=seed)
    return int(seed)


def require_count(name: str, value: int, least: int = 1) -> int:
    """`value` as a Python int. Raises ConfigurationError unless it is a whole number of at least
    `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigurationError("count_invalid", name=name, least=least, value=value)
    return int(value)


def is_finite_number(value: object) -> bool:
    """Whether `value` is a real number that is neither infinite nor NaN."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def shape_text(shape: Iterable[int | str]) -> str:
    """A shape as people write it: `(N, 10)`, `(5,)`."""
    items = [str(item) for item in shape]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
