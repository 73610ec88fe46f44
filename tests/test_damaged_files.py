"""Files that are not what they should be are refused in a sentence, never read as another."""

import errno
import io
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as safetensors_save
from safetensors.numpy import save_file

from clearprop import Linear, Network, ReLU, Sequential
from clearprop.base.errors import (
    ClearpropError,
    DamagedFileError,
    FileError,
    ForeignFileError,
    NewerFileError,
)
from clearprop.formats.checked_file import _checksum, _parse
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.network_file import FORMAT, load, save
from clearprop.formats.safetensors_layout import to_bytes

NETWORK = Network(Sequential(Linear(1, 2), ReLU(), Linear(2, 1)))
PARAMS = NETWORK.initialize(seed=3)
EXTRA = np.arange(5, dtype="int32")
NOTES = {"name": "層"}

REFUSALS = (ForeignFileError, DamagedFileError, NewerFileError)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a good file."""
    path = tmp_path_factory.mktemp("good") / "network.safetensors"
    save(path, NETWORK, PARAMS, arrays={"x": EXTRA}, notes=NOTES)
    return path.read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the damaged ones are written, one over the other."""
    return tmp_path_factory.mktemp("damaged") / "network.safetensors"


def assert_refused_or_identical(place: Path, content: bytes) -> bool:
    """Whether the content is refused; if it is not, it must be the very same network."""
    place.write_bytes(content)
    result = loaded_or_refused(place)
    if isinstance(result, SavedNetwork):
        assert_identical(result)
        return False
    assert str(place) in str(result)
    assert str(place) in result.message("zh-TW")
    return True


def loaded_or_refused(place: Path) -> SavedNetwork | ClearpropError:
    try:
        return load(place)
    except REFUSALS as error:
        return error


def assert_identical(saved: SavedNetwork) -> None:
    assert saved.network == NETWORK
    assert saved.params.dtype == PARAMS.dtype
    np.testing.assert_array_equal(saved.params, PARAMS)
    assert list(saved.arrays) == ["x"]
    assert saved.arrays["x"].dtype == EXTRA.dtype
    np.testing.assert_array_equal(saved.arrays["x"], EXTRA)
    assert saved.notes == NOTES


def test_the_good_file_is_good(place: Path, content: bytes) -> None:
    assert not assert_refused_or_identical(place, content)


def test_a_file_truncated_at_any_length_is_refused(place: Path, content: bytes) -> None:
    for length in range(len(content)):
        assert assert_refused_or_identical(place, content[:length]), length


def test_a_file_with_anything_behind_it_is_refused(place: Path, content: bytes) -> None:
    for tail in (b"\0", b" ", content):
        assert assert_refused_or_identical(place, content + tail)


@pytest.mark.thorough
@pytest.mark.parametrize("bit", range(8))
def test_one_flipped_bit_anywhere_is_refused_or_harmless(
    place: Path, content: bytes, bit: int
) -> None:
    length = int.from_bytes(content[:8], "little")
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << bit
        refused = assert_refused_or_identical(place, bytes(damaged))
        # Nothing in the data is harmless: the checksum is over every number.
        assert refused or position < 8 + length


@settings(max_examples=300)
@given(data=st.data())
def test_one_byte_of_any_other_value_is_refused_or_harmless(
    place: Path, content: bytes, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(content) - 1))
    damaged = bytearray(content)
    damaged[position] = data.draw(st.integers(0, 255))
    assert_refused_or_identical(place, bytes(damaged))


@settings(max_examples=200)
@given(data=st.data())
def test_two_parts_of_the_file_exchanged_are_refused_or_harmless(
    place: Path, content: bytes, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, 40))
    first, second = (data.draw(st.integers(0, len(content) - size)) for _ in range(2))
    damaged = bytearray(content)
    damaged[first : first + size] = content[second : second + size]
    damaged[second : second + size] = content[first : first + size]
    assert_refused_or_identical(place, bytes(damaged))


@given(noise=st.binary(max_size=200))
def test_noise_is_refused(place: Path, noise: bytes) -> None:
    assert assert_refused_or_identical(place, noise)


