"""The layout is the safetensors library's, byte for byte, and nothing that is wrong is believed."""

import io
import json
import struct
from typing import Any

import numpy as np
import pytest
import safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as array_strategy
from safetensors.numpy import load as library_load
from safetensors.numpy import save as library_save

from clearprop.base.arrays import Array, frozen
from clearprop.base.errors import ConfigurationError, DamagedFileError, DtypeError
from clearprop.formats.safetensors_layout import (
    DTYPES,
    LONGEST_HEADER,
    read_arrays,
    read_header,
    to_bytes,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# A single entry: the library writes several in an order of its own that changes from run to run.
ONE_NOTE = st.dictionaries(TEXT, TEXT, max_size=1)
LAYOUTS: dict[str, Any] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
}


@st.composite
def some_arrays(draw: Any) -> dict[str, Array]:
    names = draw(st.lists(TEXT.filter(lambda name: name != "__metadata__"), unique=True))
    shapes = array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)
    kinds = st.sampled_from(sorted(str(kind) for kind in DTYPES.values()))
    return {name: draw(array_strategy(draw(kinds), draw(shapes))) for name in names}


def read(content: bytes) -> tuple[dict[str, str], dict[str, Array]]:
    stream = io.BytesIO(content)
    header = read_header(stream)
    return dict(header.metadata), read_arrays(stream, header)


@given(plain=some_arrays(), notes=ONE_NOTE, layout=st.sampled_from(sorted(LAYOUTS)))
def test_what_is_written_are_the_librarys_bytes(
    plain: dict[str, Array], notes: dict[str, str], layout: str
) -> None:
    content = to_bytes({name: LAYOUTS[layout](array) for name, array in plain.items()}, notes)
    assert content == library_save(plain, metadata=notes or None)
    assert content == to_bytes(dict(reversed(plain.items())), notes)


@given(plain=some_arrays(), notes=st.dictionaries(TEXT, TEXT))
def test_what_either_writes_the_other_reads(plain: dict[str, Array], notes: dict[str, str]) -> None:
    metadata, ours = read(library_save(plain, metadata=notes or None))
    theirs = library_load(to_bytes(plain, notes))
    assert metadata == notes
    for name, array in plain.items():
        for found in (ours[name], theirs[name]):
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)
    assert len(ours) == len(theirs) == len(plain)


def test_a_number_keeps_its_shape() -> None:
    content = to_bytes({"x": np.array(3.5), "y": np.asfortranarray(np.eye(2))}, {})
    assert read(content)[1]["x"].shape == ()
    assert content == library_save({"x": np.array(3.5), "y": np.eye(2)})


def test_what_is_read_can_neither_be_written_to_nor_need_be_copied() -> None:
    array = read(to_bytes({"x": np.ones(3)}, {}))[1]["x"]
    assert array.flags.aligned
    assert frozen(array) is array
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2


def test_arrays_at_any_address_are_read_aligned() -> None:
    # A header of any length is allowed: only the library pads it.
    for spaces in range(8):
        content = file('{"x":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}' + " " * spaces)
        array = read(content + struct.pack("<2d", 1.5, -2))[1]["x"]
        assert array.flags.aligned
        assert frozen(array) is array
        np.testing.assert_array_equal(array, [1.5, -2])


@pytest.mark.parametrize("dtype", ["complex64", "longdouble", "object", "<U3", "M8[s]"])
def test_numbers_that_the_layout_has_no_name_for_are_refused(dtype: str) -> None:
    with pytest.raises(DtypeError, match="The array 'x' is"):
        to_bytes({"x": np.zeros(2, dtype)}, {})


@pytest.mark.parametrize("name", ["__metadata__", "\ud800"])
def test_a_name_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be saved under the name"):
        to_bytes({name: np.zeros(2)}, {})


def file(header: str | bytes, data: int = 0) -> bytes:
    encoded = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(encoded)) + encoded + bytes(data)


def entry(
    dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4), name: str = "a", **more: Any
) -> str:
    said = {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}
    return f"{json.dumps(name)}:{json.dumps(said)}"


def table(*entries: str) -> str:
    return "{" + ",".join(entries) + "}"


