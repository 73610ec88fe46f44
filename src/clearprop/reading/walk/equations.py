"""The equations of every layer, loss and optimizer of the catalogues, in symbols.

They are those that are derived in the docstring of each one's module. x and y are a layer's input
and output; of an activation they are z and a, of Linear the output is z. A layer, loss or optimizer
of one's own has no equation here, and stands as the function that it is.
"""

from typing import NamedTuple

from clearprop.engine.layers.activations import Activation, Identity, ReLU, Sigmoid, Tanh
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.rectifiers import ELU, SELU, Hardtanh, LeakyReLU, PReLU
from clearprop.engine.layers.smooth_activations import GELU, SiLU, Softplus
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.engine.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    PoissonNLL,
)
from clearprop.engine.optimizers import SGD, Adagrad, Adam, AdamW, Clipped, Optimizer, RMSprop


class Equations(NamedTuple):
    """What runs forward, and what runs back."""

    forward: tuple[str, ...]
    backward: tuple[str, ...]


def _activation(function: str, slope: str) -> Equations:
    return Equations((f"a = {function}",), (f"∂C/∂z = a'(z) · ∂C/∂a,  a'(z) = {slope}",))


_STATISTICS = "r = 1/√(v + ε)"
_NORMAL_BACK = "∂C/∂x = r · (g − mean of g − x̂ · mean of g·x̂),  g = γ · ∂C/∂y"
_SCALE_BACK = "∂L/∂γ = Σ x̂ · ∂C/∂y,  ∂L/∂β = Σ ∂C/∂y"

LAYERS: dict[type[Layer], Equations] = {
    Linear: Equations(
        ("z = x·W + b",),
        ("∂C/∂x = ∂C/∂z · Wᵀ", "∂L/∂W = xᵀ · ∂C/∂z,  ∂L/∂b = Σₙ ∂C/∂z"),
    ),
    ReLU: _activation("max(0, z)", "1 where z > 0, else 0"),
    Tanh: _activation("tanh(z)", "1 − a²"),
    Sigmoid: _activation("1 / (1 + e⁻ᶻ)", "a (1 − a)"),
    Identity: _activation("z", "1"),
    LeakyReLU: _activation("z where z > 0, else s·z", "1 where z > 0, else s"),
    ELU: _activation("z where z > 0, else α (eᶻ − 1)", "1 where z > 0, else α eᶻ"),
    SELU: _activation("λz where z > 0, else λα (eᶻ − 1)", "λ where z > 0, else λα eᶻ"),
    Hardtanh: _activation("z, held between low and high", "1 between them, else 0"),
    GELU: _activation("z Φ(z)", "Φ(z) + z φ(z)"),
    SiLU: _activation("z σ(z)", "σ + z σ (1 − σ)"),
    Softplus: _activation("ln(1 + e^(βz)) / β", "σ(βz)"),
    PReLU: Equations(
        ("y = x where x > 0, else s·x",),
        ("∂C/∂x = ∂C/∂y · (1 where x > 0, else s)", "∂L/∂s = Σ min(0, x) · ∂C/∂y"),
    ),
    Softmax: Equations(("yᵢ = e^xᵢ / Σⱼ e^xⱼ",), ("∂C/∂xᵢ = yᵢ (∂C/∂yᵢ − Σⱼ yⱼ · ∂C/∂yⱼ)",)),
    LogSoftmax: Equations(("yᵢ = xᵢ − ln Σⱼ e^xⱼ",), ("∂C/∂xᵢ = ∂C/∂yᵢ − e^yᵢ · Σⱼ ∂C/∂yⱼ",)),
    BatchNorm: Equations(
        (f"y = γ x̂ + β,  x̂ = (x − μ) r,  {_STATISTICS}",), (_NORMAL_BACK, _SCALE_BACK)
    ),
    LayerNorm: Equations(
        (f"y = γ x̂ + β,  x̂ = (x − μ) r,  {_STATISTICS}",), (_NORMAL_BACK, _SCALE_BACK)
    ),
    RMSNorm: Equations(
        ("y = γ x̂,  x̂ = x r,  r = 1/√(mean of x² + ε)",),
        ("∂C/∂x = r · (g − x̂ · mean of g·x̂),  g = γ · ∂C/∂y", "∂L/∂γ = Σ x̂ · ∂C/∂y"),
    ),
    Dropout: Equations(("y = x ⊙ m",), ("∂C/∂x = m ⊙ ∂C/∂y",)),
    Embedding: Equations(("y = W[x]",), ("∂L/∂W[i] = Σ ∂C/∂y where x = i",)),
}

