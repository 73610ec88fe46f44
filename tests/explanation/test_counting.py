"""One base for counting: whatever is told of a network names its neurons by their addresses and its
samples by their numbers, both from 0, in both languages."""

import re
from collections.abc import Iterator

import numpy as np
import pytest

from clearprop import SGD, CrossEntropy, Linear, Network, ReLU, Sequential
from clearprop.base.messages import LANGUAGES, table
from clearprop.drawing.pen.scene import svg
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation import explain_neuron, explain_sample, explain_weight
from clearprop.reading.explanation.named_diagrams import KINDS, OF_SOME_LAYERS, draw
from clearprop.reading.health import examine
from clearprop.reading.walk import walk_step

# What counts neurons, layers or samples from 1: "neuron 8 of layer 1", 第 72 個樣本.
COUNTED_FROM_1 = re.compile(
    r"\b(?:neuron|unit|layer) (?:number )?[0-9]|[0-9](?:st|nd|rd|th) (?:neuron|unit|layer|sample)"
    r"|第 ?[0-9]+ ?個?(?:樣本|神經元|單元|層)"
)
# In a table of sentences the number is a field. Those of reports and worksheets have symbols of
# their own.
NUMBERS = r"\{(?:sample|unit|layer|number|index)\}"
FIELDS = re.compile(rf"\b(?:[Nn]euron|unit|of layer) {NUMBERS}|第 ?{NUMBERS}")
TOPICS = ("drawing", "explanation", "health", "loss", "mistakes", "page", "walk", "checking")


@pytest.fixture(scope="module")
def step() -> Step:
    network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 2)))
    generator = np.random.default_rng(2)
    x, ids = generator.normal(size=(8, 2)), generator.integers(2, size=8)
    return take_step(
        network, network.initialize(1), x, ids, loss=CrossEntropy(), optimizer=SGD(0.1)
    )


def told(step: Step, language: str) -> Iterator[str]:
    """Everything that is said of a step, in words and pictures."""
    for explained in (
        explain_weight(step, "layers[0].weight[1,2]", depth=4),
        explain_neuron(step, "layers[0][2]", depth=4, sample=7),
        explain_sample(step, 7),
    ):
        yield explained.words(language)
        yield explained.text(language)
        yield explained.svg(language)
    yield walk_step(step, sample=7).text(language)
    broken = np.array(step.forward.params)
    broken[0] = np.inf
    for params in (step.forward.params, np.zeros(step.forward.params.size), broken):
        with np.errstate(all="ignore"):
            again = take_step(
                step.forward.network, params, step.forward.input, step.target, loss=step.loss
            )
        yield examine(again).text(language)
    for kind in (one for one in KINDS if one not in OF_SOME_LAYERS):
        yield svg(draw(step, kind, sample=7, language=language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_counts_from_1(step: Step, language: str) -> None:
    for text in told(step, language):
        assert COUNTED_FROM_1.findall(text) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", TOPICS)
def test_no_sentence_counts_from_1(topic: str, language: str) -> None:
    for key, sentence in table(language, topic).items():
        assert not FIELDS.search(sentence), key


def test_the_scan_finds_what_counts_from_1() -> None:
    for text in ("Neuron neuron 8 of layer 1", "the 3rd sample", "第 72 個樣本", "第 1 層"):
        assert COUNTED_FROM_1.search(text)
    assert not COUNTED_FROM_1.search("sample 71 at layers[0][7], 樣本 71")
    assert FIELDS.search("第 {sample} 個樣本")
    assert FIELDS.search("Neuron {unit} of layer {layer}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_counts_otherwise_says_so(step: Step, language: str) -> None:
    """The symbols of formulas count from 1; a drawing that has them says which address the first
    one is, and an explanation has the address beside the symbol."""
    scene = draw(step, "network_forward", language=language)
    assert "layers[0].weight[0,0]" in svg(scene)
    explained = explain_weight(step, "layers[0].weight[1,2]")
    assert "layers[0].weight[1,2] (w₂₃⁽¹⁾)" in explained.text(language)
