"""Cards of any graph: every arrow is one of its ways, and runs past the cards, not across them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from clearprop import (
    BackwardPass,
    Layer,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.drawing import DIAGRAMS, Path, Rectangle, Scene, Text
from clearprop.drawing.diagrams import card_layout
from clearprop.drawing.diagrams.card_layout import Cell, cells_of
from clearprop.drawing.diagrams.stations import stations
from clearprop.drawing.pen.items import Box, box
from clearprop.engine.combinators import Combinator
from clearprop.engine.layers.layer import Wiring
from tests.own_combinators import ADDED, CONCATENATED, Added

WHOLE = ("network_forward", "forward_factors", "network_backward")


@dataclass(frozen=True)
class AnyWiring(Combinator):
    """Layers that each take some earlier wire, and sums; what nothing takes is added up."""

    seed: int

    def wire(self, wiring: Wiring, source: str) -> str:
        rng = np.random.default_rng(self.seed)
        wires, open_wires = [source], {source}
        for k in range(int(rng.integers(3, 9))):
            taken = [wires[i] for i in rng.permutation(len(wires))[: int(rng.integers(1, 4))]]
            if len(taken) == 1:
                made = wiring.layer(f"part{k}", Tanh(), taken[0])
            else:
                made = wiring.add(*taken, name=f"sum{k}")
            open_wires = (open_wires - set(taken)) | {made}
            wires.append(made)
        return wiring.add(*sorted(open_wires))


def passed(network: Network, inputs: int, params: Array | None = None) -> BackwardPass:
    params = network.initialize(2) if params is None else params
    forward = network.forward(params, np.ones((2, inputs)))
    return network.backward(forward, np.ones_like(forward.output))


def frames(scene: Scene) -> dict[str, Box]:
    """Where every card is, by the first line in it."""
    cards = [box(i) for i in scene.items if isinstance(i, Rectangle) and i.corner == 8]
    headings = [i for i in scene.items if isinstance(i, Text) and i.bold and i.size == 13]
    return {
        next(
            text.content
            for text in headings
            if card.left < text.x < card.right and card.top < text.y < card.bottom
        ): card
        for card in cards
    }


def arrows(scene: Scene) -> list[Path]:
    """The arrows between cards; the legend's stand below all of them."""
    lowest = max(card.bottom for card in frames(scene).values())
    return [i for i in scene.items if isinstance(i, Path) and i.arrow and i.start[1] < lowest]


def beside(cards: dict[str, Box], x: float, y: float) -> str:
    """The card whose side a point is at."""
    return next(
        name
        for name, card in cards.items()
        if card.left - 7 <= x <= card.right + 7 and card.top - 1 <= y <= card.bottom
    )


def ways(scene: Scene) -> set[tuple[str, str]]:
    """(from, to) of every arrow."""
    cards = frames(scene)
    return {
        (beside(cards, *one.start), beside(cards, *one.segments[-1][-2:])) for one in arrows(scene)
    }


def level_parts(path: Path) -> list[Box]:
    """The straight parts of an arrow, and the box of each curve, a little narrower."""
    parts, here = [], path.start
    for segment in path.segments:
        points = [here, *((segment[i], segment[i + 1]) for i in range(0, len(segment), 2))]
        xs, ys = zip(*points, strict=True)
        parts.append(Box(min(xs) + 0.5, min(ys) + 0.5, max(xs) - 0.5, max(ys) - 0.5))
        here = (segment[-2], segment[-1])
    return parts


def across(one: Box, other: Box) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


ROOT = "layers[1]"


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize("kind", WHOLE)
def test_branches_that_are_added_lie_side_by_side_and_both_lead_to_the_sum(
    kind: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_layout, "ROW_WIDTH", 1e9)
    scene = DIAGRAMS[kind](passed(ADDED, 2), language=language)
    given = {"en": "input", "zh-TW": "輸入"}[language]
    expected = {
        (given, "layers[0]"),
        ("layers[0]", f"{ROOT}.left.layers[0]"),
        ("layers[0]", f"{ROOT}.right"),
        (f"{ROOT}.left.layers[0]", ROOT),
        (f"{ROOT}.right", ROOT),
        (ROOT, "layers[2]"),
        ("layers[2]", "layers[3]"),
    }
    back = kind == "network_backward"
    assert ways(scene) == {(b, a) if back else (a, b) for a, b in expected}
    cards = frames(scene)
    left, right = cards[f"{ROOT}.left.layers[0]"], cards[f"{ROOT}.right"]
    assert left.left == right.left
    assert left.bottom < right.top
    contents = [item.content for item in scene.items if isinstance(item, Text)]
    assert "Added" in contents
    assert f"= {ROOT}.left.layers[1] + {ROOT}.right" in contents
    # The activation behind a Linear layer stands with it, in a branch too.
    assert "Linear(3, 3) → Tanh" in contents


