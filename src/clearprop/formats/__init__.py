"""In from elsewhere and out to elsewhere: our own file, PyTorch, ONNX, scikit-learn, Keras, JAX and
Flax."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearprop.formats.named_arrays import from_flax as from_flax
    from clearprop.formats.named_arrays import from_keras as from_keras
    from clearprop.formats.named_arrays import to_flax as to_flax
    from clearprop.formats.named_arrays import to_keras as to_keras
    from clearprop.formats.onnx_reading import from_onnx as from_onnx
    from clearprop.formats.onnx_writing import to_onnx as to_onnx
    from clearprop.formats.sklearn_arrays import from_sklearn as from_sklearn
    from clearprop.formats.sklearn_arrays import to_sklearn as to_sklearn
    from clearprop.formats.torch_modules import from_torch as from_torch
    from clearprop.formats.torch_steps import from_torch_step as from_torch_step
    from clearprop.formats.torch_twin import to_torch as to_torch
    from clearprop.formats.weight_files import from_safetensors as from_safetensors
    from clearprop.formats.weight_files import from_state_dict_file as from_state_dict_file
    from clearprop.formats.weight_files import to_safetensors as to_safetensors
    from clearprop.formats.weight_files import to_state_dict_file as to_state_dict_file

# Where each stands: what loads a saved network need not wait for the other formats.
_HOMES = {
    "named_arrays": ["from_flax", "from_keras", "to_flax", "to_keras"],
    "onnx_reading": ["from_onnx"],
    "onnx_writing": ["to_onnx"],
    "sklearn_arrays": ["from_sklearn", "to_sklearn"],
    "torch_modules": ["from_torch"],
    "torch_steps": ["from_torch_step"],
    "torch_twin": ["to_torch"],
    "weight_files": [
        "from_safetensors",
        "from_state_dict_file",
        "to_safetensors",
        "to_state_dict_file",
    ],
}
_NAMES = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_NAMES)


if not TYPE_CHECKING:  # which would take any name for one that there is

    def __getattr__(name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        return getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
