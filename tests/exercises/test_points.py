"""Samples at which a backward pass shows what it does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises import LEVELS, SmallNetwork, exercise
from clearprop.teaching.exercises.points import (
    elsewhere,
    exercises_everything,
    pre_activations,
    with_more_samples,
)
from clearprop.teaching.exercises.topics import DENSE_TOPICS

# z = 2x − 1 and 1 − x, with a kink at ½ and at 1
SMALL = SmallNetwork(
    ("relu", ""), (((2.0, -1.0),), ((1.0,), (1.0,))), ((-1.0, 1.0), (0.0,)), ((3.0,),), ((0.0,),), 1
)


def test_the_pre_activations_by_hand() -> None:
    # x = 3: z = 5 and −2, a = 5 and 0, y = 5
    (first, z), (second, y) = pre_activations(SMALL)
    assert (first, second) == ("relu", "")
    assert z.tolist() == [[5.0, -2.0]]
    assert y.tolist() == [[5.0]]


def test_one_sample_does_not_exercise_everything_and_more_do() -> None:
    assert not exercises_everything(SMALL)
    more = with_more_samples(SMALL)
    assert exercises_everything(more)
    assert more.x[0] == (3.0,)
    assert all(value == round(value) for row in more.x for value in row)
    assert more == with_more_samples(SMALL)
    assert (more.weights, more.biases) == (SMALL.weights, SMALL.biases)


@settings(max_examples=40, deadline=None)
@given(
    topic=st.sampled_from(list(DENSE_TOPICS)),
    level=st.sampled_from(LEVELS),
    seed=st.integers(0, 10**6),
)
def test_every_relu_of_every_exercise_is_on_and_off(topic: str, level: int, seed: int) -> None:
    small = exercise(topic, level, seed=seed).linear_layers
    for points in (with_more_samples(small), elsewhere(small, seed)):
        for activation, z in pre_activations(points):
            if activation == "relu":
                assert (z.max(axis=0) > 0).all()
                assert (z.min(axis=0) < 0).all()
                assert not np.allclose(z, np.maximum(z, 0))
        assert points.samples >= 3


def test_where_there_are_no_such_samples_it_is_said() -> None:
    # z = 1 whatever x is.
    dead = SmallNetwork(
        ("relu", ""), (((0.0,),), ((1.0,),)), ((1.0,), (0.0,)), ((3.0,),), ((0.0,),), 1
    )
    with pytest.raises(ConfigurationError, match="another seed"):
        with_more_samples(dead)
