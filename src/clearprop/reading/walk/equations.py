"""The equations of a step's layers, loss and optimizer, in symbols.

Those of the catalogues stand in their rows. A layer, loss or optimizer of one's own has none there,
and stands as the function that it is.
"""

from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import Loss
from clearprop.engine.nodes import is_activation
from clearprop.engine.optimizers import Optimizer
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS, OPTIMIZER_ROWS
from clearprop.kinds.row import Equations, of_activation

OWN_LAYER = Equations(("y = f(x)",), ("∂C/∂x = Σ ∂y/∂x · ∂C/∂y",))
OWN_ACTIVATION = of_activation("f(z)", "f'(z)")

REDUCED = "L = Σ ℓ / S,  ∂C/∂y = ∂ℓ/∂y / S"


def of_layer(layer: Layer, *, constant: bool = False) -> Equations:
    """The equations of a layer; `constant` where it runs as in use: without a draw, or with
    running statistics."""
    row = LAYER_ROWS.get(type(layer))
    if row is None:
        return OWN_ACTIVATION if is_activation(layer) else OWN_LAYER
    return row.in_use.equations if constant and row.in_use is not None else row.equations


def of_loss(loss: Loss) -> tuple[str, ...]:
    """The equations of a loss, its reduction at the end."""
    row = LOSS_ROWS.get(type(loss))
    return (*(("ℓ = f(y, t)",) if row is None else row.equations(loss)), REDUCED)


def of_optimizer(optimizer: Optimizer) -> tuple[str, ...]:
    """The equations of an update, from ∂L/∂w on."""
    row = OPTIMIZER_ROWS.get(type(optimizer))
    return ("w ← f(w, ∂L/∂w)",) if row is None else row.equations(optimizer, of_optimizer)
