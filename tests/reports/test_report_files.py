"""What lies beside the page: figures, numbers, networks."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from clearprop.cli import main
from clearprop.drawing.pen.palette import COLOURS
from clearprop.formats import network_file as files
from clearprop.formats.checkpoints import load_checkpoint
from clearprop.teaching.experiments.progress import silent
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.reports.figures import figure_catalogue
from clearprop.teaching.reports.report import write_report
from clearprop.teaching.reports.results import results_json
from clearprop.training import StepEvent, train


@pytest.fixture
def folder(written: Callable[[str], Path]) -> Path:
    return written("en")


def test_every_figure_is_svg_and_png(folder: Path, figures: int) -> None:
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert len(names) == figures
    for name in names:
        root = ElementTree.parse(folder / "figures" / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("viewBox")
        texts = root.findall(".//{http://www.w3.org/2000/svg}text")
        assert texts, f"the text of {name} is no longer text"
        head = (folder / "figures" / f"{name}.png").read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", head[16:24])
        assert width >= 1200
        assert height >= 250


def test_the_curves_take_the_pages_colours(folder: Path) -> None:
    """A colour that is not a custom property would not change in the dark."""
    for name in ("training-relu", "seeds", "rates", "gradient-check", "descent"):
        svg = (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        body = svg[svg.index("</style>") :]
        for role, colour in COLOURS.items():
            assert f"fill: {colour.light}" not in body
            assert f"stroke: {colour.light}" not in body
            assert body.count(colour.light) == body.count(f", {colour.light})"), role


@pytest.mark.thorough
def test_a_reproduction_makes_the_same_figures_again(
    result: Reproduction,
    folder: Path,
    figures: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The pixels, which are not compared, take as long as the drawings.
    monkeypatch.setattr("clearprop.teaching.reports.report.png", lambda scene, scale: b"")
    monkeypatch.setattr(figure_catalogue, "to_png", lambda figure: b"")
    write_report(result, tmp_path, "en", silent)
    paths = sorted((folder / "figures").glob("*.svg"))
    assert len(paths) == figures
    for path in paths:
        assert (tmp_path / "figures" / path.name).read_bytes() == path.read_bytes(), path.name


def test_results_hold_every_loss_of_every_run(folder: Path, result: Reproduction) -> None:
    data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert data["settings"] == {
        "steps": 50,
        "learning_rate": 0.01,
        "seeds": 200,
        "dtype": "float64",
        "with_torch": True,
        "engine": "auto",
        "language": "en",
    }
    assert data["versions"]["numpy"] == np.__version__
    for name, training in zip(
        ("linear", "relu_as_printed", "relu"), data["trainings"], strict=True
    ):
        assert training["name"] == name
        assert training["losses"] == getattr(result.trainings, name).losses.tolist()
    for study, saved in zip(result.studies.values(), data["seed_studies"], strict=True):
        np.testing.assert_array_equal(np.array(saved["losses"]).T, study.losses)
        assert saved["seeds"] == list(range(200))
    assert data["worked_example"]["loss_after_step_old_weights"] == result.worked.loss_old_weights
    assert [claim["key"] for claim in data["claims"]] == [one.key for one in result.claims]
    assert data["gradient_check"]["printed"] == result.check.printed.tolist()


def test_results_are_strict_json_where_numbers_overflowed(diverged: Reproduction) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    data = json.loads(results_json(diverged, "en"), parse_constant=refuse)
    losses = data["trainings"][0]["losses"]
    assert {"NaN", "Infinity"} & {one for one in losses if isinstance(one, str)}
    assert isinstance(losses[0], float)


def test_the_shares_of_a_weights_gradient_add_up(folder: Path, result: Reproduction) -> None:
    shares = json.loads((folder / "results.json").read_text(encoding="utf-8"))["gradient_shares"]
    total = sum(one["product"] for one in shares["largest"]) + shares["rest"]
    assert total == pytest.approx(shares["total"], rel=1e-12)
    # layers[0].weight[0,3] is entry 3 of the flat gradient.
    assert shares["total"] == pytest.approx(result.check.right[3], rel=1e-12)


@pytest.mark.parametrize("name", ["linear", "relu"])
def test_a_saved_training_goes_on(folder: Path, result: Reproduction, name: str) -> None:
    path = folder / "networks" / f"{name}.safetensors"
    checkpoint = load_checkpoint(path)
    run = getattr(result.trainings, name)
    np.testing.assert_array_equal(checkpoint.state.params, run.state.params)
    assert checkpoint.state.step == 50
    np.testing.assert_array_equal(files.load(path).x, result.data.x)
    events = train(
        checkpoint.network,
        checkpoint.state,
        result.data.x,
        result.data.target,
        loss=checkpoint.loss,
        optimizer=checkpoint.optimizer,
        epochs=52,
    )
    losses = [event.loss for event in events if isinstance(event, StepEvent)]
    assert len(losses) == 2
    assert losses[1] <= losses[0] <= run.losses[-1] * (1 + 1e-12)


def test_the_networks_hold_their_start_and_all_of_their_data(
    folder: Path, result: Reproduction, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("linear", "relu", "relu-as-printed"):
        saved = files.load(folder / "networks" / f"{name}.safetensors")
        np.testing.assert_array_equal(saved.x, result.data.x)
        # The tutorial's start: RandomState(0), W₁ first.
        assert saved.start is not None
        assert saved.start[0] == np.random.RandomState(0).rand()
    # So the bound of S13's rate is known at its start, 2/λmax = 0.038.
    assert main(["health", str(folder / "networks" / "relu.safetensors"), "--lang", "en"]) == 0
    assert "and the bound 0.0382" in capsys.readouterr().out


def test_the_networks_of_the_parabola_are_saved(folder: Path, result: Reproduction) -> None:
    saved = files.load(folder / "networks" / "curved-relu.safetensors")
    fit = saved.network.predict(saved.params, result.curved.fit_x)
    np.testing.assert_array_equal(fit, result.curved.relu_fit)
    assert saved.target is not None
    assert saved.target.shape == (100, 1)
    names = {path.name for path in (folder / "networks").iterdir()}
    assert names == {
        f"{name}.safetensors"
        for name in ("linear", "relu", "relu-as-printed", "curved-linear", "curved-relu")
    }
