"""What the diagrams write is what the records hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from clearprop import (
    Activation,
    BackwardPass,
    Layer,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.drawing import DIAGRAMS, Circle, Path, Scene, Text, number_markup
from clearprop.drawing.diagrams.layered import THICKEST, THINNEST
from clearprop.drawing.diagrams.neuron_diagrams import (
    hidden_neuron,
    neuron_forward,
    output_cases,
    reversed_neuron,
)
from tests.drawing.examples import PASSES, random_pass, worked_example

WORKED = worked_example()


def texts(scene: Scene) -> list[str]:
    return [item.content for item in scene.items if isinstance(item, Text)]


def role_of(scene: Scene, content: str) -> str:
    (role,) = {i.role for i in scene.items if isinstance(i, Text) and i.content == content}
    return role


def draw(name: str, backward: BackwardPass = WORKED, sample: int = 0) -> Scene:
    return DIAGRAMS[name](backward, sample=sample)


def test_the_table_names_the_seven_diagrams_in_their_order() -> None:
    assert list(DIAGRAMS) == [
        "neuron_forward",
        "network_forward",
        "forward_factors",
        "hidden_neuron",
        "reversed_neuron",
        "output_cases",
        "network_backward",
    ]


def test_one_neuron_forward_with_its_sum_written_out() -> None:
    scene = draw("neuron_forward")
    found = texts(scene)
    for expected in (
        "*w*_[1] = 0.15",
        "*w*_[2] = 0.2",
        "*b* = 0.35",
        "*z* = *w*_[1] *x*_[1] + *w*_[2] *x*_[2] + *b*",
        "*z* = 0.15·0.05 + 0.2·0.1 + 0.35 = 0.3775",
        "*a* = sigmoid(*z*) = 0.5933",
    ):
        assert expected in found
    assert role_of(scene, "0.3775") == "forward"
    assert "z = 0.15·0.05 + 0.2·0.1 + 0.35 = 0.3775." in scene.description


def test_any_neuron_of_any_layer_can_be_picked() -> None:
    found = texts(neuron_forward(WORKED, layer=1, unit=1))
    assert number_markup(WORKED.forward.output[0, 1]) in found
    assert "*w*_[1] = 0.5" in found
    assert "*w*_[2] = 0.55" in found


@pytest.mark.parametrize("case", PASSES)
@pytest.mark.parametrize("sample", [0, -1])
def test_the_network_forward_shows_every_z_and_a(case: str, sample: int) -> None:
    backward = PASSES[case]
    row = sample % backward.forward.input.shape[0]
    scene = draw("network_forward", backward, row)
    found = texts(scene)
    layer = 0
    for record in backward.forward.records:
        linear = isinstance(record.layer, Linear)
        layer += linear
        for j, value in enumerate(record.output[row]):
            letter = "z" if linear else "a"
            line = f"*{letter}*_[{j + 1}]^[({layer})] = {number_markup(value)}"
            assert line in found
            assert role_of(scene, line) == "forward"
    for i, value in enumerate(backward.forward.input[row]):
        assert found[found.index(f"*x*_[{i + 1}]") + 1] == number_markup(value)
    for j, value in enumerate(backward.forward.output[row]):
        assert f"*y*_[{j + 1}] = {number_markup(value)}" in found


@pytest.mark.parametrize("case", ["worked example", "1-3-1", "2-3-2 large", "no bias", "4-4-4-4"])
def test_edges_carry_weights_factors_and_gradients(case: str) -> None:
    backward = PASSES[case]
    row = backward.forward.input.shape[0] - 1
    forward_texts = texts(draw("network_forward", backward, row))
    factor_texts = texts(draw("forward_factors", backward, row))
    backward_texts = texts(draw("network_backward", backward, row))
    parameters = backward.forward.network.named(backward.forward.params)
    linears = [r for r in backward.forward.records if isinstance(r.layer, Linear)]
    for layer, record in enumerate(linears, start=1):
        weight = parameters[f"{record.path}.weight"]
        dz = backward[record.path].output_gradient[row]
        for (i, j), value in np.ndenumerate(weight):
            w = f"*w*_[{i + 1}{j + 1}]^[({layer})]"
            z = f"*z*_[{j + 1}]^[({layer})]"
            assert f"{w} = {number_markup(value)}" in forward_texts
            assert f"∂{z}/∂{w} = {number_markup(record.input[row, i])}" in factor_texts
            assert f"∂*C*/∂{w} = {number_markup(record.input[row, i] * dz[j])}" in backward_texts
        for j in range(weight.shape[1]):
            b, z = f"*b*_[{j + 1}]^[({layer})]", f"*z*_[{j + 1}]^[({layer})]"
            bias = parameters.get(f"{record.path}.bias")
            if bias is None:
                assert not any(b in line for line in forward_texts + factor_texts)
            else:
                assert f"{b} = {number_markup(bias[0, j])}" in forward_texts
                assert f"∂{z}/∂{b} = 1" in factor_texts
                assert f"∂*C*/∂{b} = {number_markup(dz[j])}" in backward_texts


@pytest.mark.parametrize("case", PASSES)
def test_the_network_backward_shows_every_signal(case: str) -> None:
    backward = PASSES[case]
    scene = draw("network_backward", backward)
    found = texts(scene)
    linears = [r for r in backward.records if isinstance(r.layer, Linear)]
    for layer, record in enumerate(linears, start=1):
        for j, value in enumerate(record.output_gradient[0]):
            line = f"∂*C*/∂*z*_[{j + 1}]^[({layer})] = {number_markup(value)}"
            assert line in found
            assert role_of(scene, line) == "backward"
    for j, value in enumerate(backward.output_gradient[0]):
        assert f"∂*C*/∂*y*_[{j + 1}] = {number_markup(value)}" in found


def test_the_gradients_of_the_worked_example_are_the_well_known_ones() -> None:
    found = texts(draw("network_backward"))
    assert "∂*C*/∂*w*_[11]^[(1)] = 0.0004386" in found
    assert "∂*C*/∂*w*_[11]^[(2)] = 0.08217" in found


def test_arrows_tell_the_direction_too() -> None:
    def arrows(scene: Scene, stroke: str) -> list[tuple[float, float]]:
        return [
            (item.start[0], item.segments[-1][-2])
            for item in scene.items
            if isinstance(item, Path) and item.arrow and item.stroke == stroke
        ]

    ahead = draw("network_forward")
    assert all(
        start < end for stroke in ("muted", "forward") for start, end in arrows(ahead, stroke)
    )
    assert not arrows(ahead, "backward")
    for name in ("network_backward", "reversed_neuron"):
        back = arrows(draw(name), "backward")
        assert len(back) > 4
        assert all(start > end for start, end in back)
    # No signal is asked for at the inputs, so the first layer's edges are no arrows.
    assert not arrows(draw("network_backward"), "muted")


def test_a_hidden_neuron_and_the_two_that_it_feeds() -> None:
    scene = draw("hidden_neuron")
    found = texts(scene)
    for expected in (
        "*w*_[3] = 0.4",
        "*w*_[4] = 0.5",
        "*z*′",
        "*z*″",
        "1.106",
        "1.225",
        "∂*C*/∂*z*′ = 0.1385",
        "∂*C*/∂*z*″ = −0.0381",
        "∂*z*′/∂*a* = *w*_[3] = 0.4",
        "∂*C*/∂*a* = 0.4·0.1385 + 0.5·(−0.0381) = 0.03635",
    ):
        assert expected in found
    assert role_of(scene, "∂*C*/∂*z*′ = 0.1385") == "backward"
    assert role_of(scene, "1.106") == "forward"


def test_the_reversed_neuron_sums_and_amplifies() -> None:
    scene = draw("reversed_neuron")
    found = texts(scene)
    for expected in (
        "0.008771",
        "*a*′(*z*) = 0.2413",
        "0.03635",
        "∂*C*/∂*z* = *a*′(*z*) · (*w*_[3]·∂*C*/∂*z*′ + *w*_[4]·∂*C*/∂*z*″)",
        "∂*C*/∂*z* = 0.2413 · (0.4·0.1385 + 0.5·(−0.0381)) = 0.008771",
    ):
        assert expected in found
    assert role_of(scene, "*a*′(*z*) = 0.2413") == "forward"
    triangles = [i for i in scene.items if isinstance(i, Path) and i.closed]
    assert len(triangles) == 1


def test_the_two_cases() -> None:
    found = texts(draw("output_cases"))
    assert "∂*C*/∂*z* = ∂*y*/∂*z* · ∂*C*/∂*y*" in found
    assert "∂*C*/∂*z* = 0.1868 · 0.7414 = 0.1385" in found
    assert "∂*C*/∂*z* = 0.2413 · (0.4·0.1385 + 0.5·(−0.0381)) = 0.008771" in found
    assert sum("Case" in line for line in found) == 2


def test_a_hidden_neuron_is_picked_by_layer_and_unit() -> None:
    dz = number_markup(WORKED["layers[0]"].output_gradient[0, 1])
    assert dz in texts(reversed_neuron(WORKED, layer=0, unit=1))
    assert dz in texts(output_cases(WORKED, layer=0, unit=1))
    da = number_markup(WORKED["layers[1]"].output_gradient[0, 1])
    assert any(line.endswith(f"= {da}") for line in texts(hidden_neuron(WORKED, unit=1)))


def test_many_successors_are_drawn_as_the_first_ones_and_the_last() -> None:
    backward = PASSES["10-10-10-10"]
    for name in ("neuron_forward", "hidden_neuron", "reversed_neuron", "output_cases"):
        found = texts(draw(name, backward))
        assert "⋮" in found
        assert any("⋯" in line for line in found)
    found = texts(hidden_neuron(backward, layer=1, unit=7, sample=2))
    dz = backward["layers[4]"].output_gradient[2]
    assert f"∂*C*/∂*z*′_[10] = {number_markup(dz[9])}" in found
    assert not any("*z*′_[5]" in line for line in found)


def test_a_neuron_that_alone_feeds_another_leaves_no_room_for_others() -> None:
    def gaps(backward: BackwardPass) -> int:
        return sum(line == "⋯" for line in texts(draw("hidden_neuron", backward)))

    assert gaps(PASSES["no bias"]) == 0
    assert gaps(PASSES["1-3-1"]) == 1
    assert gaps(WORKED) == 2


def test_edges_are_labelled_up_to_four_neurons_and_three_layers() -> None:
    def labelled(backward: BackwardPass) -> bool:
        return any("*w*_[11]^[(1)] =" in line for line in texts(draw("network_forward", backward)))

    assert labelled(PASSES["4-4-4-4"])
    assert not labelled(random_pass(Linear(5, 1)))
    assert not labelled(PASSES["six layers"])
    for name in ("network_forward", "forward_factors", "network_backward"):
        bare = draw(name, PASSES["10-10-10-10"])
        edges = [i for i in bare.items if isinstance(i, Path) and ".weight[" in i.says]
        assert len(edges) == 300
        assert any("too many edges" in line for line in texts(bare))


def test_thickness_and_colour_of_an_edge_are_size_and_sign_of_its_number() -> None:
    backward = PASSES["10-10-10-10"]
    weight = backward.forward.network.named(backward.forward.params)["layers[2].weight"]
    drawn = {
        item.says.partition("\n")[0]: item
        for item in draw("network_forward", backward).items
        if isinstance(item, Path)
    }
    for (i, j), value in np.ndenumerate(weight):
        edge = drawn[f"layers[2].weight[{i},{j}]"]
        part = abs(value) / np.abs(weight).max()
        assert edge.width == pytest.approx(THINNEST + (THICKEST - THINNEST) * part)
        assert edge.stroke == ("positive5" if value > 0 else "negative5")


def test_neurons_and_edges_say_what_they_are_and_their_numbers() -> None:
    said = {item.says.partition("\n")[0]: item.says for item in draw("network_backward").items}
    assert said["layers[0][1]"].splitlines() == [
        "layers[0][1]",
        "z₂⁽¹⁾ = 0.3925",
        "a₂⁽¹⁾ = 0.5969",
        "∂C/∂a₂⁽¹⁾ = 0.04137",
        "a′(z) = 0.2406",
        "∂C/∂z₂⁽¹⁾ = 0.009954",
    ]
    assert said["layers[0].weight[0,0]"].splitlines()[-1] == "∂C/∂w₁₁⁽¹⁾ = 0.0004386"
    assert "b₁⁽²⁾ = 0.6" in draw_says("network_forward", "layers[2].bias[0,0]")


def draw_says(name: str, part: str) -> str:
    return next(i.says for i in draw(name).items if i.says.startswith(f"{part}\n"))


def test_a_layer_without_activation_has_a_equal_to_z() -> None:
    backward = random_pass(Linear(2, 1), samples=1)
    z = backward.forward.output[0, 0]
    assert f"*a* = *z* = {number_markup(z)}" in texts(draw("neuron_forward", backward))
    assert "layers[0]: no activation" in texts(draw("network_forward", backward))
    deeper = random_pass(Linear(1, 2), Linear(2, 1), samples=1)
    assert "*a*′(*z*) = 1" in texts(draw("reversed_neuron", deeper))


@dataclass(frozen=True)
class SquareOfANumberOfOnes(Activation):
    """a = z²: an activation of a user's own, with a long name."""

    def value(self, z: Array) -> Array:
        return z * z

    def derivative(self, z: Array, a: Array) -> Array:
        return 2 * z


