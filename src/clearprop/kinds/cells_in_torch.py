"""RNNCell, GRUCell and LSTMCell beside PyTorch's modules of these names, which take the states
behind x and return them.
"""

from typing import Any

from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.recurrent_cells import GRUCell, LSTMCell, RecurrentCell, RNNCell
from clearprop.kinds.counterparts import TorchTwin
from clearprop.kinds.recurrent_in_torch import step_before_reset


def cell_twin(kind: type[RecurrentCell]) -> TorchTwin:
    """The twin of one of the three: a module of PyTorch's own class that returns y alone, and takes
    the states before by their names."""
    return TorchTwin(
        _module, {kind.__name__: _read}, transposed=frozenset({"weight_ih", "weight_hh"})
    )


def _module(nn: Any, layer: Any) -> Any:
    base = getattr(nn, type(layer).__name__)
    settings: dict[str, Any] = {}
    if isinstance(layer, RNNCell):
        settings = {"nonlinearity": layer.nonlinearity}

    def forward(self: Any, x: Any, hidden: Any = None, cell: Any = None) -> Any:
        h, c = (x.new_zeros(len(x), layer.hidden) if s is None else s for s in (hidden, cell))
        if isinstance(layer, GRUCell) and not layer.reset_after:
            bias = self.bias_ih + self.bias_hh if layer.bias else 0
            return step_before_reset(x @ self.weight_ih.T + bias, h, self.weight_hh)
        if not isinstance(layer, LSTMCell):
            return base.forward(self, x, h)
        h, c = base.forward(self, x, (h, c))
        if not layer.cell_output:
            return h
        # Side by side, without torch.cat: a row is handed torch.nn alone.
        pad, size = nn.functional.pad, layer.hidden
        return pad(h, (0, size)) + pad(c, (size, 0))

    told = {"forward": forward, "layer": layer, "takes": tuple(layer.side_inputs())}
    made = type(type(layer).__name__, (base,), told)
    return made(layer.inputs, layer.hidden, bias=layer.bias, **settings)


def _read(module: Any) -> Layer | None:
    sizes = module.input_size, module.hidden_size, module.bias
    if type(module).__name__ == "RNNCell":
        return RNNCell(*sizes, nonlinearity=module.nonlinearity)
    return (GRUCell if type(module).__name__ == "GRUCell" else LSTMCell)(*sizes)
