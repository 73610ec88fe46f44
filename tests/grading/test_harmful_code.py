"""Hand-ins that mean harm: to files, to the network, to processes, to the verdict."""

import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from clearprop.teaching.grading import sandbox
from clearprop.teaching.grading.sandbox import Sandbox
from tests.grading.hand_ins import RIGHT, checked, said
from tests.sweeps import quick_where

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
