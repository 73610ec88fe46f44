"""What outputs mean, there and back."""

import json

import numpy as np
import pytest

from clearprop.base.configuration import decode, encode
from clearprop.base.errors import DataError
from clearprop.estimators.table_targets import (
    ClassTarget,
    LabelTarget,
    NumberTarget,
    class_target,
    number_target,
)


def test_numbers_by_hand() -> None:
    # Column 0: mean 2, deviation √((1 + 1) / 2) = 1; column 1 is constant.
    target = number_target(np.array([[1.0, 5.0], [3.0, 5.0]]), ("a", "b"))
    assert target.mean == (2, 5)
    assert target.deviation == (1, 1)
    values = np.array([[1.0, 5.0], [3.0, 5.0]])
    assert target.encode(values, np.float32).tolist() == [[-1, 0], [1, 0]]
    # −4 would be −2, which is held at 1, the least that was seen.
    assert target.decode(np.array([[-4.0, 0.0], [0.5, 9.0]])).tolist() == [[1, 5], [2.5, 5]]


def test_numbers_that_are_not_held() -> None:
    target = number_target(np.array([[1.0], [3.0]]), ("a",), held=False)
    assert target.decode(np.array([[-4.0]])).tolist() == [[-2]]
    plain = number_target(np.array([[1.0], [3.0]]), ("a",), standardise=False)
    assert plain.encode(np.array([[7.0]]), np.float64).tolist() == [[7]]


def test_classes_keep_their_words() -> None:
    target = class_target(np.array(["yes", "no", "yes"]), "smokes")
    assert target.classes == ("no", "yes")
    assert target.encode(["yes", "no"], np.float32).tolist() == [1, 0]
    # Logits 0 and ln 3: probabilities ¼ and ¾.
    np.testing.assert_allclose(target.decode(np.array([[0, np.log(3)]])), [[0.25, 0.75]])
    with pytest.raises(DataError, match="maybe"):
        target.encode(["maybe"], np.float32)


def test_labels_are_probabilities_each_for_itself() -> None:
    target = LabelTarget(("a", "b"))
    found = target.decode(np.array([[np.log(3), -800.0]], np.float32))
    np.testing.assert_allclose(found, [[0.75, 0]], atol=1e-7)
    assert found.dtype == np.float64


@pytest.mark.parametrize(
    "target",
    [
        NumberTarget(("a",), (0.5,), (2.0,), (-1.0,), (1.0,)),
        ClassTarget("b", (0, 3, 7)),
        LabelTarget(("c", "d")),
    ],
)
def test_targets_go_through_json(target: NumberTarget | ClassTarget | LabelTarget) -> None:
    data = json.loads(json.dumps(encode(target)))
    assert decode(data, {type(target).__name__: type(target)}) == target
