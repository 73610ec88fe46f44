"""Arrays as Keras, Flax, scikit-learn and safetensors have them: laid out as those read them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor

from clearprop import (
    BatchNorm,
    CrossEntropy,
    Embedding,
    FeatureScale,
    LayerNorm,
    Linear,
    Network,
    PReLU,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import (
    ClearpropError,
    ContractError,
    DamagedFileError,
    ForeignFileError,
    ShapeError,
)
from clearprop.formats import (
    from_flax,
    from_keras,
    from_safetensors,
    from_sklearn,
    from_state_dict_file,
    to_flax,
    to_keras,
    to_safetensors,
    to_sklearn,
    to_state_dict_file,
    to_torch,
)
from clearprop.formats.network_file import save
from clearprop.kinds.kind_tables import LOSS_ROWS
from tests.formats.random_networks import EVERYWHERE, draw, same_state

SEEDS = st.integers(0, 10**6)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_keras_and_flax_arrays_come_back_to_the_bit(seed: int) -> None:
    network, params, state, _ = draw(seed, keepers=EVERYWHERE)
    for back in (
        from_keras(network, to_keras(network, params, state=state)),
        from_flax(network, to_flax(network, params, state=state)),
    ):
        assert np.array_equal(back.params, params)
        for path, own in (state or {}).items():
            for name in ("running_mean", "running_var"):
                assert np.array_equal(back.state[path][name], own[name])


NAMED = Network(Sequential(Embedding(5, 3), Linear(3, 2), BatchNorm(2), PReLU(2), Linear(2, 2)))


def test_keras_has_its_own_names_and_shapes() -> None:
    params = NAMED.initialize(0)
    arrays = to_keras(NAMED, params, state=NAMED.initial_state(params))
    shapes = {layer: {n: a.shape for n, a in own.items()} for layer, own in arrays.items()}
    vector = (2,)
    assert shapes == {
        "embedding": {"embeddings": (5, 3)},
        "dense": {"kernel": (3, 2), "bias": vector},
        "batch_normalization": dict.fromkeys(
            ("gamma", "beta", "moving_mean", "moving_variance"), vector
        ),
        "p_re_lu": {"alpha": vector},
        "dense_1": {"kernel": (2, 2), "bias": vector},
    }
    # A model whose layers have been counted on from another's.
    later = {f"later_{k}": own for k, own in enumerate(arrays.values())}
    assert np.array_equal(from_keras(NAMED, later).params, params)


def test_flax_has_its_own_names() -> None:
    network = Network(Sequential(Linear(3, 2), BatchNorm(2), ReLU(), LayerNorm(2), Linear(2, 1)))
    params = network.initialize(0)
    variables = to_flax(network, params, state=network.initial_state(params))
    assert {kind: list(own) for kind, own in variables.items()} == {
        "params": ["Dense_0", "BatchNorm_0", "LayerNorm_0", "Dense_1"],
        "batch_stats": ["BatchNorm_0"],
    }
    assert list(variables["params"]["Dense_0"]) == ["kernel", "bias"]
    assert list(variables["params"]["LayerNorm_0"]) == ["scale", "bias"]
    kernel: Array = variables["params"]["Dense_0"]["kernel"]
    assert np.array_equal(kernel, network.named(params)["layers[0].weight"])


def test_arrays_that_do_not_fit_are_refused_by_name() -> None:
    params = NAMED.initialize(0)
    arrays = to_keras(NAMED, params, state=NAMED.initial_state(params))
    arrays["dense"]["kernel"] = np.zeros((4, 4))
    with pytest.raises(ShapeError, match=r"'dense/kernel' has the shape \(4, 4\)"):
        from_keras(NAMED, arrays)
    del arrays["dense"]["kernel"]
    with pytest.raises(ShapeError, match="'dense/kernel' is missing; there are bias"):
        from_keras(NAMED, arrays)
    del arrays["dense"]
    with pytest.raises(ShapeError, match="are not this network's"):
        from_keras(NAMED, arrays)
    with pytest.raises(ContractError, match=r"layers\[3\]: Flax has no layer.*PReLU"):
        to_flax(NAMED, params, state=NAMED.initial_state(params))
    with pytest.raises(ContractError, match="FeatureScale: Keras has no layer"):
        to_keras(Network(FeatureScale(2)), np.ones(2))
    with pytest.raises(ContractError, match="variables of a Flax module"):
        from_flax(NAMED, {"dense": {}})
    with pytest.raises(ContractError, match=r"hand over one row of them, params\[0\]"):
        to_keras(Network(Linear(2, 1)), np.zeros((4, 3)))


X, SPECIES = load_iris(return_X_y=True)
FITTED = {
    "softmax": MLPClassifier((5, 4), activation="tanh", max_iter=3),
    "logistic": MLPClassifier((5,), activation="logistic", max_iter=3),
    "identity": MLPRegressor(hidden_layer_sizes=(3,), activation="identity", max_iter=3),
}


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_fitted_mlp_is_a_network(name: str) -> None:
    y = SPECIES > 0 if name == "logistic" else SPECIES
    mlp = FITTED[name].fit(X, y)
    saved = from_sklearn(mlp)
    output = saved.predict(X)
    if name == "identity":
        np.testing.assert_allclose(output[:, 0], mlp.predict(X), 0, 1e-12)
    else:
        told = LOSS_ROWS[type(saved.loss)].probabilities  # type: ignore[index]
        assert saved.classes == tuple(map(str, mlp.classes_))
        shares = told.value(output)  # type: ignore[union-attr]
        np.testing.assert_allclose(shares[:, -1], mlp.predict_proba(X)[:, -1], 0, 1e-12)
    arrays = to_sklearn(saved.network, saved.params)
    assert arrays.activation == mlp.activation
    for ours, theirs in zip(
        (*arrays.coefs_, *arrays.intercepts_), (*mlp.coefs_, *mlp.intercepts_), strict=True
    ):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ((Linear(2, 2), ReLU(), Linear(2, 2), Tanh(), Linear(2, 1)), "Tanh"),
        ((Linear(2, 2), Linear(2, 1)), "Linear"),
        ((Linear(2, 2, bias=False),), "Linear"),
        ((Linear(2, 2), LayerNorm(2), Linear(2, 1)), "LayerNorm"),
        ((Linear(2, 2), ReLU()), "ReLU"),
    ],
)
def test_what_an_mlp_cannot_be_is_refused(layers: Any, named: str) -> None:
    network = Network(Sequential(*layers))
    with pytest.raises(ContractError, match=f"scikit-learn's MLP has nothing like {named}"):
        to_sklearn(network, network.initialize(0))


def test_an_activation_that_makes_probabilities_is_left_to_scikit_learn() -> None:
    for last in (Softmax(), Sigmoid()):
        network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 2), last))
        assert to_sklearn(network, network.initialize(0)).activation == "relu"
    with pytest.raises(ContractError, match="MLPClassifier has no coefs_"):
        from_sklearn(MLPClassifier())


@given(seed=SEEDS, dtype=st.sampled_from(["float64", "float32"]))
@settings(max_examples=20, deadline=None)
def test_files_of_arrays_come_back_to_the_bit(
    tmp_path_factory: Any, torch: Any, seed: int, dtype: str
) -> None:
    network, params, state, _ = draw(seed, dtype)
    folder: Path = tmp_path_factory.mktemp("files")
    (folder / "n.safetensors").write_bytes(to_safetensors(network, params, state=state))
    (folder / "n.pt").write_bytes(to_state_dict_file(network, params, state=state))
    for back in (
        from_safetensors(folder / "n.safetensors"),
        from_state_dict_file(folder / "n.pt", network=network),
    ):
        assert back.network.layer == network.layer
        assert np.array_equal(back.params, params)
        assert same_state(back.state, state)
    # PyTorch and the safetensors library read the same.
    from safetensors.torch import load_file

    module = to_torch(network, params, state=state)
    for theirs in (
        load_file(folder / "n.safetensors"),
        torch.load(folder / "n.pt", weights_only=True),
    ):
        assert set(theirs) == set(module.state_dict())
        assert all(torch.equal(theirs[n], a) for n, a in module.state_dict().items())


class Exploding:
    """Its pickle would write a file."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("exploded"),)


