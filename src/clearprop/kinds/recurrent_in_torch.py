"""RNN, GRU and LSTM beside PyTorch's modules, which return a pair and number their arrays.

    nn.LSTM(3, 8, num_layers=2, bidirectional=True, batch_first=True)

is here two layers of two directions each, side by side; a module of one layer and one direction is
one layer.
"""

from typing import Any

from clearprop.base.errors import ContractError
from clearprop.engine.layers.gru import GRU
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.rnn import RNN
from clearprop.engine.recurrent_stack import recurrent_stack
from clearprop.kinds.counterparts import TorchTwin

ARRAYS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def recurrent_twin(kind: type[Recurrent]) -> TorchTwin:
    """The twin of one of the three: a module of PyTorch's own class that returns y alone."""
    return TorchTwin(
        _module,
        {kind.__name__: _read},
        transposed=frozenset({"weight_ih", "weight_hh"}),
        renamed={name: f"{name}_l0" for name in ARRAYS},
    )


def _module(nn: Any, layer: Any) -> Any:
    base = getattr(nn, type(layer).__name__)
    settings = {"nonlinearity": layer.nonlinearity} if isinstance(layer, RNN) else {}
    compute = _before_reset if getattr(layer, "reset_after", True) is False else base.forward

    def forward(self: Any, x: Any) -> Any:
        turned = x.flip(1) if layer.reverse else x
        y = compute(self, turned)[0]
        return y.flip(1) if layer.reverse else y

    # It says which layer it is, since a module that reads backwards PyTorch has not.
    made = type(type(layer).__name__, (base,), {"forward": forward, "layer": layer})
    return made(layer.inputs, layer.hidden, bias=layer.bias, batch_first=True, **settings)


def _before_reset(module: Any, x: Any) -> Any:
    """A GRU whose reset gate meets the state itself, which PyTorch's does not: autograd goes
    through these lines."""
    size = module.hidden_size
    w, u = module.weight_ih_l0, module.weight_hh_l0
    bias = module.bias_ih_l0 + module.bias_hh_l0 if module.bias else 0
    y = x.new_zeros(len(x), x.shape[1], size)
    h = x.new_zeros(len(x), size)
    for time, a in enumerate((x @ w.T + bias).unbind(1)):
        gates = (a[:, : 2 * size] + h @ u[: 2 * size].T).sigmoid()
        r, z = gates[:, :size], gates[:, size:]
        n = (a[:, 2 * size :] + (r * h) @ u[2 * size :].T).tanh()
        h = (1 - z) * n + z * h
        y[:, time] = h
    return (y,)


def _read(module: Any) -> Layer | None:
    if getattr(module, "proj_size", 0):
        return None
    if not module.batch_first:
        raise ContractError("torch_time_first", module=type(module).__name__)
    name = type(module).__name__
    kinds: dict[str, type[Recurrent]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
    settings = {"nonlinearity": module.nonlinearity} if name == "RNN" else {}
    return recurrent_stack(
        kinds[name],
        module.input_size,
        module.hidden_size,
        layers=module.num_layers,
        bidirectional=module.bidirectional,
        dropout=module.dropout,
        bias=module.bias,
        **settings,
    )
