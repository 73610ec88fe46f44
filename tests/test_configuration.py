"""Configuration as plain data, and back."""

import copy
import json
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import Linear, Network, ReLU, Residual, Sequential, Tanh, Uniform, Zeros
from clearprop.base.configuration import Configurable, decode, encode
from clearprop.base.errors import ContractError, DamagedFileError, UnknownNameError
from clearprop.kinds.kind_tables import (
    INITIALIZERS,
    LAYER_EXAMPLES,
    LAYERS,
    LOSS_EXAMPLES,
    OPTIMIZER_ROWS,
)

KNOWN: dict[str, type[Configurable]] = {**LAYERS, **INITIALIZERS}


ZEROS = Zeros()


@dataclass(frozen=True)
class Wide(Configurable):
    """Settings of every kind that JSON has."""

    number: float = 0.5
    whole: int = 3
    text: str = "a"
    flag: bool = True
    nothing: None = None
    many: tuple[Any, ...] = (1, (2.5, "b"), None)
    inner: Configurable = ZEROS


class Bare(Configurable):
    """No settings at all."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bare)

    __hash__ = None  # type: ignore[assignment]


class WithConstructor(Configurable):
    """A constructor of its own, and no word about what it takes."""

    def __init__(self, size: int) -> None:
        self.size = size


class WithSettings(WithConstructor):
    """The same, saying what it takes."""

    def settings(self) -> dict[str, Any]:
        return {"size": self.size}


@pytest.mark.parametrize("value", [Wide(), Wide(number=-1e-300, text="層", many=()), Bare()])
def test_round_trip_through_json(value: Configurable) -> None:
    known: dict[str, type[Configurable]] = {"Wide": Wide, "Bare": Bare, "Zeros": Zeros}
    assert decode(json.loads(json.dumps(encode(value))), known) == value


def test_what_is_written_is_plain() -> None:
    assert encode(Residual(Linear(2, 2, bias_initializer=Uniform(-1, 1)))) == {
        "type": "Residual",
        "settings": {
            "branch": {
                "type": "Linear",
                "settings": {
                    "inputs": 2,
                    "outputs": 2,
                    "bias": True,
                    "weight_initializer": {"type": "FanInUniform", "settings": {}},
                    "bias_initializer": {
                        "type": "Uniform",
                        "settings": {"low": -1.0, "high": 1.0},
                    },
                },
            }
        },
    }


def test_settings_of_a_constructor_of_ones_own() -> None:
    again = decode(encode(WithSettings(3)), {"WithSettings": WithSettings})
    assert again.size == 3
    with pytest.raises(ContractError, match=r"WithConstructor has a constructor .* settings\(\)"):
        encode(WithConstructor(3))


@pytest.mark.parametrize("value", [np.zeros(2), {1, 2}, {"a": 1}, object(), 1j, print])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(ContractError, match=f"a {type(value).__name__}, which cannot be written"):
        encode(Wide(inner=value))


def test_a_class_that_was_not_handed_over_is_never_made() -> None:
    data = encode(Sequential(ReLU(), Linear(1, 1)))
    data["settings"]["layers"][1]["settings"]["weight_initializer"] = encode(Wide())
    with pytest.raises(UnknownNameError, match=r"'Wide' is not known .* kinds=\[...\]"):
        decode(data, KNOWN)
    with pytest.raises(UnknownNameError, match=r"'os\.system'"):
        decode({"type": "os.system", "settings": {"command": "true"}}, KNOWN)


@pytest.mark.parametrize(
    "settings", [{"inputs": 2}, {"inputs": 2, "outputs": 3, "more": 4}, {"layers": []}]
)
def test_settings_that_a_constructor_does_not_take_are_damage(settings: dict[str, Any]) -> None:
    with pytest.raises(DamagedFileError, match="settings of Linear are not what it takes"):
        decode({"type": "Linear", "settings": settings}, KNOWN)
    with pytest.raises(DamagedFileError, match="settings of Sequential"):
        decode({"type": "Sequential"}, KNOWN)


@pytest.mark.parametrize(
    "made",
    [
        *(example.layer for examples in LAYER_EXAMPLES.values() for example in examples),
        *(example.loss for examples in LOSS_EXAMPLES.values() for example in examples),
        *(example for row in OPTIMIZER_ROWS.values() for example in row.examples),
    ],
    ids=str,
)
def test_what_is_made_from_settings_is_copied_and_pickled(made: Configurable) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(made, protocol)) == made
    assert copy.copy(made) == made
    assert copy.deepcopy(made) == made


def test_a_network_and_its_passes_are_pickled() -> None:
    # What multiprocessing sends to another process.
    network = Network(Sequential(Linear(2, 3), Residual(Tanh()), Linear(3, 1)))
    x = np.arange(8.0).reshape(4, 2)
    forward = network.forward(network.initialize(), x)
    backward = network.backward(forward, np.ones((4, 1)))
    for again in (pickle.loads(pickle.dumps(backward)), copy.deepcopy(backward)):
        assert again.forward.network == network
        assert [record.path for record in again.records] == list(network.graph.nodes)
        np.testing.assert_array_equal(again.gradient, backward.gradient)
        repeated = network.backward(again.forward, np.ones((4, 1)))
        np.testing.assert_array_equal(repeated.gradient, backward.gradient)