# What is refused, the words that say why, and whether the library refuses it as well.
REFUSED: dict[str, tuple[bytes, str, bool]] = {
    "empty": (b"", "it has 0 bytes", True),
    "seven bytes": (bytes(7), "it has 7 bytes", True),
    "no header": (file(""), "not JSON", True),
    "header cut": (file("{}")[:-1], "would have 2 bytes, and 1 are left", True),
    "longest header": (struct.pack("<Q", LONGEST_HEADER + 1), "100000000 is the most", True),
    "length of 64 bits": (b"\xff" * 8 + b"{}", "18446744073709551615 bytes", True),
    "not UTF-8": (file(b'{"\xff":1}'), "not UTF-8", True),
    "surrogate": (file(table(entry()).replace("a", r"\ud800", 1), 4), "not UTF-8", True),
    "not JSON": (file("{"), "not JSON", True),
    "a list": (file("[]"), "not JSON", True),
    "a space before": (file(" {}"), "begins with a brace", False),
    "something behind": (file("{}\0"), "not JSON", True),
    "digits without end": (file(table(entry(shape=[1])).replace("[1]", "9" * 5000)), "JSON", True),
    "nested": (file('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"), "too deeply", True),
    "array twice": (file(table(entry(), entry()), 4), "the name 'a' twice", False),
    "note twice": (file('{"__metadata__":{"n":"1","n":"2"}}'), "the name 'n' twice", False),
    "dtype twice": (file('{"a":{"dtype":"F32","dtype":"F64"}}'), "'dtype' twice", True),
    "notes are numbers": (file('{"__metadata__":{"n":1}}'), "metadata are not", True),
    "notes are a list": (file('{"__metadata__":["n"]}'), "metadata are not", True),
    "no notes": (file('{"__metadata__":null}'), "metadata are not", False),
    "no entry": (file('{"a":[]}'), "does not give the array 'a'", True),
    "no shape": (file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), "does not give", True),
    "more than asked": (file(table(entry(more=1)), 4), "does not give the array 'a'", False),
    "negative size": (file(table(entry(shape=[-1])), 4), "does not give", True),
    "size of 1.0": (file(table(entry(shape=[1.0])), 4), "does not give", True),
    "size of true": (file(table(entry(shape=[True])), 4), "does not give", True),
    "size of NaN": (file(table(entry(shape=[float("nan")])), 4), "does not give", True),
    "shape as text": (file(table(entry(shape="1")), 4), "does not give", True),
    "open offset": (file(table(entry(offsets=[0])), 4), "does not give", True),
    "offset of null": (file(table(entry(offsets=[0, None])), 4), "does not give", True),
    "three offsets": (file(table(entry(offsets=[0, 4, 4])), 4), "does not give", True),
    "dtype unknown": (file(table(entry("F31")), 4), "unknown dtype F31", True),
    "dtype as a list": (file(table(entry(["F32"])), 4), "unknown dtype", True),
    "product overflows": (
        file(table(entry(shape=[2**32, 2**32], offsets=[0, 0]))),
        "no array can have",
        True,
    ),
    "bytes overflow": (
        file(table(entry(shape=[2**62], offsets=[0, 0]))),
        "no array can have",
        True,
    ),
    "overflow of nothing": (
        file(table(entry(shape=[2**32, 2**32, 0], offsets=[0, 0]))),
        "no array can have",
        True,
    ),
    "65 axes": (file(table(entry(shape=[1] * 65)), 4), "no array can have", True),
    "offsets backwards": (file(table(entry(offsets=[4, 0])), 4), "takes 4 bytes", True),
    "too few bytes": (file(table(entry(shape=[2])), 4), "takes 8 bytes, and has those", True),
    "a hole before": (file(table(entry(offsets=[4, 8])), 8), "begins at byte 4", True),
    "a hole between": (
        file(table(entry(), entry(name="b", offsets=[8, 12])), 12),
        "'b' begins at byte 8 of the data, and 4 would",
        True,
    ),
    "overlapping": (
        file(table(entry(shape=[2], offsets=[0, 8]), entry(name="b", offsets=[4, 8])), 8),
        "'b' begins at byte 4 of the data, and 8 would",
        True,
    ),
    "the same bytes": (file(table(entry(), entry(name="b")), 4), "begins at byte 0", True),
    "data cut": (file(table(entry()), 3), "take 4 bytes, and 3 follow", True),
    "data behind": (file(table(entry()), 5), "take 4 bytes, and 5 follow", True),
    "data of nothing": (file("{}", 1), "take 0 bytes, and 1 follow", True),
    "far end": (
        file(table(entry(shape=[2**50], offsets=[0, 2**52])), 8),
        "take 4503599627370496 bytes, and 8 follow",
        True,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_hold_together_is_refused(case: str) -> None:
    content, words, by_the_library = REFUSED[case]
    with pytest.raises(DamagedFileError, match=words) as caught:
        read(content)
    assert caught.value.message("zh-TW") != str(caught.value)
    if by_the_library:
        # NumPy's ValueError: the library alone would give an array any number of axes.
        with pytest.raises((safetensors.SafetensorError, ValueError)):
            library_load(content)
    else:
        library_load(content)


GOOD = to_bytes({"w": np.arange(6.0).reshape(2, 3), "i": np.arange(3, dtype="i1")}, {"n": "層"})


@settings(max_examples=500)
@given(
    position=st.integers(0, len(GOOD) - 1),
    removed=st.integers(0, 12),
    put=st.one_of(
        st.binary(max_size=12), st.sampled_from([b'"', b"}", b"[", b",", b"9999999", b"-", b"1e9"])
    ),
)
@example(position=0, removed=8, put=b"\xff" * 8)
def test_whatever_is_believed_the_library_believes_too(
    position: int, removed: int, put: bytes
) -> None:
    changed = GOOD[:position] + put + GOOD[position + removed :]
    try:
        _, ours = read(changed)
    except DamagedFileError:
        return
    theirs = library_load(changed)
    assert set(ours) == set(theirs)
    for name, array in ours.items():
        assert array.tobytes() == theirs[name].tobytes()
        assert array.shape == theirs[name].shape


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*DTYPES, "BF16", "F4"]) | JSON,
        "shape": st.lists(st.integers(0, 4) | st.integers(0, 2**64), max_size=4) | JSON,
        "data_offsets": st.lists(st.integers(0, 40), min_size=2, max_size=2) | JSON,
    }
)


@settings(max_examples=500)
@given(
    header=st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), ENTRIES | JSON),
    size=st.integers(0, 40),
)
def test_no_header_is_believed_that_the_library_refuses(header: dict[str, Any], size: int) -> None:
    content = file(json.dumps(header), size)
    try:
        _, ours = read(content)
    except DamagedFileError:
        return
    assert set(ours) == set(library_load(content))
