"""Networks, losses and optimizers as people spell them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import (
    GELU,
    SGD,
    Adam,
    BatchNorm,
    Dropout,
    Embedding,
    Hardtanh,
    LayerNorm,
    LeakyReLU,
    Linear,
    Network,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Tanh,
)
from clearprop.base.errors import ClearpropError, ConfigurationError
from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import MSE, CrossEntropy, Huber, Loss
from clearprop.engine.optimizers import Clipped
from clearprop.engine.schedules import CosineDecay, Warmup
from clearprop.kinds.kind_tables import LAYERS, LOSSES, OPTIMIZERS, SCHEDULES
from clearprop.reading.programs.architecture import NAMES, network_of
from clearprop.reading.programs.recipe import Recipe, settle
from clearprop.reading.programs.spelling import spelled

RULES = {**OPTIMIZERS, **SCHEDULES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-10-relu-1", [Linear(1, 10), ReLU(), Linear(10, 1)]),
        (" 2 - 3 - Tanh ", [Linear(2, 3), Tanh()]),
        ("4-16-gelu-layernorm-3", [Linear(4, 16), GELU(), LayerNorm(16), Linear(16, 3)]),
        ('2-3-gelu("tanh")', [Linear(2, 3), GELU("tanh")]),
        ("2-3-LEAKY_RELU(0.1)", [Linear(2, 3), LeakyReLU(0.1)]),
        ("2-3-hardtanh(-0.5, 2.0)", [Linear(2, 3), Hardtanh(-0.5, 2.0)]),
        ("2-3(bias=false)-dropout(0.3)", [Linear(2, 3, bias=False), Dropout(0.3)]),
        ("2-3-batchnorm", [Linear(2, 3, bias=False), BatchNorm(3)]),
        (
            "2-3(bias=true)-batchnorm(momentum=none)",
            [Linear(2, 3), BatchNorm(3, momentum=None)],
        ),
        ("3-layernorm(1e-3, bias=false)-1", [LayerNorm(3, 1e-3, bias=False), Linear(3, 1)]),
        ("3-prelu(3)-softmax(axis=-1)-1", [PReLU(3), Softmax(), Linear(3, 1)]),
        ("embedding(5, 3)-2", [Embedding(5, 3), Linear(3, 2)]),
        (
            "8-residual(16-tanh-8)-1",
            [Residual(Sequential(Linear(8, 16), Tanh(), Linear(16, 8))), Linear(8, 1)],
        ),
        ("2-residual(residual(tanh))-1", [Residual(Residual(Tanh())), Linear(2, 1)]),
    ],
)
def test_a_network_is_what_is_spelled(text: str, expected: list[Layer]) -> None:
    assert network_of(text).layer == Sequential(*expected)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1-10-rellu-1", "'rellu' in '1-10-rellu-1' is not understood; near it is relu"),
        ("1-10-xyzzy-1", "'xyzzy' in '1-10-xyzzy-1' is not understood; known are sizes"),
        ("1-10-linear-1", "'linear' in .* is not understood"),
        ("1-10-+-1", "'\\+' in '1-10-\\+-1' is not understood"),
        ("7", "'7' is a size and no network; add a layer, as in 7-10-relu-1"),
        ("1--2", "a dash with nothing beside it"),
        ("1-2-", "a dash with nothing beside it"),
        ("-1-2", "a dash with nothing beside it"),
        ("layernorm-2", "'layernorm' in 'layernorm-2' has no size before it"),
        ("relu-2", "'2' in 'relu-2' has no size before it"),
        ("1-leakyrelu(0.1", "The brackets of 'leakyrelu\\(0.1'"),
        ("1-leakyrelu(0.1))", "The brackets of 'leakyrelu\\(0.1\\)\\)'"),
        ("1-leakyrelu(0.1 0.2)", "The brackets of"),
        ("1-leakyrelu(__import__)", "The brackets of"),
        ("1-leakyrelu(a.b)", "The brackets of"),
        ("1-leakyrelu(**{})", "The brackets of"),
        ("1-leakyrelu(tilt=1)", "LeakyReLU takes other settings; those are slope"),
        ("3-layernorm(1, 2, 3, 4)", "those are epsilon, affine, bias"),
        ("1-2(width=3)", "Linear takes other settings; those are bias"),
        ("3-lstm-1", "LSTM needs hidden in brackets; its settings are hidden, bias"),
        ("1x6x6-conv2d-relu", "Conv2d needs outputs, kernel in brackets; its settings are outputs"),
        ("1x6x6-conv2d(4)-relu", "Conv2d needs kernel in brackets"),
        ("3-lstm(units=4)-1", "LSTM takes other settings; those are hidden"),
        ("1-dropout(2)", "Dropout's probability must be a number from 0 to 1"),
        ("0-1", "Linear's inputs must be a whole number of at least 1"),
        ("3-residual(4)-1-9-prelu(4)", "features|shape|takes"),
        ("3-residual()", "a dash with nothing beside it"),
        ("9999-9999", "'9999-9999' has 99,990,000 parameters"),
    ],
)
def test_what_is_not_understood_is_named(text: str, sentence: str) -> None:
    with pytest.raises(ClearpropError, match=sentence):
        network_of(text)


@given(st.text(alphabet="0123456789-()=,. abelnorutx'\"", max_size=20))
def test_any_text_is_a_network_or_a_sentence(text: str) -> None:
    problem = None
    try:
        network = network_of(text)
    except ClearpropError as refused:
        problem = refused
    if problem is None:
        assert isinstance(network, Network)
    else:
        assert problem.message("en") != problem.message("zh-TW")


@pytest.mark.parametrize("loss", [MSE(), CrossEntropy()])
@pytest.mark.parametrize(
    ("text", "shape", "output"),
    [
        ("3-lstm(4)-2", None, (4, 2)),
        ("8-multiheadattention(2)", None, (4, 8)),
        ("embedding(9, 8)-multiheadattention(2)-unembedding(9, 8)", None, (4, 9)),
        ("1x6x6-conv2d(2, 3)", (1, 6, 6), (2, 4, 4)),
    ],
)
def test_samples_are_made_up_for_every_shape_of_output(
    text: str, shape: tuple[int, ...] | None, output: tuple[int, ...], loss: Loss
) -> None:
    found = settle(Recipe(network_of(text), loss=loss, input_shape=shape))
    assert found.output.shape[1:] == output
    asked = output if isinstance(loss, MSE) else output[:-1]
    assert found.target.shape == (len(found.x), *asked)


def test_every_layer_can_be_spelled() -> None:
    assert {name.lower() for name in LAYERS} - {"linear", "sequential"} == set(NAMES)
    for name in NAMES:
        settings = {
            "embedding": "embedding(4, 3)",
            "unembedding": "unembedding(4, 4)",
            "learnedpositions": "learnedpositions(5)",
            "multiheadattention": "multiheadattention(2)",
            "residual": "residual(tanh)",
            "add": "add(tanh, 8-relu-4)",
            "concatenate": "concatenate(tanh, 8(bias=false), residual(relu))",
            "piecewiselinear": "piecewiselinear(((0, 1), (), (-1, 0.5, 2), ()))",
            "groupnorm": "groupnorm(2)",
            **{
                kind: f"{kind}(3)"
                for kind in ("rnn", "gru", "lstm", "rnncell", "grucell", "lstmcell")
            },
            "pad": "pad((1, 2))",
            **{f"conv{axes}d": f"conv{axes}d(3, 2)" for axes in (1, 2)},
            **{
                f"{kind}pool{axes}d": f"{kind}pool{axes}d(2)"
                for kind in ("max", "avg", "adaptivemax", "adaptiveavg")
                for axes in (1, 2)
            },
        }
        start = "" if name == "embedding" else "4-"
        if name.endswith("1d") or name in ("channelbatchnorm", "groupnorm", "flatten", "pad"):
            start = "2x6-"
        if name.endswith("2d") or name == "globalaverage":
            start = "2x6x5-"
        if "x" in start and name not in ("flatten", "globalaverage"):
            settings[name] = settings.get(name, name) + "-flatten"
        assert network_of(f"{start}{settings.get(name, name)}-1").size > 0


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("huber", LOSSES, Huber()),
        ("Huber(0.5)", LOSSES, Huber(0.5)),
        (
            "cross_entropy(weight=(1, 2), label_smoothing=.1)",
            LOSSES,
            CrossEntropy(weight=(1, 2), label_smoothing=0.1),
        ),
        ("adam(betas=[0.8, 0.9], amsgrad=TRUE)", RULES, Adam(betas=(0.8, 0.9), amsgrad=True)),
        ("clipped(adam, norm=1)", RULES, Clipped(Adam(), norm=1)),
        (
            "sgd(warmup(cosinedecay(0.1, t_max=9), steps=2), momentum=0.9)",
            RULES,
            SGD(Warmup(CosineDecay(0.1, t_max=9), steps=2), momentum=0.9),
        ),
    ],
)
def test_an_object_is_what_is_spelled(text: str, known: dict[str, type], expected: object) -> None:
    assert spelled("--option", text, known, "huber(0.5)") == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hubber", "--option knows no 'hubber'; near it is huber"),
        ("xyzzy", "--option knows no 'xyzzy'; known are"),
        ("huber(", "--option huber\\( is not understood"),
        ("", "is not understood; write a name, with settings in brackets, as in huber\\(0.5\\)"),
        ("1", "--option 1 is not understood"),
        ("huber()()", "is not understood"),
        ("huber(*(1,))", "is not understood"),
        ("[huber]", "is not understood"),
        ("huber(tilt=1)", "Huber takes other settings; those are delta, reduction"),
        ("huber(-1)", "Huber: delta must be"),
        ("(" * 500 + ")" * 500, "is not understood"),
    ],
)
def test_what_is_no_object_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        spelled("--option", text, LOSSES, "huber(0.5)")
