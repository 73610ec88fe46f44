"""The one table of layer writers: class → how it is written.

Sequential and Residual are not in it: `passes` walks through them. A test fails for any other layer
of the catalogue that is missing here.
"""

from clearprop.engine.layers.activations import Identity, ReLU, Sigmoid, Tanh
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.rectifiers import ELU, SELU, Hardtanh, LeakyReLU, PReLU
from clearprop.engine.layers.smooth_activations import GELU, SiLU, Softplus
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.kinds.program_lines import Symbol
from clearprop.kinds.writers import activations, linear, normalization, shares
from clearprop.kinds.writers.site import Writer

_A = Symbol("a", "a")
_H = Symbol("h", "h")
_SCALE_AND_SHIFT = {"weight": Symbol("gamma", "γ"), "bias": Symbol("beta", "β")}

WRITERS: dict[type[Layer], Writer] = {
    Linear: Writer(
        linear.linear,
        Symbol("z", "z"),
        {"weight": Symbol("W", "W"), "bias": Symbol("b", "b")},
        opens=True,
    ),
    Embedding: Writer(linear.embedding, Symbol("e", "e"), {"weight": Symbol("E", "E")}, opens=True),
    ReLU: Writer(activations.relu, _A),
    Tanh: Writer(activations.tanh, _A),
    Sigmoid: Writer(activations.sigmoid, _A),
    Identity: Writer(activations.identity, _A),
    LeakyReLU: Writer(activations.leaky_relu, _A),
    PReLU: Writer(activations.prelu, _A, {"weight": Symbol("alpha", "α")}),
    ELU: Writer(activations.elu, _A),
    SELU: Writer(activations.selu, _A),
    Hardtanh: Writer(activations.hardtanh, _A),
    GELU: Writer(activations.gelu, _A),
    SiLU: Writer(activations.silu, _A),
    Softplus: Writer(activations.softplus, _A),
    Softmax: Writer(shares.softmax, Symbol("p", "p")),
    LogSoftmax: Writer(shares.log_softmax, Symbol("log_p", "ln p")),
    BatchNorm: Writer(normalization.batch_norm, _H, _SCALE_AND_SHIFT),
    LayerNorm: Writer(normalization.layer_norm, _H, _SCALE_AND_SHIFT),
    RMSNorm: Writer(normalization.rms_norm, _H, _SCALE_AND_SHIFT),
    Dropout: Writer(shares.dropout, Symbol("m", "m")),
}
