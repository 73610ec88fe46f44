"""A network's graph as a module of PyTorch's, for networks in which wires are added or joined."""

from functools import reduce
from operator import add
from typing import Any

import torch

from clearprop.engine.graph import INPUT, Graph, Node
from clearprop.engine.joining import Concatenation
from clearprop.formats.torch_arrays import torch_name


class Wired(torch.nn.Module):
    """The modules of a network, by the names that its layers' paths are in PyTorch, wired as its
    graph says; masks go to every attention, and states to every cell."""

    def __init__(self, graph: Graph, children: dict[str, torch.nn.Module]) -> None:
        super().__init__()
        self.graph = graph
        for name, module in children.items():
            self.add_module(name, module)

    def forward(
        self,
        x: Any,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        hidden: Any = None,
        cell: Any = None,
    ) -> Any:
        """The network's output at x (N, ...), beside the masks of its attentions and the states
        that its cells start from."""
        # Not `propagate`: whoever traces this module has no shapes to compare.
        given = {
            "key_padding_mask": key_padding_mask,
            "attn_mask": attn_mask,
            "hidden": hidden,
            "cell": cell,
        }
        values = {INPUT: x}
        for step in self.graph.steps:
            taken = [values[wire] for wire in step.sources]
            if isinstance(step, Node):
                module = self.get_submodule(torch_name(step.path))
                beside = {name: given[name] for name in getattr(module, "takes", ())}
                values[step.path] = module(*taken, **beside)
            elif isinstance(step, Concatenation):
                values[step.path] = torch.cat(taken, step.axis)
            else:
                values[step.path] = reduce(add, taken)
        return values[self.graph.output]
