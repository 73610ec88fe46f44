"""What stands beside x must be read by a layer: a misspelled mask would silently do nothing."""

import difflib
from collections.abc import Collection, Mapping

from clearprop.base.errors import ContractError, UnknownNameError
from clearprop.engine.graph import Graph, join_path


def known_side_inputs(graph: Graph) -> tuple[str, ...]:
    """The names that the layers of a graph read: of every kind for all layers, and of every layer
    with its path in front."""
    own = [
        (name, join_path(path, name))
        for path, node in graph.nodes.items()
        for name in node.layer.side_inputs()
    ]
    return tuple(dict.fromkeys([name for name, _ in own] + [name for _, name in own]))


def require_side_inputs(given: object, known: Collection[str]) -> None:
    """Refuse side inputs that no layer reads. Raises UnknownNameError, which has the nearest names,
    and ContractError for what is no mapping."""
    if not isinstance(given, Mapping):
        raise ContractError("side_inputs_kind", came=type(given).__name__)
    for name in given:
        if name not in known:
            if not known:
                raise UnknownNameError("side_input_of_none", name=name)
            nearest = difflib.get_close_matches(str(name), known, n=3) or known
            raise UnknownNameError("side_input_unknown", name=name, known=", ".join(nearest))
