"""RNN, GRU and LSTM by hand, beside PyTorch with lengths and starts, in windows, and refused."""

from math import log, tanh
from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    RNN,
    SGD,
    Concatenate,
    Dropout,
    Linear,
    Network,
    Sequential,
    TimeSlice,
    TimeStep,
    carried_state,
    fit,
    recurrent_stack,
    take_step,
)
from clearprop.base.arrays import keyed_generator
from clearprop.base.errors import ClearpropError, ConfigurationError, ShapeError
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.formats.torch_arrays import from_torch_arrays
from tests.gradient_checks import present
from tests.layers.sequences import GENERATOR, LENGTHS, X, drawn, every_kind


def test_two_steps_of_an_lstm_by_hand() -> None:
    # One unit, x = 1 at both times, U = 0 and no bias: σ(0) = 1/2, σ(ln 3) = 3/4 and
    # tanh(½ ln 3) = 1/2, so i = 1/2, f = 3/4, g = 1/2, o = 1/2 at both times.
    # c = ½·½ = 1/4, then ¾·¼ + ½·½ = 7/16;  h = ½ tanh(1/4), then ½ tanh(7/16).
    network = Network(LSTM(1, 1, bias=False))
    params = np.array([0, log(3), log(3) / 2, 0, 0, 0, 0, 0])
    forward = network.forward(params, np.ones((1, 2, 1)))
    first, second = tanh(1 / 4), tanh(7 / 16)
    np.testing.assert_allclose(forward.output.ravel(), [first / 2, second / 2], rtol=1e-15)
    inside = forward.inside("")
    np.testing.assert_allclose(inside["cell"].values.ravel(), [1 / 4, 7 / 16], rtol=1e-15)
    np.testing.assert_allclose(inside["forget"].values.ravel(), [3 / 4, 3 / 4], rtol=1e-15)

    # ∂C/∂h = (0, 1). ∂C/∂c₂ = ½ (1 − tanh² 7/16) = s, and ∂C/∂c₁ = ¾ s, for U = 0.
    s = (1 - second**2) / 2
    backward = network.backward(forward, np.array([[[0.0], [1.0]]]))
    np.testing.assert_allclose(backward.inside("")["cell"].ravel(), [3 / 4 * s, s], rtol=1e-14)
    # ∂C/∂a: i: c g i(1−i) = s/8;  f: s·¼·¾·¼ at time 2, 0 at time 1, where c before is 0;
    # g: s·½·¾;  o: tanh(c₂)·¼ at time 2, 0 at time 1, where nothing comes back to h.
    at_1 = [3 / 4 * s / 8, 0, 3 / 4 * s * 3 / 8, 0]
    at_2 = [s / 8, s * 3 / 64, s * 3 / 8, second / 4]
    named = backward.named()
    np.testing.assert_allclose(named["weight_ih"][0], np.add(at_1, at_2), rtol=1e-14)
    # U met h₁ at time 2, and the start, which is 0, at time 1.
    np.testing.assert_allclose(named["weight_hh"][0], np.multiply(at_2, first / 2), rtol=1e-14)


def test_a_projection_and_a_gate_that_sees_the_cell_by_hand() -> None:
    # Two units whose gates are i = f = o = σ(0) = 1/2 and g = tanh(½ ln 3) = 1/2 at one time, from
    # c = 1 before: c = ½ + ¼ = 3/4. P = (2, −1)ᵀ: h = (2 − 1) ½ tanh ¾.
    network = Network(LSTM(1, 2, bias=False, projection=1))
    w = np.zeros(8)
    w[4:6] = log(3) / 2
    params = np.concatenate([w, np.zeros(8), [2, -1]])
    side = {"hidden": np.zeros((1, 1)), "cell": np.ones((1, 2))}
    forward = network.forward(params, np.ones((1, 1, 1)), side_inputs=side)
    m = tanh(3 / 4) / 2
    np.testing.assert_allclose(forward.output, [[[m]]], rtol=1e-15)
    backward = network.backward(forward, np.array([[[10.0]]]))
    np.testing.assert_allclose(backward.named()["weight_hr"], [[10 * m], [10 * m]], rtol=1e-15)
    # ∂C/∂o = ∂C/∂m tanh(c) with ∂C/∂m = 10 P = (20, −10).
    o_back = backward.inside("")["output"].ravel()
    np.testing.assert_allclose(o_back, [40 * m, -20 * m], rtol=1e-15)

    # One unit, p = (ln 3, −ln 3, ln 9) on c = 1 before: i = 3/4, f = 1/4, g = 1/2, so that
    # c = 1/4 + 3/8 = 5/8, and o = σ(2 ln 3 · 5/8).
    network = Network(LSTM(1, 1, bias=False, peepholes=True))
    params = np.array([0, 0, log(3) / 2, 0, 0, 0, 0, 0, log(3), -log(3), log(9)])
    side = {"hidden": np.zeros((1, 1)), "cell": np.ones((1, 1))}
    forward = network.forward(params, np.ones((1, 1, 1)), side_inputs=side)
    o = 1 / (1 + 9 ** (-5 / 8))
    np.testing.assert_allclose(forward.output, [[[o * tanh(5 / 8)]]], rtol=1e-15)
    backward = network.backward(forward, np.ones((1, 1, 1)))
    da_o = tanh(5 / 8) * o * (1 - o)
    dc = o * (1 - tanh(5 / 8) ** 2) + da_o * log(9)
    # ∂C/∂p_i = dc g i(1 − i) c₋₁ = dc ½ · 3/16, ∂C/∂p_f = dc c₋₁ f(1 − f) c₋₁, ∂C/∂p_o = da_o c.
    expected = [dc * 3 / 32, dc * 3 / 16, da_o * 5 / 8]
    np.testing.assert_allclose(backward.named()["peephole"].ravel(), expected, rtol=1e-14)


