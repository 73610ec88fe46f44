"""`clearprop step`: printed whole, as data, and by key in a real terminal."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import Linear, Network
from clearprop.cli import main
from clearprop.cli.keyboard import Move, meanings
from clearprop.cli.terminal import spelled
from clearprop.formats import network_file as files

pty = pytest.importorskip("pty")

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture(autouse=True)
def in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["step", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["step", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.removeprefix("clearprop: ").rstrip()


# Three layers forward, the loss, three back, two updates and the loss after them.
TITLES = [
    "1/10  Forward: layers[0] Linear(2, 3)",
    "2/10  Forward: layers[1] ReLU()",
    "3/10  Forward: layers[2] Linear(3, 1)",
    "4/10  Loss: MSE()",
    "5/10  Backward: layers[2] Linear(3, 1)",
    "6/10  Backward: layers[1] ReLU()",
    "7/10  Backward: layers[0] Linear(2, 3)",
    "8/10  Update: layers[0] Linear(2, 3)",
    "9/10  Update: layers[2] Linear(3, 1)",
    "10/10  After the update by SGD(0.1)",
]


def test_into_a_pipe_every_stage_is_printed(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = trained.read_bytes()
    text = answer(capsys, str(trained))
    assert [line for line in text.splitlines() if re.match(r"\d+/", line)] == TITLES
    assert "\x1b" not in text
    assert answer(capsys, str(trained), "--all") == text
    assert trained.read_bytes() == before


def test_the_sample_and_the_language(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, str(trained), "--sample", "2", "--lang", "zh-TW")
    assert text.startswith("1/10  前向：layers[0] Linear(2, 3)\n")
    assert "代入樣本 2 的數字：" in text
    assert "z[2,0] = " in text


def test_as_json(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(answer(capsys, str(trained), "--json", "--sample", "1"))
    assert document["sample"] == 1
    assert len(document["stages"]) == len(TITLES)
    x = document["stages"][0]["arrays"][0]
    assert (x["name"], np.shape(x["values"])) == ("x", (3, 2))


def test_data_of_ones_own(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "data.csv"
    table.write_text("height,price,width\n1,10,2\n3,30,4.5\n", encoding="utf-8")
    text = answer(capsys, str(trained), "--data", str(table), "--target", "price")
    assert "x (2, 2)  input\n  1    2\n  3  4.5\n" in text


def test_a_network_without_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = Network(Linear(1, 1))
    arrays: Any = {"x": np.ones((2, 1)), "target": np.zeros((2, 1))}
    files.save(tmp_path / "plain.safetensors", network, network.initialize(0), **arrays)
    text = answer(capsys, "plain.safetensors")
    assert "Gradient: — Linear(1, 1)" in text
    assert "nothing is updated" in text


def test_a_step_that_overflows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = Network(Linear(1, 1))
    arrays: Any = {"x": np.full((2, 1), 1e200), "target": np.zeros((2, 1))}
    files.save(tmp_path / "large.safetensors", network, np.ones(2), **arrays)
    assert "= ∞" in answer(capsys, "large.safetensors")


def test_bad_input(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "clearprop step FILE" in complaint(capsys)
    assert "There is no file 'none'" in complaint(capsys, "none")
    name = str(trained)
    assert "no sample 3" in complaint(capsys, name, "--sample", "3")
    assert "--sample" in complaint(capsys, name, "--sample", "-1")
    assert "--target names a column" in complaint(capsys, name, "--target", "price")
    assert "fr" in complaint(capsys, name, "--lang", "fr")
    (tmp_path / "wide.csv").write_text("a,b,c,d\n1,2,3,4\n", encoding="utf-8")
    assert "3" in complaint(capsys, name, "--data", "wide.csv")


def test_keys() -> None:
    assert meanings(" n\x1b[C\x1bOC\r") == [Move.NEXT] * 5
    assert meanings("p\x1b[D\x7f") == [Move.BACK] * 3
    assert meanings("\x1b[H\x1b[1~\x1b[F\x1b[4~q") == [
        Move.FIRST,
        Move.FIRST,
        Move.LAST,
        Move.LAST,
        Move.QUIT,
    ]
    # What means nothing does nothing, the end of a longer sequence neither.
    assert meanings("x\x1b[A\x1b[3~é") == []
    assert meanings("\xe0M\xe0K") == [Move.NEXT, Move.BACK]


def test_signs_are_spelled_where_the_terminal_lacks_them() -> None:
    assert spelled("∂C/∂z = −1.5 × 10⁻¹⁶", "utf-8") == "∂C/∂z = −1.5 × 10⁻¹⁶"
    assert spelled("∂C/∂z = −1.5 × 10⁻¹⁶", "ascii") == "dC/dz = -1.5 * 10^-16"
    assert spelled("3 × 10⁷ → x̂", "latin-1") == "3 * 10^7 -> x^"


def _without_size() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


class Terminal:
    """The command in a pseudo-terminal of its own."""

    def __init__(self, arguments: list[str], rows: int = 24, columns: int = 80, **environ: str):
        self.shown, self._read = "", 0
        self._fd, end = pty.openpty()
        # The command takes the terminal as its own, so that it is told of a new size. A process of
        # its own from the start: the test runner has threads, with which it must not fork itself.
        code = (
            "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
            f"from clearprop.cli import main; sys.exit(main({arguments!r}))"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
            # Handed over without a fixed size, which readline, loaded by the test runner, and some
            # programs before it leave there.
            env={**_without_size(), "TERM": "xterm-256color", **environ},
        )
        os.close(end)
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, text: str) -> str:
        """Read until `text` is shown; returns everything that was, from where the last call
        ended."""
        start = self._read
        while text not in self.shown[start:]:
            ready, _, _ = select.select([self._fd], [], [], 60)
            if not ready:
                self.process.kill()
                self.process.wait()
            assert ready, f"{text!r} never came: {self.shown[start:]!r}"
            try:
                self.shown += os.read(self._fd, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
        self._read = self.shown.index(text, start) + len(text)
        return self.shown[start : self._read]

    def await_key(self) -> None:
        """Wait until the command reads a key: it does so in raw mode."""
        while termios.tcgetattr(self._fd)[3] & termios.ICANON:
            select.select([], [], [], 0.01)

    def press(self, key: str) -> None:
        """Type a key, once the command waits for one."""
        self.await_key()
        os.write(self._fd, key.encode())

    def end(self) -> int:
        """The exit status, once the terminal is as it was before."""
        while True:
            try:
                more = os.read(self._fd, 65536)
            except OSError:
                break
            if not more:
                break
            self.shown += more.decode(errors="replace")
        os.close(self._fd)
        return self.process.wait(60)


KEY_LINE = "q quit"


def test_by_key_in_a_terminal(trained: Path) -> None:
    terminal = Terminal(["step", str(trained)])
    first = terminal.read_until(KEY_LINE)
    assert TITLES[0] in first
    assert ENTER in first
    assert HIDE in first
    for key, position in (
        ("\x1b[C", 1),
        (" ", 2),
        ("n", 3),
        ("\x1b[D", 2),
        ("p", 1),
        ("\x1b[F", 9),
        ("n", 9),
        ("\x1b[H", 0),
        ("p", 0),
        ("nn", 2),
    ):
        terminal.press(key)
        assert TITLES[position] in terminal.read_until(KEY_LINE)
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.shown.count(ENTER) == terminal.shown.count(LEAVE) == 1
    # The cursor is back, and nothing is left behind on the screen before.
    assert terminal.shown.rindex(SHOW) > terminal.shown.rindex(HIDE)
    assert terminal.shown[terminal.shown.index(LEAVE) + len(LEAVE) :].strip() == SHOW


def rows_of(screen: str) -> list[str]:
    """The lines of the last picture, without colours."""
    picture = screen.split("\x1b[H")[-1]
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", picture).replace("\r", "").split("\n")


def test_a_picture_fits_and_follows_the_size(trained: Path) -> None:
    terminal = Terminal(["step", str(trained)])
    first = rows_of(terminal.read_until(KEY_LINE))
    assert len(first) == 24
    assert max(map(len, first)) <= 80
    terminal.await_key()
    terminal.resize(10, 50)
    drawn = terminal.read_until("more lines") + terminal.read_until(KEY_LINE)
    # The terminal is raw by now: every line must return the carriage by itself.
    assert not re.search("\n(?!\r)", drawn)
    resized = rows_of(drawn)
    assert len(resized) == 10
    assert max(map(len, resized)) <= 50
    assert TITLES[0] in resized[0]
    assert "more lines" in resized[-3]
    terminal.press("q")
    assert terminal.end() == 0


def test_control_c_leaves_the_terminal_as_it_was(trained: Path) -> None:
    for interrupt in ("key", "signal"):
        terminal = Terminal(["step", str(trained)])
        terminal.read_until(KEY_LINE)
        before = termios.tcgetattr(terminal._fd)
        if interrupt == "key":
            terminal.press("\x03")
        else:
            terminal.process.send_signal(signal.SIGINT)
        terminal.read_until("Interrupted.")
        after = termios.tcgetattr(terminal._fd)
        assert after[3] & termios.ICANON
        assert after[3] & termios.ECHO
        assert before[4:6] == after[4:6]
        assert terminal.end() == 130
        assert LEAVE in terminal.shown
        assert SHOW in terminal.shown


def test_a_terminal_of_ascii(trained: Path) -> None:
    terminal = Terminal(["step", str(trained)], PYTHONIOENCODING="ascii")
    first = terminal.read_until(KEY_LINE)
    assert "n next   p back" in first
    terminal.press("\x1b[F")
    terminal.read_until(KEY_LINE)
    terminal.press("p")
    last = terminal.read_until(KEY_LINE)
    assert "w <- w - eta g,  g = dL/dw" in last
    assert "?" not in re.sub(r"\x1b\[\?\d+[hl]", "", last)
    terminal.press("q")
    assert terminal.end() == 0


@pytest.mark.thorough
def test_without_colours(trained: Path) -> None:
    terminal = Terminal(["step", str(trained)], NO_COLOR="1")
    first = terminal.read_until(KEY_LINE)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", first)
    terminal.press("q")
    assert terminal.end() == 0
    coloured = Terminal(["step", str(trained)])
    assert re.search(r"\x1b\[[0-9;]*34m", coloured.read_until(KEY_LINE))
    coloured.press("q")
    assert coloured.end() == 0


@pytest.mark.thorough
def test_a_dumb_terminal_gets_all_of_it(trained: Path) -> None:
    terminal = Terminal(["step", str(trained)], TERM="dumb")
    terminal.read_until(TITLES[-1])
    assert terminal.end() == 0
    assert ENTER not in terminal.shown


@pytest.mark.thorough
def test_all_in_a_terminal(trained: Path) -> None:
    terminal = Terminal(["step", str(trained), "--all"])
    terminal.read_until(TITLES[-1])
    assert terminal.end() == 0
    assert ENTER not in terminal.shown