def test_a_concatenation_names_its_terms_and_shows_them_one_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(card_layout, "ROW_WIDTH", 1e9)
    backward = passed(CONCATENATED, 2)
    scene = DIAGRAMS["network_forward"](backward)
    assert {a for a, b in ways(scene) if b == ROOT} == {
        f"{ROOT}.left.layers[0]",
        f"{ROOT}.right",
        "layers[0]",
    }
    contents = [item.content for item in scene.items if isinstance(item, Text)]
    assert f"= [{ROOT}.left.layers[1], {ROOT}.right, layers[0]]" in contents
    join = next(one for one in stations(backward, 0) if one.path == ROOT)
    assert join.sources == (f"{ROOT}.left.layers[1]", f"{ROOT}.right", "layers[0]")
    assert "*y* (8)" in contents
    shown = {item.says.splitlines()[0] for item in scene.items if item.says}
    assert {f"{ROOT}[{j}]" for j in range(8)} <= shown


def test_a_chain_and_a_residual_stay_in_one_lane() -> None:
    network = Network(
        Sequential(Linear(3, 4), Residual(Sequential(LayerNorm(4), Linear(4, 4))), ReLU())
    )
    cells = cells_of(stations(passed(network, 3), 0))
    assert cells == [Cell(column, 0) for column in range(6)]


def test_a_shorter_branch_waits_in_its_lane_for_the_sum() -> None:
    network = Network(
        Sequential(
            Linear(3, 4), Added(ReLU(), Sequential(LayerNorm(4), LayerNorm(4), ReLU())), ReLU()
        )
    )
    found = stations(passed(network, 3), 0)
    cells = dict(zip((one.path for one in found), cells_of(found), strict=True))
    assert cells == {
        "input": (0, 0),
        "layers[0]": (1, 0),
        "layers[1].left": (2, 0),
        "layers[1].right.layers[0]": (2, 1),
        "layers[1].right.layers[1]": (3, 1),
        "layers[1].right.layers[2]": (4, 1),
        "layers[1]": (5, 0),
        "layers[2]": (6, 0),
    }


@pytest.mark.parametrize("kind", ["network_forward", "network_backward"])
@pytest.mark.parametrize("seed", range(25))
def test_any_graph_has_its_ways_drawn_past_the_cards(
    seed: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_layout, "ROW_WIDTH", 1e9)
    network = Network(Sequential(LayerNorm(2), AnyWiring(seed), ReLU()))
    backward = passed(network, 2)
    found = stations(backward, 0)
    assert len(set(cells_of(found))) == len(found)
    scene = DIAGRAMS[kind](backward)
    cards = frames(scene)
    assert set(cards) == {one.path for one in found}
    graph = network.graph
    expected = {(source, step.path) for step in graph.steps for source in step.sources}
    if kind == "network_backward":
        expected = {(b, a) for a, b in expected}
    assert ways(scene) == expected
    boxes = list(cards.values())
    for k, card in enumerate(boxes):
        assert not any(across(card, other) for other in boxes[k + 1 :])
    for arrow in arrows(scene):
        for part in level_parts(arrow):
            assert not any(across(part, card) for card in boxes)


def test_a_row_never_ends_inside_parallel_branches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_layout, "ROW_WIDTH", 300.0)
    scene = DIAGRAMS["network_forward"](passed(ADDED, 2))
    cards = frames(scene)
    tops = {name: card.top for name, card in cards.items()}
    assert tops["layers[0]"] == tops[f"{ROOT}.left.layers[0]"] == tops[ROOT]
    assert tops["input"] < tops["layers[0]"] < tops["layers[2]"] < tops["layers[3]"]
    # At the end of a row an arrow says that it goes on below.
    ends = [one for one in arrows(scene) if one.start[0] > cards[ROOT].right]
    assert len(ends) == 1


def test_the_textbook_s_diagrams_name_the_combinator_in_their_way() -> None:
    for network, name in ((ADDED, "Added"), (CONCATENATED, "Concatenated")):
        with pytest.raises(ConfigurationError, match=name):
            DIAGRAMS["hidden_neuron"](passed(network, 2))


def test_a_combinator_that_only_goes_straight_on_is_a_chain() -> None:
    @dataclass(frozen=True)
    class Then(Combinator):
        first: Layer
        second: Layer

        def wire(self, wiring: Wiring, source: str) -> str:
            return wiring.layer("second", self.second, wiring.layer("first", self.first, source))

    network = Network(Then(Linear(2, 3), Then(Tanh(), Linear(3, 1))))
    same = Network(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
    params = np.linspace(-1, 1, network.size)
    drawn, chain = (DIAGRAMS["hidden_neuron"](passed(one, 2, params)) for one in (network, same))
    # The same picture, of a neuron that is at another address.
    assert "first[0]" in drawn.description
    assert (
        replace(drawn, description=drawn.description.replace("first[0]", "layers[0][0]")) == chain
    )
    scene = DIAGRAMS["network_forward"](passed(network, 2))
    shown = {item.says.splitlines()[0] for item in scene.items if item.says}
    assert "second.second.weight[0,0]" in shown