@pytest.mark.parametrize(
    "settings",
    [{"projection": 2}, {"peepholes": True}, {"projection": 1, "peepholes": True}],
)
def test_windows_of_an_lstm_with_options_carry_on(settings: dict[str, Any]) -> None:
    network, params = drawn(LSTM(2, 3, **settings))
    whole = network.forward(params, X).output
    first = network.forward(params, X[:, :2])
    carried = carried_state(first)
    assert carried["hidden"].shape == (4, settings.get("projection", 3))
    second = network.forward(params, X[:, 2:], side_inputs=carried)
    np.testing.assert_allclose(second.output, whole[:, 2:], rtol=1e-14)
    with pytest.raises(ClearpropError, match="cell"):
        network.forward(params, X, side_inputs={**carried, "cell": np.zeros((4, 5))})


@pytest.mark.parametrize("settings", [{"projection": 3}, {"projection": -1}, {"peepholes": 1}])
def test_an_lstm_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        LSTM.from_settings({"inputs": 2, "hidden": 3, **settings})
    assert next(iter(settings)) in caught.value.message("en")
    assert caught.value.message("zh-TW") != caught.value.message("en")


def test_two_steps_of_an_rnn_by_hand() -> None:
    # max(0, 2x + 3h): h₁ = 2, h₂ = 4 + 6 = 10. ∂C/∂h₂ = 1, so ∂C/∂h₁ = 3.
    # ∂C/∂w = 1·3 + 2·1 = 5, ∂C/∂u = h₁ = 2, ∂C/∂x = (2·3, 2·1).
    network = Network(RNN(1, 1, bias=False, nonlinearity="relu"))
    forward = network.forward(np.array([2.0, 3.0]), np.array([[[1.0], [2.0]]]))
    np.testing.assert_array_equal(forward.output, [[[2.0], [10.0]]])
    backward = network.backward(forward, np.array([[[0.0], [1.0]]]))
    np.testing.assert_array_equal(backward.gradient, [5.0, 2.0])
    np.testing.assert_array_equal(backward.input_gradient, [[[6.0], [2.0]]])


def test_a_relu_rnn_has_the_slope_0_at_0() -> None:
    network = Network(RNN(1, 1, bias=False, nonlinearity="relu"))
    forward = network.forward(np.array([1.0, 1.0]), np.zeros((1, 2, 1)))
    backward = network.backward(forward, np.ones((1, 2, 1)))
    np.testing.assert_array_equal(backward.input_gradient, np.zeros((1, 2, 1)))


@pytest.mark.parametrize(("reset_after", "inner"), [(True, 1.5), (False, 2.0)])
def test_where_the_two_kinds_of_gru_meet_the_bias(reset_after: bool, inner: float) -> None:
    # One unit, h before = 1, x = 0; r = z = σ(0) = 1/2; U_n = 2, b′_n = 1.
    # After: n = tanh(r (2h + 1)) = tanh(1.5). Before: n = tanh(2 (r h) + 1) = tanh(2).
    network = Network(GRU(1, 1, reset_after=reset_after))
    params = np.array([0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1.0])
    forward = network.forward(params, np.zeros((1, 1, 1)), side_inputs={"hidden": np.ones((1, 1))})
    n = tanh(inner)
    np.testing.assert_allclose(forward.output, [[[n / 2 + 1 / 2]]], rtol=1e-15)


