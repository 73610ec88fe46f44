"""The dtype policy, the products, read-only arrays and keyed generators."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.base import arrays
from clearprop.base.arrays import EMPTY
from clearprop.base.errors import ConfigurationError, DtypeError


def test_dtype_named() -> None:
    assert arrays.dtype_named("float64") == np.float64
    assert arrays.dtype_named("float32") == np.float32
    assert arrays.dtype_named(np.float32) == arrays.dtype_named(np.dtype("float32")) == np.float32
    assert arrays.dtype_named(float) == np.float64
    with pytest.raises(ConfigurationError, match="'int64' is not known"):
        arrays.dtype_named(np.int64)
    with pytest.raises(ConfigurationError, match="'float16' is not known; choose one of float64"):
        arrays.dtype_named("float16")


@pytest.mark.parametrize(
    ("array", "params", "allowed"),
    [
        ("float64", "float64", True),
        ("float32", "float32", True),
        ("float32", "float64", False),
        ("float64", "float32", False),
        ("float16", "float32", False),
        # ids and class numbers
        ("int64", "float32", True),
        ("uint8", "float64", True),
        # the complex step
        ("float64", "complex128", True),
        ("complex128", "complex128", True),
        ("complex128", "float64", False),
        ("bool", "float64", False),
        ("object", "float64", False),
        ("str", "float64", False),
    ],
)
def test_what_goes_with_the_parameters(array: str, params: str, allowed: bool) -> None:
    one, other = np.zeros(1, array), np.zeros(1, params)
    if allowed:
        arrays.require_matching_dtype(one, other, where="x")
    else:
        with pytest.raises(DtypeError, match=rf"^x is .* parameters are {params}"):
            arrays.require_matching_dtype(one, other, where="x")


@given(
    lead=st.sampled_from([((), ()), ((3,), (3,)), ((), (3,)), ((3,), ())]),
    rows=st.integers(0, 4),
    inner=st.integers(0, 4),
    columns=st.integers(0, 4),
    dtype=st.sampled_from(["float32", "float64", "complex128"]),
)
def test_the_product_is_matmuls_however_it_is_made(
    lead: Any, rows: int, inner: int, columns: int, dtype: str
) -> None:
    generator = np.random.default_rng([rows, inner, columns])
    a = generator.normal(size=(*lead[0], rows, inner)).astype(dtype)
    b = generator.normal(size=(*lead[1], inner, columns)).astype(dtype)
    product = arrays.matrix_product(a, b)
    assert product.shape == (a @ b).shape
    assert product.dtype == dtype
    # dot and matmul add up in different orders: a few units in the last place of sums of four.
    np.testing.assert_allclose(product, a @ b, rtol=0, atol=float(20 * np.finfo(dtype).eps))


@given(lead=st.sampled_from([(), (3,)]), rows=st.integers(0, 5), columns=st.integers(1, 4))
def test_sum_rows_keeps_one_row(lead: tuple[int, ...], rows: int, columns: int) -> None:
    array = np.random.default_rng(rows).normal(size=(*lead, rows, columns))
    total = arrays.sum_rows(array)
    assert total.shape == (*lead, 1, columns)
    np.testing.assert_allclose(total, array.sum(axis=-2, keepdims=True), rtol=0, atol=1e-14)


@given(lead=st.sampled_from([(), (3,)]), rows=st.integers(0, 5), columns=st.integers(1, 4))
def test_sum_columns_keeps_one_column(lead: tuple[int, ...], rows: int, columns: int) -> None:
    array = np.random.default_rng(rows).normal(size=(*lead, rows, columns))
    total = arrays.sum_columns(array)
    assert total.shape == (*lead, rows, 1)
    np.testing.assert_allclose(total, array.sum(axis=-1, keepdims=True), rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize(("axis", "expected"), [(-1, [[2], [5]]), (-2, [[2.5, 3.5, 4.5]])])
def test_a_mean_keeps_its_axis_and_the_dtype(axis: int, expected: Any, dtype: str) -> None:
    array = np.array([[1, 2, 3], [4, 5, 6]], dtype)
    mean = arrays.mean_along(array, axis)
    assert mean.dtype == dtype
    np.testing.assert_array_equal(mean, expected)


def test_frozen_copies_what_can_be_written_to() -> None:
    mine = np.array([1.0, 2])
    kept = arrays.frozen(mine)
    mine[0] = 9
    np.testing.assert_array_equal(kept, [1, 2])
    assert not kept.flags.writeable
    assert mine.flags.writeable
    # What is read-only already is not copied again.
    assert arrays.frozen(kept) is kept
    assert arrays.frozen(kept[1:]).base is kept


def test_frozen_copies_a_read_only_view_of_what_can_be_written_to() -> None:
    mine = np.array([1.0, 2])
    view = mine[:]
    view.setflags(write=False)
    kept = arrays.frozen(view)
    spread = arrays.frozen(np.broadcast_to(mine, (3, 2)))
    mine[0] = 9
    np.testing.assert_array_equal(kept, [1, 2])
    np.testing.assert_array_equal(spread, [[1, 2]] * 3)


def test_frozen_trusts_bytes_and_no_other_owner() -> None:
    numbers = np.array([1.0, 2])
    fixed = np.frombuffer(numbers.tobytes())
    assert arrays.frozen(fixed) is fixed
    buffer = bytearray(numbers.tobytes())
    view = np.frombuffer(buffer)
    view.setflags(write=False)
    kept = arrays.frozen(view)
    buffer[:] = bytes(16)
    np.testing.assert_array_equal(kept, [1, 2])


def test_frozen_leaves_a_file_that_is_mapped_read_only_where_it_is(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(4.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert arrays.frozen(mapped) is mapped
    part = mapped[1:]
    assert arrays.frozen(part) is part
    plain = np.asarray(mapped)
    assert arrays.frozen(plain) is plain


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_frozen_copies_a_mapped_file_that_can_be_written_to(tmp_path: Path, mode: Any) -> None:
    np.save(tmp_path / "x.npy", np.arange(4.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode=mode)
    view = mapped[:]
    view.setflags(write=False)
    kept = [arrays.frozen(mapped), arrays.frozen(view)]
    mapped[0] = 9
    for one in kept:
        assert type(one) is np.ndarray
        np.testing.assert_array_equal(one, [0, 1, 2, 3])


def test_freeze_is_in_place() -> None:
    array = np.zeros(2)
    assert arrays.freeze(array) is array
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_equal_keys_give_equal_draws_and_others_do_not() -> None:
    def draw(*key: Any) -> tuple[float, ...]:
        return tuple(arrays.keyed_generator(*key).random(4))

    assert draw(1, 2, "layers[0]") == draw(1, 2, "layers[0]")
    keys: list[tuple[Any, ...]] = [(1,), (2,), (1, 1), (1, 2), (1, 0, "a"), (1, 0, "b"), (0, 1)]
    assert len({draw(*key) for key in keys}) == len(keys)


def test_a_key_means_the_same_in_every_version() -> None:
    # A resumed run depends on it; the third number is the first
    # eight bytes of the path's SHA-256, as `sha256sum` gives them, read from the last one.
    generator = arrays.keyed_generator(5, 3, "layers[0]")
    again = np.random.default_rng([5, 3, 0xCEAB1EA58A7DF5CA])
    np.testing.assert_array_equal(generator.random(3), again.random(3))


@given(
    seed=st.integers(0, 2**32 - 1),
    step=st.integers(0, 2**32 - 1),
    path=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_seeds_and_steps_below_2_to_the_32_draw_as_numpy_does(
    seed: int, step: int, path: str
) -> None:
    place = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "little")
    again = np.random.default_rng([seed, step, place])
    assert arrays.keyed_generator(seed, step, path).random() == again.random()


BEYOND = [0, 1, 5, 2**32, 2**32 + 1, 2**32 * 5, 2**64, 2**64 + 2**32 * 5, 2**96 + 1]


def test_keys_beyond_2_to_the_32_are_told_apart() -> None:
    keys = list(itertools.product(BEYOND, BEYOND, ["", "layers[0]"]))
    draws = {tuple(arrays.keyed_generator(*key).integers(2**63, size=3)) for key in keys}
    assert len(draws) == len(keys)
    # NumPy itself takes some of these for one another.
    as_numpy = {tuple(np.random.SeedSequence(key[:2]).generate_state(4)) for key in keys}
    assert len(as_numpy) < len(keys) // 2


def test_a_key_of_numpys_whole_numbers_is_that_of_pythons() -> None:
    one = arrays.keyed_generator(np.uint64(2**40), np.int32(7))  # type: ignore[arg-type]
    assert one.random() == arrays.keyed_generator(2**40, 7).random()


@pytest.mark.parametrize("key", [(-1, 0), (0, -1), (-(2**40), 0)])
def test_a_negative_key_is_refused(key: tuple[int, int]) -> None:
    with pytest.raises(ConfigurationError, match=r"must be a whole number of at least 0"):
        arrays.keyed_generator(*key)


@pytest.mark.parametrize("seed", [0, 7, 2**63, np.int64(3), np.uint8(3)])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    assert arrays.require_seed(seed) == seed
    assert type(arrays.require_seed(seed)) is int


@pytest.mark.parametrize("seed", [-1, 1.0, "1", None, True, np.float64(1)])
def test_what_is_no_seed_is_refused_by_name(seed: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^start must be a whole number of at least 0"):
        arrays.require_seed(seed, "start")


@pytest.mark.parametrize(
    ("value", "finite"),
    [
        (1, True),
        (-0.5, True),
        (np.float32(2), True),
        (np.int64(2), True),
        (float("nan"), False),
        (float("-inf"), False),
        (np.float32("inf"), False),
        (True, False),
        ("1", False),
        (None, False),
        (1j, False),
    ],
)
def test_is_finite_number(value: Any, finite: bool) -> None:
    assert arrays.is_finite_number(value) is finite


@pytest.mark.parametrize(
    ("shape", "text"), [((5,), "(5,)"), ((2, 3), "(2, 3)"), ((), "()"), (("N", 10), "(N, 10)")]
)
def test_shapes_are_written_as_people_write_them(shape: Any, text: str) -> None:
    assert arrays.shape_text(shape) == text


@pytest.mark.parametrize("count", [0, 1.0, True, np.float64(2), "3", None])
def test_what_is_no_count_is_refused_by_name(count: Any) -> None:
    with pytest.raises(ConfigurationError, match="most must be a whole number of at least 1"):
        arrays.require_count("most", count)


@pytest.mark.parametrize("count", [0, 5, np.int64(3)])
def test_a_count_is_a_whole_number_from_its_least_on(count: Any) -> None:
    assert arrays.require_count("depth", count, 0) == count
    assert type(arrays.require_count("depth", count, 0)) is int


def test_the_empty_mapping_is_printed_as_what_it_is() -> None:
    # It stands in signatures and contexts, where an address would differ from run to run.
    assert repr(EMPTY) == "{}"
    assert dict(EMPTY) == {}
