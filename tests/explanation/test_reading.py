"""Words, tables, equations, JSON and HTML."""

import json
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    CrossEntropy,
    Linear,
    Network,
    Optimizer,
    OptimizerState,
    ReLU,
    Sequential,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import MissingDependencyError
from clearprop.base.messages import LANGUAGES, display_width
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation import (
    explain_input,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from clearprop.reading.explanation.explained_steps import as_text
from clearprop.reading.explanation.readable import Readable

# 1-2-1, three samples: z1 = [w x + b], a = relu, y = 2 a_0 + 3 a_1 − 1.
NETWORK = Network(Sequential(Linear(1, 2), ReLU(), Linear(2, 1)))
PARAMS = np.array([1.0, -1, 0, 1, 2, 3, -1])
X, TARGET = np.array([[1.0], [2], [-3]]), np.array([[3.0], [2], [0]])


@pytest.fixture(scope="module")
def step() -> Step:
    return take_step(NETWORK, PARAMS, X, TARGET, optimizer=SGD(0.1))


def everything(step: Step) -> list[Readable]:
    return [
        explain_weight(step, "layers[0].weight[0,0]"),
        explain_weight(step, "layers[2].bias[0]"),
        explain_weight(step, "layers[0].weight[0,1]", sample=1),
        explain_neuron(step, "layers[0][1]"),
        explain_neuron(step, "layers[0][1]", sample=0),
        explain_input(step, "input[0]"),
        explain_sample(step, 1),
    ]


def test_the_words_by_hand(step: Step) -> None:
    # Forward    z = (1, 0), (2, −1), (−3, 4);  a = (1, 0), (2, 0), (0, 4);  y = 1, 3, 11
    # Backward   dy = 2(y − t)/3 = −4/3, 2/3, 22/3;  ∂C/∂z_0 = 2 dy where z_0 > 0 = −8/3, 4/3, 0
    # Product    ∂L/∂w = 1·(−8/3) + 2·(4/3) + 0 = 0: both samples pull by 8/3, against each other
    words = explain_weight(step, "layers[0].weight[0,0]").words()
    assert words.startswith(
        "The weight layers[0].weight[0,0] is 1, and its gradient ∂L/∂w is 0: raise it a little, "
        "and the loss stays as it is. It is a sum over 3 samples; the largest share, −2.667, comes "
        "from sample 0 (50 % of all shares by size). There the weight multiplies input[0] = 1 "
        "(∂z/∂w, from the forward pass), which meets the error signal ∂C/∂z = −2.667 of "
        "layers[0][0] (from the backward pass): 1 × (−2.667) = −2.667. The signal of layers[0][0] "
        "is what comes back to it, −2.667, times the slope 1 of ReLU at z = 1 (case 2): −2.667. "
        "All of it comes back through layers[2].weight[0,0] = 2, from the signal −1.333 of "
        "layers[2][0]: 2 × (−1.333) = −2.667. layers[2][0] is an output neuron (case 1): its "
        "signal is the derivative of the loss itself, −1.333 by MSE at y = 1 and t = 3. The "
        "samples pull both ways: the sizes of their shares add up to 5.333, and 100 % of that "
        "cancels. SGD with η = 0.1 moves it by −η times the gradient, 0: from 1.00000 to 1.00000. "
        "A witness agrees:"
    )


def test_the_table_by_hand(step: Step) -> None:
    assert explain_weight(step, "layers[0].weight[0,0]").table() == "\n".join(
        [
            "∂L/∂w of layers[0].weight[0,0], sample by sample",
            "  sample    ∂z/∂w   ∂C/∂z  product  share",
            "  0             1  −2.667   −2.667   50 %",
            "  1             2   1.333    2.667   50 %",
            "  1 other:                       0    0 %",
            "  sum                            0",
            "",
            "The signal of sample 0, taken apart",
            "  ∂C/∂layers[0][0] = 1 × (−2.667) = −2.667",
            "      a'(z) = 1: ReLU at z = 1, a = 1",
            "      layers[2].weight[0,0]: 2 × (−1.333) = −2.667 (100 %)",
            "          ∂C/∂layers[2][0] = −1.333",
            "              case 1: ∂C/∂y = −1.333, MSE at y = 1, t = 3",
            "                  ∂ℓ/∂y[0,0] = 2 × (1 − 3) = −4",
        ]
    )


def test_the_steps_by_hand(step: Step) -> None:
    """The same numbers as in the words, one step a line, its equals signs in one column."""
    text = explain_weight(step, "layers[0].weight[0,0]").text()
    told, _, table = text.partition("\n\n")
    assert told.splitlines()[:-1] == [
        "1.  The weight layers[0].weight[0,0] (w₁₁⁽¹⁾): raise it a little, and the loss",
        "    stays as it is.",
        "             w = 1",
        "         ∂L/∂w = Σₙ ∂C[n]/∂w = 0",
        "2.  The gradient is a sum over 3 samples; the largest share comes from sample 0",
        "    (50 % of all shares by size). The samples pull both ways: the sizes of their",
        "    shares add up to 5.333, and 100 % of that cancels.",
        "      ∂C[0]/∂w = −2.667",
        "3.  The weight multiplies input[0], and meets the error signal of layers[0][0]",
        "    (z₁⁽¹⁾).",
        "      ∂C[0]/∂w = ∂z/∂w · ∂C/∂z₁⁽¹⁾ = 1 × (−2.667) = −2.667",
        "4.  The error signal of layers[0][0] (z₁⁽¹⁾) is what comes back to it, times the",
        "    slope of ReLU at z = 1 (case 2).",
        "     ∂C/∂z₁⁽¹⁾ = a'(z) · ∂C/∂a = 1 × (−2.667) = −2.667",
        "5.  All that comes back to layers[0][0] (z₁⁽¹⁾) comes through",
        "    layers[2].weight[0,0].",
        "         ∂C/∂a = 2 × (−1.333) = −2.667",
        "6.  layers[2][0] (z₁⁽²⁾) is an output (case 1): its signal is the derivative of",
        "    the loss itself, MSE. S is what the sum is divided by: 3, the number of",
        "    samples.",
        "        ℓ[0,0] = (1 − 3)² = 4",
        "    ∂ℓ/∂y[0,0] = 2 × (1 − 3) = −4",
        "     ∂C/∂z₁⁽²⁾ = ∂C/∂y = ∂ℓ/∂y / S = −4 / 3 = −1.333",
        "7.  SGD with η = 0.1 takes a step against the gradient.",
        "            w′ = w − η · ∂L/∂w = 1.00000 − 0.1 × 0 = 1.00000",
        "8.  A witness that evaluates the loss again agrees: moved by ±6.1 × 10⁻⁶.",
    ]
    assert table.startswith("∂L/∂w of layers[0].weight[0,0]")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_steps_keep_to_the_width_and_to_their_column(step: Step, language: str, width: int) -> None:
    for explained in everything(step):
        lines = as_text(explained.steps(language), width)
        assert all(display_width(line) <= width for line in lines)
        # An equation begins with its left side, which ends where the column is.
        columns = {display_width(line.partition(" = ")[0]) for line in lines if " = " in line[:22]}
        lefts = {chain.left for one in explained.steps(language) for chain in one.chains}
        assert columns >= {4 + max(map(display_width, lefts))}


def test_a_class_is_named_and_its_loss_written_out() -> None:
    network = Network(Sequential(Linear(1, 2), Linear(2, 3)))
    names = ("setosa", "versicolor", "virginica")
    ids = np.array([2, 0])
    x = np.array([[1.0], [-0.5]])
    made = take_step(network, network.initialize(0), x, ids, loss=CrossEntropy(), classes=names)
    for explained in everything_of_classes(made):
        for language in LANGUAGES:
            text = explained.text(language)
            assert any(name in text for name in names)
            assert "Σ e^y" in text
            assert "= ∂ℓ/∂y / S =" in text
            assert "t = —" not in text + explained.words(language)
            assert any(name in explained.words(language) for name in names)
            assert any(name in explained.svg(language) for name in names)


def everything_of_classes(step: Step) -> list[Readable]:
    return [
        explain_weight(step, "layers[0].weight[0,1]", depth=3),
        explain_neuron(step, "layers[0][1]", depth=3),
        explain_sample(step, 1),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sample_stands_where_a_power_would(step: Step, language: str) -> None:
    for explained in everything(step):
        assert not re.search(r"C\^\{?\d|C[⁰¹²³⁴⁵⁶⁷⁸⁹]", explained.latex(language))
        assert "C[" in explained.latex(language)
        assert not re.search(r"C</tspan><tspan[^>]*>\d", explained.svg(language))


def test_a_slope_of_0_is_said(step: Step) -> None:
    words = explain_weight(step, "layers[0].weight[0,1]", sample=1).words()
    assert "of which sample 1 gives 0 (0 % of all shares by size)" in words
    assert "The slope of ReLU at z = −1 is 0, so nothing comes back through layers[0][1]" in words
    neuron = explain_neuron(step, "layers[0][1]")
    assert neuron.sample == 2
    assert neuron.silent == 2  # z = 0 counts as not above 0
    assert "The slope at layers[0][1] is 0 for 2 of the 3 samples" in neuron.words()


def test_a_dead_neuron_shows_why() -> None:
    params = np.array([1.0, -1, -9, 1, 2, 3, -1])
    step = take_step(NETWORK, params, X, TARGET)
    explained = explain_weight(step, "layers[0].weight[0,0]")
    assert (explained.gradient, explained.size, explained.cancelled) == (0, 0, 0)
    assert "the share of every one is 0; sample 0 shows why" in explained.words()
    assert "The slope of ReLU at z = −8 is 0" in explained.words()
    assert "每一份都是 0" in explained.words("zh-TW")


def test_a_loss_that_is_already_0() -> None:
    step = take_step(NETWORK, PARAMS, X, NETWORK.predict(PARAMS, X))
    explained = explain_weight(step, "layers[0].weight[0,0]")
    assert "All that comes back to layers[0][0] is 0." in explained.words()
    sample = explain_sample(step, 0)
    assert (sample.cost, sample.share, sample.alignment) == (0, 0, None)
    assert sample.outputs[0].loss.value == 0
    assert sample.text("zh-TW")


def test_cancellation_is_measured_against_the_sizes(step: Step) -> None:
    explained = explain_weight(step, "layers[0].weight[0,0]")
    assert explained.cancelled == 1
    assert "各樣本的拉力方向不一" in explained.words("zh-TW")
    together = explain_weight(step, "layers[0].weight[0,1]")
    assert together.cancelled == 0
    assert "both ways" not in together.words()


def test_one_sample_needs_no_sum() -> None:
    step = take_step(NETWORK, PARAMS, X[:1], TARGET[:1])
    words = explain_weight(step, "layers[0].weight[0,0]").words()
    assert "It is a sum" not in words
    assert "is the only one, so its cost" in explain_sample(step, 0).words()


def test_how_a_sample_pulls() -> None:
    # One weight, two samples x = 1: dy is y − t, so their pulls are told apart by their targets.
    network = Network(Linear(1, 1, bias=False))
    for targets, way in (((1, 2), "the way that"), ((-1, 9), "pulls against")):
        target = np.array(targets, float).reshape(2, 1)
        step = take_step(network, np.zeros(1), np.ones((2, 1)), target)
        assert way in explain_sample(step, 0).words()
    network = Network(Linear(2, 1, bias=False))
    target = np.array([[1.0], [9.0]])
    step = take_step(network, np.zeros(2), np.eye(2), target)
    assert "little to do with" in explain_sample(step, 0).words()


class Halving(Optimizer):
    """Halves every parameter, whatever the gradient."""

    def step(
        self, params: Array, state: OptimizerState, gradient: Array
    ) -> tuple[Array, OptimizerState]:
        return params / 2, state


def test_an_update_that_is_not_plain() -> None:
    step = take_step(NETWORK, PARAMS, X, TARGET, optimizer=Halving())
    update = explain_weight(step, "layers[2].weight[1,0]").update
    assert update is not None
    assert (update.learning_rate, update.before, update.after) == (None, 3, 1.5)
    assert "Halving moves it by −1.5" in explain_weight(step, "layers[2].weight[1,0]").words()
    plain = take_step(NETWORK, PARAMS, X, TARGET)
    assert explain_weight(plain, "layers[2].weight[1,0]").update is None


def test_terms_that_cancel_are_said_to() -> None:
    # z = 1·3 + 1·(−2.5) = 0.5: 5.5 in all, of which 5 cancel, 91 %. Back from it go 2 · 0.5 times
    # the two weights of the layer behind, 4 and −3: 7 in all, of which 6 cancel, 86 %.
    network = Network(Sequential(Linear(2, 1, bias=False), Linear(1, 2, bias=False)))
    params = np.array([3.0, -2.5, 4.0, -3.0])
    x, target = np.ones((1, 2)), np.array([[1.0, -2.5]])
    step = take_step(network, params, x, target)
    # y = 2 and −1.5, so that both errors are 1 and both signals 2 · 1 / 2 = 1.
    neuron = explain_neuron(step, "layers[0][0]")
    assert neuron.signal.value == 1.0
    words = neuron.words()
    assert "the sizes of the products add up to 5.5, and 91 % of that cancels" in words
    assert "their sizes add up to 7, and 86 % of that cancels" in words
    assert "合計 7，其中 86 % 互相抵消" in neuron.words("zh-TW")
    together = take_step(network, np.abs(params), x, target)
    assert "cancels" not in explain_neuron(together, "layers[0][0]").words().split("witness")[0]


def test_a_network_in_float32_has_its_witness_in_float64() -> None:
    network = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, 1)))
    generator = np.random.default_rng(0)
    x, target = (generator.normal(size=(20, n)).astype("float32") for n in (3, 1))
    step = take_step(network, network.initialize(0, dtype="float32"), x, target)
    for address in ("layers[0].weight[2,3]", "layers[2].bias[0]"):
        assert explain_weight(step, address).witness.outcome == "agrees"
    assert explain_input(step, "input[1]").witness.outcome == "agrees"