@every_kind
@pytest.mark.parametrize("reverse", [False, True])
def test_lengths_and_a_start_as_pytorch_has_them(
    torch: Any, kind: type[Recurrent], reverse: bool
) -> None:
    network, params = drawn(kind(2, 3, reverse=reverse))
    starts = {name: GENERATOR.normal(size=(4, 3)) for name in kind.states}
    forward = network.forward(params, X, side_inputs={"lengths": LENGTHS, **starts})
    dy = GENERATOR.normal(size=forward.output.shape)
    backward = network.backward(forward, dy)

    made = getattr(torch.nn, kind.__name__)
    module = made(2, 3, batch_first=True, bidirectional=reverse).double()
    views = network.named(params)
    suffix = "_l0_reverse" if reverse else "_l0"
    with torch.no_grad():
        for name, view in views.items():
            tensor = getattr(module, name + suffix)
            tensor.copy_(torch.tensor(view.T.reshape(tensor.shape)))
    x = torch.tensor(X, requires_grad=True)
    rnn = torch.nn.utils.rnn
    packed = rnn.pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    both = [torch.tensor(np.stack([one] * (1 + reverse))) for one in starts.values()]
    y, last = module(packed, tuple(both) if kind is LSTM else both[0])
    y, _ = rnn.pad_packed_sequence(y, batch_first=True)
    y = y[..., 3:] if reverse else y
    y.backward(torch.tensor(dy))

    np.testing.assert_allclose(forward.output, y.detach().numpy(), atol=1e-14)
    assert backward.input_gradient is not None
    np.testing.assert_allclose(backward.input_gradient, x.grad.numpy(), atol=1e-13)
    for name, gradient in backward.named().items():
        theirs = getattr(module, name + suffix).grad.numpy()
        np.testing.assert_allclose(gradient.T.reshape(theirs.shape), theirs, atol=1e-13)
    if not reverse:
        theirs = last[0] if kind is LSTM else last
        carried = carried_state(forward)
        np.testing.assert_allclose(carried["hidden"], theirs[0].detach().numpy(), atol=1e-14)


@every_kind
def test_what_stands_behind_a_samples_end_has_no_influence(kind: type[Recurrent]) -> None:
    network, params = drawn(Sequential(recurrent_stack(kind, 2, 3, layers=2, bidirectional=True)))
    told = {"lengths": LENGTHS}
    spoiled = X.copy()
    for sample, length in enumerate(LENGTHS):
        spoiled[sample, length:] = np.nan
    clean, other = (network.forward(params, x, side_inputs=told) for x in (X, spoiled))
    np.testing.assert_array_equal(clean.output, other.output)
    dy = np.ones_like(clean.output)
    gradients = [network.backward(one, dy) for one in (clean, other)]
    np.testing.assert_array_equal(gradients[0].gradient, gradients[1].gradient)
    for sample, length in enumerate(LENGTHS):
        assert not clean.output[sample, length:].any()
        assert not gradients[0].input_gradient[sample, length:].any()  # type: ignore[index]
        alone = network.forward(params, X[sample : sample + 1, :length])
        np.testing.assert_allclose(clean.output[sample, :length], alone.output[0], atol=1e-14)


@every_kind
def test_windows_with_the_state_carried_on_are_the_whole_sequence(kind: type[Recurrent]) -> None:
    network, params = drawn(Sequential(kind(2, 3), Linear(3, 2), kind(2, 3)))
    whole = network.forward(params, X)
    first = network.forward(params, X[:, :2])
    second = network.forward(params, X[:, 2:], side_inputs=carried_state(first))
    together = np.concatenate([first.output, second.output], axis=1)
    np.testing.assert_allclose(together, whole.output, atol=1e-14)
    # Truncated: a window's gradient is that of the window with its start as a constant.
    dy = GENERATOR.normal(size=second.output.shape)
    at_end = np.concatenate([np.zeros_like(first.output), dy], axis=1)
    cut, full = network.backward(second, dy), network.backward(whole, at_end)
    assert np.abs(cut.gradient - full.gradient).max() > 1e-3
    assert set(carried_state(whole)) == {
        f"layers[{place}].{name}" for place in (0, 2) for name in kind.states
    }


@every_kind
def test_k_networks_share_lengths_and_have_starts_of_their_own(kind: type[Recurrent]) -> None:
    network = Network(Sequential(kind(2, 3), TimeStep()))
    params = np.random.default_rng(1).normal(size=(3, network.size))
    starts = {f"layers[0].{name}": GENERATOR.normal(size=(3, 4, 3)) for name in kind.states}
    forward = network.forward(params, X, side_inputs={"lengths": LENGTHS, **starts})
    assert forward.output.shape == (3, 4, 3)
    for number in range(3):
        own = {name: start[number] for name, start in starts.items()}
        alone = network.forward(params[number], X, side_inputs={"lengths": LENGTHS, **own})
        np.testing.assert_allclose(forward.output[number], alone.output, atol=1e-14)


