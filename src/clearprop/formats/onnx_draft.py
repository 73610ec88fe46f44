"""The graph of an ONNX model while it is written: its nodes, its constants, and a layer as the
nodes of the first form of its row that computes it.

An operator's attribute is a float32. Where a network in float64 has a setting that no float32 is,
the layer is written out of operators whose numbers are arrays, so that the file computes the same
in float64. So it is where the operator set that is written does not have the operator yet.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.base.dependencies import require
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.base.version import __version__
from clearprop.engine.graph import INPUT
from clearprop.kinds.kind_tables import LAYER_ROWS
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
    choices_in,
    chosen,
    fits_float32,
)

if TYPE_CHECKING:
    import onnx

# Files of protobuf end here.
MOST_BYTES = 2**31 - 1


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
