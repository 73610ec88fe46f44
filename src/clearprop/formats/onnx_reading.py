"""A network out of an ONNX model: its nodes recognised as layers, from the output backwards."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clearprop.base.errors import ContractError
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.losses import Loss
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.onnx_graph import OnnxSource, attributes_of, or_damaged, read_onnx
from clearprop.formats.onnx_matching import MatchedLayer, layer_before
from clearprop.formats.onnx_writing import beside_of
from clearprop.formats.traced_layers import (
    TracedJoin,
    TracedLayer,
    TracedNetwork,
    network_of_traced,
)
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS
from clearprop.kinds.normalization_in_onnx import over_channels

if TYPE_CHECKING:
    import onnx

# What is known of, in a sentence that says so.
KNOWN = sorted(
    {form.term.operator for row in LAYER_ROWS.values() for form in row.onnx_forms} | {"Add"}
)
# Inputs that may stand beside a network's own.
BESIDE = frozenset(
    name for row in LAYER_ROWS.values() for one in row.examples for name in beside_of(one.layer)
)
# Where the operators over time take lengths, and from there on first states.
RECURRENT, LENGTHS_PLACE = {"RNN": 6, "GRU": 6, "LSTM": 7}, 4
# What stands between these and the inputs of a file.
LAID_OUT = ("Cast", "Unsqueeze", "Slice")
# How ONNX counts float32 and float64.
FLOATING = (1, 11)


class Reached(NamedTuple):
    """A network that was found before a wire, and the wire that it takes."""

    traced: TracedNetwork
    source: str


def from_onnx(source: "str | Path | bytes | onnx.ModelProto") -> SavedNetwork:
    """The network of an ONNX model, a file or its bytes: what it computes from its one input to its
    first output of numbers; what its classes are called where it puts out their names, and the loss
    where it puts out that loss's probabilities.

    Raises ContractError for a node that no layer here computes, with its name; ForeignFileError,
    DamagedFileError and FileError for a file that cannot be used; MissingDependencyError without
    onnx.
    """
    found = read_onnx(source)
    over_time = {wire for node in found.nodes.values() for wire in _beside_times(found, node)}
    own = [name for name in found.inputs if name not in BESIDE and name not in over_time]
    # A file's one input may be called as a state is.
    own = own or list(found.inputs)
    if len(own) != 1:
        raise ContractError("onnx_inputs", path=found.path, names=", ".join(own))
    output = next((wire for wire, kind in found.outputs.items() if kind == "f"), None)
    if output is None:
        raise ContractError("onnx_no_numbers", path=found.path)
    with or_damaged(found.path):
        return _network(found, output)


def _network(found: OnnxSource, output: str) -> SavedNetwork:
    reached = network_before(found, output)
    if reached.source not in found.inputs:
        raise ContractError("onnx_from_constants", path=found.path, wire=output)
    network, params, state = reached.traced
    return SavedNetwork(
        network=network,
        params=params,
        state=state,
        loss=_loss_behind(found, output),
        classes=classes_in(found) or (),
    )


def _loss_behind(source: OnnxSource, output: str) -> Loss | None:
    """The loss whose probabilities the model puts out as well; None where there are none."""
    for wire in source.outputs:
        behind = layer_before(source, wire) if wire != output else None
        if behind is None or behind.source != output:
            continue
        for row in LOSS_ROWS.values():
            if row.probabilities == behind.layer.layer:
                return row.kind()
    return None


def network_before(source: OnnxSource, output: str, begins: Collection[str] = ()) -> Reached:
    """The layers before a wire, back to what comes in, or to one of the wires `begins`.

    Raises ContractError for a node between layers that no layer computes, and what Python raises
    for contents that do not go together (`or_damaged`).
    """
    # The operator's features are the second axis, which of rows is the last one too.
    of_images = any(source.axes.get(wire, 0) > 2 for wire in source.inputs)
    steps: dict[str, TracedLayer | TracedJoin] = {}
    aliases: dict[str, str] = {}
    beside: dict[str, MatchedLayer] = {}
    open_wires = [output]
    starts: list[str] = []
    while open_wires:
        wire = open_wires.pop()
        if wire in steps or wire in aliases or wire in starts:
            continue
        if wire in begins:
            starts.append(wire)
            continue
        matched = layer_before(source, wire)
        if matched is not None:
            made, before = matched.layer, matched.source
            beside[wire] = matched
            if of_images and source.nodes[wire].op_type == "BatchNormalization":
                made = over_channels(made)
            steps[wire] = TracedLayer(made.layer, before, made.params, made.state)
            open_wires.append(before)
            continue
        node = source.nodes.get(wire)
        if node is None:
            starts.append(wire)
            continue
        taken = [name for name in node.input if name and name not in source.constants]
        if _joins(node, taken):
            axis = attributes_of(node)["axis"] if node.op_type == "Concat" else None
            steps[wire] = TracedJoin(tuple(taken), axis)
            open_wires += taken
        elif _hands_on(node):
            aliases[wire] = taken[0]
            open_wires += taken
        else:
            raise ContractError(
                "onnx_node_unknown",
                path=source.path,
                node=node.name or wire,
                operator=node.op_type,
                known=", ".join(KNOWN),
            )
    if len(starts) != 1:
        raise ContractError("onnx_starts", path=source.path, wires=", ".join(starts))
    _require_the_same(source, beside)
    used_twice = {starts[0]} & {wire for one in beside.values() for wire in one.beside.values()}
    if used_twice:
        raise ContractError("onnx_input_twice", path=source.path, wire=starts[0])
    order = {wire: place for place, wire in enumerate(source.nodes)}
    settled = {
        wire: _without_aliases(steps[wire], aliases)
        for wire in sorted(steps, key=lambda wire: order[wire])
    }
    ends = (_behind(starts[0], aliases), _behind(output, aliases))
    traced = network_of_traced(settled, *ends, source.dtype)
    return Reached(traced, starts[0])


def _require_the_same(source: OnnxSource, layers: Mapping[str, MatchedLayer]) -> None:
    """Refuse layers that read different side inputs of one name, or of which some have none: a
    network hands the same to all of them. But each may start from a state of its own, which the
    network takes by the layer's path. Raises ContractError."""
    names = sorted({name for one in layers.values() for name in one.beside} - {*LSTM.states})
    for name in names:
        readers = {
            wire: one.beside.get(name)
            for wire, one in layers.items()
            for node in TracedLayer(one.layer.layer, "", one.layer.params).nodes
            if name in node.layer.side_inputs() and name not in one.layer.indifferent
        }
        if len(set(readers.values())) > 1:
            raise ContractError(
                "onnx_side_inputs_differ", path=source.path, name=name, wires=", ".join(readers)
            )


