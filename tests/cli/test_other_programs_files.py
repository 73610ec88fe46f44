"""`clearprop export` and `clearprop import`, as a person types them."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    BatchNorm,
    BinaryCrossEntropy,
    CrossEntropy,
    Dropout,
    Embedding,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    load,
    save,
)
from clearprop.base.arrays import Array
from clearprop.cli import main

NETWORK = Network(
    Sequential(
        Linear(2, 3), BatchNorm(3), ReLU(), Residual(Sequential(Linear(3, 3), Tanh())),
        Dropout(0.2), Linear(3, 2),
    )
)  # fmt: skip
PARAMS = NETWORK.initialize(0)
X = np.random.default_rng(0).normal(size=(6, 2))
STATE = NETWORK.forward(PARAMS, X).state


@pytest.fixture
def file(tmp_path: Path, monkeypatch: Any) -> str:
    monkeypatch.chdir(tmp_path)
    ids = np.array([0, 1, 0, 1, 1, 0])
    kept: dict[str, Any] = {"x": X, "target": ids, "loss": CrossEntropy(), "state": STATE}
    save("n.safetensors", NETWORK, PARAMS, classes=("cat", "dog"), **kept)
    return "n.safetensors"


@pytest.mark.parametrize("name", ["n.onnx", "out.pt", "out.safetensors"])
def test_a_network_goes_out_and_comes_in(file: str, name: str, torch: Any, capsys: Any) -> None:
    to = ["--to", "safetensors"] if name.endswith(".safetensors") else []
    assert main(["export", file, *to, "-o", name]) == 0
    told = ["--network", file] if name.endswith(".pt") else []
    assert main(["import", name, *told, "--lang", "en", "-o", "back.safetensors"]) == 0
    assert f"(7 layers, {NETWORK.size} parameters)" in capsys.readouterr().out
    saved = load("back.safetensors")
    np.testing.assert_allclose(
        saved.predict(X), NETWORK.predict(PARAMS, X, state=STATE), 1e-12, 1e-13
    )
    if name == "n.onnx":
        assert saved.classes == ("cat", "dog")


def program_of(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("said", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_program_predicts_in_use(file: str, capsys: Any) -> None:
    assert main(["export", file, "--to", "numpy", "--lang", "en"]) == 0
    text = capsys.readouterr().out
    Path("said.py").write_text(text, encoding="utf-8")
    output = NETWORK.predict(PARAMS, X, state=STATE)
    powers = np.exp(output)
    expected = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(program_of("said.py").predict(X), expected, 1e-12)
    np.savetxt("x.csv", X, delimiter=",")
    run = subprocess.run(
        [sys.executable, "said.py", "x.csv"], capture_output=True, text=True, check=True
    )
    names = [line.partition(":")[0] for line in run.stdout.splitlines()]
    assert names == [("cat", "dog")[k] for k in output.argmax(1)]
    alone = subprocess.run([sys.executable, "said.py"], capture_output=True, text=True)
    assert alone.returncode == 1
    assert "Predict:  python" in alone.stderr
    assert "Traceback" not in alone.stderr
    assert "rng" not in text  # no masks of dropout
    assert main(["export", file, "--to", "numpy", "--lang", "zh-TW"]) == 0
    assert "寫成程式的網路" in capsys.readouterr().out


OTHERS: dict[str, tuple[Any, Array, Any]] = {
    "ids": (Sequential(Embedding(5, 3), Linear(3, 2)), np.array([0, 4, 2]), None),
    "labels": (Sequential(Linear(2, 3)), X, BinaryCrossEntropy()),
    "numbers": (Sequential(Linear(2, 40), ReLU(), Linear(40, 40), Linear(40, 1)), X, None),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_programs_of_other_networks(
    name: str, dtype: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    layer, x, loss = OTHERS[name]
    network = Network(layer)
    params = network.initialize(0, dtype=dtype)
    save("n.safetensors", network, params, loss=loss)
    assert main(["export", "n.safetensors", "-o", "said.py"]) == 0
    assert Path("said.npz").exists() == (name == "numbers")
    x = x.astype(dtype) if x.dtype.kind == "f" else x
    expected = network.predict(params, x)
    expected = 1 / (1 + np.exp(-expected)) if loss else expected
    close = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(program_of("said.py").predict(x), expected, close, close)
    # What somebody may have worked on is left as it is.
    Path("said.py").write_text("mine")
    assert main(["export", "n.safetensors", "-o", "said.py"]) == 2
    assert Path("said.py").read_text() == "mine"


NONSENSE: dict[str, tuple[list[str], str]] = {
    "nothing": (["export"], "needs the file of a saved network"),
    "no format": (["export", "n.safetensors"], "needs to know the format"),
    "format": (["export", "n.safetensors", "--to", "keras", "-o", "k.h5"], "keras"),
    "ending": (["export", "n.safetensors", "--to", "onnx", "-o", "n.pt"], "n.pt"),
    "opset": (["export", "n.safetensors", "--opset", "3", "-o", "n.onnx"], "from 17 to"),
    "no opset": (["export", "n.safetensors", "--opset", "18", "-o", "n.pt"], "leave it out"),
    "itself": (["export", "n.safetensors", "--to", "safetensors", "-o", "n.safetensors"], "n.safe"),
    "no file": (["import"], "needs a file"),
    "no out": (["import", "n.onnx"], "needs the file to write"),
    "own": (["import", "n.safetensors", "-o", "o.safetensors"], "saved by clearprop already"),
    "kind": (["import", "n.h5", "-o", "o.safetensors"], "known are .onnx"),
    "pickle": (["import", "n.pkl", "-o", "o.safetensors"], "unpickling it could run any code"),
    "missing": (["import", "no.onnx", "-o", "o.safetensors"], "There is no file"),
    "text": (["import", "text.onnx", "-o", "o.safetensors"], "is not an ONNX model"),
    "weights": (["import", "text.pt", "-o", "o.safetensors"], "cannot be read as PyTorch's"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_one_sentence_in_either_language(
    name: str, file: str, torch: Any, capsys: Any
) -> None:
    words, said = NONSENSE[name]
    for foreign in ("text.onnx", "text.pt", "n.h5", "n.pkl"):
        Path(foreign).write_text("not what it says")
    before = Path(file).read_bytes()
    assert main([*words, "--lang", "en"]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1
    assert main([*words, "--lang", "zh-TW"]) == 2
    assert capsys.readouterr().err != complaint
    assert Path(file).read_bytes() == before
    assert not Path("o.safetensors").exists()


def test_an_onnx_model_says_itself_which_network_it_is(file: str, capsys: Any) -> None:
    assert main(["export", file, "-o", "n.onnx"]) == 0
    words = ["import", "n.onnx", "--network", "2-3", "-o", "o.safetensors", "--lang", "en"]
    assert main(words) == 2
    assert "leave --network out" in capsys.readouterr().err


def test_arrays_of_a_spelled_network_come_in(torch: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    torch.save(module.state_dict(), "w.pt")
    words = ["import", "w.pt", "--network", "4-3-relu-2", "-o", "n.safetensors"]
    assert main(words) == 0
    x = torch.randn(5, 4)
    np.testing.assert_allclose(
        load("n.safetensors").predict(x.numpy()), module(x).detach(), 1e-5, 1e-6
    )
    assert main(["import", "w.pt", "--network", "4-5-relu-2", "-o", "m.safetensors"]) == 2
