"""Modules of PyTorch that no layer here computes, and arrays of another network: refused by
name."""

from typing import Any

import pytest

from clearprop import (
    Linear,
    Network,
    Sequential,
)
from clearprop.base.errors import ContractError, ShapeError
from clearprop.formats import (
    from_torch,
    from_torch_step,
    to_torch,
)
from tests.formats.written_modules import (
    block,
    branching,
    encoder,
    halved,
    looking_elsewhere,
    normed,
    reshaped,
    sliced,
    stepping,
    woven_branches,
)

REFUSED: dict[str, tuple[str, Any]] = {
    "activation": (
        "torch_layer_unknown",
        lambda t: t.nn.Sequential(t.nn.Linear(2, 2), t.nn.CELU()),
    ),
    "branching": ("torch_untraceable", branching),
    "reshape": ("torch_reshape", reshaped),
    "flattened otherwise": (
        "torch_layer_unknown",
        lambda t: t.nn.Sequential(t.nn.Linear(2, 4), t.nn.Flatten(2)),
    ),
    "half of a batch": ("torch_differs", halved),
    "a cell from a pair": ("torch_cell_state", lambda t: stepping(t, pair=True)),
    "a cell from what was computed": ("torch_cell_state", lambda t: stepping(t, made=True)),
    "two states": ("torch_states_differ", lambda t: stepping(t, second=True)),
    "images of a shape unknown": (
        "torch_trial",
        lambda t: t.nn.Sequential(t.nn.Conv2d(1, 2, 3), t.nn.Flatten(), t.nn.Linear(96, 2)),
    ),
    "number": ("torch_not_module", lambda _: 3),
    "arrays": ("state_dict_alone", lambda t: t.nn.Linear(2, 2).state_dict()),
    "woven branches": ("import_sum", woven_branches),
    "masked attention": (
        "torch_attention_call",
        lambda t: block(t, attn_mask=t.ones(3, 3).tril(-1) == 1),
    ),
    "attention to another sequence": ("torch_attention_call", looking_elsewhere),
    "two padding masks": ("torch_masks_differ", lambda t: encoder(t, second=False)),
    "times first": ("torch_time_first", lambda t: t.nn.TransformerEncoderLayer(4, 2, 8)),
    "sliced": ("torch_differs", sliced),
    "weight norm": ("torch_layer_unknown", normed),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_layer_computes_is_refused(torch: Any, name: str) -> None:
    key, make = REFUSED[name]
    with pytest.raises(ContractError) as caught:
        from_torch(make(torch))
    assert caught.value.key == key
    assert all(caught.value.message(language) for language in ("en", "zh-TW"))


def test_an_embedding_that_is_trained_otherwise_is_refused_by_its_path(torch: Any) -> None:
    table = torch.nn.Embedding(4, 2, padding_idx=0)
    with pytest.raises(ContractError, match=r"^0: no layer here.*padding_idx=0"):
        from_torch(torch.nn.Sequential(table, torch.nn.Linear(2, 1)))


def test_arrays_of_another_network_are_refused(torch: Any) -> None:
    arrays = torch.nn.Linear(3, 2).state_dict()
    with pytest.raises(ShapeError, match=r"has the shape \(2, 3\), and the network's has"):
        from_torch(arrays, network=Network(Linear(4, 2)))
    with pytest.raises(ShapeError, match="are not this network's"):
        from_torch(arrays, network=Network(Sequential(Linear(3, 2), Linear(2, 2))))
    # Other names, the same arrays: a module with names of its own.
    named = {f"net.fc.{name}": array for name, array in arrays.items()}
    assert from_torch(named, network=Network(Linear(3, 2))).params.size == 8


def test_tied_parameters_that_pytorch_keeps_otherwise_are_refused(torch: Any) -> None:
    from clearprop import Embedding

    network = Network(
        Sequential(Embedding(3, 3), Linear(3, 3)), {"layers[1].weight": "layers[0].weight"}
    )
    with pytest.raises(ContractError, match="keeps one of the two transposed"):
        to_torch(network, network.initialize(0))


def test_a_step_that_cannot_be_made_again_is_refused(torch: Any) -> None:
    x, t = torch.randn(4, 2), torch.randn(4, 2)
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5))
    with pytest.raises(ContractError, match=r"^layers\[1\]: dropout drew a mask"):
        from_torch_step(module, x, t, loss="mse")
    assert from_torch_step(module.eval(), x, t, loss="mse").agrees
    module[0].weight.grad = torch.zeros(2, 2)
    with pytest.raises(ContractError, match=r"'0.bias' has no .grad"):
        from_torch_step(module, x, t, loss="mse")
    with pytest.raises(ContractError, match="KLDivLoss is none here"):
        from_torch_step(module, x, t, loss=torch.nn.KLDivLoss())
