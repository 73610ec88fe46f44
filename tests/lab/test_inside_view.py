"""What is inside a layer, as the page is told: every number of every stage has an address that is
explained with the same number."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from clearprop.base import messages
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import ReLU
from clearprop.engine.layers.convolution import Conv2d
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.losses import CrossEntropy
from clearprop.engine.network import Network
from clearprop.formats.network_file import save
from clearprop.lab.lab_recipe import problem_of
from clearprop.lab.opened_files import blocks_of, problem_of_file
from clearprop.lab.presets import PRESETS
from clearprop.lab.session import Session
from tests.lab.pages import Message, Page, one_of, values
from tests.sweeps import quick_where

NETWORKS = ("images", "recall", "marked")


@pytest.fixture(scope="module", params=quick_where(NETWORKS, lambda _, name: name != "recall"))
def page(request: pytest.FixtureRequest) -> Page:
    page = Page(Session(problem=problem_of({"preset": request.param})))
    page.train(3)
    return page


def stages(page: Page) -> Iterator[Message]:
    """Every stage of the first layer that has something inside."""
    first = page.ask("inside", "inside")
    yield first
    for stage in range(1, len(first["stages"])):
        yield page.ask("inside", "inside", layer=first["layer"], stage=stage)


def address(matrix: dict[str, Any], row: int, column: int) -> str:
    found: str = matrix["address"].replace("{row}", matrix["rows"][row])
    return found.replace("{column}", str(column))


def kind(page: Page, place: str) -> str:
    network = one_of(page.greeting, "network")
    if any(place.startswith(f"{one['path']}[") for one in network["parameters"]):
        return "weight"
    return "input" if place.startswith("input[") else "neuron"


def test_the_last_entry_of_every_matrix_is_explained_with_its_number(page: Page) -> None:
    sample = page.ask("go", "moment", branch="main", step=3)["sample"]
    for stage in stages(page):
        for matrix in stage["matrices"]:
            shape = matrix["values"]["shape"]
            place = address(matrix, shape[0] - 1, shape[1] - 1)
            asked = {"kind": kind(page, place), "address": place, "sample": sample}
            why = page.ask("select", "why", selection=asked)
            told = matrix["values"]["text"][-1]
            if asked["kind"] == "input":  # whose explanation is of its gradient alone
                continue
            equations = [one for step in why["steps"] for one in step["equations"]]
            assert any(one.endswith(f"= {told}") for one in equations), (place, told, equations)


def test_stages_are_those_of_the_walk_forward_and_back(page: Page) -> None:
    told = [(one["part"], one["title"]) for one in page.ask("inside", "inside")["stages"]]
    ways = [way for way, _ in told]
    assert ways == ["forward"] * (len(ways) // 2) + ["backward"] * (len(ways) // 2)
    forward, backward = told[1 : len(told) // 2], told[len(told) // 2 : -1]
    places = [title.partition(": ")[2] for _, title in forward]
    assert [title.partition(": ")[2] for _, title in backward] == places[::-1]
    assert len(set(places)) == len(places) >= 4


def test_gates_and_weights_are_those_of_the_pass() -> None:
    page = Page(Session(problem=problem_of({"preset": "marked"})))
    forward = page.session._state.view().step.forward
    weights = forward.inside("layers[1]")["weights"].values[0]
    (at,) = (
        number
        for number, one in enumerate(page.ask("inside", "inside")["stages"])
        if one["title"] == "forward: weights"
    )
    told = page.ask("inside", "inside", stage=at)["matrices"]
    assert [one["axes"] for one in told] == [["query", "key"]] * 2
    for head, one in enumerate(told):
        np.testing.assert_array_equal(values(one["values"]), weights[head])
        np.testing.assert_allclose(values(one["values"]).sum(axis=1), 1)


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_network_without_an_inside_says_where_there_is_one(language: str) -> None:
    told = Page(language=language).ask("inside", "inside")
    assert told["layer"] is None
    preset = messages.text(language, "lab.session.preset.images")
    assert preset in told["says"]


def test_axes_are_called_as_the_page_speaks() -> None:
    page = Page(Session(problem=problem_of({"preset": "images"})), language="zh-TW")
    assert page.ask("inside", "inside")["matrices"][0]["axes"] == ["列", "行"]


def test_what_cannot_be_looked_into_is_refused(page: Page) -> None:
    assert "there are layers[" in page.refused("inside", layer="layers[9]")
    assert "at least 0" in page.refused("inside", stage=-1)
    # A stage beyond the last one, as after another network: the last one.
    last = page.ask("inside", "inside", stage=10**6)
    assert last["stage"] == len(last["stages"]) - 1


def test_maps_are_told_with_their_rows_and_columns() -> None:
    page = Page(Session(problem=problem_of({"preset": "images"})))
    columns = one_of(page.greeting, "network")["columns"]
    assert [one["shape"] for one in columns] == [
        [1, 8, 8],
        [4, 6, 6],
        [4, 6, 6],
        [4, 3, 3],
        [36],
        [10],
    ]
    assert [one["maps"] for one in columns] == [[8, 8], [6, 6], [6, 6], [3, 3], None, None]
    assert one_of(page.greeting, "network")["opened"] == ["layers[0]"]


@pytest.mark.parametrize("name", NETWORKS)
def test_presets_are_learned(name: str) -> None:
    page = Page(Session(problem=problem_of({"preset": name})))
    first = one_of(page.greeting, "moment")["loss"]
    assert page.train(150)["loss"] < 0.2 * first


def test_a_saved_network_is_a_recipe_where_one_says_it(tmp_path: Any) -> None:
    problem = problem_of({"preset": "images"})
    layers = [dict(one) for one in PRESETS["images"]["layers"]]
    found = blocks_of(problem.network, problem.data.x.shape[1:])
    assert found is not None
    assert [one["kind"] for one in found] == [one["kind"] for one in layers]
    strided = Conv2d(1, 4, 3, stride=(1, 2))
    assert blocks_of(Network(Sequential(strided, ReLU())), (1, 8, 8)) is None
    # A file that no recipe says opens all the same, and what it stands on is said.
    network = Network(Sequential(Embedding(5, 3), LSTM(3, 4), Linear(4, 5)))
    ids = np.arange(12).reshape(2, 6) % 5
    params = network.initialize(0)
    save(tmp_path / "ids.safetensors", network, params, x=ids, target=ids, loss=CrossEntropy())
    opened = Page(Session(problem=problem_of_file(tmp_path / "ids.safetensors")))
    assert one_of(opened.greeting, "network")["recipe"]["layers"] is None
    assert opened.ask("inside", "inside")["layer"] == "layers[1]"


def test_layers_of_images_are_built_by_what_comes_in() -> None:
    page = Page()
    layers = [
        {"kind": "Conv2d", "channels": 3, "padding": 1},
        {"kind": "Conv2d", "channels": 2, "stride": 2},
        {"kind": "AvgPool2d"},
        {"kind": "Flatten"},
        {"kind": "Linear", "units": 1},
    ]
    recipe = {"preset": "images", "layers": layers}
    network = page.ask("build", "network", recipe=recipe)
    assert [one["shape"] for one in network["columns"]][1:4] == [[3, 8, 8], [2, 3, 3], [2, 1, 1]]
    assert "Conv2d" in page.refused("build", recipe={**recipe, "preset": "sine"})
    deep = {**recipe, "layers": [*layers[:3], *layers[2:]]}
    assert "AvgPool2d" in page.refused("build", recipe=deep)
