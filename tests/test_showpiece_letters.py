"""The LSTM that reads letters: its numbers beside PyTorch's, its windows, its report."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from clearprop.formats.network_file import load
from clearprop.teaching.experiments.ferry_story import ferry_story
from clearprop.teaching.showpieces.gpt_network import Letters
from clearprop.teaching.showpieces.letters_report import write_letters_report
from clearprop.teaching.showpieces.letters_training import (
    STREAMS,
    WINDOW,
    LettersResult,
    beside_torch,
    continued,
    train_letters,
    windows_of_streams,
)


@pytest.fixture(scope="module")
def result() -> LettersResult:
    return train_letters(3, with_torch=False, progress=lambda *_: None)


def test_it_begins_knowing_nothing_and_learns(result: LettersResult) -> None:
    even = np.log(len(result.letters.known))
    assert abs(result.losses[0] - even) < 0.1
    assert result.losses[-1] < result.losses[0]


def test_every_loss_and_parameter_is_pytorchs() -> None:
    pytest.importorskip("torch")
    found = beside_torch(Letters.of(ferry_story()), seed=1, steps=4)
    assert found.losses < 1e-13
    assert found.params < 1e-10
    assert found.agrees


def test_a_window_goes_on_where_the_one_before_ended() -> None:
    ids = np.arange(STREAMS * 2 * WINDOW + 5)
    pieces = list(islice(windows_of_streams(ids), 3))
    assert [is_first for is_first, _, _ in pieces] == [True, False, True]
    first, second = pieces[0][1], pieces[1][1]
    assert first.shape == (STREAMS, WINDOW)
    np.testing.assert_array_equal(second[:, 0], first[:, -1] + 1)
    for _, x, target in pieces:
        np.testing.assert_array_equal(target, x + 1)


def test_the_gradient_of_a_letter_goes_back_further_in_an_lstm(result: LettersResult) -> None:
    lstm, rnn = result.reaches["lstm_before"], result.reaches["rnn"]
    assert lstm.sizes[0] == rnn.sizes[0] == 1
    assert len(lstm.sizes) == len(result.text) - 1
    # What is left is the product of the steps' factors.
    np.testing.assert_allclose(lstm.factor ** (len(lstm.sizes) - 1), lstm.sizes[-1], rtol=1e-9)
    assert rnn.sizes[-1] < lstm.sizes[-1] < 1e-6


def test_what_it_writes_can_be_written_again(result: LettersResult) -> None:
    one, other = (
        continued(result.network, result.params, result.letters, "The ", 5, seed=1) for _ in "ab"
    )
    assert one == other
    assert one.startswith("The ")
    assert len(one) == 9


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_the_report(result: LettersResult, language: str, tmp_path: Path) -> None:
    write_letters_report(result, tmp_path, language)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f'lang="{language}"' in page
    # Of the weights into forget gates, which stand behind those of the input gates.
    gradient = np.abs(result.step.backward.named()["layers[1].weight_hh"][:, 96:192])
    row, unit = np.argwhere(gradient == gradient.max())[0]
    for said in (f"weight_hh[{row},{96 + unit}]", f"layers[1].time[45].forget[{unit}]", "a_f"):
        assert said in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    numbers = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert set(numbers["reach"]) == {"lstm_before", "lstm_after", "rnn"}
    saved = load(tmp_path / "network.safetensors")
    np.testing.assert_array_equal(saved.params, result.params)