def test_a_step_of_every_samples_own_end() -> None:
    x = np.arange(20.0).reshape(2, 5, 2)
    told = {"lengths": np.array([5, 2])}
    network = Network(TimeStep())
    forward = network.forward(np.zeros(0), x, side_inputs=told)
    np.testing.assert_array_equal(forward.output, [x[0, 4], x[1, 1]])
    backward = network.backward(forward, np.ones((2, 2)))
    assert backward.input_gradient is not None
    assert (
        backward.input_gradient[0, 4].tolist() == backward.input_gradient[1, 1].tolist() == [1, 1]
    )
    assert backward.input_gradient.sum() == 4


def test_a_stack_is_pytorchs_module(torch: Any) -> None:
    layer = recurrent_stack(GRU, 2, 3, layers=3, bidirectional=True, dropout=0.5)
    assert isinstance(layer, Sequential)
    kinds = [type(one) for one in layer.layers]
    assert kinds == [Concatenate, Dropout, Concatenate, Dropout, Concatenate]
    module = torch.nn.GRU(2, 3, num_layers=3, bidirectional=True, batch_first=True).double()
    network = Network(layer)
    arrays = {name: one.detach().numpy() for name, one in module.state_dict().items()}
    params, _ = from_torch_arrays(network, arrays)
    theirs = module(torch.tensor(X))[0].detach().numpy()
    np.testing.assert_allclose(network.predict(params, X), theirs, atol=1e-14)
    assert recurrent_stack(LSTM, 2, 3) == LSTM(2, 3)
    with pytest.raises(ConfigurationError):
        recurrent_stack(LSTM, 2, 3, layers=0)
    for kind in ("LSTM", Linear, Recurrent):
        with pytest.raises(ConfigurationError, match="takes the class of the layers") as caught:
            recurrent_stack(kind, 2, 3)  # type: ignore[arg-type]
        assert "其中之一" in caught.value.message("zh-TW")


def test_a_training_takes_every_samples_length_with_it() -> None:
    network = Network(Sequential(GRU(2, 3), TimeStep(), Linear(3, 1)))
    start = network.initialize(seed=1)
    target = GENERATOR.normal(size=(4, 1))
    told = {"lengths": LENGTHS}
    trained = fit(
        network, start, X, target, side_inputs=told, optimizer=SGD(0.1), epochs=2, batch_size=2
    )
    # By hand, with the batches of the same seed.
    params = start
    for epoch in range(2):
        order = keyed_generator(0, epoch, "shuffle").permutation(4)
        for rows in (order[:2], order[2:]):
            step = take_step(
                network, params, X[rows], target[rows], side_inputs={"lengths": LENGTHS[rows]}
            )
            params = params - 0.1 * step.backward.gradient
    np.testing.assert_allclose(trained.state.params, params, atol=1e-15)
    without = fit(network, start, X, target, optimizer=SGD(0.1), epochs=2, batch_size=2)
    assert np.abs(without.state.params - params).max() > 1e-4
    with pytest.raises(ClearpropError, match="each of the 4 samples"):
        fit(network, start, X, target, side_inputs={"lengths": LENGTHS[:2]})


def test_some_of_the_times_by_hand() -> None:
    x = np.arange(8.0).reshape(1, 4, 2)
    for layer, taken in (
        (TimeSlice(1, 3), slice(1, 3)),
        (TimeSlice(stop=-1), slice(0, 3)),
        (TimeSlice(-2), slice(2, 4)),
        (TimeSlice(2, 9), slice(2, 4)),
    ):
        network = Network(layer)
        forward = network.forward(np.zeros(0), x)
        np.testing.assert_array_equal(forward.output, x[:, taken])
        back = network.backward(forward, np.ones_like(forward.output)).input_gradient
        expected = np.zeros_like(x)
        expected[:, taken] = 1
        np.testing.assert_array_equal(present(back), expected)
    with pytest.raises(ConfigurationError, match="TimeSlice's stop is a whole number"):
        TimeSlice(0, 1.5)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"TimeSlice\(3, 2\) takes no time of .* 4"):
        Network(TimeSlice(3, 2)).forward(np.zeros(0), x)
    with pytest.raises(ShapeError, match=r"takes sequences \(N, T, D\)"):
        Network(TimeSlice(1)).forward(np.zeros(0), x[0])