OWN_LAYER = Equations(("y = f(x)",), ("∂C/∂x = Σ ∂y/∂x · ∂C/∂y",))
OWN_ACTIVATION = _activation("f(z)", "f'(z)")

IN_USE = {
    Dropout: Equations(("y = x",), ("∂C/∂x = ∂C/∂y",)),
    BatchNorm: Equations(
        (f"y = γ x̂ + β,  x̂ = (x − μ) r,  {_STATISTICS}",), ("∂C/∂x = r · γ · ∂C/∂y", _SCALE_BACK)
    ),
}

REDUCED = "L = Σ ℓ / S,  ∂C/∂y = ∂ℓ/∂y / S"


def of_layer(layer: Layer, *, constant: bool = False) -> Equations:
    """The equations of a layer; `constant` where it runs as in use: without a draw, or with
    running statistics."""
    if constant and type(layer) in IN_USE:
        return IN_USE[type(layer)]
    own = OWN_ACTIVATION if isinstance(layer, Activation) else OWN_LAYER
    return LAYERS.get(type(layer), own)


def of_loss(loss: Loss) -> tuple[str, ...]:
    """The equations of a loss, its reduction at the end."""
    return (*_entries(loss), REDUCED)


def _entries(loss: Loss) -> tuple[str, ...]:
    if type(loss) is MSE:
        return ("ℓ = (y − t)²,  ∂ℓ/∂y = 2 (y − t)",)
    if type(loss) is MAE:
        return ("ℓ = |y − t|,  ∂ℓ/∂y = sign(y − t)",)
    if type(loss) is Huber:
        return (
            "ℓ = ½ (y − t)² where |y − t| ≤ δ, else δ (|y − t| − ½ δ)",
            "∂ℓ/∂y = y − t where |y − t| ≤ δ, else δ sign(y − t)",
        )
    if type(loss) is BinaryCrossEntropy:
        if loss.weight is None and loss.pos_weight is None:
            return ("ℓ = −t ln σ(y) − (1 − t) ln(1 − σ(y)),  ∂ℓ/∂y = σ(y) − t",)
        return (
            "ℓ = −w (c t ln σ(y) + (1 − t) ln(1 − σ(y)))",
            "∂ℓ/∂y = w ((1 − t) σ(y) − c t σ(−y))",
        )
    if type(loss) is CrossEntropy:
        if loss.weight is None:
            return ("ℓ = −Σ q ln p,  p = softmax(y),  ∂ℓ/∂y = p − q",)
        return ("ℓ = −Σ w q ln p,  p = softmax(y),  ∂ℓ/∂y = p Σ w q − w q",)
    if type(loss) is PoissonNLL:
        if loss.log_input:
            return ("ℓ = e^y − t y,  ∂ℓ/∂y = e^y − t",)
        return ("ℓ = y − t ln(y + ε),  ∂ℓ/∂y = 1 − t / (y + ε)",)
    return ("ℓ = f(y, t)",)


def of_optimizer(optimizer: Optimizer) -> tuple[str, ...]:
    """The equations of an update, from ∂L/∂w on."""
    if isinstance(optimizer, Clipped):
        by_norm = "∂L/∂w ← ∂L/∂w · min(1, c / ‖∂L/∂w‖)"
        by_value = "∂L/∂w ← ∂L/∂w, held between −c and c"
        first = by_value if optimizer.norm is None else by_norm
        return (first, *of_optimizer(optimizer.optimizer))
    decay = getattr(optimizer, "weight_decay", 0.0)
    gradient = "g = ∂L/∂w + λ w" if decay and not isinstance(optimizer, AdamW) else "g = ∂L/∂w"
    if type(optimizer) is SGD:
        if not optimizer.momentum:
            return (f"w ← w − η g,  {gradient}",)
        direction = "(g + μ v)" if optimizer.nesterov else "v"
        return (f"v ← μ v + (1 − d) g,  {gradient}", f"w ← w − η {direction}")
    if type(optimizer) is RMSprop:
        size = "√(s − m²) + ε" if optimizer.centered else "√s + ε"
        first = f"s ← α s + (1 − α) g²,  {gradient}"
        if optimizer.momentum:
            return (first, f"v ← μ v + g / ({size})", "w ← w − η v")
        return (first, f"w ← w − η g / ({size})")
    if type(optimizer) is Adagrad:
        return (f"s ← s + g²,  {gradient}", "w ← w − η g / (√s + ε)")
    if type(optimizer) in (Adam, AdamW):
        shrunk = " − η λ w" if isinstance(optimizer, AdamW) else ""
        return (
            f"m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  {gradient}",
            f"w ← w{shrunk} − η m̂ / (√v̂ + ε)",
        )
    return ("w ← f(w, ∂L/∂w)",)
