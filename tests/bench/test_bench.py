"""The peers do the same work, or no time is told; and what is told is what was measured."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from clearprop import fit
from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ConfigurationError, ContractError, KernelsError
from clearprop.bench.comparison import PEERS, Measured, compare, installed_peers, require_equal
from clearprop.bench.growth_picture import growth_picture
from clearprop.bench.peers import own_peers
from clearprop.bench.peers.bare_numpy import BARE
from clearprop.bench.peers.peer import Run
from clearprop.bench.scaling import Growth
from clearprop.bench.telling import details, growth_table, picture, summary
from clearprop.bench.timing import THREAD_VARIABLES
from clearprop.bench.workloads import WORKLOADS, Workload
from clearprop.cli import main
from clearprop.cli.commands import bench_command
from clearprop.drawing import svg
from tests.sweeps import quick_where

SMALL = {
    "mse": Workload("mse", (3, 6, 2), 20, 20, False, False, 0.01, 12),
    "classes": Workload("classes", (3, 6, 5, 4), 20, 20, True, True, 0.01, 12),
    "shuffled": Workload("shuffled", (3, 6, 4), 20, 8, True, True, 0.01, 12),
    "many": Workload("many", (1, 6, 1), 20, 20, False, False, 0.01, 12, networks=3),
}
# Compiling by PyTorch takes half a minute; the benchmark itself runs it.
FAST = [name for name in PEERS if name != "torch-compiled"]


# Every kind of training in float64, where peers agree to the last digits; one in float32 too.
KINDS = [*((name, "float64") for name in SMALL), ("shuffled", "float32")]


@pytest.mark.parametrize(("name", "dtype"), quick_where(KINDS, lambda place, _: place % 2 == 1))
def test_every_peer_comes_to_the_loss_of_fit(name: str, dtype: str) -> None:
    workload = replace(SMALL[name], dtype=dtype)
    peers = [PEERS[name] for name in FAST if all(map(is_installed, PEERS[name].packages))]
    measured = compare(workload, peers, rounds=1)
    trained = fit(
        workload.network,
        workload.start,
        workload.x,
        workload.target,
        loss=workload.loss,
        optimizer=workload.optimizer,
        epochs=workload.epochs(workload.steps),
        batch_size=workload.batch,
        engine="numpy",
    )
    expected = float(np.mean(trained.losses[-1]))
    assert {"clearprop", "clearprop-numpy"} <= set(measured.losses)
    assert ("numpy" in measured.losses) == (workload.networks is None)
    has_sklearn = is_installed("sklearn") and workload.is_shuffled
    assert ("sklearn" in measured.losses) == has_sklearn
    for peer, loss in measured.losses.items():
        if PEERS[peer].trains and not PEERS[peer].draws:
            assert loss == pytest.approx(expected, rel=2e-4 if dtype == "float32" else 1e-9), peer
    assert all(seconds > 0 for seconds in measured.seconds.values())


def test_no_time_is_told_where_the_work_differs() -> None:
    slower = replace(SMALL["mse"], learning_rate=0.011)
    planted = BARE._replace(ready=lambda workload: BARE.ready(slower))
    with pytest.raises(ContractError) as problem:
        compare(SMALL["mse"], [PEERS["clearprop-numpy"], planted], rounds=1)
    assert problem.value.key == "bench_losses_differ"
    assert problem.value.values["name"] == "numpy"


def test_without_kernels_numpy_is_not_taken_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(dtype: str) -> object:
        raise KernelsError("kernels_no_compiler")

    monkeypatch.setattr(own_peers, "library", none)
    with pytest.raises(KernelsError):
        compare(SMALL["mse"], [PEERS["clearprop"]], rounds=1)


def test_one_that_draws_its_own_start_must_come_near() -> None:
    workload = SMALL["shuffled"]
    require_equal(workload, {"numpy": 0.1, "sklearn": 0.3, "products-numpy": float("nan")})
    for other in (0.5, 0.02, float("nan")):
        with pytest.raises(ContractError):
            require_equal(workload, {"numpy": 0.1, "sklearn": other})


def measured() -> Measured:
    """Numbers that are not those of a machine."""
    seconds = {"clearprop": 2e-6, "numpy": 8e-6, "jax": 4e-6, "products-numpy": 1e-6}
    losses = {**dict.fromkeys(seconds, 0.25), "products-numpy": float("nan")}
    ready, threads = dict.fromkeys(seconds, 0.5), dict.fromkeys(seconds, 2)
    return Measured(WORKLOADS["64-128-10-adam"], seconds, losses, ready, threads)


def test_ratios_are_ours_over_theirs() -> None:
    one = measured()
    assert (one.best_peer, one.products) == ("jax", "products-numpy")
    assert one.ratio_to("jax") == 0.5
    assert one.ratio_to("products-numpy") == 2.0
    alone = Measured(one.workload, {"clearprop": 2e-6}, {"clearprop": 0.25})
    assert (alone.best_peer, alone.ratio_to(alone.best_peer)) == (None, None)
    assert json.loads(json.dumps(one.as_data()))["to_best_peer"] == 0.5


def test_each_at_its_best_number_of_threads() -> None:
    both = measured()
    seconds = {"clearprop": 3e-6, "numpy": 1e-6, "products-numpy": 5e-7, "torch": 9e-6}
    one = Measured(
        both.workload,
        seconds,
        {**dict.fromkeys(seconds, 0.25), "products-numpy": float("nan")},
        dict.fromkeys(seconds, 0.1),
        dict.fromkeys(seconds, 1),
    )
    best = both.best_of(json.loads(json.dumps(one.as_data())))
    assert best.threads == {"clearprop": 2, "jax": 2, "numpy": 1, "products-numpy": 1, "torch": 1}
    assert best.seconds == {
        **both.seconds,
        **{name: seconds[name] for name in seconds if name != "clearprop"},
    }
    assert (best.ready["numpy"], best.ready["jax"], best.losses["torch"]) == (0.1, 0.5, 0.25)
    assert np.isnan(best.losses["products-numpy"])


def test_a_peer_whose_compiler_fails_is_left_out() -> None:
    def ready(workload: Workload) -> Run:
        raise KernelsError("bench_compiler_fails", name="torch-compiled", problem="no C++ compiler")

    broken = PEERS["torch-compiled"]._replace(ready=ready)
    one = compare(SMALL["mse"], [BARE, broken], rounds=1)
    assert set(one.seconds) == set(one.ready) == {"numpy"}
    assert "no C++ compiler" in details(one, "en").splitlines()[-1]
    assert "不列入" in details(one, "zh-TW").splitlines()[-1]
    assert "no C++ compiler" in one.as_data()["left_out"]["torch-compiled"]


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_the_tables_and_the_picture_say_so(language: str) -> None:
    table = details(measured(), language)
    rows = [line.split() for line in table.splitlines()[-4:]]
    assert [row[0] for row in rows] == ["products-numpy", "clearprop", "jax", "numpy"]
    assert rows[2] == ["jax", "4.00", "2.00", "×", "0.250000", "2", "0.50"]
    line = summary([measured()], language).splitlines()[-1]
    end = "2.00 µs jax 4.00 µs 0.50 products-numpy 1.00 µs 2.00"
    assert " ".join(line.split()).endswith(end)
    fit_line = summary([replace(measured(), workload=WORKLOADS["digits"])], language)
    assert "3,600 µs" in fit_line  # a whole fit of 1,800 steps
    drawn = svg(picture([measured()], language), standalone=True)
    texts = {item.text for item in ElementTree.fromstring(drawn).iter() if item.text}
    assert {"jax", "2.00 ×", "4.00 ×", "0.50 ×"} <= texts


def test_the_exponent_is_the_slope_of_the_logarithms() -> None:
    # 3 · n²: every doubling is fourfold.
    squared = Growth("batch", (1, 2, 4, 8), (3.0, 12.0, 48.0, 192.0))
    assert squared.exponent == pytest.approx(2)
    assert "2.00" in growth_table([squared], "en")
    assert "2.00" in growth_table([squared], "zh-TW")
    for language in ("en", "zh-TW"):
        drawn = svg(growth_picture([squared], language), standalone=True)
        points = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)
        (x0, y0), *_, (x3, y3) = [(float(x), float(y)) for x, y in points]
        assert len(points) == 4
        # 3 s and 192 s on axes of 2 decades in 180 pixels and of 3 doublings in 200.
        assert x3 - x0 == pytest.approx(200, abs=0.1)
        assert y0 - y3 == pytest.approx(180 * np.log10(64) / 3, abs=0.1)


def test_the_command_knows_every_name() -> None:
    assert tuple(PEERS) == bench_command.PEER_NAMES
    assert tuple(WORKLOADS) == bench_command.WORKLOAD_NAMES
    assert installed_peers(["numpy", "clearprop"]) == [PEERS["numpy"], PEERS["clearprop"]]
    assert {peer.name for peer in installed_peers()} >= {"clearprop", "numpy", "products-numpy"}
    with pytest.raises(ConfigurationError, match="no peer 'tensorflow'"):
        installed_peers(["tensorflow"])


@pytest.fixture
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is meant for a process of its own, whose environment it settles."""
    for name in (*THREAD_VARIABLES, "XLA_FLAGS", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


@pytest.mark.usefixtures("as_it_was")
def test_the_command_measures_and_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(WORKLOADS["1-10-1"], steps=3)
    monkeypatch.setitem(WORKLOADS, "1-10-1", short)
    told = ["bench", "--workloads", "1-10-1", "--peers", "clearprop-numpy,numpy", "--rounds", "1"]
    assert main([*told, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (one,) = found["workloads"]
    assert set(one["seconds_per_step"]) == {"clearprop-numpy", "numpy"}
    assert one["best_peer"] == "numpy"
    assert found["versions"]["numpy"] == np.__version__
    assert (found["cores"], one["threads"]) == (1, {"clearprop-numpy": 1, "numpy": 1})
    path = tmp_path / "bench.svg"
    own = [*told[:-3], "clearprop,numpy", "--rounds", "1", "--plot", str(path), "--lang", "zh-TW"]
    assert main(own) == 0
    printed = capsys.readouterr().out
    assert "最快的套件" in printed
    assert str(path) in printed
    assert path.read_text(encoding="utf-8").startswith("<")


@pytest.mark.usefixtures("as_it_was")
def test_on_several_cores_one_thread_is_measured_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    alone = replace(measured(), seconds={"numpy": 1e-9, "clearprop-numpy": 1.0})
    alone = replace(alone, threads={"numpy": 1, "clearprop-numpy": 1})
    said = json.dumps({"workloads": [alone.as_data()]})

    def elsewhere(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        asked.append(command)
        return subprocess.CompletedProcess(command, int(not said), said, "\nNothing works.\n")

    monkeypatch.setattr(subprocess, "run", elsewhere)
    short = replace(WORKLOADS["1-10-1"], steps=3)
    monkeypatch.setitem(WORKLOADS, "1-10-1", short)
    told = [
        "bench",
        "--workloads=1-10-1",
        "--peers=clearprop-numpy,numpy",
        "--rounds=1",
        "--cores=2",
    ]
    assert main([*told, "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["workloads"]
    assert one["threads"] == {"clearprop-numpy": 2, "numpy": 1}
    assert one["seconds_per_step"]["numpy"] == 1e-9
    assert {"--cores=2", "--threads=1", "--rounds=1", "--json"} <= set(asked[0])
    assert main([*told, "--threads=2"]) == 0
    assert len(asked) == 1  # so many and no others
    said = ""
    assert main(told) == 2
    assert "Nothing works." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--peers", "tensorflow"], "no peer 'tensorflow'"),
        (["--workloads", "mnist"], "no workload 'mnist'"),
        (["--dtype", "float16"], "'float16'"),
        (["--plot", "bench.pdf"], "bench.pdf"),
        (["--cores", "0"], "--cores"),
        (["--rounds", "many"], "--rounds"),
        (["--threads", "0"], "--threads"),
    ],
)
@pytest.mark.usefixtures("as_it_was")
def test_nonsense_is_a_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words]) == 2
    assert sentence in capsys.readouterr().err