def rewritten(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The file with its header changed by someone who knows the format, data as it was."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


HEADERS: list[tuple[Callable[[dict[str, Any]], Any], type[ClearpropError]]] = [
    (lambda h: h["__metadata__"].update(format="other"), ForeignFileError),
    (lambda h: h.pop("__metadata__"), ForeignFileError),
    (lambda h: h.update(other=h.pop("params")), ForeignFileError),
    (lambda h: h["__metadata__"].update(version="3"), NewerFileError),
    (lambda h: h["__metadata__"].update(version="10"), NewerFileError),
    (lambda h: h["__metadata__"].update(version="0"), DamagedFileError),
    (lambda h: h["__metadata__"].update(version="new"), DamagedFileError),
    (lambda h: h["__metadata__"].pop("version"), DamagedFileError),
    (lambda h: h["__metadata__"].pop("sha256"), DamagedFileError),
    (lambda h: h["__metadata__"].pop("architecture"), DamagedFileError),
    (lambda h: h["__metadata__"].update(notes="{}"), DamagedFileError),
    (lambda h: h["__metadata__"].update(more="x"), DamagedFileError),
    (lambda h: h["params"].update(shape=[1, 7]), DamagedFileError),
    (lambda h: h["params"].update(dtype="I64"), DamagedFileError),
    (lambda h: h["extra.x"].update(dtype="BF16", shape=[10]), DamagedFileError),
    (lambda h: h.update({"extra.y": h.pop("extra.x")}), DamagedFileError),
]


@pytest.mark.parametrize(("change", "error"), HEADERS)
def test_a_changed_header_is_refused(
    place: Path,
    content: bytes,
    change: Callable[[dict[str, Any]], Any],
    error: type[ClearpropError],
) -> None:
    place.write_bytes(rewritten(content, change))
    with pytest.raises(error):
        load(place)


def forged(content: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The file with another header and the checksum that goes with it."""
    (metadata, arrays) = _parse(io.BytesIO(rewritten(content, change)), Path("forged"), FORMAT)
    del metadata["sha256"]
    metadata["sha256"] = _checksum(metadata, arrays)
    return to_bytes(arrays, metadata)


def architecture(tied: Any = None, **settings: Any) -> Callable[[dict[str, Any]], Any]:
    made_of = {"layer": {"type": "Linear", "settings": settings}, "tied": tied or {}}
    return lambda h: h["__metadata__"].update(architecture=json.dumps(made_of))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h["__metadata__"].pop("architecture"), "architecture"),
        (lambda h: h["__metadata__"].update(architecture="{"), "Expecting"),
        (lambda h: h["__metadata__"].update(architecture="[]"), "indices"),
        (lambda h: h["__metadata__"].update(architecture="{}"), "layer"),
        (lambda h: h["__metadata__"].update(architecture='{"layer": 1, "tied": {}}'), ""),
        (lambda h: h["__metadata__"].update(notes="["), "Expecting"),
        (lambda h: h["__metadata__"].update(notes="[" * 100_000 + "]" * 100_000), "recursion"),
        (architecture(inputs=2), "settings of Linear are not what it takes"),
        (architecture(inputs=-1, outputs=2), "inputs"),
        (architecture(inputs=1, outputs=1), "takes parameters"),
        (architecture(inputs=1, outputs=1, tied=[1]), ""),
    ],
)
def test_a_forged_file_with_a_right_checksum_is_refused(
    place: Path, content: bytes, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    place.write_bytes(forged(content, change))
    with pytest.raises(DamagedFileError, match=rf"is damaged: .*{words}") as caught:
        load(place)
    assert str(place) in caught.value.message("zh-TW")


def test_the_sentence_within_a_sentence_is_of_the_same_language(
    place: Path, content: bytes
) -> None:
    place.write_bytes(content[:-1])
    with pytest.raises(DamagedFileError, match=r"is damaged: its arrays take") as caught:
        load(place)
    assert re.search("已損毀：陣列共需 .* 個位元組，而標頭之後有", caught.value.message("zh-TW"))


def test_a_newer_file_says_which_version_it_is(place: Path, content: bytes) -> None:
    place.write_bytes(rewritten(content, lambda h: h["__metadata__"].update(version="7")))
    with pytest.raises(NewerFileError, match=r"in version 7 .* up to version 2; install a newer"):
        load(place)


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"x",
        b"A text file.\nWith two lines.\n",
        "一個文字檔".encode(),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(1000),
        pickle.dumps({"params": [1, 2, 3]}),
        safetensors_save({"params": np.zeros(3)}),
        safetensors_save({"weight": np.zeros(3)}, metadata={"format": "pt"}),
    ],
    ids=["empty", "one byte", "text", "Chinese", "png", "zeros", "pickle", "bare", "torch's"],
)
def test_another_programs_file_is_foreign(place: Path, foreign: bytes) -> None:
    place.write_bytes(foreign)
    with pytest.raises(ForeignFileError, match="is not a network saved by clearprop"):
        load(place)


def test_a_foreign_file_with_types_that_numpy_has_not_is_foreign(place: Path, torch: Any) -> None:
    from safetensors.torch import save_file as save_torch_file

    save_torch_file({"w": torch.zeros(3, dtype=torch.bfloat16)}, place)
    with pytest.raises(ForeignFileError, match="is not a network"):
        load(place)


def test_a_foreign_file_of_ours_in_name_only(place: Path) -> None:
    save_file({"params": np.zeros(3)}, place, metadata={"format": "clearprop-network"})
    with pytest.raises(DamagedFileError, match="checksum does not match"):
        load(place)


def test_what_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"There is no file '.*missing'\."):
        load(tmp_path / "missing")
    with pytest.raises(FileError, match="is a folder, where a file was meant"):
        load(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match="cannot be read: Not a directory"):
        load(tmp_path / "file" / "below")
    # A path may be text.
    with pytest.raises(FileError, match="There is no file"):
        load(str(tmp_path / "missing"))


def test_a_folder_that_may_not_be_entered(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "file").write_bytes(content)
    folder.chmod(0)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)  # root may enter any folder, so look with another's eyes
        with pytest.raises(FileError, match="cannot be read: Permission denied"):
            load(folder / "file")
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)


@pytest.mark.parametrize("problem", [errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_read_says_why(
    place: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, problem: int
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(problem, os.strerror(problem))

    place.write_bytes(content)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match=f"cannot be read: {os.strerror(problem)}"):
        load(place)


def test_a_refusal_crosses_a_process(place: Path) -> None:
    place.write_bytes(b"clearprop-network, and not safetensors")
    with pytest.raises(DamagedFileError, match="is damaged: ") as caught:
        load(place)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
