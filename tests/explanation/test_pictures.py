"""Pictures of explanations: no label covers another, and what is written is what is explained."""

import re
import xml.etree.ElementTree as ET

import pytest

from clearprop.base import messages
from clearprop.drawing import Scene, Text, number_markup, svg
from clearprop.drawing.pen.items import box
from clearprop.reading.explanation import (
    explain_input,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from clearprop.reading.explanation.readable import Readable
from tests.explanation.networks import STEPS, worked_step
from tests.sweeps import first_of

PICTURES = ("weight", "neuron", "reversed", "paths", "sample")


def pictured(name: str, kind: str, language: str) -> Scene:
    step, weight, neuron = STEPS[name]
    if kind == "weight":
        return explain_weight(step, weight, depth=3).picture(language)
    if kind == "sample":
        return explain_sample(step, 0).picture(language)
    explained = explain_neuron(step, neuron, depth=3)
    if kind == "neuron":
        return explained.picture(language)
    if kind == "reversed":
        return explained.reversed_picture(language)
    return explained.paths_picture(language)


def texts(scene: Scene) -> list[str]:
    return [item.content for item in scene.items if isinstance(item, Text)]


@pytest.mark.parametrize("language", first_of(["zh-TW", "en"]))
@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("name", STEPS)
def test_no_label_covers_another_and_none_is_cut(name: str, kind: str, language: str) -> None:
    scene = pictured(name, kind, language)
    labels = [item for item in scene.items if isinstance(item, Text)]
    for k, one in enumerate(labels):
        around = box(one)
        assert around.left >= 0
        assert around.right <= scene.width
        for other in labels[k + 1 :]:
            beside = box(other)
            across = min(around.right, beside.right) - max(around.left, beside.left)
            down = min(around.bottom, beside.bottom) - max(around.top, beside.top)
            assert across <= 0 or down <= 2, (one.content, other.content)
    assert scene.title
    text = svg(scene, standalone=True)
    ET.fromstring(text)
    assert not re.search(r'="(nan|inf)|nan ', text)
    # No key of the message table is left, and no language but the one that was asked for.
    assert not re.search(r"picture\.|legend\.|[{}]", " ".join(texts(scene)))
    assert any(ord(letter) >= 0x4E00 for letter in text) is (language == "zh-TW")


def test_the_reversed_neuron_of_any_neuron() -> None:
    step, _, neuron = STEPS["64-128-64-10"]
    explained = explain_neuron(step, neuron)
    found = texts(explained.reversed_picture("en"))
    signal = explained.signal
    assert number_markup(signal.value) in found
    assert f"*a*′(*z*) = {number_markup(signal.slope.value if signal.slope else 1)}" in found
    for term in signal.terms:
        assert term.signal is not None
        assert term.signal.place in found
        assert f"*w* = {number_markup(term.factor)} → {number_markup(term.value)}" in found
    assert "5 others" in found
    output = texts(explain_neuron(step, "layers[4][3]").reversed_picture("en"))
    assert any(line.startswith("∂*C*/∂*z* = 1 · (") for line in output)


def test_a_neuron_shows_what_comes_in_and_what_goes_back() -> None:
    explained = explain_neuron(worked_step(), "layers[0][0]")
    found = texts(explained.picture())
    # z = 0.15 · 0.05 + 0.20 · 0.10 + 0.35
    for expected in (
        "*w* = 0.15 → 0.0075",
        "*w* = 0.2 → 0.02",
        "*b* = 0.35",
        "*z* = 0.3775",
        "*a* = 0.5933 (Sigmoid)",
        "*w* = 0.4 → 0.0554",
        "*w* = 0.5 → −0.01905",
        "∂*C*/∂*a* = 0.03635",
    ):
        assert expected in found


def test_a_layer_that_mixes_samples_says_so() -> None:
    step, _, _ = STEPS["residual"]
    found = texts(explain_neuron(step, "layers[0][2]", most=9).picture())
    assert "through other samples" in found


def test_a_sample_shows_cost_outputs_and_pulls() -> None:
    explained = explain_sample(worked_step(), 0)
    found = texts(explained.picture())
    assert "The loss and sample 0" in found
    assert any("*y* = 0.7514,  *t* = 0.01" in line for line in found)
    hardest = explained.pulls[0]
    assert hardest.address in found


def test_a_feature_of_the_input_is_drawn_too() -> None:
    step, _, _ = STEPS["1-10-1"]
    scene = explain_input(step, "input[0]").picture()
    assert "input[0]" in texts(scene)


def test_the_rest_is_named_and_dashed() -> None:
    scene = pictured("64-128-64-10", "weight", "en")
    assert texts(scene).count("59 others") == 1
    assert texts(scene).count("5 others") >= 1


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_notebook_shows_pictures(language: str) -> None:
    readings: list[Readable] = [
        explain_weight(worked_step(), "layers[0].weight[0,0]"),
        explain_neuron(worked_step(), "layers[0][0]"),
        explain_sample(worked_step(), 0),
    ]
    for one in readings:
        assert one.svg(language).startswith("<?xml")
        scene = one.picture(language)
        assert scene._repr_svg_().startswith("<svg ")
        html = one.html(language)
        assert html.count("<svg ") == 1
        assert "<math" in html
    # Pictures that stand in one page share no id.
    ids = [re.findall(r'\bid="([^"]+)"', one.html(language)) for one in readings]
    assert len({name for found in ids for name in found}) == 6
    assert "<svg " in readings[0]._repr_html_()
