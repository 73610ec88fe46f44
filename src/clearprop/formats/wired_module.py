"""A network's graph as a module of PyTorch's, for networks in which wires are added or joined."""

from typing import Any

import torch

from clearprop.engine.graph import Graph, Node, propagate
from clearprop.formats.torch_arrays import torch_name


class Wired(torch.nn.Module):
    """The modules of a network, by the names that its layers' paths are in PyTorch, wired as its
    graph says."""

    def __init__(self, graph: Graph, children: dict[str, torch.nn.Module]) -> None:
        super().__init__()
        self.graph = graph
        for name, module in children.items():
            self.add_module(name, module)

    def forward(self, x: Any) -> Any:
        """The network's output at x (N, ...)."""

        def through(node: Node, value: Any) -> Any:
            return self.get_submodule(torch_name(node.path))(value)

        return propagate(self.graph, x, through, concatenate=torch.cat)[self.graph.output]
