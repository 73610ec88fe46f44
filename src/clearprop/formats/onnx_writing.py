"""A network as an ONNX model: every layer of the graph as the operators that its row has for it,
the inputs beside the network's own, and what it says of its classes."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.engine.graph import INPUT, Node, join_path
from clearprop.engine.joining import Concatenation
from clearprop.engine.known_side_inputs import require_side_inputs
from clearprop.engine.layers.attention_masks import LOOKING, PADDING
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.layers.lengths import LENGTHS
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.state import state_of
from clearprop.formats.example_rows import ids_of, sample_shapes, takes_images
from clearprop.formats.onnx_draft import GraphDraft
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS
from clearprop.kinds.onnx_terms import FileInput, OnnxPlace, beside_in

if TYPE_CHECKING:
    import onnx

# The oldest operator set that is written, and what is written unless told otherwise.
OPSET = 17
# What a recurrence starts from.
STATES = LSTM.states
# The axes of what stands beside the input, by how many there are.
_BESIDE_AXES: Mapping[str, Mapping[int, Sequence[str]]] = {
    PADDING: {2: ("N", "T")},
    LENGTHS: {1: ("N",)},
    LOOKING: {2: ("T", "S"), 3: ("N", "T", "S"), 4: ("N", "H", "T", "S")},
}
OUTPUT, PROBABILITIES, LABEL = "output", "probabilities", "label"


def draft_network(
    draft: GraphDraft,
    network: Network,
    params: Array,
    *,
    state: Tree | None,
    shape: Shape | None,
    source: str = INPUT,
    output: str = OUTPUT,
    is_open: bool = False,
    beside: Mapping[str, FileInput] = EMPTY,
) -> str:
    """Write a network's layers, from the wire `source` of samples of this shape (None: rows); the
    name of the wire that they put out. Of K networks (K, P) that has a leading axis K. `is_open`:
    samples may have other sizes along the same axes; `beside` are the side inputs that the file
    has.

    Raises ContractError for a layer that ONNX's operators do not compute, with its path.
    """
    graph = network.graph
    layers = state_of(graph, params, network.start_state, state, training=False)
    views = network.named(params)
    shapes = graph.shapes(shape)
    wires = {INPUT: source}
    for step in graph.steps:
        name = output if step.path == graph.output else step.path
        if isinstance(step, Node):
            place = OnnxPlace(
                layer=step.layer,
                params={own: views[slot.path] for own, slot in step.parameters.items()},
                state=layers.get(step.path, {}),
                dtype=params.dtype,
                axes=len(shapes[step.source] or (0,)),
                stacked=params.ndim > 1,
                shape=None if is_open else shapes[step.source],
                beside=_beside_at(step, beside),
            )
            wires[step.path] = draft.layer(place, wires[step.source], step.path, name)
        else:
            taken = [wires[one] for one in step.sources]
            if isinstance(step, Concatenation):
                wires[step.path] = draft.node("Concat", taken, name, axis=step.axis)
            else:
                operator = "Add" if len(taken) == 2 else "Sum"
                wires[step.path] = draft.node(operator, taken, name)
    return wires[graph.output]


def to_onnx(
    network: Network,
    params: Array,
    *,
    state: Tree | None = None,
    loss: Loss | None = None,
    classes: Sequence[str] = (),
    input_shape: Shape | None = None,
    opset: int = OPSET,
    side_inputs: Collection[str] | Mapping[str, Array] = (),
) -> "onnx.ModelProto":
    """The network in use as an ONNX model; `model.SerializeToString()` are the bytes of a file.

    params       (P,), or (K, P) of K networks, whose output then has a leading axis K
    state        running statistics, of a network that has them
    loss         what it was trained with: of a cross-entropy the model has `probabilities` too
    classes      what the classes are called: the model then puts out their `label` (N,) as words
    input_shape  of one sample, as (5, 3) of a sequence; unless told otherwise as the layers say,
                 and of any length or side where they leave that open
    opset        the operator set, 17 or later; with a later one more layers are one operator
    side_inputs  what the model takes beside its input, by the names of the network's side inputs:
                 `key_padding_mask`, booleans (N, T); `lengths`, whole numbers (N,); `attn_mask`,
                 booleans (T, S) unless the arrays are handed over as well, as to `forward`, whose
                 numbers and axes it has then; `hidden` and `cell`, the states (N, H) that a
                 recurrence over time or its cell starts from

    Raises ContractError for a layer that ONNX's operators do not compute, with its path, and for a
    side input that no layer takes in such a file; ConfigurationError for an operator set that
    cannot be, running statistics that are missing, images of which neither the layers nor
    `input_shape` say how large they are, and more numbers than a file holds;
    MissingDependencyError without onnx.
    """
    params = np.asarray(params)
    network.named(params)  # refuses parameters that are not this network's
    shape, other = sample_shapes(network)
    if input_shape is not None:
        shape, other = tuple(input_shape), None
    if shape is None and takes_images(network):
        raise ConfigurationError("image_shape_needed")
    beside = _settle_beside(network, side_inputs, params.dtype)
    names = [one.name for one in beside.values()]
    draft = GraphDraft(params.dtype, settle_opset(opset), (INPUT, *names))
    wire = draft_network(
        draft,
        network,
        params,
        state=state,
        shape=shape,
        is_open=other is not None,
        beside=beside,
    )
    if wire != OUTPUT:
        wire = draft.node("Identity", [wire], OUTPUT)
    after = network.graph.shapes(shape)[network.graph.output]
    lead = [len(params), "N"] if params.ndim > 1 else ["N"]
    taken, known = _sizes(network, shape, other)
    known = [*lead, *known]
    outputs: dict[str, Any] = {wire: (params.dtype, known)}
    told = None if loss is None else LOSS_ROWS[type(loss)].probabilities
    if told is not None and type(loss) in LOSS_ROWS:
        place = OnnxPlace(told, {}, {}, params.dtype, 1, params.ndim > 1)
        outputs[draft.layer(place, wire, PROBABILITIES, PROBABILITIES)] = (params.dtype, known)
    if classes:
        outputs[draft_label(draft, wire, classes, after, told)] = (str, known[:-1])
    ids = ids_of(network) is not None
    inputs = {INPUT: (np.int64 if ids else params.dtype, ["N", *taken])}
    taken_beside = {
        name: (one.dtype, _beside_axes(network, name, one)) for name, one in beside.items()
    }
    return draft.model(inputs | taken_beside, outputs)


def _settle_beside(
    network: Network, given: Collection[str] | Mapping[str, Array], dtype: np.dtype[Any]
) -> dict[str, FileInput]:
    """The file's inputs beside the network's own, by the names of its side inputs. Raises
    ContractError for one that no layer of the network takes in a file."""
    known = side_inputs_of(network)
    for name in given:
        if name not in known:
            shown = ", ".join(one for one in known if "." not in one)
            raise ContractError("onnx_side_input", name=name, known=shown or "-")
    arrays: Mapping[str, Array] = EMPTY
    if isinstance(given, Mapping):
        arrays = require_side_inputs(given, network.side_inputs)
    return {name: _file_input(name, arrays.get(name), dtype) for name in given}


def _file_input(name: str, array: Array | None, dtype: np.dtype[Any]) -> FileInput:
    """What a side input is in a file."""
    kind = name.rpartition(".")[2]
    if kind == LENGTHS:
        return FileInput(name, np.dtype(np.int64), 1)
    if kind in STATES:
        return FileInput(name, dtype, 2)
    if kind != LOOKING or array is None:
        return FileInput(name, np.dtype(bool), 2)
    return FileInput(name, np.dtype(bool) if array.dtype == bool else dtype, array.ndim)


def _beside_axes(network: Network, name: str, given: FileInput) -> Sequence[str | int]:
    """The axes of a side input in a file."""
    kind = name.rpartition(".")[2]
    if kind not in STATES:
        return _BESIDE_AXES[kind][given.axes]
    return (
        "N",
        next(
            node.layer.width(kind)
            for path, node in network.graph.nodes.items()
            if isinstance(node.layer, Recurrent | RecurrentCell)
            and name in (kind, join_path(path, kind))
        ),
    )


def _beside_at(node: Node, beside: Mapping[str, FileInput]) -> dict[str, FileInput]:
    """What the file has beside one layer: its own comes before that for all layers."""
    found = {}
    for name in node.layer.side_inputs():
        own = join_path(node.path, name)
        if own in beside or name in beside:
            found[name] = beside[own if own in beside else name]
    return found


def side_inputs_of(network: Network) -> list[str]:
    """The side inputs that a network's file can have: for all layers, and for each by its path."""
    own = [
        (name, join_path(path, name))
        for path, node in network.graph.nodes.items()
        for name in sorted(beside_of(node.layer))
    ]
    return list(dict.fromkeys([name for name, _ in own] + [name for _, name in own]))


