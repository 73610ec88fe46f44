"""What a layer is told of its place: the context, and draws that can be made again."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from clearprop import (
    GRU,
    MSE,
    SGD,
    Context,
    Layer,
    Linear,
    Network,
    Residual,
    Sequential,
    TimeStep,
    fit,
    save,
)
from clearprop.base.arrays import EMPTY, Array
from clearprop.base.errors import ContractError, DataError, DtypeError, UnknownNameError
from clearprop.checking.witnesses.finite_differences import central_differences
from clearprop.engine.layers.layer import Backward, Forward, Tree, refuse_integers
from clearprop.training import StepEvent, start, train


class MaskCache(NamedTuple):
    """`mask`: what x was multiplied with."""

    mask: Array


@dataclass(frozen=True)
class Mask(Layer):
    """Lets half of the entries through in training, as dropout does."""

    stackable: ClassVar[bool] = True

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        if not context.training:
            return x / 2, MaskCache(np.full(x.shape, 0.5)), EMPTY
        mask = context.generator().random(x.shape) < 0.5
        return x * mask, MaskCache(mask), EMPTY

    def backward(self, params: Tree, cache: MaskCache, dy: Array) -> Backward:
        return dy * cache.mask, EMPTY


@dataclass(frozen=True)
class Tell(Layer):
    """Returns as its state what it was told."""

    def state(self) -> dict[str, Array]:
        return {"told": np.zeros(1)}

    def side_inputs(self) -> tuple[str, ...]:
        return ("mask",)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return x, None, {"told": context}

    def backward(self, params: Tree, cache: Any, dy: Array) -> Backward:
        return dy, EMPTY


MASKED = Network(Sequential(Linear(2, 8), Mask(), Linear(8, 8), Mask(), Linear(8, 1)))
X = np.random.default_rng(0).normal(size=(5, 2))
T = np.random.default_rng(1).normal(size=(5, 1))


def test_a_layer_is_told_its_place_and_the_pass() -> None:
    network = Network(Sequential(Residual(Sequential(Tell())), Tell()))
    side = {"mask": np.ones(1)}
    forward = network.forward(
        np.empty(0),
        X,
        training=False,
        records=False,
        seed=3,
        step=4,
        state=network.start_state,
        side_inputs=side,
    )
    inner = forward.state["layers[0].branch.layers[0]"]["told"]
    start = {"told": np.zeros(1)}
    assert inner == Context(False, False, 3, 4, "layers[0].branch.layers[0]", start, side)
    assert forward.state["layers[1]"]["told"].path == "layers[1]"


def test_a_layer_gets_its_own_state_and_path() -> None:
    context = Context(path="branch", state={"layers[0].branch": {"told": 1}, "": {"told": 2}})
    inside = context.child("layers[0].branch")
    assert inside.state == {"told": 1}
    assert inside.path == "branch.layers[0].branch"
    assert context.child("layers[1]").state == {}
    assert context.child("").state == {"told": 2}
    assert context.child("").path == "branch"


def test_the_same_draw_is_made_in_every_call() -> None:
    context = Context(seed=1, step=2, path="layers[0]")
    first, second = (context.generator().random(3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def masks(*, seed: int, step: int) -> list[Array]:
    forward = MASKED.forward(MASKED.initialize(), X, seed=seed, step=step)
    return [forward[f"layers[{index}]"].cache.mask for index in (1, 3)]


def test_a_draw_depends_on_the_seed_the_step_and_the_path_alone() -> None:
    np.testing.assert_array_equal(masks(seed=1, step=2), masks(seed=1, step=2))
    one, other = masks(seed=1, step=2)
    assert (one != other).any()
    assert (masks(seed=2, step=2)[0] != one).any()
    assert (masks(seed=1, step=3)[0] != one).any()


def test_what_a_layer_alone_has_saved_is_read_only_in_its_record() -> None:
    # A mask is neither the input nor the output of any layer.
    for mask in masks(seed=1, step=2):
        with pytest.raises(ValueError, match="read-only"):
            mask[...] = True


def test_a_random_layer_can_be_checked_because_its_draw_repeats() -> None:
    params = MASKED.initialize()

    def loss(point: Array) -> float:
        return float(MSE().evaluate(MASKED.forward(point, X, seed=5).output, T).value)

    forward = MASKED.forward(params, X, seed=5)
    backward = MASKED.backward(forward, MSE().evaluate(forward.output, T).gradient)
    witness = central_differences(loss, params).gradient
    np.testing.assert_allclose(backward.gradient, witness, rtol=1e-8, atol=1e-9)


def test_training_draws_anew_every_step_and_the_same_when_resumed() -> None:
    state = start(MASKED, MASKED.initialize(), SGD(0.01), seed=9)
    events = [e for e in train(MASKED, state, X, T, epochs=4) if isinstance(e, StepEvent)]
    caches = [event.backward.forward["layers[1]"].cache.mask for event in events]
    assert len({cache.tobytes() for cache in caches}) == 4
    resumed = list(train(MASKED, events[1].state, X, T, epochs=4))
    np.testing.assert_array_equal(resumed[-1].state.params, events[-1].state.params)


def test_in_use_nothing_is_drawn() -> None:
    params = MASKED.initialize()
    used = MASKED.forward(params, X, training=False, seed=1).output
    np.testing.assert_array_equal(used, MASKED.predict(params, X))


def test_integers_are_refused_with_the_layers_path_or_its_name() -> None:
    ids = np.ones(2, np.uint8)
    with pytest.raises(DtypeError, match=r"^layers\[0\]: Mask takes measurements, .* uint8"):
        refuse_integers(Mask(), ids, Context(path="layers[0]"))
    with pytest.raises(DtypeError, match=r"^Mask: Mask takes measurements"):
        refuse_integers(Mask(), ids, Context())
    refuse_integers(Mask(), ids.astype(float), Context())


GRU_TWICE = Network(Sequential(GRU(2, 3), GRU(3, 3), TimeStep()))
SEQUENCES = np.random.default_rng(2).normal(size=(4, 5, 2))


@pytest.mark.parametrize("name", ["length", "layers[1].lenghts", "layers[2].hidden", "mask"])
def test_a_side_input_that_no_layer_reads_is_refused(name: str) -> None:
    params = GRU_TWICE.initialize(seed=0)
    side = {name: np.full(4, 3)}
    told = pytest.raises(UnknownNameError, match=f"reads the side input '{re.escape(name)}'")
    with told:
        GRU_TWICE.forward(params, SEQUENCES, side_inputs=side)
    with told:
        fit(GRU_TWICE, params, SEQUENCES, np.zeros((4, 3)), side_inputs=side)
    with told:
        save(
            "unwritten.safetensors",
            GRU_TWICE,
            GRU_TWICE.initialize([0, 1]),
            x=SEQUENCES,
            target=np.zeros((4, 3)),
            side_inputs=side,
        )


def test_a_network_that_reads_none_says_so_and_a_list_is_no_mapping() -> None:
    params = MASKED.initialize(seed=0)
    with pytest.raises(UnknownNameError, match="reads a side input, and 'lengths' came"):
        MASKED.predict(params, X, side_inputs={"lengths": np.full(5, 1)})
    with pytest.raises(ContractError, match="and list came"):
        MASKED.predict(params, X, side_inputs=["lengths"])  # type: ignore[arg-type]


def test_a_side_input_is_for_all_layers_or_with_a_path_for_one() -> None:
    params = GRU_TWICE.initialize(seed=0)
    lengths = np.array([5, 3, 1, 2])
    assert GRU_TWICE.side_inputs[:2] == ("lengths", "hidden")
    everywhere = GRU_TWICE.predict(params, SEQUENCES, side_inputs={"lengths": lengths})
    each = {f"layers[{n}].lengths": lengths for n in range(3)}
    np.testing.assert_array_equal(
        GRU_TWICE.predict(params, SEQUENCES, side_inputs=each), everywhere
    )
    # The last layer alone: the time that is taken, from states that went through all times.
    states = Network(Sequential(GRU(2, 3), GRU(3, 3))).predict(params, SEQUENCES)
    np.testing.assert_array_equal(
        GRU_TWICE.predict(params, SEQUENCES, side_inputs={"layers[2].lengths": lengths}),
        states[np.arange(4), lengths - 1],
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "'lengths' is None; leave the name out"),
        ([[1], [2, 3]], "rows of one length"),
        ("three", "and str came"),
    ],
)
def test_what_is_no_array_is_refused_as_a_side_input(given: object, said: str) -> None:
    params = GRU_TWICE.initialize(seed=0)
    side: dict[str, Any] = {"lengths": given}
    with pytest.raises(ContractError, match=said):
        GRU_TWICE.forward(params, SEQUENCES, side_inputs=side)
    with pytest.raises(ContractError, match=said):
        fit(GRU_TWICE, params, SEQUENCES, np.zeros((4, 3)), side_inputs=side)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_first_state_with_nan_or_infinity_is_refused(wrong: float) -> None:
    params = GRU_TWICE.initialize(seed=0)
    first = np.zeros((4, 3))
    first[2, 0] = wrong
    with pytest.raises(DataError, match=r"layers\[0\]\.hidden: the first state holds NaN"):
        GRU_TWICE.predict(params, SEQUENCES, side_inputs={"layers[0].hidden": first})


def test_a_pass_keeps_the_lengths_that_it_was_handed() -> None:
    params, lengths = GRU_TWICE.initialize(seed=0), np.array([5, 3, 1, 2])
    forward = GRU_TWICE.forward(params, SEQUENCES, side_inputs={"lengths": lengths})
    dy = np.ones_like(forward.output)
    before = GRU_TWICE.backward(forward, dy).gradient
    lengths[:] = 1
    np.testing.assert_array_equal(GRU_TWICE.backward(forward, dy).gradient, before)
