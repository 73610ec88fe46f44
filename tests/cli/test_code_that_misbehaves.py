"""`clearprop check` beside code that ends the process, prints, starts threads and takes signals:
the status stays the outcome's, and standard output the command's alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clearprop.cli import main
from tests.sweeps import first_of, quick_where

CODE = """
import ctypes, os, signal, sys, threading, time
import numpy as np

inputs = (np.array([[0.5, -1.0], [2.0, 0.25]]),)
libc = ctypes.CDLL(None)

def forward(x): return np.tanh(x)
def backward(dy, x): return dy * (1 - np.tanh(x) ** 2)
wrong_forward = leaves_forward = talks_forward = raises_forward = kills_forward = forward
c_forward = waits_forward = forward
def wrong_backward(dy, x): return dy
def raises_backward(dy, x): sys.exit(0)
def leaves_backward(dy, x): os._exit(0)
def kills_backward(dy, x): os.kill(os.getpid(), signal.SIGKILL)
def c_backward(dy, x): libc.exit(0)
def waits_backward(dy, x):
    print("waiting", file=sys.stderr, flush=True)
    time.sleep(60)
def talks_backward(dy, x):
    print("from Python"); sys.__stdout__.write("from below\\n"); os.write(1, b"written\\n")
    libc.puts(b"from C"); libc.fflush(None); os.system("echo from a shell")
    return dy
"""
BESIDE = """
def everywhere():
    while True:
        print("thread"); os.write(1, b"thread"); time.sleep(0.001)
threading.Thread(target=everywhere).start()
import atexit
atexit.register(os._exit, 0)
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.chdir("/")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "beside.py").write_text(CODE + BESIDE)
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "left.py").write_text("import os\nos._exit(0)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(*words: str) -> "subprocess.CompletedProcess[str]":
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "clearprop", "check", *words],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


ENDINGS = [
    ("leaves.py:f", "'leaves.py' could not be imported: SystemExit: 0."),
    ("mine.py:raises_forward", "raises_backward raised SystemExit: 0."),
    ("left.py:f", "ended the process (exit status 0) before there was a verdict"),
    ("mine.py:leaves_forward", "ended the process (exit status 0) before there was a verdict"),
    ("mine.py:c_forward", "ended the process (exit status 0) before there was a verdict"),
    ("mine.py:kills_forward", "was ended by SIGKILL before there was a verdict"),
]
SENTENCES = [sentence for _, sentence in ENDINGS]


@pytest.mark.parametrize(
    ("target", "sentence"),
    # Every sentence once.
    quick_where(ENDINGS, lambda place, one: SENTENCES.index(one[1]) == place),
)
def test_code_that_ends_the_process_is_one_sentence_and_status_2(
    folder: Path, target: str, sentence: str
) -> None:
    done = checked(target, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_the_code_prints_is_not_in_the_json_and_not_lost(folder: Path) -> None:
    done = checked("mine.py:talks_forward", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["outcome"] == "wrong"
    for said in ("from Python", "from below", "written", "from C", "from a shell"):
        assert said in done.stderr


def test_what_a_file_prints_while_it_is_imported_is_not_in_the_json_either(folder: Path) -> None:
    (folder / "says.py").write_text(f"print('while imported')\n{CODE}")
    done = checked("says.py:forward", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["outcome"] == "right"
    assert "while imported" in done.stderr


@pytest.mark.parametrize(("name", "status"), first_of([("forward", 0), ("wrong_forward", 1)]))
def test_threads_signals_and_what_is_left_for_the_end_change_no_status(
    folder: Path, name: str, status: int
) -> None:
    done = checked(f"beside.py:{name}", "--json")
    assert done.returncode == status
    assert json.loads(done.stdout)["outcome"] == ("wrong" if status else "right")
    shown = checked(f"beside.py:{name}")
    assert shown.returncode == status
    assert "thread" not in shown.stdout
    assert shown.stdout.startswith("WRONG" if status else "RIGHT")


def test_in_the_same_process_too(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mine.py:talks_forward", "--json"]) == 1
    out, err = capfd.readouterr()
    assert json.loads(out)["outcome"] == "wrong"
    assert "from a shell" in err
    print("afterwards")
    assert capfd.readouterr().out == "afterwards\n"
    assert main(["check", "mine.py:raises_forward"]) == 2
    assert "SystemExit: 0" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("number", "status"),
    quick_where(
        [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)],
        lambda place, _: place == 0,
    ),
)
def test_an_interrupt_ends_the_code_too(folder: Path, number: int, status: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "clearprop", "check", "mine.py:waits_forward"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "waiting\n"
        begin = time.monotonic()
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert time.monotonic() - begin < 10
        assert (process.returncode, out) == (status, "")
        assert ("Interrupted" in err) == (number == signal.SIGINT)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)  # nobody is left
