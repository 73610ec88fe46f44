"""What losses refuse, and the sentences that say why, in both languages."""

import re
from typing import Any

import numpy as np
import pytest

from clearprop import MAE, MSE, BinaryCrossEntropy, CrossEntropy, Huber, Loss, PoissonNLL
from clearprop.base.errors import (
    ClearpropError,
    ConfigurationError,
    DataError,
    DtypeError,
    ShapeError,
)
from clearprop.kinds.kind_tables import LOSSES

ENTRYWISE: list[Loss] = [MSE(), MAE(), Huber(), BinaryCrossEntropy(), PoissonNLL()]
COLUMN = np.ones((4, 1))
LOGITS = np.zeros((4, 3))
IDS = np.array([0, 1, 2, 0])


def refuse(error: type[ClearpropError], sentence: str, call: Any) -> None:
    with pytest.raises(error, match=sentence) as caught:
        call()
    assert re.search("[\u4e00-\u9fff]", caught.value.message("zh-TW"))


@pytest.mark.parametrize("loss", ENTRYWISE, ids=str)
def test_a_row_against_a_column_is_never_broadcast(loss: Loss) -> None:
    call = lambda: loss.evaluate(COLUMN, np.ones(4))  # noqa: E731
    refuse(ShapeError, r"\(4,\) where the output is \(4, 1\); .*target.reshape\(-1, 1\)", call)
    call = lambda: loss.evaluate(np.ones((4, 2)), np.ones((4, 1)))  # noqa: E731
    refuse(ShapeError, "must have the same shape", call)


@pytest.mark.parametrize("loss", [*ENTRYWISE, CrossEntropy()], ids=str)
def test_outputs_are_floats_and_there_are_some(loss: Loss) -> None:
    target = IDS if isinstance(loss, CrossEntropy) else np.ones((4, 3))
    integers = LOGITS.astype(int)
    refuse(DtypeError, "these are int64", lambda: loss.evaluate(integers, target))
    refuse(ShapeError, "no samples", lambda: loss.evaluate(LOGITS[:0], target[:0]))


@pytest.mark.parametrize("loss", ENTRYWISE, ids=str)
def test_a_target_of_another_precision_is_refused(loss: Loss) -> None:
    refuse(DtypeError, "^target is float32", lambda: loss.evaluate(COLUMN, COLUMN.astype("f4")))


@pytest.mark.parametrize(
    ("loss", "bad", "condition"),
    [
        (BinaryCrossEntropy(), 1.5, "0 <= t <= 1"),
        (BinaryCrossEntropy(), -0.5, "0 <= t <= 1"),
        (BinaryCrossEntropy(), float("nan"), "0 <= t <= 1"),
        (PoissonNLL(), -1.0, "t >= 0"),
        (PoissonNLL(), float("nan"), "t >= 0"),
    ],
)
def test_targets_that_cannot_be_are_named(loss: Loss, bad: float, condition: str) -> None:
    target = np.array([[1.0], [0], [bad], [0]])
    sentence = rf"^The target {bad} at \(2, 0\) breaks .* {condition}"
    refuse(DataError, sentence, lambda: loss.evaluate(COLUMN, target))


@pytest.mark.parametrize("bad", [3, -1, 99])
def test_a_class_id_out_of_range_is_named(bad: int) -> None:
    ids = np.array([0, 1, bad, 2])
    sentence = rf"^The target {bad} at \(2,\) breaks .* 0 <= t <= 2"
    refuse(DataError, sentence, lambda: CrossEntropy().evaluate(LOGITS, ids))


@pytest.mark.parametrize(
    ("output", "target", "stacked", "error", "sentence"),
    [
        (LOGITS, IDS[:, None], False, ShapeError, r"ids are \(4, 1\) .* row of logits, \(4,\)"),
        (LOGITS, IDS[:3], False, ShapeError, r"ids are \(3,\)"),
        (LOGITS, np.eye(3, dtype=int)[IDS], False, ShapeError, r"ids are \(4, 3\)"),
        (LOGITS, IDS.astype(float), False, DtypeError, r"astype\(int\)"),
        (LOGITS, IDS[:, None] * 1.0, False, ShapeError, "must have the same shape"),
        (LOGITS, np.ones((4, 3), bool), False, DataError, r"probabilities at \(0,\) add up to 3.0"),
        (LOGITS, np.full((4, 3), 1 / 3, "f4"), False, DtypeError, "^target is float32"),
        (LOGITS[0], np.array(1), False, ShapeError, r"takes logits \(N, C\).* is \(3,\)"),
        (LOGITS, IDS, True, ShapeError, r"takes logits \(N, C\)"),
        (
            np.stack([LOGITS, LOGITS]),
            IDS,
            False,
            ShapeError,
            r"one id for each row of logits, \(2, 4\)",
        ),
        (np.stack([LOGITS, LOGITS]), IDS[:2], True, ShapeError, r"ids are \(2,\)"),
        (LOGITS, np.full((4, 3), 0.5), False, DataError, r"at \(0,\) add up to 1.5,"),
        (LOGITS, np.array([[2, -1, 0]] * 4, float), False, DataError, "t >= 0"),
    ],
)
def test_targets_of_classes(
    output: Any, target: Any, stacked: bool, error: type[ClearpropError], sentence: str
) -> None:
    refuse(error, sentence, lambda: CrossEntropy().evaluate(output, target, stacked=stacked))


