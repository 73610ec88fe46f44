"""A module of PyTorch's beside the network that it came in as: both are run at a few rows, so that
nothing comes in that computes something else."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape, shape_text
from clearprop.base.errors import ContractError, ShapeError
from clearprop.engine.graph import join_path
from clearprop.engine.layers.attention_masks import PADDING
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.formats.example_rows import TIMES, example_rows
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.torch_arrays import array_of
from clearprop.formats.torch_attention import CallMasks
from clearprop.formats.torch_twin import pytorch

CLOSE = {"float64": 1e-10, "float32": 1e-4}


def try_beside(
    module: Any,
    saved: SavedNetwork,
    masks: CallMasks,
    states: Mapping[str, str],
    input_shape: Shape | None,
) -> None:
    """Run both at a few samples, beside a padding mask and the `states` of cells where they take
    some. Raises ContractError where they say something else."""
    torch = pytorch()
    x = example_rows(saved.network, saved.params.dtype, input_shape, times=masks.times or TIMES)
    name = type(module).__name__
    beside, told = _beside(saved, x, masks, states)
    # An encoder's shorter way in use puts 0 out at padding.
    quick = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        # A module with masks of two dtypes warns at every call.
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensors = {argument: torch.tensor(array) for argument, array in told.items()}
            y = module.to(getattr(torch, saved.params.dtype.name))(torch.tensor(x), **tensors)
    # PyTorch raises a RuntimeError for a shape too; Python a TypeError for a state that is missing.
    except (RuntimeError, TypeError) as problem:
        said = str(problem).strip().partition("\n")[0]
        came = shape_text(x.shape)
        raise ContractError("torch_trial", module=name, came=came, problem=said) from problem
    finally:
        torch.backends.mha.set_fastpath_enabled(quick)
    # A recurrent module alone returns its last states as well.
    theirs = array_of(y[0] if isinstance(y, tuple) else y)
    close = CLOSE[saved.params.dtype.name]
    with np.errstate(all="ignore"):
        try:
            ours = saved.predict(x, side_inputs=beside)
        except ShapeError as problem:  # as of one time of what is no sequence
            raise ContractError("torch_differs", module=name) from problem
        same = ours.shape == theirs.shape and np.allclose(
            ours, theirs, rtol=close, atol=close, equal_nan=True
        )
    if not same:
        raise ContractError("torch_differs", module=name)


def _beside(
    saved: SavedNetwork, x: Array, masks: CallMasks, states: Mapping[str, str]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """What stands beside x, by our names and by the arguments of the module's forward."""
    beside: dict[str, Array] = {}
    told: dict[str, Array] = {}
    if masks.padding is not None:
        padding = np.zeros(x.shape[:2], bool)
        padding[0, -1] = True
        beside[PADDING] = told[masks.padding] = padding
    nodes = saved.network.graph.nodes.items()
    cells = {path: node.layer for path, node in nodes if isinstance(node.layer, RecurrentCell)}
    sizes = {one.hidden for one in cells.values()}
    # No one state is that of cells of several sizes, which then start from 0.
    for number, (state, argument) in enumerate(states.items() if len(sizes) == 1 else ()):
        [size] = sizes
        waves = np.sin(np.arange(len(x) * size) + number).reshape(len(x), size)
        told[argument] = waves.astype(saved.params.dtype)
        # To the cells alone: a layer over time would start from what is called so too.
        own = {join_path(path, state) for path, one in cells.items() if state in one.states}
        beside |= dict.fromkeys(own, told[argument])
    return beside, told
