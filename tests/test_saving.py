"""What `save` keeps beside a network, what it refuses, and files of earlier versions."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    BatchNorm,
    CrossEntropy,
    Dropout,
    Huber,
    Linear,
    Network,
    ReLU,
    Sequential,
    fit,
    load,
    load_checkpoint,
    save,
    save_checkpoint,
    train,
)
from clearprop.base.errors import (
    ClearpropError,
    ConfigurationError,
    ContractError,
    DamagedFileError,
    DtypeError,
    ShapeError,
)
from clearprop.formats.checked_file import _checksum, _parse
from clearprop.formats.network_contents import VERSION
from clearprop.formats.network_file import FORMAT
from clearprop.formats.safetensors_layout import to_bytes

OLD = Path(__file__).parent / "data" / "version-1"
RANDOM = np.random.default_rng(0)
X, T = RANDOM.normal(size=(12, 2)), RANDOM.normal(size=(12, 1))
PLAIN = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)))
NORMAL = Network(Sequential(Linear(2, 3), BatchNorm(3), Dropout(0.2), Linear(3, 1)))
CLASSES = Network(Sequential(Linear(2, 3)))


def test_everything_comes_back(tmp_path: Path) -> None:
    told: Any = {"optimizer": Adam(0.05), "loss": Huber(0.5), "batch_size": 5}
    start = NORMAL.initialize(0)
    trained = fit(NORMAL, start, X, T, epochs=3, seed=9, **told)
    kept: Any = {"x": X, "target": T, "start": start, "state": trained.state}
    save(tmp_path / "f", NORMAL, trained.params, arrays={"mine": X}, notes={"a": 1}, **kept, **told)
    saved = load(tmp_path / "f")
    assert (saved.network, saved.loss, saved.optimizer) == (NORMAL, Huber(0.5), Adam(0.05))
    assert saved.progress.batch_size == 5
    assert (saved.progress.step, saved.progress.seed) == (9, 9)
    assert (dict(saved.notes), list(saved.arrays), saved.version) == ({"a": 1}, ["mine"], VERSION)
    for one, other in ((saved.x, X), (saved.target, T), (saved.start, start)):
        np.testing.assert_array_equal(one, other)
    expected = NORMAL.predict(trained.params, X, state=trained.state.layers)
    np.testing.assert_array_equal(saved.predict(X), expected)
    # As if it had never stopped.
    more = load_checkpoint(tmp_path / "f")
    events = list(train(NORMAL, more.state, X, T, epochs=5, **told))
    whole = fit(NORMAL, start, X, T, epochs=5, seed=9, **told)
    np.testing.assert_array_equal(events[-1].state.params, whole.params)
    # And the same bytes, saved from what was loaded.
    save_checkpoint(
        tmp_path / "g",
        saved.network,
        more.state,
        **told,
        x=saved.x,
        target=saved.target,
        start=saved.start,
        arrays=saved.arrays,
        notes=saved.notes,
    )
    assert (tmp_path / "g").read_bytes() == (tmp_path / "f").read_bytes()


def test_losses_and_optimizers_by_name_and_names_of_classes(tmp_path: Path) -> None:
    params = CLASSES.initialize()
    names = np.array(["貓", "狗", "a b"])
    told: Any = {"loss": "cross_entropy", "optimizer": "adam", "classes": names}
    save(tmp_path / "f", CLASSES, params, x=X, target=np.arange(12) % 3, **told)
    saved = load(tmp_path / "f")
    assert (saved.loss, saved.optimizer) == (CrossEntropy(), Adam())
    assert saved.classes == ("貓", "狗", "a b")
    # Ready to go on, from the optimizer's own start.
    assert set(saved.progress.memory.slots) == {"mean", "square"}


@pytest.mark.parametrize("kind", ["training", "layers"])
def test_running_statistics_are_kept_in_whatever_is_called_a_state(
    tmp_path: Path, kind: str
) -> None:
    trained = fit(NORMAL, NORMAL.initialize(), X, T, optimizer=SGD(0.05), epochs=4)
    state: Any = trained.state if kind == "training" else trained.state.layers
    save(tmp_path / "f", NORMAL, trained.params, state=state)
    right = NORMAL.predict(trained.params, X, state=trained.state.layers)
    np.testing.assert_array_equal(load(tmp_path / "f").predict(X), right)


def test_the_memory_of_an_optimizer(tmp_path: Path) -> None:
    rule = SGD(0.1, momentum=0.9)
    params = PLAIN.initialize()
    forward = PLAIN.forward(params, X)
    gradient = PLAIN.backward(forward, MSE().evaluate(forward.output, T).gradient).gradient
    params, state = rule.step(params, rule.start(params), gradient)
    save(tmp_path / "f", PLAIN, params, optimizer=rule, state=state)
    progress = load(tmp_path / "f").progress
    assert progress.step == progress.memory.step == 1
    np.testing.assert_array_equal(progress.memory.slots["velocity"], state.slots["velocity"])


def refusals() -> list[tuple[Network, dict[str, Any], type[ClearpropError], str]]:
    trained = fit(NORMAL, NORMAL.initialize(), X, T, optimizer=SGD(0.05), epochs=1)
    gap = {path: dict(own) for path, own in trained.state.layers.items()}
    del gap["layers[1]"]["running_var"]
    ids = np.arange(12) % 3
    return [
        (NORMAL, {}, ConfigurationError, r"layers\[1\] \(BatchNorm\) .* would be lost: state=..."),
        (NORMAL, {"state": SGD(0.1).start(X)}, ConfigurationError, "would be lost"),
        (
            NORMAL,
            {"state": gap},
            ConfigurationError,
            r"lacks the running statistics of",
        ),
        (NORMAL, {"state": trained}, ContractError, "state"),
        (NORMAL, {"state": trained.state}, ConfigurationError, "hand over the params of the same"),
        (PLAIN, {"state": 3}, ContractError, "int came"),
        (PLAIN, {"x": X}, ConfigurationError, "x and target are kept together"),
        (PLAIN, {"target": T}, ConfigurationError, "x and target are kept together"),
        (PLAIN, {"x": X, "target": T[1:]}, ShapeError, "x is .12, 2. and target .11, 1."),
        (PLAIN, {"x": X[:, :1], "target": T}, ShapeError, r"takes \(N, 2\)"),
        (PLAIN, {"x": X[:0], "target": T[:0]}, ClearpropError, "sample"),
        (PLAIN, {"x": X, "target": T[:, 0], "loss": "mse"}, ShapeError, r"\(12,\)"),
        (PLAIN, {"x": X.astype("f4"), "target": T}, DtypeError, "x is float32"),
        (CLASSES, {"x": X, "target": ids}, ConfigurationError, 'as loss="cross_entropy"'),
        (
            CLASSES,
            {"x": X, "target": ids + 3, "loss": "crossentropy"},
            ClearpropError,
            "t <= 2",
        ),
        (PLAIN, {"loss": "mean"}, ConfigurationError, "mean"),
        (PLAIN, {"optimizer": "fast"}, ConfigurationError, "fast"),
        (
            PLAIN,
            {"optimizer": Adam(), "state": SGD(0.1).start(X)},
            ConfigurationError,
            "not of Adam",
        ),
        (PLAIN, {"start": np.zeros(3)}, ShapeError, r"start has shape \(3,\)"),
        (PLAIN, {"batch_size": 0}, ConfigurationError, "batch_size"),
        (
            CLASSES,
            {"classes": ["a", "b"]},
            ConfigurationError,
            "2 names of .* 3 outputs",
        ),
        (CLASSES, {"classes": ["a", "b", "a"]}, ConfigurationError, "a name of its own"),
        (CLASSES, {"classes": ["a", "b", " "]}, ConfigurationError, "none is empty"),
        (CLASSES, {"classes": ["a", "b", "c\nd"]}, ConfigurationError, "that can be shown"),
        (CLASSES, {"classes": "abc"}, ContractError, "what the classes are called"),
        (CLASSES, {"classes": [ReLU]}, ContractError, r"handed to load with kinds=\[...\]"),
        (PLAIN, {"classes": ["yes", "no", "?"]}, ConfigurationError, "3 names of classes"),
    ]


@pytest.mark.parametrize(("network", "told", "error", "sentence"), refusals())
def test_what_does_not_go_together_is_refused_before_a_file_is_touched(
    network: Network,
    told: dict[str, Any],
    error: type[ClearpropError],
    sentence: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        save(tmp_path / "f", network, network.initialize(3), **told)
    assert caught.value.message("zh-TW") != str(caught.value)
    assert not list(tmp_path.iterdir())


def test_data_with_gaps_are_kept(tmp_path: Path) -> None:
    x = X.copy()
    x[0, 0] = np.nan
    save(tmp_path / "f", PLAIN, PLAIN.initialize(), x=x, target=T)
    np.testing.assert_array_equal(load(tmp_path / "f").x, x)


# --- files of version 1, written by clearprop as it was then -------------------------------------


def test_version_1_a_network_with_arrays_and_notes() -> None:
    saved = load(OLD / "network.safetensors")
    network = Network(Sequential(Linear(2, 2), ReLU(), Linear(2, 1)))
    assert (saved.network, saved.version) == (network, 1)
    np.testing.assert_array_equal(saved.params, network.initialize(3))
    assert list(saved.arrays) == ["mine"]
    assert saved.notes == {"title": "half"}
    assert (saved.x, saved.loss, saved.optimizer, saved.classes) == (None, None, None, ())


def test_version_1_a_sample_and_a_training() -> None:
    sample = load(OLD / "sample.safetensors")
    assert sample.x is not None
    assert sample.target is not None
    assert sample.x.tolist() == [[0, 1], [1, 0], [2, -1], [0.5, 0.5]]
    assert sample.target.tolist() == [[1], [0], [2], [-1]]
    assert not sample.arrays
    # The training goes on where it stood: three epochs of two steps.
    saved = load(OLD / "training.safetensors")
    network = Network(Sequential(Linear(2, 2), BatchNorm(2), Linear(2, 1)))
    told: Any = {"optimizer": Adam(0.05), "loss": Huber(0.5), "batch_size": 2}
    assert (saved.loss, saved.optimizer, saved.progress.batch_size) == (Huber(0.5), Adam(0.05), 2)
    np.testing.assert_array_equal(saved.start, network.initialize(0))
    assert (list(saved.arrays), saved.notes) == (["mine"], {"title": "half"})
    adam: Any = {"optimizer": Adam(0.05), "batch_size": 2}
    before = fit(network, network.initialize(0), sample.x, sample.target, epochs=3, seed=5, **adam)
    checkpoint = load_checkpoint(OLD / "training.safetensors")
    ended = [
        list(train(network, state, sample.x, sample.target, epochs=5, **told))[-1].state
        for state in (before.state, checkpoint.state)
    ]
    # The file's numbers are of another order of sums. Adam divides what that changes by √v, which
    # is as small as rounding for a bias before BatchNorm, whose gradient is 0.
    apart = np.abs(ended[0].params - ended[1].params)
    assert np.max(apart * (np.sqrt(ended[1].optimizer.slots["square"]) + 1e-8)) < 1e-15
    today, then = (one.layers["layers[1]"] for one in ended)
    of_biases = network.named(apart)["layers[0].bias"]
    assert np.all(np.abs(today["running_mean"] - then["running_mean"]) <= of_biases + 1e-12)
    np.testing.assert_allclose(today["running_var"], then["running_var"], rtol=1e-12)
    assert today["num_batches"] == then["num_batches"] == 10


def test_version_1_with_statistics_that_were_lost_is_never_used_silently() -> None:
    saved = load(OLD / "statistics-lost.safetensors")
    assert not saved.state
    with pytest.raises(ConfigurationError, match=r"layers\[1\] \(BatchNorm\) computes"):
        saved.predict(np.ones((4, 2)))


def test_version_1_saved_again_is_of_today(tmp_path: Path) -> None:
    old = load(OLD / "training.safetensors")
    checkpoint = load_checkpoint(OLD / "training.safetensors")
    beside: Any = {"x": old.x, "target": old.target, "start": old.start, "batch_size": 2}
    told: Any = {"optimizer": checkpoint.optimizer, "loss": checkpoint.loss}
    save_checkpoint(tmp_path / "f", old.network, checkpoint.state, **told, **beside)
    new = load(tmp_path / "f")
    assert new.version == VERSION
    np.testing.assert_array_equal(new.predict(np.ones((3, 2))), old.predict(np.ones((3, 2))))
    assert new.progress.memory.step == old.progress.memory.step


def rewritten(path: Path, change: Any) -> bytes:
    with path.open("rb") as stream:
        metadata, arrays = _parse(stream, path, FORMAT)
    del metadata["sha256"]
    arrays = dict(arrays)
    change(metadata, arrays)
    metadata["sha256"] = _checksum(metadata, arrays)
    return to_bytes(arrays, metadata)


def test_the_first_state_paths_of_version_1(tmp_path: Path) -> None:
    def older(_: Any, arrays: dict[str, Any]) -> None:
        for name in [one for one in arrays if one.startswith("extra.training.state.")]:
            arrays[name.replace("layers[1]/", "layers[0]/layers[1]/")] = arrays.pop(name)

    (tmp_path / "f").write_bytes(rewritten(OLD / "training.safetensors", older))
    assert list(load(tmp_path / "f").state) == ["layers[0].layers[1]"]


def test_half_a_sample_of_version_1_stays_an_array(tmp_path: Path) -> None:
    def halve(_: Any, arrays: dict[str, Any]) -> None:
        del arrays["extra.sample.target"]

    (tmp_path / "f").write_bytes(rewritten(OLD / "sample.safetensors", halve))
    saved = load(tmp_path / "f")
    assert (saved.x, list(saved.arrays)) == (None, ["sample.x"])


@pytest.mark.parametrize("notes", ["[]", '{"training": 3}', '{"training": {"loss": 3}}', "3"])
def test_a_forged_file_of_version_1_is_one_sentence(notes: str, tmp_path: Path) -> None:
    def forge(metadata: dict[str, Any], _: Any) -> None:
        metadata["notes"] = notes

    (tmp_path / "f").write_bytes(rewritten(OLD / "sample.safetensors", forge))
    with pytest.raises(DamagedFileError, match=r"'.*f' is damaged"):
        load(tmp_path / "f")


@pytest.mark.parametrize("name", ["training", "classes"])
@pytest.mark.parametrize("value", ["", "[1]", "{}", "null", "3", '"a"'])
def test_forged_metadata_is_one_sentence(name: str, value: str, tmp_path: Path) -> None:
    save(tmp_path / "good", PLAIN, PLAIN.initialize(), optimizer="adam", loss="mse")

    def forge(metadata: dict[str, Any], _: Any) -> None:
        metadata[name] = value

    (tmp_path / "f").write_bytes(rewritten(tmp_path / "good", forge))
    with pytest.raises(DamagedFileError, match="is damaged"):
        load(tmp_path / "f")


def test_the_header_says_what_its_docstring_says(tmp_path: Path) -> None:
    trained = fit(NORMAL, NORMAL.initialize(), X, T, optimizer=Adam(), epochs=1)
    told: Any = {"x": X, "target": T, "optimizer": Adam(), "state": trained.state, "loss": MSE()}
    save(tmp_path / "f", NORMAL, trained.params, start=trained.params, arrays={"a": X}, **told)
    metadata, arrays = _parse(io.BytesIO((tmp_path / "f").read_bytes()), tmp_path, FORMAT)
    assert set(arrays) == {
        "params",
        "x",
        "target",
        "start",
        "state.layers[1]/running_mean",
        "state.layers[1]/running_var",
        "state.layers[1]/num_batches",
        "optimizer.mean",
        "optimizer.square",
        "extra.a",
    }
    assert json.loads(metadata["training"])["optimizer"]["type"] == "Adam"
    assert json.loads(metadata["classes"]) == []
