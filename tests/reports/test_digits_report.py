"""`clearprop reproduce digits`: what is trained, and the folder that is written, in little."""

import json
from pathlib import Path

import numpy as np
import pytest

from clearprop import load
from clearprop.cli import main
from clearprop.teaching.showpieces import digits_training
from clearprop.teaching.showpieces.digits_training import (
    DigitsResult,
    lenet,
    moved_by_a_pixel,
    reproduce_digits,
)


def test_an_image_is_moved_by_one_pixel_in_every_direction() -> None:
    x = np.zeros((2, 1, 3, 3))
    x[0, 0, 1, 1], x[1, 0, 0, 0] = 1.0, 2.0
    moved = moved_by_a_pixel(x)
    assert moved.shape == (18, 1, 3, 3)
    np.testing.assert_array_equal(moved[:2], x)
    places = {tuple(np.argwhere(one[0])[0]) for one in moved[::2]}
    assert places == {(row, column) for row in range(3) for column in range(3)}
    # What is moved out of the image is gone: the corner stays in four of nine.
    assert sum(bool(one.any()) for one in moved[1::2]) == 4


def test_the_command_writes_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def in_little(seeds: int, **how: object) -> DigitsResult:
        return reproduce_digits(seeds, epochs=1, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(digits_training, "reproduce_digits", in_little)
    monkeypatch.setattr(digits_training, "moved_by_a_pixel", lambda x: x)
    folder = tmp_path / "digits"
    words = ["reproduce", "digits", "--out", str(folder), "--seeds", "2", "--without-torch"]
    assert main([*words, "--lang", "zh-TW"]) == 0
    assert "2 個種子的平均" in capsys.readouterr().out
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "用 LeNet 讀手寫數字" in page
    assert "反向傳遞與差商一致" in page
    assert page.count("<figure") == 9
    assert len(list((folder / "figures").glob("*.png"))) == 9
    numbers = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert set(numbers["seeds"]) == {"0", "1"}
    assert numbers["check"] == "right"
    saved = load(folder / "networks" / "digits.safetensors")
    assert saved.network == lenet()
    assert saved.x is not None
    assert saved.x.shape[1:] == (1, 8, 8)
    assert (folder / "programs" / "digits_program.npz").exists()
    assert main(["reproduce", "digit", "--out", str(folder)]) == 2
    assert "digits" in capsys.readouterr().err
