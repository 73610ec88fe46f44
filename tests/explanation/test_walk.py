"""A training step as a walk: its stages, their order and their numbers."""

import json
import re
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    BatchNorm,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    Linear,
    Network,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from clearprop.base.errors import ConfigurationError
from clearprop.base.messages import LANGUAGES, display_width
from clearprop.base.numbers import brief
from clearprop.engine.optimizers import Optimizer
from clearprop.engine.step import Step, take_step
from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LOSS_EXAMPLES, OPTIMIZER_ROWS
from clearprop.kinds.row import LayerExample, LossExample
from clearprop.reading.walk import StageArray, Walk, WalkStage, walk_step
from clearprop.teaching.experiments.worked_example import INPUT, LEARNING_RATE, TARGET, WEIGHTS
from tests.explanation.own_layers import Both, Center, ClassMargin, Scale, Steep, drawn
from tests.gradient_checks import draw_point
from tests.sweeps import quick_where


@pytest.fixture
def worked() -> Walk:
    """The 2-2-2 example with sigmoids, ½ Σ (t − o)² being the mean of two squares."""
    network = Network(Sequential(Linear(2, 2), Sigmoid(), Linear(2, 2), Sigmoid()))
    params = network.replace(np.zeros(network.size), WEIGHTS)
    return walk_step(take_step(network, params, INPUT, TARGET, optimizer=SGD(LEARNING_RATE)))


def parts(walk: Walk) -> list[tuple[str, str]]:
    return [(stage.part, stage.path) for stage in walk.stages]


def array(stage: WalkStage, name: str) -> StageArray:
    return next(one for one in stage.arrays if one.name == name)


def step_of(network: Network, samples: int = 5, **how: object) -> Step:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(samples, 2))
    output = network.forward(drawn(network), x).output
    target = generator.normal(size=output.shape)
    return take_step(network, drawn(network), x, target, **how)  # type: ignore[arg-type]


def test_the_worked_example_line_by_line(worked: Walk) -> None:
    layers = [f"layers[{number}]" for number in range(4)]
    assert parts(worked) == [
        *(("forward", path) for path in layers),
        ("loss", ""),
        *(("backward", path) for path in reversed(layers)),
        ("update", "layers[0]"),
        ("update", "layers[2]"),
        ("after", ""),
    ]
    # By hand: z = 0.15 · 0.05 + 0.20 · 0.10 + 0.35 = 0.0075 + 0.02 + 0.35 = 0.3775.
    first = worked.text().split("\n\n")[0]
    assert "z[0,0] = 0.05 × 0.15 + 0.1 × 0.2 + 0.35 = 0.3775" in first
    # σ(0.3775) = 1 / (1 + e^−0.3775) = 0.59327.
    assert "a[0,0] = Sigmoid(0.3775) = 0.5933" in worked.text()
    # o₁ = 0.75136507 and t = 0.01, so ∂C/∂y = 2 · 0.74136507 / 2 = 0.74136507.
    loss = worked.stages[4]
    assert array(loss, "∂C/∂y").values[0, 0] == pytest.approx(0.74136507, abs=1e-8)
    assert loss.worked[0].value == pytest.approx(0.74136507**2, abs=1e-8)
    # a(1 − a) = 0.75136507 · 0.24863493 = 0.18681560, and times 0.74136507 it is 0.13849856.
    signal = worked.stages[5].worked[0]
    assert signal.left == "∂C/∂z[0,0]"
    assert signal.right == ("0.1868 × 0.7414",)
    assert signal.value == pytest.approx(0.13849856, abs=1e-8)
    # ∂C/∂w5 = 0.59326999 · 0.13849856 = 0.08216704; w5' = 0.4 − 0.5 · 0.08216704 = 0.35891648.
    gradient = worked.stages[6].worked[1]
    assert gradient.left == "∂L/∂W[0,0]"
    assert gradient.value == pytest.approx(0.08216704, abs=1e-8)
    assert worked.stages[10].worked[0].value == pytest.approx(0.35891648, abs=1e-8)
    # The biases move as well here, so the loss after it is that of no printed example.
    after = worked.stages[-1]
    assert float(array(after, "L").values) == pytest.approx(0.298371108760, abs=1e-12)
    assert float(array(after, "L'").values) < float(array(after, "L").values)


