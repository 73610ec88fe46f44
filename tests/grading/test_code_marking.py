"""A student's `backward.py`: right ones, wrong ones, and ones that mean harm, each run for real."""

from itertools import product
from pathlib import Path

import pytest

from clearprop.teaching.exercises import LEVELS, SmallNetwork, exercise
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE, solution
from clearprop.teaching.exercises.topics import DENSE_TOPICS
from clearprop.teaching.grading.code_marking import check_code
from clearprop.teaching.grading.sandbox import Limits
from tests.grading.hand_ins import HEAD, INSIDE, QUICK, RIGHT, SMALL, checked, said
from tests.sweeps import quick_where


def test_a_right_backward_is_right_and_nothing_else_is_said(tmp_path: Path) -> None:
    mark = checked(tmp_path, RIGHT)
    assert list(mark.sentences("en")) == ["backward.py is right."]
    assert list(mark.sentences("zh-TW")) == ["backward.py 正確。"]


@pytest.mark.parametrize(
    "returned",
    [
        "dz @ W1.T, x.T @ dz, dz.sum(0, keepdims=True), a.T @ dy, dy.sum(0, keepdims=True)",
        "{'dx': dz @ W1.T, 'dW1': x.T @ dz, 'db1': dz.sum(0), 'dW2': a.T @ dy, 'db2': dy.sum(0)}",
    ],
)
def test_gradients_in_other_forms(tmp_path: Path, returned: str) -> None:
    source = RIGHT[: RIGHT.index("    return")] + f"    return {returned}\n"
    assert checked(tmp_path, source).outcome == "right"


