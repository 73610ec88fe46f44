"""The designs by topic and level."""

from collections.abc import Mapping
from types import MappingProxyType

from clearprop.teaching.exercises.designs.attention_design import ATTENTION
from clearprop.teaching.exercises.designs.convolution_design import CONVOLUTION
from clearprop.teaching.exercises.designs.design import LayerDesign
from clearprop.teaching.exercises.designs.memory_design import MEMORY
from clearprop.teaching.exercises.designs.time_design import RECURRENT

DESIGNS: Mapping[str, tuple[LayerDesign, ...]] = MappingProxyType(
    {
        "convolution": CONVOLUTION,
        "time": (*RECURRENT, MEMORY),
        "attention": ATTENTION,
    }
)
