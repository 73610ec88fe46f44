"""What the numbers of a network are called in formulas, which count from 1: x₁, w₁₄⁽¹⁾, z₄⁽¹⁾."""

from clearprop.base.arrays import Index
from clearprop.drawing.diagrams.parts import symbol, weight_symbol
from clearprop.drawing.pen.markup import plain
from clearprop.engine.graph import INPUT, Graph, Node
from clearprop.engine.nodes import is_linear


def linear_number(graph: Graph, path: str) -> int | None:
    """The number of a Linear layer in formulas, from 1; None of another step, and in a network
    whose ways part, where the layers have no order."""
    linears = [one.path for one in graph.nodes.values() if is_linear(one.layer)]
    return None if graph.joins or path not in linears else linears.index(path) + 1


def neuron_symbol(graph: Graph, wire: str, index: Index) -> str:
    """What a neuron, or a feature of the input, is called in formulas: z₄⁽¹⁾ of the neuron 3 of
    the first Linear layer, x₁ of input[0]. "" where it has no name there."""
    if len(index) != 1 or graph.joins:
        return ""
    if wire == INPUT:
        return plain(symbol("x", index[0] + 1))
    number = linear_number(graph, wire)
    return "" if number is None else plain(symbol("z", index[0] + 1, number))


def parameter_letter(address: str) -> str:
    """What an entry of a parameter is called where no number tells it from the others: b of a bias,
    and w."""
    return "b" if address.rpartition("[")[0].rpartition(".")[2] == "bias" else "w"


def parameter_symbol_at(graph: Graph, node: Node, name: str, index: Index) -> str:
    """What an entry of a Linear layer's parameter is called in formulas: w₁₄⁽¹⁾, b₄⁽¹⁾."""
    number = linear_number(graph, node.path)
    if number is None:
        return ""
    row, unit = index
    return plain(
        symbol("b", unit + 1, number) if name == "bias" else weight_symbol(row, unit, number)
    )