def beside_of(layer: Layer) -> set[str]:
    """The side inputs that a layer has in a file."""
    row = LAYER_ROWS.get(type(layer))
    forms = row.onnx_forms if row is not None else ()
    written = {name for form in forms for name in beside_in(form.term)}
    # What the operator of a cell takes, as lengths, need not be what the cell takes.
    return written & set(layer.side_inputs())


def _sizes(
    network: Network, shape: Shape | None, other: Shape | None
) -> tuple[list[int | str], list[int | str]]:
    """The axes of a sample and of its output: their sizes, or names where they may be others, as
    those of `other` are."""
    if shape is None:
        return ["F"], ["D"]
    output = network.graph.output
    after, ends = (network.graph.shapes(one)[output] for one in (shape, other or shape))
    named: dict[tuple[int, int], str] = {}
    letters: tuple[str, ...] = ("", "H", "W") if len(shape) == 3 else ("T", "L")
    taken: list[int | str] = []
    for place, pair in enumerate(zip(shape, other or shape, strict=True)):
        taken.append(pair[0] if pair[0] == pair[1] else letters[place])
        if pair[0] != pair[1]:
            named.setdefault(pair, letters[place])
    if after is None or ends is None:
        return taken, ["D"]
    known: list[int | str] = [
        pair[0] if pair[0] == pair[1] else named.get(pair, f"D{place}")
        for place, pair in enumerate(zip(after, ends, strict=True))
    ]
    return taken, known


