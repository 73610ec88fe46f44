"""ReLU, Tanh, Sigmoid and Identity."""

from clearprop.engine.layers.activations import Identity, ReLU, Sigmoid, Tanh
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import kernel
from clearprop.kinds.onnx_terms import unary
from clearprop.kinds.program_lines import Symbol
from clearprop.kinds.program_pieces import Passes, Site, two_lines
from clearprop.kinds.row import LayerExample, LayerRow, applied, of_activation

A = Symbol("a", "a")


def _relu(site: Site) -> Passes:
    """The larger of 0 and z."""
    z, da = site.x, site.dy
    return two_lines(
        site,
        (f"np.maximum({z}, 0)", f"max({z:math}, 0)"),
        (f"{da} * ({z} > 0)", f"{da:math} ⊙ [{z:math} > 0]"),
    )


def _tanh(site: Site) -> Passes:
    """The hyperbolic tangent."""
    z, a, da = site.x, site.y, site.dy
    return two_lines(
        site,
        (f"np.tanh({z})", f"tanh({z:math})"),
        (f"{da} * (1 - {a}**2)", f"{da:math} ⊙ (1 − {a:math}²)"),
    )


def _sigmoid(site: Site) -> Passes:
    """The logistic function."""
    z, a, da = site.x, site.y, site.dy
    return two_lines(
        site,
        (f"sigmoid({z})", f"σ({z:math})"),
        (f"{da} * {a} * (1 - {a})", f"{da:math} ⊙ {a:math} ⊙ (1 − {a:math})"),
    )


def _identity(site: Site) -> Passes:
    """The input itself; only a network of nothing else has this line."""
    return two_lines(site, (f"{site.x}", f"{site.x:math}"), (f"{site.dy}", f"{site.dy:math}"))


ACTIVATIONS = (
    LayerRow(
        kind=ReLU,
        examples=(LayerExample(ReLU(), (5,)),),
        equations=of_activation("max(0, z)", "1 where z > 0, else 0"),
        worked=applied,
        passes=_relu,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.ReLU(), {"ReLU": lambda _: ReLU()}),
        jax=lambda at, x: at.jax.nn.relu(x),
        onnx=OnnxOperator("Relu"),
        onnx_forms=(unary(ReLU, OnnxOperator("Relu")),),
        compiled=kernel("RELU"),
    ),
    LayerRow(
        kind=Tanh,
        examples=(LayerExample(Tanh(), (5,)),),
        equations=of_activation("tanh(z)", "1 − a²"),
        worked=applied,
        passes=_tanh,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.Tanh(), {"Tanh": lambda _: Tanh()}),
        jax=lambda at, x: at.jax.numpy.tanh(x),
        onnx=OnnxOperator("Tanh"),
        onnx_forms=(unary(Tanh, OnnxOperator("Tanh")),),
        compiled=kernel("TANH"),
    ),
    LayerRow(
        kind=Sigmoid,
        examples=(LayerExample(Sigmoid(), (5,)),),
        equations=of_activation("1 / (1 + e⁻ᶻ)", "a (1 − a)"),
        worked=applied,
        passes=_sigmoid,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.Sigmoid(), {"Sigmoid": lambda _: Sigmoid()}),
        jax=lambda at, x: at.jax.nn.sigmoid(x),
        onnx=OnnxOperator("Sigmoid"),
        onnx_forms=(unary(Sigmoid, OnnxOperator("Sigmoid")),),
        compiled=kernel("SIGMOID"),
    ),
    LayerRow(
        kind=Identity,
        examples=(LayerExample(Identity(), (5,)),),
        equations=of_activation("z", "1"),
        worked=applied,
        passes=_identity,
        output=A,
        torch=TorchTwin(lambda nn, _: nn.Identity(), {"Identity": lambda _: Identity()}),
        jax=lambda _, x: x,
        onnx=OnnxOperator("Identity"),
        onnx_forms=(unary(Identity, OnnxOperator("Identity")),),
        compiled=kernel("IDENTITY"),
        does_nothing=lambda _: True,
    ),
)
