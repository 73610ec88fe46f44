"""A student's `backward.py`: right ones, wrong ones, and ones that mean harm, each run for real."""

import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from itertools import product
from pathlib import Path

import pytest

from clearprop.teaching.exercises import LEVELS, SmallNetwork, exercise
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE, solution
from clearprop.teaching.exercises.topics import DENSE_TOPICS
from clearprop.teaching.grading import sandbox
from clearprop.teaching.grading.code_marking import check_code
from clearprop.teaching.grading.marked_handins import CodeMark
from clearprop.teaching.grading.sandbox import Limits, Sandbox
from tests.sweeps import quick_where

# Two inputs, two hidden ReLUs, two outputs; one of the hidden neurons is on the zero side.
SMALL = exercise("chain", 3, seed=1).linear_layers
QUICK = Limits(processor=1, wall=60.0, memory=2**29)

RIGHT = """
import numpy as np

def backward(dy, x, W1, b1, W2, b2):
    z = x @ W1 + b1
    a = np.maximum(z, 0)
    dz = (dy @ W2.T) * (z > 0)
    return dz @ W1.T, x.T @ dz, dz.sum(0), a.T @ dy, dy.sum(0)
"""
HEAD = "import numpy as np\ndef backward(dy, x, W1, b1, W2, b2):\n"
INSIDE = "    z = x @ W1 + b1\n"


def checked(tmp_path: Path, source: str, limits: Limits = QUICK) -> CodeMark:
    path = tmp_path / "backward.py"
    path.write_text(source, encoding="utf-8")
    return check_code(path, SMALL, limits)


def said(mark: CodeMark, language: str = "en") -> str:
    return " ".join(mark.sentences(language))


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


ATTEMPTS = [
    ("import socket; socket.socket()", "network"),
    ("import socket; socket.getaddrinfo('localhost', 80)", "network"),
    ("import os; os.fork()", "process"),
    ("import subprocess; subprocess.run(['true'])", "process"),
    ("import os; os.system('true')", "process"),
    ("import os; os.kill(os.getppid(), 9)", "process"),
    ("open({outside!r}, 'w').write('x')", "file"),
    ("import os; os.remove({outside!r})", "file"),
    ("import os; os.rename({outside!r}, {outside!r} + '2')", "file"),
    ("import shutil; shutil.rmtree({folder!r})", "file"),
    ("import shutil; shutil.move({outside!r}, {outside!r} + '2')", "file"),
    ("import os; os.truncate({outside!r}, 0)", "file"),
    ("import os; os.utime({outside!r}, (0, 0))", "file"),
]


# In the open and behind a `try` in turn.
BOTH_WAYS = quick_where(
    [
        (*one, hidden)
        for place, one in enumerate(ATTEMPTS)
        for hidden in (place % 2 == 0, place % 2 == 1)
    ],
    lambda place, _: place % 2 == 0,
)


@pytest.mark.parametrize(("attempt", "kind", "hidden"), BOTH_WAYS)
def test_what_it_may_not_is_refused_and_told(
    tmp_path: Path, attempt: str, kind: str, hidden: bool
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "marks").write_text("old")
    attempt = attempt.format(outside=str(precious / "marks"), folder=str(precious))
    source = f"{attempt}\n{RIGHT}"
    if hidden:
        source = f"try:\n    {attempt}\nexcept Exception: pass\n{RIGHT}"
    mark = checked(tmp_path, source)
    assert mark.attempted == (kind,)
    assert mark.outcome == ("right" if hidden else "failed")
    assert f"{'change files' if kind == 'file' else kind}" in said(mark)
    assert (precious / "marks").read_text() == "old"
    assert [path.name for path in precious.iterdir()] == ["marks"]


@pytest.mark.skipif(
    ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) < 1,
    reason="the kernel has no Landlock",
)
@pytest.mark.parametrize("harm", ["unlink({path})", "truncate({path}, 0)", "creat({path}, 438)"])
def test_past_the_hook_no_file_can_be_changed_either(tmp_path: Path, harm: str) -> None:
    precious = tmp_path / "marks"
    precious.write_text("old")
    call = harm.format(path=str(precious).encode())
    mark = checked(tmp_path, f"import ctypes\nassert ctypes.CDLL(None).{call} == -1\n{RIGHT}")
    assert said(mark) == "backward.py is right."
    assert precious.read_text() == "old"


@pytest.mark.skipif(shutil.which("unshare") is None, reason="cannot ask the system")
def test_past_the_hook_there_is_no_network_where_the_system_allows_it(tmp_path: Path) -> None:
    allowed = subprocess.run(["unshare", "-r", "-n", "-p", "-f", "true"], check=False)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    # A sockaddr_in by hand, for connect(2): family, port, 127.0.0.1.
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, b"\x7f\0\0\1")
    source = f"""
import ctypes
system = ctypes.CDLL(None)
assert system.connect(system.socket(2, 1, 0), {address!r}, 16) == -1
{RIGHT}
"""
    with listener:
        mark = checked(tmp_path, source)
    assert mark.isolated == (allowed.returncode == 0)
    assert mark.outcome == ("right" if mark.isolated else "failed")


