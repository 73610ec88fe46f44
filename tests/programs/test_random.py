"""Random networks, losses, optimizers and sizes: the program does what the engine does."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import (
    ELU,
    GELU,
    MAE,
    MSE,
    SELU,
    SGD,
    Adam,
    AdamW,
    Dropout,
    Hardtanh,
    Huber,
    LayerNorm,
    LeakyReLU,
    Linear,
    Network,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from clearprop.checking.request import answer
from clearprop.checking.targets import request_for
from clearprop.checking.verdict import WRONG
from clearprop.kinds.program_lines import names_assigned
from clearprop.reading.programs import Recipe, write_program
from clearprop.reading.programs.passes import passes_of
from tests.programs.bare import run_bare
from tests.programs.cases import catalogue
from tests.programs.test_agreement import require_agreement

pytestmark = pytest.mark.thorough

BENDS = [
    ELU(0.8),
    GELU(),
    GELU("tanh"),
    Hardtanh(),
    LeakyReLU(),
    PReLU(),
    ReLU(),
    SELU(),
    SiLU(),
    Sigmoid(),
    Softmax(),
    Softplus(),
    Tanh(),
    Dropout(0.25),
]
# Adam with an ε that keeps it from dividing one rounding by another.
RULES = [
    SGD(0.001),
    SGD(0.001, momentum=0.9, nesterov=True),
    Adam(1e-4, eps=0.1),
    AdamW(1e-4, eps=0.1),
]


@st.composite
def layers(draw: st.DrawFn, width: int, depth: int = 0) -> tuple[list[Any], int]:
    """Layers from `width` features on, and how many come out."""
    made: list[Any] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["linear", "bend", "bend", "norm", "residual", "nested"]))
        if kind == "linear":
            size = draw(st.integers(1, 5))
            made.append(Linear(width, size, bias=draw(st.booleans())))
            width = size
        elif kind == "norm":
            # Of one feature, less its mean, nothing is left.
            made.append(RMSNorm(width) if width == 1 else LayerNorm(width, epsilon=0.1))
        elif kind == "bend" or depth > 1:
            made.append(draw(st.sampled_from(BENDS)))
        else:
            inner, after = draw(layers(width, depth + 1))
            if kind == "residual":
                inner += [Linear(after, width)] if after != width else []
                made.append(Residual(Sequential(*inner)))
            else:
                made.append(Sequential(*inner))
                width = after
    return made, width


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """A network with data of its own, and how it is trained."""
    inputs, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    made, width = draw(layers(inputs))
    network = Network(Sequential(Linear(inputs, inputs), *made, Linear(width, outputs)))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    samples = draw(st.integers(2, 9))
    x = generator.normal(size=(samples, inputs))
    target = generator.normal(size=(samples, outputs))
    return Recipe(
        network,
        None,
        x,
        target,
        loss=draw(st.sampled_from([MSE(), MAE(), Huber(0.7), MSE(reduction="sum")])),
        optimizer=draw(st.sampled_from(RULES)),
        epochs=20,
        batch_size=draw(st.none() | st.integers(1, samples)),
        seed=draw(st.integers(0, 5)),
    )


@given(made=st.lists(recipes(), min_size=5, max_size=5))
@settings(max_examples=6)
def test_random_programs_do_what_the_engine_does(made: list[Recipe], bare_site: Path) -> None:
    # A folder for each: Python would keep the byte code of a file that was there this second.
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"train{index}.py" for index in range(len(made))]
        for recipe, path in zip(made, paths, strict=True):
            path.write_text(write_program(recipe), encoding="utf-8")
            assert answer(request_for(f"{path}:backward")).outcome != WRONG
        for recipe, ran in zip(made, run_bare(bare_site, paths), strict=True):
            require_agreement(recipe, ran)


@given(recipes())
def test_no_name_is_given_twice(recipe: Recipe) -> None:
    """Backward reads what forward computed, not what a later layer of the same name did."""
    assert recipe.x is not None
    program = passes_of(recipe.network, recipe.x)
    for sections in (program.forward, program.backward):
        names = names_assigned([line for part in sections for line in part.lines])
        assert len(names) == len(set(names))


def test_float32_programs_compute_in_float32(bare_site: Path, tmp_path: Path) -> None:
    cases = {
        name: replace(recipe, dtype="float32", epochs=5)
        for name, recipe in catalogue()
        if name.split("-")[0] not in ("RMSprop", "Adagrad")
    }
    paths = []
    for name, recipe in cases.items():
        paths.append(tmp_path / f"{name}.py")
        paths[-1].write_text(write_program(recipe), encoding="utf-8")
    for recipe, ran in zip(cases.values(), run_bare(bare_site, paths), strict=True):
        require_agreement(recipe, ran, rtol=2e-5)
