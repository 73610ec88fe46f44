"""A saved network is loaded as it was, whatever it is made of."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as array_strategy

from clearprop import (
    Activation,
    FanInUniform,
    Identity,
    Initializer,
    KaimingNormal,
    Layer,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    Uniform,
    Zeros,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import (
    ConfigurationError,
    ContractError,
    DamagedFileError,
    DtypeError,
    FileError,
    ShapeError,
    UnknownNameError,
)
from clearprop.formats.network_file import load, save
from clearprop.kinds.kind_tables import LAYER_EXAMPLES

ACTIVATIONS: list[Layer] = [ReLU(), Tanh(), Sigmoid(), Identity()]
FLOATS = st.floats(-1e300, 1e300)


@st.composite
def initializers(draw: Any) -> Initializer:
    kinds: list[Initializer] = [FanInUniform(), KaimingNormal(), Zeros()]
    low, high = sorted((draw(FLOATS), draw(FLOATS)))
    return draw(st.sampled_from(kinds)) if low == high else Uniform(low, high)


@st.composite
def layers(draw: Any, width: int, depth: int = 2) -> Layer:
    """A layer that keeps the width."""
    kind = draw(st.sampled_from(["linear", "activation", "sequential", "residual"]))
    if kind == "sequential" and depth:
        inside = draw(st.lists(layers(width, depth - 1), min_size=1, max_size=3))
        return Sequential(*inside)
    if kind == "residual" and depth:
        return Residual(draw(layers(width, depth - 1)))
    if kind == "activation":
        activation: Layer = draw(st.sampled_from(ACTIVATIONS))
        return activation
    bias = draw(st.booleans())
    starts = {
        "weight_initializer": draw(initializers()),
        "bias_initializer": draw(initializers()),
    }
    return Linear(width, width, bias=bias, **starts)


@st.composite
def saved_networks(draw: Any) -> Network:
    width = draw(st.integers(1, 3))
    layer = Sequential(*draw(st.lists(layers(width), min_size=1, max_size=4)))
    weights = [path for path in Network(layer).layout.slots if path.endswith("weight")]
    if len(weights) > 1 and draw(st.booleans()):
        return Network(layer, tied={weights[-1]: weights[0]})
    return Network(layer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    network=saved_networks(),
    dtype=st.sampled_from(["float32", "float64"]),
    networks=st.none() | st.integers(0, 3),
    notes=st.dictionaries(st.text(), JSON, max_size=3),
)
def test_a_network_is_loaded_as_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory,
    network: Network,
    dtype: str,
    networks: int | None,
    notes: dict[str, Any],
) -> None:
    path = tmp_path_factory.mktemp("saved") / "network.safetensors"
    lead = () if networks is None else (networks,)
    params = np.random.default_rng(0).normal(size=(*lead, network.size)).astype(dtype)
    save(path, network, params, notes=notes)
    saved = load(path)
    assert saved.network == network
    assert saved.network.layout.slots == network.layout.slots
    assert saved.params.dtype == dtype
    np.testing.assert_array_equal(saved.params, params)
    assert saved.notes == notes
    assert not saved.arrays


EVERY_LAYER = [example.layer for examples in LAYER_EXAMPLES.values() for example in examples]


@pytest.mark.parametrize("layer", EVERY_LAYER, ids=repr)
def test_every_layer_of_the_catalogue_is_loaded_as_it_was_saved(
    tmp_path: Path, layer: Layer
) -> None:
    network = Network(Residual(layer) if isinstance(layer, Activation) else layer)
    params = network.initialize(seed=1)
    save(tmp_path / "file", network, params, state=network.initial_state(params))
    saved = load(tmp_path / "file")
    assert saved.network == network
    np.testing.assert_array_equal(saved.params, params)


ORDERS: dict[str, Any] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda a: a.T.copy().T,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
}


@given(
    shape=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    dtype=st.sampled_from(
        ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "bool"]
    ),
    order=st.sampled_from(sorted(ORDERS)),
    data=st.data(),
)
def test_an_array_of_any_layout_is_loaded_with_its_numbers(
    tmp_path_factory: pytest.TempPathFactory,
    shape: tuple[int, int],
    dtype: str,
    order: str,
    data: st.DataObject,
) -> None:
    plain = data.draw(array_strategy(dtype, shape))
    array = ORDERS[order](plain)
    path = tmp_path_factory.mktemp("saved") / "network.safetensors"
    network = Network(Linear(1, 1))
    save(path, network, np.zeros(2), arrays={"mine": array})
    loaded = load(path).arrays["mine"]
    assert loaded.shape == shape
    assert loaded.dtype == plain.dtype
    np.testing.assert_array_equal(loaded, plain)


@pytest.mark.parametrize("order", ["Fortran", "strided", "reversed"])
def test_stacked_parameters_of_any_layout(tmp_path: Path, order: str) -> None:
    network = Network(Linear(2, 3))
    params = network.initialize(range(4))
    save(tmp_path / "file", network, ORDERS[order](params))
    np.testing.assert_array_equal(load(tmp_path / "file").params, params)


def test_a_single_number_stays_one(tmp_path: Path) -> None:
    # np.ascontiguousarray would make it an array of one.
    network = Network(ReLU())
    save(tmp_path / "file", network, np.zeros(0), arrays={"": np.array(3.5)})
    assert load(tmp_path / "file").arrays[""].shape == ()


def test_what_is_loaded_is_read_only_and_outlives_the_file(tmp_path: Path) -> None:
    network = Network(Linear(2, 3))
    params = network.initialize()
    save(tmp_path / "file", network, params, arrays={"x": np.ones(3)})
    saved = load(tmp_path / "file")
    with (tmp_path / "file").open("r+b") as stream:
        stream.write(bytes(10_000))
    (tmp_path / "file").unlink()
    np.testing.assert_array_equal(saved.params, params)
    for array in (saved.params, saved.arrays["x"]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_nothing_that_was_handed_over_is_changed(tmp_path: Path) -> None:
    network = Network(Linear(2, 3))
    params, extra = network.initialize(), np.asfortranarray(np.arange(6.0).reshape(2, 3))
    before = params.copy()
    save(tmp_path / "file", network, params, arrays={"x": extra}, notes={"a": 1})
    np.testing.assert_array_equal(params, before)
    assert params.flags.writeable
    assert extra.flags.f_contiguous


def test_the_file_is_what_its_docstring_says(tmp_path: Path) -> None:
    # Read with the safetensors format's own rules: 8 bytes of length, a JSON header, the data.
    network = Network(Linear(1, 1))
    save(tmp_path / "file", network, np.array([2.0, -1]), arrays={"x": np.ones(1, "i1")})
    content = (tmp_path / "file").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    metadata = header["__metadata__"]
    told = {"architecture", "training", "classes", "notes"}
    assert set(metadata) == {"format", "version", "sha256"} | told
    assert metadata["format"] == "clearprop-network"
    assert metadata["version"] == "2"
    assert json.loads(metadata["architecture"])["layer"]["type"] == "Linear"
    assert set(header) == {"__metadata__", "params", "extra.x"}
    start, stop = header["params"]["data_offsets"]
    data = content[8 + length :]
    np.testing.assert_array_equal(np.frombuffer(data[start:stop]), [2, -1])


def test_two_saves_of_one_network_are_the_same_bytes(tmp_path: Path) -> None:
    network = Network(Sequential(Linear(2, 3), Sigmoid(), Linear(3, 1)))
    params = network.initialize(seed=2)
    arrays: dict[str, Array] = {"x": np.ones((2, 2)), "b": np.arange(3), "é": np.ones(1, "f4")}
    for name, order in (("first", list(arrays)), ("second", sorted(arrays, reverse=True))):
        save(
            tmp_path / name,
            network,
            params,
            arrays={one: arrays[one] for one in order},
            notes={"a": 1, "b": [2]},
        )
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    saved = load(tmp_path / "first")
    save(tmp_path / "third", saved.network, saved.params, arrays=saved.arrays, notes=saved.notes)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "third").read_bytes()


def test_the_mode_is_that_of_an_ordinary_file(tmp_path: Path) -> None:
    network = Network(ReLU())
    save(tmp_path / "ours", network, np.zeros(0))
    (tmp_path / "ordinary").write_bytes(b"")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "ordinary")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_an_interruption_leaves_the_old_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    network = Network(Linear(2, 3))
    save(tmp_path / "file", network, network.initialize(0))
    monkeypatch.setattr(step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "file", network, network.initialize(1))
    monkeypatch.undo()
    np.testing.assert_array_equal(load(tmp_path / "file").params, network.initialize(0))
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


@dataclass(frozen=True)
class Cube(Activation):
    """A layer of a user's own."""

    scale: float = 1.0

    def value(self, z: Array) -> Array:
        value: Array = self.scale * z**3
        return value

    def derivative(self, z: Array, a: Array) -> Array:
        slope: Array = 3 * self.scale * z**2
        return slope