def test_a_training_that_has_diverged() -> None:
    with np.errstate(all="ignore"):
        step = take_step(NETWORK, PARAMS * 1e200, X, TARGET)
        found = everything(step)
    for explained in found:
        for language in ("en", "zh-TW"):
            assert explained.text(language)
            assert explained.latex(language)
        json.loads(explained.to_json(), parse_constant=pytest.fail)
    assert '"Infinity"' in found[0].to_json() or '"NaN"' in found[0].to_json()
    assert explain_weight(step, "layers[0].weight[0,0]").witness.outcome == "undecided"


def test_json_has_every_number(step: Step) -> None:
    explained = explain_weight(step, "layers[0].weight[0,0]")
    document: dict[str, Any] = json.loads(explained.to_json())
    assert document["type"] == "GradientExplanation"
    assert document["gradient"] == 0
    assert document["shares"][0]["products"][0]["signal"]["terms"][0]["factor"] == 2
    assert document["witness"]["outcome"] == "agrees"
    assert document["update"]["learning_rate"] == 0.1
    types = {json.loads(one.to_json())["type"] for one in everything(step)}
    assert types == {"GradientExplanation", "NeuronExplanation", "SampleExplanation"}


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_equations_are_mathml(step: Step, language: str) -> None:
    for explained in everything(step):
        roots = [
            ElementTree.fromstring(one)
            for one in re.findall(r"<math.*?</math>", explained.mathml(language), re.DOTALL)
        ]
        assert len(roots) == len(explained.equations(language))
        text = "".join("".join(root.itertext()) for root in roots)
        # Nothing of LaTeX is left over.
        assert "\\" not in text
        assert "&" not in text