def test_an_activation_of_one_s_own_is_named_and_its_slope_drawn() -> None:
    backward = random_pass(Linear(1, 1), SquareOfANumberOfOnes(), Linear(1, 1), samples=1)
    assert "layers[0]: SquareOfANumberOf…" in texts(draw("network_forward", backward))
    z = backward.forward.records[0].output[0, 0]
    assert f"*a*′(*z*) = {number_markup(2 * z)}" in texts(draw("reversed_neuron", backward))


def test_a_dead_relu_lets_nothing_back() -> None:
    network = Network(Sequential(Linear(1, 1), ReLU(), Linear(1, 1)))
    forward = network.forward(np.array([1.0, -5.0, 2.0, 0.0]), np.array([[1.0]]))
    backward = network.backward(forward, np.array([[3.0]]))
    assert "∂*C*/∂*z* = 0 · (2·3) = 0" in texts(draw("reversed_neuron", backward))


def test_nested_sequentials_and_single_layers_are_chains_too() -> None:
    nested = Sequential(Sequential(Linear(2, 2), Tanh()), Sequential(Linear(2, 1)))
    for layer in (nested, Linear(2, 1)):
        network = Network(layer)
        params = network.initialize(0, dtype="float32")
        forward = network.forward(params, np.ones((1, 2), "float32"))
        backward = network.backward(forward, np.ones((1, 1), "float32"))
        assert f"*y*_[1] = {number_markup(forward.output[0, 0])}" in texts(
            draw("network_forward", backward)
        )


