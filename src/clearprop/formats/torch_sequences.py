"""What a module's forward takes of the pair that PyTorch's RNN, GRU and LSTM return.

y, (h, c) = self.lstm(x)     y is the layer's output here
y[:, -1]                     one time of it: TimeStep(-1)
y[:, 1:3]                    some of them: TimeSlice(1, 3)
h[-1], h.squeeze(0)          the same, of a layer that reads from the first time to the last
"""

from typing import Any, NamedTuple

from clearprop.engine.layers.time_slice import TimeSlice
from clearprop.engine.layers.time_step import TimeStep
from clearprop.formats.traced_layers import TracedLayer

# What returns several things; of LSTMCell's states that of h goes on.
RECURRENT = ("RNN", "GRU", "LSTM", "LSTMCell")


class SequencePart(NamedTuple):
    """Of a module: the `pair` that it returns, its last `states`, or the last `hidden` states;
    `wire` is that of its output."""

    module: Any
    wire: str
    what: str


def part_taken(
    node: Any, parts: dict[str, SequencePart], wires: dict[str, str]
) -> TracedLayer | bool:
    """The layer that a step of a trace is, where it takes one time; True where it takes a part
    without computing anything, which `parts` and `wires` have then; False for all others."""
    name, source = str(node), str(node.args[0]) if node.args else ""
    called = getattr(node.target, "__name__", str(node.target))
    index = node.args[1] if len(node.args) > 1 else None
    part = parts.get(source)
    if part is None:
        layer = _times(index) if called == "getitem" else None
        if layer is None or source not in wires:
            return False
        return TracedLayer(layer, wires[source])
    if called == "getitem" and part.what == "pair" and index in (0, 1):
        if index and type(part.module).__name__ == "LSTMCell":
            return False
        is_lstm = type(part.module).__name__ == "LSTM"
        if index == 0:
            wires[name] = part.wire
        else:
            parts[name] = part._replace(what="states" if is_lstm else "hidden")
        return True
    if called == "getitem" and part.what == "states" and index == 0:
        parts[name] = part._replace(what="hidden")
        return True
    single = part.module.num_layers == 1
    of_last = called == "getitem" and (index == -1 or (single and index == 0))
    squeezed = called == "squeeze" and single and index == 0
    if part.what == "hidden" and not part.module.bidirectional and (of_last or squeezed):
        return TracedLayer(TimeStep(), part.wire)
    return False


def _times(index: Any) -> TimeStep | TimeSlice | None:
    """What an index takes of every sample: one time, as in y[:, -1] or y[:, -1, :], or some of
    them, as in y[:, :3]."""
    if not isinstance(index, tuple) or len(index) not in (2, 3):
        return None
    times = index[1]
    if any(one != slice(None) for one in (index[0], *index[2:])):
        return None
    if isinstance(times, int):
        return TimeStep(times)
    ends = (times.start, times.stop) if isinstance(times, slice) and times.step is None else (True,)
    plain = all(one is None or type(one) is int for one in ends)
    return TimeSlice(*ends) if plain else None