def test_the_equations_by_hand(step: Step) -> None:
    first, product, signal, last, update, witness = explain_weight(
        step, "layers[0].weight[0,0]"
    ).equations()
    assert r"\underbrace{(-2.667)}_{n = 0} + \underbrace{2.667}_{n = 1}" in first
    assert r"\underbrace{0}_{\text{1 other}}" in first
    assert r"\underbrace{1}_{\partial z / \partial w} \cdot \underbrace{(-2.667)}" in product
    assert r"\underbrace{1}_{a'(z)} \cdot \bigl( \underbrace{2}_{w_{0,0}} \cdot" in signal
    assert r"\underbrace{(-1.333)}_{\partial C / \partial y}" in last
    assert r"\underbrace{1}_{w} - \underbrace{0.1}_{\eta}" in update
    assert r"\frac{L(w + h) - L(w - h)}{2h} \approx" in witness
    assert r"\times 10^{-6}" in witness


def test_long_sums_are_broken() -> None:
    network = Network(Sequential(Linear(2, 9), Tanh(), Linear(9, 9), Tanh(), Linear(9, 1)))
    generator = np.random.default_rng(0)
    params = generator.normal(size=network.size)
    step = take_step(network, params, generator.normal(size=(30, 2)), np.zeros((30, 1)))
    for one in explain_weight(step, "layers[0].weight[0,0]", depth=3, most=7).equations():
        assert all(line.count("underbrace") <= 5 for line in one.splitlines())
        assert one.count("{") == one.count("}")
        assert one.count(r"\bigl(") == one.count(r"\bigr)")


def test_in_a_terminal_and_in_a_notebook(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    explained = explain_weight(step, "layers[0].weight[0,0]")
    assert str(explained).endswith("\n\n" + explained.table())
    page = explained._repr_html_()
    assert page.startswith('<div lang="en"><ol><li>The weight')
    assert "<math" in page
    assert "a&#x27;(z)" in page
    assert 'lang="zh-TW"' in explained.html("zh-TW")
    missing = (
        "clearprop.base.dependencies.is_installed",
        "clearprop.reading.explanation.readable.is_installed",
    )
    for name in missing:
        monkeypatch.setattr(name, lambda module: module != "latex2mathml")
    assert "<math" not in explained._repr_html_()
    with pytest.raises(MissingDependencyError, match="latex2mathml"):
        explained.mathml()


def test_explaining_uses_the_record_and_changes_nothing(step: Step) -> None:
    before = step.backward.gradient.copy()
    everything(step)
    np.testing.assert_array_equal(step.backward.gradient, before)
    explicit = Step(step.backward, TARGET, MSE(), SGD(0.1), OptimizerState())
    assert explain_weight(explicit, "layers[2].bias[0]") == explain_weight(
        step, "layers[2].bias[0]"
    )
