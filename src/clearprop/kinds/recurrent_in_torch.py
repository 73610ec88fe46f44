"""RNN, GRU and LSTM beside PyTorch's modules, which return a pair and number their arrays. Their
cells are in `cells_in_torch`.

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
    projection = ("weight_hr",) if kind is LSTM else ()
    arrays = (*ARRAYS, *projection, "peephole") if kind is LSTM else ARRAYS
    return TorchTwin(
        _module,
        {kind.__name__: _read},
        transposed=frozenset({"weight_ih", "weight_hh", *projection}),
        renamed={name: f"{name}_l0" for name in arrays},
    )


def _module(nn: Any, layer: Any) -> Any:
    base = getattr(nn, type(layer).__name__)
    settings: dict[str, Any] = {}
    if isinstance(layer, RNN):
        settings = {"nonlinearity": layer.nonlinearity}
    compute = _before_reset if getattr(layer, "reset_after", True) is False else base.forward
    peepholes = getattr(layer, "peepholes", False)
    if isinstance(layer, LSTM):
        settings = {"proj_size": layer.projection}
        compute = _with_peepholes if peepholes else compute

    def forward(self: Any, x: Any) -> Any:
        turned = x.flip(1) if layer.reverse else x
        y = compute(self, turned)[0]
        return y.flip(1) if layer.reverse else y

    # It says which layer it is, since a module that reads backwards PyTorch has not.
    made = type(type(layer).__name__, (base,), {"forward": forward, "layer": layer})
    module = made(layer.inputs, layer.hidden, bias=layer.bias, batch_first=True, **settings)
    if peepholes:
        start = module.bias_ih_l0 if layer.bias else module.weight_ih_l0[:, 0]
        module.register_parameter(
            "peephole_l0", nn.Parameter(start[layer.hidden :].detach().clone())
        )
    return module


def _before_reset(module: Any, x: Any) -> Any:
    """A GRU whose reset gate meets the state itself, which PyTorch's does not: autograd goes
    through these lines."""
    size = module.hidden_size
    w, u = module.weight_ih_l0, module.weight_hh_l0
    bias = module.bias_ih_l0 + module.bias_hh_l0 if module.bias else 0
    y = x.new_zeros(len(x), x.shape[1], size)
    h = x.new_zeros(len(x), size)
    for time, a in enumerate((x @ w.T + bias).unbind(1)):
        h = step_before_reset(a, h, u)
        y[:, time] = h
    return (y,)


def step_before_reset(a: Any, h: Any, u: Any) -> Any:
    """One step of such a GRU, from what x gave and the state before."""
    size = h.shape[1]
    gates = (a[:, : 2 * size] + h @ u[: 2 * size].T).sigmoid()
    r, z = gates[:, :size], gates[:, size:]
    n = (a[:, 2 * size :] + (r * h) @ u[2 * size :].T).tanh()
    return (1 - z) * n + z * h


def _with_peepholes(module: Any, x: Any) -> Any:
    """An LSTM whose gates see the cell, which PyTorch's do not: autograd goes through these
    lines."""
    size, projection = module.hidden_size, module.proj_size
    w, u = module.weight_ih_l0, module.weight_hh_l0
    bias = module.bias_ih_l0 + module.bias_hh_l0 if module.bias else 0
    p_i, p_f, p_o = module.peephole_l0.chunk(3)
    h, c = x.new_zeros(len(x), projection or size), x.new_zeros(len(x), size)
    y = x.new_zeros(len(x), x.shape[1], h.shape[1])
    for time, a in enumerate((x @ w.T + bias).unbind(1)):
        i, f, g, o = (a + h @ u.T).chunk(4, 1)
        c = (f + p_f * c).sigmoid() * c + (i + p_i * c).sigmoid() * g.tanh()
        h = (o + p_o * c).sigmoid() * c.tanh()
        h = h @ module.weight_hr_l0.T if projection else h
        y[:, time] = h
    return (y,)


def _read(module: Any) -> Layer | None:
    if not module.batch_first:
        raise ContractError("torch_time_first", module=type(module).__name__)
    name = type(module).__name__
    kinds: dict[str, type[Recurrent]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
    settings: dict[str, Any] = {"nonlinearity": module.nonlinearity} if name == "RNN" else {}
    if name == "LSTM":
        settings = {"projection": module.proj_size}
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