def test_the_loss_after_is_that_of_the_next_step() -> None:
    network = Network(Sequential(Linear(2, 3), Dropout(0.4), Tanh(), Linear(3, 1)))
    step = step_of(network, optimizer=SGD(0.1), number=3)
    assert step.stepped is not None
    again = take_step(
        network, step.stepped, step.forward.input, step.target, number=3, optimizer=SGD(0.1)
    )
    after = walk_step(step).stages[-1]
    assert float(array(after, "L'").values) == again.value


def test_a_residual_goes_two_ways() -> None:
    inner = Residual(Sequential(Linear(3, 3), Residual(Tanh())))
    network = Network(Sequential(Linear(2, 3), inner, Linear(3, 1)))
    walk = walk_step(step_of(network))
    branch = "layers[1].branch"
    assert parts(walk) == [
        ("forward", "layers[0]"),
        ("forward", f"{branch}.layers[0]"),
        ("forward", f"{branch}.layers[1].branch"),
        ("sum", f"{branch}.layers[1]"),
        ("sum", "layers[1]"),
        ("forward", "layers[2]"),
        ("loss", ""),
        ("backward", "layers[2]"),
        ("split", "layers[1]"),
        ("split", f"{branch}.layers[1]"),
        ("backward", f"{branch}.layers[1].branch"),
        ("join", f"{branch}.layers[1]"),
        ("backward", f"{branch}.layers[0]"),
        ("join", "layers[1]"),
        ("backward", "layers[0]"),
        ("frozen", "layers[0]"),
        ("frozen", f"{branch}.layers[0]"),
        ("frozen", "layers[2]"),
    ]
    join = walk.stages[13]
    total = array(join, "∂C/∂x").values
    through = array(walk.stages[12], "∂C/∂x").values
    np.testing.assert_allclose(total, array(join, "∂C/∂y").values + through, rtol=1e-12)


def test_state_ids_and_draws_are_shown() -> None:
    network = Network(Sequential(Linear(2, 3), BatchNorm(3), Dropout(0.5), Linear(3, 1)))
    walk = walk_step(step_of(network))
    norm = walk.stages[1]
    z = array(walk.stages[0], "z").values
    # running_mean ← 0.9 · 0 + 0.1 · μ.
    np.testing.assert_allclose(array(norm, "running_mean").values, 0.1 * z.mean(axis=0)[None])
    assert int(array(norm, "num_batches").values) == 1
    assert set(np.unique(array(walk.stages[2], "m").values)) <= {0.0, 2.0}

    embedding = Network(Sequential(Embedding(5, 2), Linear(2, 1)))
    step = take_step(embedding, drawn(embedding), np.array([3, 1, 3]), np.zeros((3, 1)))
    walk = walk_step(step, sample=2)
    assert walk.stages[0].worked[0].right == ("W[3,0]",)
    back = walk.stages[4]
    assert [one.name for one in back.arrays] == ["∂C/∂y", "∂L/∂W"]
    # Samples 0 and 2 both take row 3, so its gradient is the sum of their two signals.
    signals = array(back, "∂C/∂y").values
    assert back.worked[0].left == "∂L/∂W[3,0]"
    assert back.worked[0].right == (brief(signals[0, 0]), brief(signals[2, 0]))
    assert back.worked[0].value == pytest.approx(signals[0, 0] + signals[2, 0])


LAYERS = [example for examples in LAYER_EXAMPLES.values() for example in examples]