def settle_opset(opset: int) -> int:
    """The operator set. Raises ConfigurationError for one that is not written."""
    require("onnx")
    import onnx

    latest = onnx.defs.onnx_opset_version()
    if isinstance(opset, bool) or not isinstance(opset, int) or not OPSET <= opset <= latest:
        raise ConfigurationError("onnx_opset", came=opset, oldest=OPSET, latest=latest)
    return opset


def draft_label(
    draft: GraphDraft,
    wire: str,
    classes: Sequence[Any],
    shape: Shape | None,
    probabilities: Layer | None,
) -> str:
    """The name of the likeliest class for every sample of a wire (..., D) of logits; where one
    output tells two apart, the second where it is above 0."""
    names = draft.constant(np.array(classes), "classes")
    if shape is not None and shape[-1:] == (1,):
        flat = draft.node(
            "Squeeze", [wire, draft.constant(np.array([-1]), "last")], f"{LABEL}/logit"
        )
        # Logits, or probabilities where nothing makes such of them.
        limit = draft.constant(0.0 if probabilities is not None else 0.5, f"{LABEL}/limit")
        above = draft.node("Greater", [flat, limit], f"{LABEL}/above")
        chosen = draft.node("Cast", [above], f"{LABEL}/id", to=draft.onnx.TensorProto.INT64)
    else:
        chosen = draft.node("ArgMax", [wire], f"{LABEL}/id", axis=-1, keepdims=0)
    return draft.node("Gather", [names, chosen], LABEL, axis=0)
