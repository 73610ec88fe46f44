"""A network as an ONNX model: every layer of the graph as the operators that its row has for it.

An operator's attribute is a float32. Where a network in float64 has a setting that no float32 is,
the layer is written out of operators whose numbers are arrays, so that the file computes the same
in float64. So it is where the operator set that is written does not have the operator yet.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.base.version import __version__
from clearprop.engine.graph import INPUT, Node, join_path
from clearprop.engine.joining import Concatenation
from clearprop.engine.known_side_inputs import require_side_inputs
from clearprop.engine.layers.attention_masks import LOOKING, PADDING
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.layers.lengths import LENGTHS
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.state import state_of
from clearprop.formats.example_rows import ids_of, sample_shapes, takes_images
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS
from clearprop.kinds.onnx_terms import (
    Anything,
    Beside,
    FileInput,
    Held,
    OnnxForm,
    OnnxPlace,
    Operand,
    Slot,
    Term,
    X,
    beside_in,
    choices_in,
    chosen,
    fits_float32,
)

if TYPE_CHECKING:
    import onnx

# The oldest operator set that is written, and what is written unless told otherwise.
OPSET = 17
# Files of protobuf end here.
MOST_BYTES = 2**31 - 1
# What a cell starts from.
STATES = LSTM.states
# The axes of what stands beside the input, by how many there are.
_BESIDE_AXES: Mapping[str, Mapping[int, Sequence[str]]] = {
    PADDING: {2: ("N", "T")},
    LENGTHS: {1: ("N",)},
    **{name: {2: ("N", "H")} for name in STATES},
    LOOKING: {2: ("T", "S"), 3: ("N", "T", "S"), 4: ("N", "H", "T", "S")},
}
OUTPUT, PROBABILITIES, LABEL = "output", "probabilities", "label"


class GraphDraft:
    """A graph that is being written: nodes, constants, and the names that are taken."""

    def __init__(
        self, dtype: np.dtype[Any], opset: int, inputs: Collection[str] = (INPUT,)
    ) -> None:
        require("onnx")
        import onnx

        self.onnx = onnx
        self.dtype = dtype
        self.opset = opset
        self.inputs = inputs
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}
        self._same: dict[tuple[str, Shape, bytes], str] = {}

    def constant(self, value: Any, name: str, dtype: np.dtype[Any] | None = None) -> str:
        """A constant's name, `name` where it is new; equal ones are one. Floating numbers are of
        the network's dtype unless told otherwise."""
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype if dtype is None else dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if array.dtype.kind in "OU":
            key = ("words", array.shape, "\0".join(map(str, array.ravel())).encode())
        if key not in self._same:
            self._same[key] = self._free(name)
            self.constants[self._same[key]] = array
        return self._same[key]

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """One node more; returns what its output is called, `output` where that is free."""
        domain = attributes.pop("domain", "")
        output = self._free(output)
        name = f"{output}/{operator}"
        made = self.onnx.helper.make_node(
            operator, list(inputs), [output], name, domain=domain, **attributes
        )
        self.nodes.append(made)
        return output

    def layer(self, place: OnnxPlace, x: str, path: str, output: str) -> str:
        """The nodes of a layer that takes the wire x. Raises ContractError where ONNX's operators
        do not compute it, with its path."""
        kind = type(place.layer)
        forms = LAYER_ROWS[kind].onnx_forms if kind in LAYER_ROWS else ()
        for form in forms:
            values = self._fitting(form, place)
            if values is not None:
                term = chosen(form.term, values)
                assert isinstance(term, Term)
                return _TermDraft(self, x, path, values, place.beside).write(term, output)
        raise ContractError(
            "onnx_layer_unknown", path=path or kind.__name__, layer=repr(place.layer)
        )

    def _fitting(self, form: OnnxForm, place: OnnxPlace) -> Mapping[str, Any] | None:
        """What stands under a form's names, where the form computes the layer."""
        if form.since > self.opset:
            return None
        values = form.values(place)
        if values is None:
            return None
        slots, held = _names(chosen(form.term, values))
        if set(values) - held - choices_in(form.term) != slots:
            return None
        numbers = [values[name] for name in held if isinstance(values.get(name), float)]
        if self.dtype == np.float64 and not all(map(fits_float32, numbers)):
            return None
        return values

    def model(
        self,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        told: Mapping[str, str] = MappingProxyType({}),
    ) -> "onnx.ModelProto":
        """The model: the name of each input and output, and its (dtype, shape).

        told  what is said of inputs, by their names

        Raises ConfigurationError for more numbers than such a file holds.
        """
        helper, numpy_helper = self.onnx.helper, self.onnx.numpy_helper
        if sum(array.nbytes for array in self.constants.values()) > MOST_BYTES:
            raise ConfigurationError("onnx_large")

        def described(name: str, dtype: Any, shape: Sequence[Any]) -> Any:
            kind = (
                self.onnx.TensorProto.STRING
                if dtype is str
                else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            )
            return helper.make_tensor_value_info(name, kind, list(shape), told.get(name, ""))

        graph = helper.make_graph(
            self.nodes,
            "clearprop",
            [described(name, *told) for name, told in inputs.items()],
            [described(name, *told) for name, told in outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        sets = [helper.make_opsetid("", self.opset)]
        if any(node.domain for node in self.nodes):
            sets.append(helper.make_opsetid("ai.onnx.ml", 3))
        made: onnx.ModelProto = helper.make_model(
            graph,
            opset_imports=sets,
            ir_version=helper.find_min_ir_version_for(sets),
            producer_name="clearprop",
            producer_version=__version__,
        )
        return made

    def _free(self, name: str) -> str:
        taken = {*self.constants, *(output for node in self.nodes for output in node.output)}
        free, count = name, 1
        while free in taken or free in self.inputs:
            count += 1
            free = f"{name}_{count}"
        return free


class _TermDraft:
    """The nodes of one layer; equal parts of its term are one node."""

    def __init__(
        self,
        draft: GraphDraft,
        x: str,
        path: str,
        values: Mapping[str, Any],
        beside: Mapping[str, FileInput],
    ) -> None:
        self.draft, self.x, self.path, self.values, self.beside = draft, x, path, values, beside
        self.written: dict[Operand, str] = {}

    def write(self, term: Term, output: str) -> str:
        """A term's node and all before it."""
        if term in self.written:
            return self.written[term]
        taken = [self._operand(one) for one in term.inputs]
        while not taken[-1]:
            taken.pop()
        attributes = {
            name: self.values.get(value.name) if isinstance(value, Held) else value
            for name, value in term.attributes
        }
        if term.operator == "ReduceMean" and self.draft.opset >= 18:
            axes = np.array(attributes.pop("axes"), np.int64)
            taken.append(self.draft.constant(axes, f"{self.path}.axes"))
        said = {name: value for name, value in attributes.items() if value is not None}
        self.written[term] = self.draft.node(term.operator, taken, output, **said)
        return self.written[term]

    def _operand(self, operand: Operand) -> str:
        if operand is None or isinstance(operand, Anything):
            return ""
        if operand == X:
            return self.x
        if isinstance(operand, Beside):
            return self.beside[operand.name].name
        if isinstance(operand, Term):
            return self.write(operand, f"{self.path}/{operand.operator.lower()}")
        if isinstance(operand, Slot):
            return self.draft.constant(self.values[operand.name], f"{self.path}.{operand.name}")
        return self.draft.constant(operand, f"{operand:g}")


def _names(term: Operand) -> tuple[set[str], set[str]]:
    """The names of a term's constants, and those of its attributes."""
    if not isinstance(term, Term):
        return set(), set()
    slots: set[str] = set()
    held = {value.name for _, value in term.attributes if isinstance(value, Held)}
    for one in term.inputs:
        if isinstance(one, Term):
            inner, attributes = _names(one)
            slots, held = slots | inner, held | attributes
        elif isinstance(one, Slot) and one != X:
            slots.add(one.name)
    return slots, held


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
                 numbers and axes it has then; `hidden` and `cell`, the states (N, H) before the
                 step of a cell

    Raises ContractError for a layer that ONNX's operators do not compute, with its path, and for a
    side input that no layer takes in such a file, or not every layer that it would go to;
    ConfigurationError for an operator set that cannot be, running statistics that are missing,
    images of which neither the layers nor `input_shape` say how large they are, and more numbers
    than a file holds; MissingDependencyError without onnx.
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
        one.name: (one.dtype, _BESIDE_AXES[name.rpartition(".")[2]][one.axes])
        for name, one in beside.items()
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
        for path, node in network.graph.nodes.items():
            # A pass hands it to this layer too, and the file would compute something else.
            if name in node.layer.side_inputs() and name not in beside_of(node.layer):
                own = [one for one in known if one.endswith(f".{name}")]
                raise ContractError(
                    "onnx_side_input_left_out",
                    name=name,
                    path=path,
                    layer=type(node.layer).__name__,
                    own=", ".join(own),
                )
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