def _beside_times(source: OnnxSource, node: Any) -> list[str]:
    """The inputs of the file that a node over time takes as its lengths and its first states."""
    found = []
    for wire in node.input[LENGTHS_PLACE : RECURRENT.get(node.op_type, 0)]:
        while wire in source.nodes and source.nodes[wire].op_type in LAID_OUT:
            wire = source.nodes[wire].input[0]
        found += [wire] if wire in source.inputs else []
    return found


def classes_in(source: OnnxSource) -> tuple[str, ...] | None:
    """The words that an output of words is chosen from; None where there is none."""
    for wire, kind in source.outputs.items():
        node = source.nodes.get(wire)
        if kind != "U" or node is None:
            continue
        for name in node.input:
            words = source.constants.get(name)
            if words is not None and words.dtype.kind == "U":
                return tuple(map(str, words.ravel()))
        words = attributes_of(node).get("values_strings")
        if words:
            return tuple(map(str, words))
    return None


def _joins(node: Any, taken: list[str]) -> bool:
    """Whether a node adds wires, or puts them one after another."""
    if node.domain not in ("", "ai.onnx") or len(taken) < 2 or len(taken) < len(node.input):
        return False
    if node.op_type == "Concat":
        # Counted from the front it says nothing without the number of axes.
        return bool(attributes_of(node).get("axis", 0) < 0)
    return node.op_type in ("Add", "Sum")


def _hands_on(node: Any) -> bool:
    """Whether a node only hands on numbers in another precision."""
    return node.op_type == "Cast" and attributes_of(node).get("to") in FLOATING


def _behind(wire: str, aliases: dict[str, str]) -> str:
    while wire in aliases:
        wire = aliases[wire]
    return wire


def _without_aliases(
    step: TracedLayer | TracedJoin, aliases: dict[str, str]
) -> TracedLayer | TracedJoin:
    if isinstance(step, TracedJoin):
        return step._replace(terms=tuple(_behind(wire, aliases) for wire in step.terms))
    behind = _behind(step.source, aliases)
    return TracedLayer(step.layer, behind, step.params, step.state, step.shared)
