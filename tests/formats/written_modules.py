"""Modules of PyTorch as people write them."""

from typing import Any


def own_module(torch: Any) -> Any:
    functional = torch.nn.functional

    class Classifier(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(6, 5)
            self.norm = torch.nn.BatchNorm1d(5)
            self.inner = torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.Tanh())
            self.last = torch.nn.Linear(5, 3)

        def forward(self, x: Any) -> Any:
            x = torch.flatten(x, 1)
            x = functional.leaky_relu(self.norm(self.first(x)), 0.2)
            x = x + self.inner(x)
            x = functional.dropout(x, 0.3, self.training)
            return functional.log_softmax(self.last(x).relu(), dim=1)

    return Classifier()


def branching(torch: Any) -> Any:
    class Branching(torch.nn.Linear):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return super().forward(x) if x.sum() > 0 else x

    return Branching(2, 2)


def two_branches(torch: Any) -> Any:
    class Doubled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            added = torch.nn.functional.relu(self.a(x)) + self.a(x)
            return torch.cat([added, x, torch.tanh(x)], dim=-1)

    return Doubled()


def block(torch: Any, **how: Any) -> Any:
    class Block(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.LayerNorm(4)
            self.attention = torch.nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Any) -> Any:
            normal = self.norm(x)
            return x + self.attention(normal, normal, normal, **how)[0]

    return Block()


def woven_branches(torch: Any) -> Any:
    class Woven(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            first = self.a(x)
            return (torch.tanh(first) + x) + torch.relu(first)

    return Woven()


def module_of(torch: Any, forward: Any, **parts: Any) -> Any:
    """A module with these parts and this forward."""
    made = type("Written", (torch.nn.Module,), {"forward": forward})()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def reshaped(torch: Any) -> Any:
    def forward(self: Any, x: Any) -> Any:
        return torch.flatten(self.first(x), 0)

    return module_of(torch, forward, first=torch.nn.Linear(2, 4))


def halved(torch: Any) -> Any:
    def forward(self: Any, x: Any) -> Any:
        return self.first(x).view(-1, 2)

    return module_of(torch, forward, first=torch.nn.Linear(2, 4))


def sliced(torch: Any) -> Any:
    class Sliced(torch.nn.Linear):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return torch.relu(x[:, 0])

    return torch.nn.Sequential(torch.nn.ReLU(), Sliced(2, 2))


def normed(torch: Any) -> Any:
    return torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))


def looking_elsewhere(torch: Any) -> Any:
    class Asking(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.LayerNorm(4)
            self.attention = torch.nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Any) -> Any:
            normal = self.norm(x)
            return self.attention(x, normal, normal)[0]

    return Asking()


def stepping(torch: Any, *, pair: bool = False, made: bool = False, second: bool = False) -> Any:
    """A module around one step of an LSTM, whose states are arguments of forward."""

    class Stepping(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.before = torch.nn.Linear(3, 4)
            self.cell = torch.nn.LSTMCell(4, 4)
            self.other = torch.nn.LSTMCell(4, 4)
            self.out = torch.nn.Linear(4, 2)

        def forward(self, x: Any, h: Any = None, c: Any = None) -> Any:
            x = self.before(x)
            y, _ = self.cell(x, h if pair else (x if made else h, c))
            return self.out(self.other(y, (c, h))[0] if second else y)

    torch.manual_seed(0)
    return Stepping().double()


def encoder(torch: Any, *, second: bool = True, mask: Any = None) -> Any:
    """Ids through two attentions with one padding mask; the second one without it."""

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(7, 8)
            layer = torch.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, activation="gelu")
            norm = torch.nn.LayerNorm(8)
            self.encoder = torch.nn.TransformerEncoder(layer, 2, norm, enable_nested_tensor=False)
            self.attention = torch.nn.MultiheadAttention(8, 4, batch_first=True)
            self.register_buffer("mask", mask)

        def forward(self, ids: Any, hidden: Any = None) -> Any:
            x = self.encoder(self.table(ids), self.mask, hidden)
            pad = hidden if second else None
            return self.attention(x, x, x, pad, attn_mask=self.mask)[0]

    return Encoder()