@pytest.mark.parametrize(
    "example",
    quick_where(LAYERS, lambda _, one: one is LAYER_EXAMPLES[type(one.layer)][0]),
    ids=[repr(case.layer) for case in LAYERS],
)
def test_every_layer_walks(example: LayerExample) -> None:
    point = draw_point(
        example.layer,
        example.input_shape,
        samples=3,
        ids=example.ids,
        training=example.training,
    )
    network, params, x, _, training, states = point
    target = np.zeros_like(point.forward().output)
    told: Any = {"training": training, "layer_state": network.initial_state(params)}
    told["side_inputs"] = states
    step = take_step(network, params, x, target, optimizer=SGD(0.1), **told)
    walk = walk_step(step, sample=1)
    # Every layer of the catalogue has equations of its own, and works an entry out.
    for stage in walk.stages:
        if stage.part in ("forward", "backward"):
            assert stage.equations
            assert "f(" not in "".join(stage.equations)
            assert stage.worked or step.forward[stage.path].input.dtype.kind == "i"
    assert_terms_add_up(walk)
    assert_readable(walk)


PRODUCT = re.compile(r"(?P<first>-?[0-9.]+)(?: × \(?(?P<second>-?[0-9.]+)\)?)?")


def assert_terms_add_up(walk: Walk) -> None:
    """Wherever a line is a sum of products of plain numbers, it adds up to the shown digits."""
    lines = 0
    for stage in walk.stages:
        for one in stage.worked:
            products = [PRODUCT.fullmatch(term.replace("−", "-")) for term in one.right]
            if not products or None in products:
                continue
            total, size = one.rest.value, one.rest.size
            for match in products:
                assert match is not None
                value = float(match["first"]) * float(match["second"] or 1)
                total, size = total + value, size + abs(value)
            # Four digits are shown of every factor.
            assert one.value == pytest.approx(total, abs=2e-3 * size + 1e-12)
            lines += 1
    assert lines > 0


def assert_readable(walk: Walk) -> None:
    """In both languages, in any size of terminal, and as JSON."""
    for language in LANGUAGES:
        assert walk.text(language)
        for position in range(len(walk.stages)):
            for width, height in ((80, 21), (40, 9), (200, 60)):
                lines = walk.body(position, language, width=width, height=height)
                assert walk.title(position, language)
                if width >= 80:
                    assert max(map(display_width, lines)) <= width
    document = json.loads(walk.to_json())
    assert document["type"] == "Walk"
    assert len(document["stages"]) == len(walk.stages)


LOSSES = [example for examples in LOSS_EXAMPLES.values() for example in examples]


@pytest.mark.parametrize("example", LOSSES, ids=[repr(case.loss) for case in LOSSES])
def test_every_loss_walks(example: LossExample) -> None:
    network = Network(Sequential(Linear(2, example.outputs), Sigmoid()))
    generator = np.random.default_rng(1)
    _, target = example.draw(generator, 4)
    x = generator.normal(size=(4, 2))
    step = take_step(network, drawn(network), x, target, loss=example.loss)
    walk = walk_step(step, sample=3)
    stage = next(one for one in walk.stages if one.part == "loss")
    assert stage.equations[0] != "ℓ = f(y, t)"
    *_, start, total = stage.worked
    assert total.value == pytest.approx(step.value)
    assert not total.of_sample
    # Of classes, the one that the sample should be.
    output = int(target[3]) if target.ndim == 1 else 0
    assert (start.left, start.value) == (f"∂C/∂y[3,{output}]", step.result.gradient[3, output])
    assert_readable(walk)