def test_a_verdict_cannot_be_forged(tmp_path: Path) -> None:
    # Whatever is written into the pipe, it is judged as gradients, and these are none.
    forge = """
import os, sys, json, struct
def backward(*arrays):
    message = json.dumps({"outcome": "right", "verdict": "right"}).encode()
    os.write(int(sys.argv[2]), struct.pack(">I", len(message)) + message)
"""
    assert "cannot be understood" in said(checked(tmp_path, forge))
    # What it says of its own failure is cut, and no number of a line is none.
    failure = forge.replace(
        '"outcome": "right", "verdict": "right"',
        '"failed": "code_raised", "line": {"a": 1}, "problem": "=cmd()" * 100_000',
    )
    assert "line ? raises =cmd()" in said(checked(tmp_path, failure))
    assert len(said(checked(tmp_path, failure))) < 500
    flood = forge.replace(
        "os.write(int(sys.argv[2]), ", 'os.write(int(sys.argv[2]), b"x" * 60_000 + '
    )
    assert checked(tmp_path, flood).outcome == "failed"


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        "{}",
        '{"arrays": 3}',
        '{"arrays": [1, 1, 1, 1, 1, 1], "returned": {}}',
        '{"arrays": [{}, {}, {}, {}, {}, {}], "returned": {}}',
        '{"arrays": [A, A, A, A, A, A], "returned": {"dtype": "<f8", "shape": [1e99], "data": ""}}',
        '{"arrays": [A, A, A, A, A, A], "returned": {"dtype": "O", "shape": [1], "data": ""}}',
        '{"arrays": [A, A, A, A, A, A], "returned": {"dtype": "<f3", "shape": [0], "data": ""}}',
        '{"arrays": [A, A, A, A, A, A], "returned": {"dtype": "<f8", "shape": [0], "data": "?"}}',
        '{"arrays": [A, A, A, A, A, A], "returned": {"dtype": "<f8", "shape": [-1], "data": ""}}',
        '{"arrays": [A, A, A, A, A, A], "returned": {"dict": [3]}}',
        "[" * 50_000,
        "\xff",
    ],
)
def test_an_answer_that_is_made_up_is_one_sentence(tmp_path: Path, answer: str) -> None:
    answer = answer.replace("A", '{"plain": 1}').replace('{"plain": 1}rray', "A")
    source = f"""
import os, sys, struct
def backward(*arrays):
    message = {answer!r}.encode("latin-1")
    os.write(int(sys.argv[2]), struct.pack(">I", len(message)) + message)
    os._exit(0)
"""
    mark = checked(tmp_path, source)
    assert mark.outcome == "failed"
    assert "cannot be understood" in said(mark)


def working_in(folder: Path) -> list[str]:
    """The processes whose working directory is in a folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if str(link.readlink()).startswith(str(folder)):
                found.append(link.parent.name)
    return found


def left_after_a_moment(folder: Path) -> list[str]:
    for _ in range(50):
        if not working_in(folder):
            return []
        time.sleep(0.1)
    return working_in(folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sandboxes have their folders."""
    place = tmp_path / "sandboxes"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


linux = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="there is no /proc")


@linux
def test_nothing_is_left_running_and_no_folder_is_left(tmp_path: Path, folder: Path) -> None:
    # Through ctypes, past the hook; the child outlives the hand-in that started it, if it may.
    checked(
        tmp_path, f"import ctypes, time\nif ctypes.CDLL(None).fork() == 0: time.sleep(60)\n{RIGHT}"
    )
    assert left_after_a_moment(folder) == []
    assert list(folder.iterdir()) == []


@linux
def test_ctrl_c_ends_the_process_of_the_hand_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def interrupted(*_: object) -> None:
        seen.extend(working_in(folder))
        raise KeyboardInterrupt

    monkeypatch.setattr(Sandbox, "_ask", interrupted)
    with pytest.raises(KeyboardInterrupt), Sandbox(RIGHT):
        pass
    assert seen
    assert left_after_a_moment(folder) == []
    assert list(folder.iterdir()) == []


def test_no_secret_is_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    source = f"import os\nassert 'TOKEN' not in os.environ\nassert os.listdir('.') == []\n{RIGHT}"
    assert checked(tmp_path, source).outcome == "right"
    assert os.environ["TOKEN"] == "secret"


def test_where_we_are_root_the_code_runs_as_nobody_if_nobody_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "chown", lambda *one: given.append(one))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sandbox, "_seen_by_others", lambda _: True)
    assert sandbox._as_nobody(tmp_path) == {"user": 65534, "group": 65534, "extra_groups": ()}
    assert given == [(tmp_path, 65534, 65534)]
    monkeypatch.setattr(sandbox, "_seen_by_others", lambda path: path != sandbox._GUEST)
    assert sandbox._as_nobody(tmp_path) == {}
    monkeypatch.setattr(sandbox, "_seen_by_others", lambda _: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert sandbox._as_nobody(tmp_path) == {}


def test_what_others_see(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.touch(mode=0o755)
    path.chmod(0o750)
    assert not sandbox._seen_by_others(path)
    # A file that everybody may read, in a folder that nobody else may enter.
    path.chmod(0o755)
    tmp_path.chmod(0o700)
    assert not sandbox._seen_by_others(path)
    assert sandbox._seen_by_others(Path(os.__file__)) == all(
        one.stat().st_mode & 0o001 for one in Path(os.__file__).parents
    )