def refusal(backward: BackwardPass, name: str = "network_forward", **options: int) -> str:
    function: Callable[..., Scene] = DIAGRAMS[name]
    with pytest.raises(ConfigurationError) as caught:
        function(backward, **options)
    assert caught.value.message("en").endswith(".")
    assert caught.value.message("zh-TW").endswith("。")
    return caught.value.key


def passed(network: Network, params: Array, width: int, *, records: bool = True) -> BackwardPass:
    forward = network.forward(params, np.ones((1, width)), records=records)
    return network.backward(forward, np.ones_like(forward.output))


@pytest.mark.parametrize(
    ("layers", "width"),
    [
        ([Tanh(), Linear(2, 2)], 2),
        ([Linear(2, 2), Tanh(), ReLU()], 2),
        ([Linear(2, 2), Residual(Linear(2, 2))], 2),
    ],
)
def test_what_is_no_chain_is_refused(layers: Sequence[Layer], width: int) -> None:
    network = Network(Sequential(*layers))
    backward = passed(network, network.initialize(0), width)
    for name in ("neuron_forward", "hidden_neuron", "reversed_neuron", "output_cases"):
        assert refusal(backward, name) == "drawing_no_chain"


def test_stacked_networks_and_complex_parameters_are_refused() -> None:
    network = Network(Linear(2, 1))
    assert refusal(passed(network, network.initialize([0, 1]), 2)) == "drawing_stacked"
    assert refusal(passed(network, network.initialize(0) + 0j, 2)) == "drawing_stacked"


def test_a_pass_without_records_is_refused() -> None:
    network = Network(Linear(2, 1))
    backward = passed(network, network.initialize(0), 2, records=False)
    assert refusal(backward) == "pass_without_records"


@pytest.mark.parametrize("sample", [-1, 1])
def test_a_sample_that_does_not_exist_is_refused(sample: int) -> None:
    assert refusal(WORKED, sample=sample) == "drawing_sample"


def test_a_neuron_that_does_not_exist_is_refused() -> None:
    for options in ({"unit": 2}, {"unit": -1}, {"layer": 2}, {"layer": -2}):
        assert refusal(WORKED, "neuron_forward", **options) == "drawing_index"
    # The last layer is no hidden one.
    for name in ("hidden_neuron", "reversed_neuron", "output_cases"):
        assert refusal(WORKED, name, layer=1) == "drawing_index"
        assert refusal(random_pass(Linear(2, 2)), name) == "drawing_no_hidden"


def test_circles_hold_numbers_and_all_neurons_are_there() -> None:
    circles = [i for i in draw("network_forward", PASSES["4-4-4-4"]).items if isinstance(i, Circle)]
    assert len(circles) == 16