def test_only_what_is_of_the_sample_is_said_to_be() -> None:
    """A gradient and the loss are sums over all samples, whatever sample is looked at."""
    network = Network(Linear(2, 1))
    for stage in walk_step(step_of(network), sample=1).stages:
        for line in stage.worked:
            summed = line.left.startswith(("∂L", "L ="))
            assert line.of_sample != summed or stage.part in ("update", "after")
        lines = stage.body(1, "en", 200, None)
        if stage.part == "backward":
            own, all_of_them = (
                lines.index("With the numbers of sample 1:"),
                lines.index("Over all samples:"),
            )
            assert own < all_of_them
            assert lines[own + 1].startswith("  ∂C/∂x[1,0]")
            assert lines[all_of_them + 1].startswith("  ∂L/∂W[0,0]")


OPTIMIZERS = [optimizer for row in OPTIMIZER_ROWS.values() for optimizer in row.examples]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=map(repr, OPTIMIZERS))
def test_every_optimizer_walks(optimizer: Optimizer) -> None:
    network = Network(Linear(2, 1))
    step = step_of(network, optimizer=optimizer)
    walk = walk_step(step)
    stage = next(one for one in walk.stages if one.part == "update")
    assert stage.equations[-1].startswith("w ←")
    assert "f(w" not in stage.equations[-1]
    params, _ = optimizer.step(
        step.forward.params, optimizer.start(step.forward.params), step.backward.gradient
    )
    assert stage.worked[0].value == params[0]
    np.testing.assert_array_equal(array(stage, "W'").values.ravel(), params[:2])
    assert_readable(walk)


def test_layers_and_losses_of_ones_own_walk() -> None:
    body = Both(Scale(2), Tanh())
    network = Network(Sequential(Scale(2), Center(), Steep(), body))
    step = take_step(
        network,
        drawn(network),
        np.random.default_rng(0).normal(size=(3, 2)),
        np.array([0, 1, 1]),
        loss=ClassMargin(),
    )
    walk = walk_step(step)
    assert walk.stages[0].equations == ("y = f(x)",)
    assert "my_factor (2,)  layers[0].my_factor" in walk.text()
    assert_readable(walk)


@pytest.mark.parametrize(
    "layer",
    [BatchNorm(3), LayerNorm(3), RMSNorm(3), PReLU(3), Dropout(0.5), Softmax(), Tanh()],
    ids=repr,
)
def test_a_walk_over_sequences(layer: Layer) -> None:
    network = Network(Sequential(Linear(2, 3), layer, Linear(3, 1)))
    generator = np.random.default_rng(2)
    x, target = generator.normal(size=(4, 5, 2)), generator.normal(size=(4, 5, 1))
    step = take_step(network, network.initialize(1), x, target, optimizer=SGD(0.1))
    walk = walk_step(step, sample=2)
    first, middle = walk.stages[0].worked[0], walk.stages[1].worked[-1]
    assert first.left == "z[2,0,0]"
    assert first.value == step.forward.value("layers[0]")[2, 0, 0]
    assert middle.left.endswith("[2,0,0]")
    assert middle.value == step.forward.value("layers[1]")[2, 0, 0]
    assert_terms_add_up(walk)
    assert_readable(walk)


def test_large_arrays_are_abbreviated() -> None:
    network = Network(Sequential(Linear(2, 40), ReLU(), Linear(40, 1)))
    walk = walk_step(step_of(network, samples=50), sample=7)
    lines = walk.body(0, width=80, height=20)
    assert len(lines) <= 20
    head = next(line for line in lines if line.startswith("z (50, 40)"))
    z = array(walk.stages[0], "z").values
    assert f"min {brief(z.min())}, mean {brief(z.mean())}, max {brief(z.max())}" in head
    row = lines[lines.index(head) + 1]
    assert row.startswith(f"  sample 7:  {brief(z[7, 0])}")
    assert row.endswith("…")
    assert "(37 others)" not in "".join(lines)


def test_a_sample_that_is_not_there(worked: Walk) -> None:
    step = step_of(Network(Linear(2, 1)), loss=MSE())
    with pytest.raises(ConfigurationError, match="counted from 0 to 4"):
        walk_step(step, sample=5)
    assert worked.sample == 0