def test_nothing_is_unpickled(torch: Any, tmp_path: Path, monkeypatch: Any) -> None:
    import pickle

    monkeypatch.chdir(tmp_path)
    network = Network(Linear(2, 1))
    torch.save({"weight": Exploding()}, tmp_path / "bad.pt")
    torch.save(torch.nn.Linear(2, 1), tmp_path / "module.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Exploding()))
    for name in ("bad.pt", "module.pt", "plain.pt"):
        with pytest.raises(ForeignFileError, match="unpickling it could run any code"):
            from_state_dict_file(tmp_path / name, network=network)
    assert not (tmp_path / "exploded").exists()


def test_damaged_and_foreign_files_get_a_sentence(torch: Any, tmp_path: Path) -> None:
    network = Network(Sequential(Linear(3, 2), BatchNorm(2)))
    params = network.initialize(0)
    state = network.initial_state(params)
    whole = to_state_dict_file(network, params, state=state)
    path = tmp_path / "n.pt"
    for cut in range(0, len(whole), max(len(whole) // 25, 1)):
        path.write_bytes(whole[:cut])
        with pytest.raises((DamagedFileError, ForeignFileError)):
            from_state_dict_file(path, network=network)
    path.write_bytes(whole)
    with pytest.raises(ForeignFileError, match="add --network"):
        from_state_dict_file(path)
    torch.save(
        {"epoch": 3, "model_state_dict": to_torch(network, params, state=state).state_dict()}, path
    )
    assert np.array_equal(from_state_dict_file(path, network=network).params, params)
    torch.save([1, 2], path)
    with pytest.raises(ContractError, match=r"a torch.nn.Module|A torch.nn.Module"):
        from_state_dict_file(path, network=network)
    whole = to_safetensors(network, params, state=state)
    path = tmp_path / "n.safetensors"
    for cut in range(0, len(whole), max(len(whole) // 25, 1)):
        path.write_bytes(whole[:cut])
        with pytest.raises(DamagedFileError):
            from_safetensors(path)
    path.write_bytes(whole.replace(b"BatchNorm", b"BadLayer!"))
    with pytest.raises(ClearpropError, match="BadLayer!"):
        from_safetensors(path)
    save(path, network, params, state=state, loss=CrossEntropy())
    with pytest.raises(ForeignFileError, match="saved by clearprop already"):
        from_safetensors(path)
