"""The micro-GPT: its numbers beside PyTorch's, its report, and what it writes."""

import json
from pathlib import Path

import numpy as np
import pytest

from clearprop.cli import main
from clearprop.formats.network_file import load
from clearprop.teaching.showpieces.gpt_network import Letters, continued, gpt, windows
from clearprop.teaching.showpieces.gpt_report import write_gpt_report
from clearprop.teaching.showpieces.gpt_training import GptResult, beside_torch, train_gpt


@pytest.fixture(scope="module")
def result() -> GptResult:
    return train_gpt(3, with_torch=False, progress=lambda *_: None)


def test_it_has_about_a_hundred_thousand_parameters_and_begins_knowing_nothing(
    result: GptResult,
) -> None:
    assert 95_000 < result.network.size < 115_000
    even = np.log(len(result.letters.known))
    assert abs(result.losses[0] - even) < 0.1
    assert result.losses[-1] < result.losses[0]


def test_every_loss_and_parameter_is_pytorchs() -> None:
    pytest.importorskip("torch")
    letters = Letters.of("the man on the river counted the stones on the bottom of the river")
    network = gpt(len(letters.known), features=16, heads=4, positions=12)
    found = beside_torch(network, *windows(letters.ids, 12), seed=1)
    assert found.steps == 20
    assert found.losses < 1e-13
    assert found.params < 1e-10
    assert found.agrees


def test_letters_and_windows() -> None:
    letters = Letters.of("abcab")
    assert letters.known == "abc"
    assert letters.decoded(letters.encoded("cab")) == "cab"
    x, target = windows(letters.ids, 3)
    np.testing.assert_array_equal(x, [[0, 1, 2], [1, 2, 0]])
    np.testing.assert_array_equal(target, [[1, 2, 0], [2, 0, 1]])


def test_what_it_writes_can_be_written_again(result: GptResult) -> None:
    start = result.letters.encoded("The ")

    def written(seed: int) -> str:
        ids = continued(result.network, result.params, start, 5, positions=64, seed=seed)
        return result.letters.decoded(ids)

    assert written(1) == written(1)
    assert written(1).startswith("The ")


@pytest.mark.parametrize("language", ["en", pytest.param("zh-TW", marks=pytest.mark.thorough)])
def test_the_report(result: GptResult, language: str, tmp_path: Path) -> None:
    write_gpt_report(result, tmp_path, language)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f'lang="{language}"' in page
    for said in ("heads[3]", "layers[4].branch.layers[1].heads[1].weights[12,8]", "Σ e^s"):
        assert said in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    numbers = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(numbers["losses"]) == 3
    saved = load(tmp_path / "network.safetensors")
    np.testing.assert_array_equal(saved.params, result.params)


def test_a_showpiece_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "poem", "--lang", "en"]) == 2
    complaint = capsys.readouterr().err
    assert "There is no showpiece 'poem'; choose one of" in complaint
    assert "gpt" in complaint