# Every topic at one of the levels, and every level.
EXERCISES = quick_where(
    product(DENSE_TOPICS, LEVELS), lambda place, one: (place // len(LEVELS) + one[1]) % 3 == 0
)


@pytest.mark.parametrize(("topic", "level"), EXERCISES)
def test_every_exercise_has_a_backward_that_is_right(
    tmp_path: Path, topic: str, level: int
) -> None:
    small = exercise(topic, level, seed=2).linear_layers
    slopes = {
        "": "np.ones_like(z)",
        "relu": "(z > 0) * 1.0",
        "sigmoid": "1/(1+np.exp(-z)) * (1 - 1/(1+np.exp(-z)))",
        "tanh": "1 - np.tanh(z)**2",
        "softmax": "np.exp(z) / np.exp(z).sum(1, keepdims=True)",
    }
    outs = {
        "": "z",
        "relu": "np.maximum(z, 0)",
        "sigmoid": "1/(1+np.exp(-z))",
        "tanh": "np.tanh(z)",
        "softmax": "None",
    }
    softmax = small.activations[-1] == "softmax"
    lines = [
        f"import numpy as np\nSOFTMAX = {softmax}",
        "def backward(dy, x, *params):",
        " kept, a = [], x",
    ]
    for layer, kind in enumerate(small.activations):
        lines += [
            f" W, b = params[{2 * layer}:{2 * layer + 2}]",
            " z = a @ W + b",
            f" kept.append((a, W, {slopes[kind]}))",
            f" a = {outs[kind]}",
        ]
    lines += [
        " grads = []",
        " for a, W, slope in reversed(kept):",
        "  dz = dy * slope",
        # Every output of softmax depends on every z, and its dy is that of the last layer.
        "  if len(grads) == 0 and SOFTMAX: dz = slope * (dy - (dy * slope).sum(1, keepdims=True))",
        "  grads = [a.T @ dz, dz.sum(0), *grads]",
        "  dy = dz @ W.T",
        " return (dy, *grads)",
    ]
    path = tmp_path / "backward.py"
    path.write_text("\n".join(lines))
    assert said(check_code(path, small)) == "backward.py is right."
    if level != 1:
        return
    # Without the derivatives, or with a mean over the samples where there are none, it is wrong.
    bent = any(small.activations)
    right, spoiled = ("dy * slope", "dy * 1.0") if bent else (".sum(0)", ".mean(0)")
    wrong = "\n".join(lines).replace(right, spoiled).replace("SOFTMAX: dz", "0: dz")
    path.write_text(wrong)
    assert check_code(path, small).outcome == "wrong"


def test_a_mistake_has_its_name_and_is_mended_in_either_language(tmp_path: Path) -> None:
    mark = checked(tmp_path, RIGHT.replace("a.T @ dy", "z.T @ dy"))
    assert mark.outcome == "wrong"
    assert "the weight gradient is computed from z where a belongs" in said(mark)
    assert "該用 a 的地方，用 z 計算了權重梯度" in said(mark, "zh-TW")
    mark = checked(tmp_path, RIGHT.replace(" * (z > 0)", ""))
    assert "a derivative is missing" in said(mark)


PLANTED = {
    "derivative_missing": (" * (z1 > 0)", ""),
    "weight_from_z": ("a1.T @", "z1.T @"),
    "mask_from_upstream": ("(z1 > 0)", "(da1 > 0)"),
    "mean_for_sum": ("db1 = dz1.sum(", "db1 = dz1.mean("),
    "unsummed": ("db1 = dz1.sum(axis=0)", "db1 = dz1"),
    "value_for_derivative": ("(z1 > 0)", "np.maximum(z1, 0)"),
}
BENT = [
    (topic, level)
    for topic in TOPICS_WITH_CODE
    if topic in DENSE_TOPICS
    for level in LEVELS
    if "relu" in DENSE_TOPICS[topic][level - 1].shape.activations
]


# In every exercise the two that no sheet with every neuron on shows, the others in every third.
PLANTINGS = [
    (topic, level, mistake)
    for place, (topic, level) in enumerate(BENT)
    for turn, mistake in enumerate(PLANTED)
    if turn < 2 or (place + turn) % 3 == 0
]


@pytest.mark.parametrize(
    ("topic", "level", "mistake"), quick_where(PLANTINGS, lambda place, _: place % 3 == 0)
)
def test_a_planted_mistake_is_wrong_and_named_in_every_exercise(
    tmp_path: Path, topic: str, level: int, mistake: str
) -> None:
    # Another seed for every one of them: no exercise's own numbers may let it pass.
    sheet = exercise(topic, level, seed=list(PLANTED).index(mistake) + 100 * level)
    right, spoiled = PLANTED[mistake]
    source = solution(sheet)
    assert right in source
    path = tmp_path / "backward.py"
    path.write_text("import numpy as np\n" + source.replace(right, spoiled), encoding="utf-8")
    mark = check_code(path, sheet.network)
    assert mark.outcome == "wrong"
    assert mark.verdict is not None
    assert mistake in [one.key for one in mark.verdict.mistakes]


def test_a_mask_whose_threshold_is_off_is_wrong(tmp_path: Path) -> None:
    # The sheet's one neuron has no z between 0 and 0.6 for any of its samples.
    sheet = exercise("batch", 1)
    path = tmp_path / "backward.py"
    source = solution(sheet).replace("(z1 > 0)", "(z1 > 0.6)")
    path.write_text("import numpy as np\n" + source, encoding="utf-8")
    assert check_code(path, sheet.network).outcome == "wrong"


@pytest.mark.parametrize("topic", TOPICS_WITH_CODE)
def test_the_solution_on_the_key_is_right(tmp_path: Path, topic: str) -> None:
    sheet = exercise(topic, 3, seed=7, key="B1")
    path = tmp_path / "backward.py"
    path.write_text("import numpy as np\n" + solution(sheet), encoding="utf-8")
    assert said(check_code(path, sheet.network)) == "backward.py is right."


def test_where_every_neuron_is_on_a_missing_derivative_is_found_all_the_same(
    tmp_path: Path,
) -> None:
    # z = 2·1 + 0.5 = 2.5 > 0: with these numbers alone ReLU' = 1 everywhere, and a = z.
    small = SmallNetwork(
        ("relu", ""), (((2.0,),), ((0.3,),)), ((0.5,), (0.1,)), ((1.0,),), ((0.0,),), 0.1
    )
    path = tmp_path / "backward.py"
    for right, wrong in ((" * (z > 0)", ""), ("a.T @ dy", "z.T @ dy")):
        path.write_text(RIGHT.replace(right, wrong), encoding="utf-8")
        mark = check_code(path, small)
        assert (mark.outcome, mark.only_elsewhere) == ("wrong", True)
        assert "it happens to look right" in said(mark)
        assert "碰巧看不出來" in said(mark, "zh-TW")
    path.write_text(RIGHT, encoding="utf-8")
    assert said(check_code(path, small)) == "backward.py is right."


def test_numbers_copied_from_the_sheet_are_wrong(tmp_path: Path) -> None:
    mark = checked(tmp_path, RIGHT.replace("dz @ W1.T", f"dz @ np.array({SMALL.weights[0]}).T"))
    assert mark.outcome == "wrong"
    assert mark.only_elsewhere


FAILING = [
    ("def backward(dy:\n", "it is not Python, in line 1: SyntaxError"),
    ("\n\n  x = = 1", "it is not Python, in line 3: IndentationError"),
    ("\0", "it is not Python"),
    ("(" * 100_000, "it is not Python"),
    ("x = 1\n", "it defines no function 'backward'"),
    ("backward = 3\n", "it defines no function 'backward'"),
    ("", "it defines no function 'backward'"),
    ("import nothing_of_the_kind\n", "line 1 raises ModuleNotFoundError: No module named"),
    ("import clearpropp, torchh\n", "line 1 raises ModuleNotFoundError"),
    (HEAD + INSIDE + "    return 1 / 0\n", "line 4 raises ZeroDivisionError: division by zero"),
    (HEAD + "    raise NotImplementedError\n", "its backward is not written yet"),
    (HEAD + "    raise\n", "line 3 raises RuntimeError"),
    ("def backward(dy):\n    return dy\n", "raises TypeError: backward() takes 1"),
    (HEAD + "    return backward(dy, x, W1, b1, W2, b2)\n", "raises RecursionError"),
    (HEAD + "    import sys; sys.exit(0)\n", "it ends the program"),
    ("import sys; sys.exit('no')\n", "it ends the program"),
    (HEAD + "    import os; os._exit(0)\n", "it ends the program"),
    ("import os; os._exit(3)\n", "it ends the program"),
    (HEAD + "    raise KeyboardInterrupt\n", "raises KeyboardInterrupt"),
    ("import ctypes; ctypes.string_at(0)\n", "it crashes with SIGSEGV"),
    ("while True: pass\n", "it takes more than 1 seconds of processor time"),
    (HEAD + "    while True: pass\n", "it takes more than 1 seconds of processor time"),
    (HEAD + "    return np.ones(10**9)\n", "raises"),
    ("x = 'a' * 10**10\n", "line 1 raises MemoryError"),
    (HEAD + "    return np.ones(10**6)\n", "it returns more than 1000000 bytes"),
    (HEAD + "    return None\n", "None"),
    (HEAD + "    return 'abc'\n", "it returns an object of type str"),
    (HEAD + "    return lambda: 0\n", "it returns an object of type function"),
    (HEAD + "    return [x, W1]\n", "list of 2"),
    (HEAD + "    return x, W1\n", "2"),
    (HEAD + "    return 10**5000\n", "it returns an object of type int"),
    (HEAD + "    return np.array([None])\n", "it returns an object of type ndarray"),
    (HEAD + "    return {'dx': x}\n", "W1, b1, W2, b2"),
    (HEAD + "    return x * np.nan, W1, b1, W2, b2\n", "nan"),
]
SENTENCES = [sentence for _, sentence in FAILING]


@pytest.mark.parametrize(
    ("source", "sentence"),
    # Every sentence once.
    quick_where(FAILING, lambda place, one: SENTENCES.index(one[1]) == place),
)
def test_a_hand_in_that_cannot_be_right_is_one_sentence(
    tmp_path: Path, source: str, sentence: str
) -> None:
    mark = checked(tmp_path, source)
    assert mark.outcome != "right"
    assert sentence in said(mark)
    assert "\n" not in said(mark, "zh-TW")


def test_a_hand_in_that_waits_is_not_waited_for(tmp_path: Path) -> None:
    mark = checked(tmp_path, "import time; time.sleep(60)\n", Limits(wall=3.0))
    assert said(mark) == "backward.py was not checked: it takes longer than 3 seconds."


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "backward.py"
    path.write_bytes(b"\xff\xfe")
    assert "is not UTF-8 text" in said(check_code(path, SMALL, QUICK))
    path.write_text("#" * 1_000_001)
    assert "is larger than" in said(check_code(path, SMALL, QUICK))


def test_printing_is_remarked_and_not_marked(tmp_path: Path) -> None:
    source = RIGHT.replace("    z = ", "    print('dz', dy)\n    z = ")
    mark = checked(tmp_path, source)
    assert said(mark) == "backward.py is right. backward.py prints; the output is not looked at."
    megabytes = RIGHT.replace("    z = ", "    print('x' * 3_000_000, flush=True)\n    z = ")
    mark = checked(tmp_path, megabytes)
    assert "raises OSError" in said(mark)
    assert 0 < mark.printed <= 1_000_000


@pytest.mark.parametrize("edit", ["x *= 2", "dy[:] = 0", "W1[0, 0] = 7"])
def test_editing_the_inputs_is_wrong(tmp_path: Path, edit: str) -> None:
    source = RIGHT.replace(
        "    return", f"    r = {RIGHT[RIGHT.index('dz @') :].strip()}\n    return"
    )
    source = source[: source.index("    return")] + f"    {edit}\n    return r\n"
    mark = checked(tmp_path, source)
    assert mark.outcome == "wrong"
    assert edit.split("[")[0].split(" ")[0] in said(mark)
