"""Every initializer: the code that draws as it does."""

from typing import Any

from clearprop.base.arrays import Shape
from clearprop.engine.initializers import (
    Constant,
    FanInUniform,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from clearprop.kinds.program_lines import gathered, in_equation, literal
from clearprop.kinds.training_rows import InitializerRow


def _uniform(low: str, high: str, low_math: str, high_math: str, shape: Shape) -> Any:
    return f"rng.uniform({low}, {high}, {gathered(shape)})", f"~ U[{low_math}, {high_math})", True


def _bounded(bound: str, bound_math: str, shape: Shape) -> Any:
    return _uniform(f"-{bound}", bound, f"−{bound_math}", bound_math, shape)


def _constant(value: float, shape: Shape) -> Any:
    made = {0.0: "np.zeros(", 1.0: "np.ones("}.get(value)
    code = f"{made}{gathered(shape)})" if made else f"np.full({gathered(shape)}, {literal(value)})"
    return code, f"= {in_equation(value)}", False


def _fan_in_uniform(_: object, shape: Shape, fan_in: int, __: int) -> Any:
    if fan_in == 1:
        return _bounded("1", "1", shape)
    return _bounded(f"1 / np.sqrt({fan_in})", f"1/√{fan_in}", shape)


def _normal(deviation: str, law: str, shape: Shape, mean: str = "0") -> Any:
    return f"rng.normal({mean}, {deviation}, {gathered(shape)})", f"~ N({law})", True


INITIALIZER_KINDS = (
    InitializerRow(
        kind=Uniform,
        draw=lambda i, shape, *_: _uniform(
            literal(i.low), literal(i.high), in_equation(i.low), in_equation(i.high), shape
        ),
    ),
    InitializerRow(kind=FanInUniform, draw=_fan_in_uniform),
    InitializerRow(
        kind=XavierUniform,
        draw=lambda _, shape, fan_in, fan_out: _bounded(
            f"np.sqrt(6 / {fan_in + fan_out})", f"√(6/{fan_in + fan_out})", shape
        ),
    ),
    InitializerRow(
        kind=XavierNormal,
        draw=lambda _, shape, fan_in, fan_out: _normal(
            f"np.sqrt(2 / {fan_in + fan_out})", f"0, 2/{fan_in + fan_out}", shape
        ),
    ),
    InitializerRow(
        kind=KaimingUniform,
        draw=lambda _, shape, fan_in, __: _bounded(
            f"np.sqrt(6 / {fan_in})", f"√(6/{fan_in})", shape
        ),
    ),
    InitializerRow(
        kind=KaimingNormal,
        draw=lambda _, shape, fan_in, __: _normal(
            f"np.sqrt(2 / {fan_in})", f"0, 2/{fan_in}", shape
        ),
    ),
    InitializerRow(
        kind=Normal,
        draw=lambda i, shape, *_: _normal(
            literal(i.deviation),
            f"{in_equation(i.mean)}, {in_equation(i.deviation)}²",
            shape,
            literal(i.mean),
        ),
    ),
    InitializerRow(kind=Constant, draw=lambda i, shape, *_: _constant(i.value, shape)),
    InitializerRow(kind=Zeros, draw=lambda _, shape, *__: _constant(0.0, shape)),
)