@pytest.mark.parametrize(
    ("weights", "error", "sentence"),
    [
        (np.ones((4, 1)), ShapeError, r"sample weights are \(4, 1\); .* each sample, \(4,\)"),
        (np.ones(3), ShapeError, r"sample weights are \(3,\)"),
        (np.array(1.0), ShapeError, r"sample weights are \(\)"),
        (np.array(["a"] * 4), DtypeError, "Sample weights are numbers"),
        (np.ones(4, "f4"), DtypeError, "^sample_weight is float32"),
        (np.array([1, -1.0, 1, 1]), DataError, "at least 0"),
        (np.array([1, np.nan, 1, 1]), DataError, "finite"),
        (np.array([1, np.inf, 1, 1]), DataError, "finite"),
        (np.zeros(4), DataError, "add up to 0"),
    ],
)
@pytest.mark.parametrize("loss", [MSE(), CrossEntropy()], ids=str)
def test_sample_weights(
    loss: Loss, weights: Any, error: type[ClearpropError], sentence: str
) -> None:
    target = IDS if isinstance(loss, CrossEntropy) else LOGITS
    refuse(error, sentence, lambda: loss.evaluate(LOGITS, target, sample_weight=weights))


def test_booleans_choose_samples() -> None:
    y, t = np.random.default_rng(0).normal(size=(2, 4, 1))
    chosen = np.array([True, False, True, True])
    assert MSE().evaluate(y, t, sample_weight=chosen).value == pytest.approx(
        MSE().evaluate(y[chosen], t[chosen]).value, rel=1e-15
    )


def test_weights_that_add_up_to_0_are_a_part_of_a_batch_or_a_sum() -> None:
    zeros = np.zeros(4)
    part = MSE().evaluate(COLUMN, 2 * COLUMN, sample_weight=zeros, divisor=7)
    assert (part.total, part.weight) == (0, 0)
    np.testing.assert_array_equal(part.gradient, 0)
    assert MSE("sum").evaluate(COLUMN, 2 * COLUMN, sample_weight=zeros).value == 0
    everything_ignored = np.full(4, -100)
    with pytest.raises(DataError, match="Every target of these samples is -100"):
        CrossEntropy().evaluate(LOGITS, everything_ignored)


@pytest.mark.parametrize("loss", [*ENTRYWISE, CrossEntropy()], ids=str)
@pytest.mark.parametrize("divisor", [0, -1.0, float("nan"), np.array([1.0, 0.0])])
def test_a_divisor_is_positive(loss: Loss, divisor: Any) -> None:
    target = IDS if isinstance(loss, CrossEntropy) else np.ones((4, 3))
    call = lambda: loss.evaluate(LOGITS, target, divisor=divisor)  # noqa: E731
    refuse(ConfigurationError, "divisor must be a positive number", call)


@pytest.mark.parametrize("kind", LOSSES.values(), ids=list(LOSSES))
@pytest.mark.parametrize("reduction", ["Mean", "average", None, 1])
def test_reductions(kind: type[Any], reduction: Any) -> None:
    sentence = f"^{kind.__name__}: reduction must be one of mean, sum, none"
    refuse(ConfigurationError, sentence, lambda: kind(reduction=reduction))


@pytest.mark.parametrize("delta", [0, -1, float("nan"), float("inf"), "1", None, True])
def test_huber_delta(delta: Any) -> None:
    sentence = "^Huber: delta must be a finite number with delta > 0"
    refuse(ConfigurationError, sentence, lambda: Huber(delta))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"weight": (1, -1)}, "weight >= 0"),
        ({"weight": (1, float("nan"))}, "weight >= 0"),
        ({"weight": ()}, "weight must be a sequence of N numbers"),
        ({"weight": 2.0}, "weight must be a sequence of N numbers"),
        ({"weight": "12"}, "weight must be a sequence of N numbers"),
        ({"label_smoothing": 1.5}, "0 <= label_smoothing <= 1"),
        ({"label_smoothing": -0.1}, "0 <= label_smoothing <= 1"),
        ({"ignore_index": 1.5}, "ignore_index must be a whole number"),
    ],
)
def test_cross_entropy_settings(settings: Any, sentence: str) -> None:
    refuse(ConfigurationError, sentence, lambda: CrossEntropy(**settings))


def test_other_settings() -> None:
    refuse(ConfigurationError, "pos_weight >= 0", lambda: BinaryCrossEntropy(pos_weight=(-1,)))
    refuse(ConfigurationError, "eps > 0", lambda: PoissonNLL(eps=0))
    bad: Any = 1
    refuse(ConfigurationError, "full must be True or False", lambda: PoissonNLL(full=bad))


@pytest.mark.parametrize(
    "loss",
    [
        BinaryCrossEntropy(weight=(1, 2)),
        BinaryCrossEntropy(pos_weight=(1, 2)),
        CrossEntropy(weight=(1, 2)),
    ],
    ids=str,
)
def test_weights_are_one_for_each_column(loss: Loss) -> None:
    target = IDS if isinstance(loss, CrossEntropy) else np.ones((4, 3))
    sentence = "weight has 2 numbers and the output has 3 columns"
    refuse(ShapeError, sentence, lambda: loss.evaluate(LOGITS, target))


def test_settings_of_numpys_become_pythons() -> None:
    loss = CrossEntropy(
        weight=np.array([1, 2], "f4"),  # type: ignore[arg-type]
        label_smoothing=np.float32(0.5),  # type: ignore[arg-type]
        ignore_index=np.int64(3),  # type: ignore[arg-type]
    )
    assert loss == CrossEntropy(weight=(1.0, 2.0), label_smoothing=0.5, ignore_index=3)
    assert loss.weight is not None
    assert {type(w) for w in loss.weight} == {float}
    assert (type(loss.label_smoothing), type(loss.ignore_index)) == (float, int)
    flag: Any = np.True_
    assert PoissonNLL(full=flag).full is True
