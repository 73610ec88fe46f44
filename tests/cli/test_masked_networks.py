"""A network whose samples have padding, saved with its masks: every command sees them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    GRU,
    LSTM,
    RNN,
    SGD,
    Linear,
    MultiheadAttention,
    Network,
    Sequential,
    TimeStep,
    fit,
    load,
    recurrent_stack,
    save,
    take_step,
)
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.cli import main
from clearprop.reading.explanation import explain_weight
from clearprop.reading.health import examine

ROW = "layers[0].heads[1].weights"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    x, target = generator.normal(size=(5, 3, 4)), generator.normal(size=(5, 3, 2))
    padding = np.zeros((5, 3), bool)
    padding[1, 2] = True
    network = Network(Sequential(MultiheadAttention(4, 2), Linear(4, 2)))
    masks = {"key_padding_mask": padding}
    start = network.initialize(0)
    done = fit(network, start, x, target, side_inputs=masks, optimizer=SGD(0.1), epochs=3)
    path = tmp_path / "padded.safetensors"
    save(
        path,
        network,
        done.state.params,
        x=x,
        target=target,
        loss="mse",
        optimizer=SGD(0.1),
        state=done.state,
        side_inputs=masks,
    )
    return path


def test_the_masks_are_kept_and_taken(
    saved: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    masks = load(saved).side_inputs
    assert masks["key_padding_mask"].dtype == bool
    assert main(["show", str(saved)]) == 0
    assert "side input: key_padding_mask" in capsys.readouterr().out
    for command in ("step", "health"):
        assert main([command, str(saved)]) == 0
    capsys.readouterr()
    assert main(["explain", str(saved), "--neuron", f"{ROW}[0,2]", "--sample", "1"]) == 0
    told = capsys.readouterr().out
    assert "w = 0\n" in told  # sample 1's last position is padding
    assert "agrees" in told
    program = tmp_path / "padded.py"
    assert main(["write", str(saved), "--epochs", "2", "--out", str(program)]) == 0
    capsys.readouterr()
    assert main(["check", f"{program}:backward"]) == 0
    assert "RIGHT" in capsys.readouterr().out


def test_the_program_goes_on_beside_its_masks(saved: Path, tmp_path: Path) -> None:
    kept = load(saved)
    assert kept.x is not None
    assert kept.target is not None
    program = tmp_path / "padded.py"
    main(["write", str(saved), "--epochs", "2", "--out", str(program)])
    names = {"__file__": str(program), "__name__": "padded"}
    exec(program.read_text(encoding="utf-8"), names)
    found = np.concatenate([one.ravel() for one in names["main"]()])  # type: ignore[operator]
    on = fit(
        kept.network,
        kept.params,
        kept.x,
        kept.target,
        side_inputs=kept.side_inputs,
        optimizer=SGD(0.1),
        epochs=2,
    )
    np.testing.assert_allclose(found, on.state.params, rtol=1e-13, atol=1e-17)


def test_masks_that_do_not_fit_are_refused_before_a_file_is_touched(tmp_path: Path) -> None:
    network = Network(MultiheadAttention(4, 2))
    params, x = network.initialize(0), np.ones((2, 3, 4))
    path = tmp_path / "no.safetensors"
    with pytest.raises(ShapeError, match="each of the 2 samples"):
        save(
            path, network, params, x=x, target=x, side_inputs={"key_padding_mask": x[:1, :, 0] > 2}
        )
    with pytest.raises(ConfigurationError):
        save(path, network, params, side_inputs={"key_padding_mask": x[..., 0] > 2})
    assert not path.exists()


def test_an_exported_model_takes_the_masks(saved: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = tmp_path / "padded.onnx"
    assert main(["export", str(saved), "--out", str(model)]) == 0
    assert [one.name for one in onnx.load(model).graph.input] == ["input", "key_padding_mask"]
    again = tmp_path / "again.safetensors"
    assert main(["import", str(model), "--out", str(again)]) == 0
    kept, came = load(saved), load(again)
    assert kept.x is not None
    np.testing.assert_allclose(
        came.predict(kept.x, side_inputs=kept.side_inputs),
        kept.predict(kept.x, side_inputs=kept.side_inputs),
        rtol=1e-12,
    )


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_a_program_of_sequences_takes_their_lengths(
    kind: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    generator = np.random.default_rng(1)
    x, target = generator.normal(size=(4, 3, 2)), generator.normal(size=(4, 1))
    both = recurrent_stack(kind, 2, 2, bidirectional=True)
    network = Network(Sequential(both, TimeStep(), Linear(4, 1)))
    path, program = tmp_path / "lengths.safetensors", tmp_path / "lengths.py"
    save(
        path,
        network,
        network.initialize(0),
        x=x,
        target=target,
        loss="mse",
        side_inputs={"lengths": np.array([3, 1, 2, 3])},
    )
    assert main(["write", str(path), "--epochs", "2", "--out", str(program)]) == 0
    assert "def forward(x, lengths, " in program.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["check", f"{program}:backward"]) == 0
    assert "RIGHT" in capsys.readouterr().out


@pytest.fixture
def padded(tmp_path: Path) -> Path:
    """Sequences of different lengths, with NaN behind their ends."""
    generator = np.random.default_rng(2)
    lengths = np.array([3, 1, 2, 3])
    x, target = generator.normal(size=(4, 3, 2)), generator.normal(size=(4, 1))
    x[np.arange(3) >= lengths[:, None]] = np.nan
    network = Network(Sequential(GRU(2, 3), TimeStep(), Linear(3, 1)))
    path = tmp_path / "ends.safetensors"
    told = {"loss": "mse", "optimizer": SGD(0.1), "side_inputs": {"lengths": lengths}}
    save(path, network, network.initialize(0), x=x, target=target, **told)  # type: ignore[arg-type]
    return path


def test_what_stands_behind_an_end_disturbs_no_command(
    padded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = load(padded)
    assert kept.x is not None
    assert kept.target is not None
    step = take_step(kept.network, kept.params, kept.x, kept.target, side_inputs=kept.side_inputs)
    explained = explain_weight(step, "layers[0].weight_ih[0,1]")
    # Each sample alone, cut to its length: their mean is the gradient.
    each = []
    for sample, length in enumerate(kept.side_inputs["lengths"]):
        one = slice(sample, sample + 1)
        alone = take_step(kept.network, kept.params, kept.x[one, :length], kept.target[one])
        each.append(explain_weight(alone, "layers[0].weight_ih[0,1]").gradient)
    assert explained.gradient == pytest.approx(np.mean(each), rel=1e-12)
    assert explained.times is not None
    assert sum(explained.times.values) == pytest.approx(explained.gradient, rel=1e-12)
    assert main(["explain", str(padded), "--weight", "layers[0].weight_ih[0,1]"]) == 0
    told = capsys.readouterr().out
    assert "agrees" in told
    assert "nan" not in told.lower()
    assert main(["step", str(padded)]) == 0
    assert f"{step.value:.3f}" in capsys.readouterr().out
    assert main(["health", str(padded)]) == 0
    told = capsys.readouterr().out
    assert "no finite number" not in told
    assert "The local bound of the learning rate" in told
    program = tmp_path / "ends.py"
    assert main(["write", str(padded), "--epochs", "2", "--out", str(program)]) == 0
    capsys.readouterr()
    assert main(["check", f"{program}:backward"]) == 0
    assert "RIGHT" in capsys.readouterr().out


def test_nan_before_an_end_is_found(padded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = load(padded)
    assert kept.x is not None
    assert kept.target is not None
    x = kept.x.copy()
    x[2, 1, 0] = np.nan
    step = take_step(kept.network, kept.params, x, kept.target, side_inputs=kept.side_inputs)
    found = [str(one.places[0]) for one in examine(step).findings]
    assert "input[1,0]" in found


def test_an_exported_model_takes_the_lengths(
    padded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    model = tmp_path / "ends.onnx"
    assert main(["export", str(padded), "--out", str(model)]) == 0
    assert [one.name for one in onnx.load(model).graph.input] == ["input", "lengths"]
    again = tmp_path / "again.safetensors"
    assert main(["import", str(model), "--out", str(again)]) == 0
    kept, came = load(padded), load(again)
    assert kept.x is not None
    expected = kept.predict(kept.x, side_inputs=kept.side_inputs)
    found = came.predict(kept.x, side_inputs=kept.side_inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # It has no samples, which would say how long its sequences are.
    assert main(["show", str(again)]) == 0
    assert "GRU(2, 3)" in capsys.readouterr().out


def test_a_program_that_predicts_takes_the_lengths(
    padded: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = load(padded)
    assert kept.x is not None
    program, samples = tmp_path / "predict.py", tmp_path / "samples.npz"
    assert main(["export", str(padded), "--to", "numpy", "--out", str(program)]) == 0
    assert not capsys.readouterr().err
    names: dict[str, Any] = {"__file__": str(program), "__name__": "predict"}
    exec(program.read_text(encoding="utf-8"), names)
    expected = kept.predict(kept.x, side_inputs=kept.side_inputs)
    said = names["predict"](kept.x, kept.side_inputs["lengths"])
    np.testing.assert_allclose(said, expected, rtol=1e-12)
    np.savez(samples, x=kept.x, lengths=kept.side_inputs["lengths"])
    names["main"](samples)
    assert capsys.readouterr().out.splitlines() == [f"{value:.6g}" for value in expected[:, 0]]


def test_a_program_that_predicts_takes_the_masks(saved: Path, tmp_path: Path) -> None:
    kept, program = load(saved), tmp_path / "predict.py"
    assert kept.x is not None
    assert main(["export", str(saved), "--to", "numpy", "--out", str(program)]) == 0
    names: dict[str, Any] = {"__file__": str(program), "__name__": "predict"}
    exec(program.read_text(encoding="utf-8"), names)
    said = names["predict"](kept.x, kept.side_inputs["key_padding_mask"])
    expected = kept.predict(kept.x, side_inputs=kept.side_inputs)
    np.testing.assert_allclose(said, expected, rtol=1e-12)


def test_a_program_that_predicts_takes_the_state_that_it_starts_from(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    network = Network(RNN(2, 3))
    x, path = np.ones((4, 3, 2)), tmp_path / "begun.safetensors"
    first = {"hidden": np.ones((4, 3))}
    start, target = network.initialize(0), np.ones((4, 3, 3))
    save(path, network, start, x=x, target=target, loss="mse", side_inputs=first)
    program = tmp_path / "predict.py"
    assert main(["export", str(path), "--to", "numpy", "--out", str(program)]) == 0
    assert not capsys.readouterr().err
    names: dict[str, Any] = {"__file__": str(program), "__name__": "predict"}
    exec(program.read_text(encoding="utf-8"), names)
    expected = network.predict(start, x, side_inputs=first)
    np.testing.assert_allclose(names["predict"](x, first["hidden"]), expected, rtol=1e-12)