def test_a_layer_of_ones_own_is_handed_over(tmp_path: Path) -> None:
    network = Network(Sequential(Linear(2, 3), Residual(Cube(0.5))))
    params = network.initialize()
    save(tmp_path / "file", network, params)
    with pytest.raises(UnknownNameError, match=r"'Cube' is not known here .* kinds=\[...\]"):
        load(tmp_path / "file")
    saved = load(tmp_path / "file", kinds=[Cube])
    assert saved.network == network
    x = np.ones((2, 2))
    np.testing.assert_array_equal(saved.network.predict(params, x), network.predict(params, x))


@dataclass(frozen=True)
class Renamed(Activation):
    """The same class after its author has renamed it and its setting."""

    type_name: ClassVar[str] = "Cube"
    factor: float = 1.0
    value = Cube.value
    derivative = Cube.derivative


def test_a_layer_whose_settings_changed_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "file", Network(Cube()), np.zeros(0))
    with pytest.raises(DamagedFileError, match=r"file' is damaged: the settings of Cube .*scale"):
        load(tmp_path / "file", kinds=[Renamed])


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"params": np.zeros(3)}, ShapeError, "takes parameters"),
        ({"params": np.zeros(2, "int64")}, DtypeError, "Parameters are float64"),
        ({"params": np.zeros(2, complex)}, DtypeError, "'params' is complex128"),
        ({"arrays": {"x": np.zeros(2, complex)}}, DtypeError, "'extra.x' is complex128"),
        ({"arrays": {"x": np.zeros(2, "longdouble")}}, DtypeError, "'extra.x' is"),
        ({"arrays": {"x": np.array(["a"])}}, DtypeError, "'extra.x' is <U1"),
        ({"arrays": {"x": np.array([None])}}, DtypeError, "'extra.x' is object"),
        ({"notes": {"x": np.zeros(2)}}, ConfigurationError, "notes cannot be written as JSON"),
        ({"notes": {"x": float("nan")}}, ConfigurationError, "notes cannot be written as JSON"),
        ({"network": Network(Sequential(Linear(1, 1), Cube(1j)))}, ContractError, "is a complex"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_saved_is_refused_before_a_file_is_touched(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    plain: dict[str, Any] = {"network": Network(Linear(1, 1)), "params": np.zeros(2)}
    with pytest.raises(error, match=sentence):
        save(tmp_path / "file", **(plain | changes))
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_where_no_file_can_be(tmp_path: Path) -> None:
    network = Network(ReLU())
    with pytest.raises(FileError, match="is a folder"):
        save(tmp_path, network, np.zeros(0))
    with pytest.raises(FileError, match="cannot be written: No such file"):
        save(tmp_path / "missing" / "file", network, np.zeros(0))


def test_a_file_written_by_one_process_is_read_by_another(tmp_path: Path) -> None:
    network = Network(Sequential(Linear(1, 2), ReLU()))
    save(tmp_path / "file", network, network.initialize(3))
    script = (
        "import sys; from clearprop.formats.network_file import load\n"
        "saved = load(sys.argv[1])\n"
        "print(saved.network.layer, saved.params.tolist() == saved.network.initialize(3).tolist())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "file")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.strip() == f"{network.layer} True"
