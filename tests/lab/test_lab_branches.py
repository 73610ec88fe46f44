"""What a session answers to a go, a move and another rate: branches, and no more of them than are
looked at."""

import math

import pytest

from tests.lab.pages import Page, one_of, values


@pytest.fixture
def page() -> Page:
    return Page()


def test_going_on_from_a_step_with_another_rate(page: Page) -> None:
    page.train(50)
    here = page.go(20)
    answers = page.say("branch", branch="main", step=20, changes={"learning_rate": 0.02})
    moment, branches = one_of(answers, "moment"), one_of(answers, "branches")
    assert (branches["shown"], moment["step"], moment["loss"]) == ("1", 20, here["loss"])
    assert moment["learning_rate"] == 0.02
    assert branches["branches"][1]["from"] == {"branch": "main", "step": 20}
    page.train(5)
    # The run that it left is as it was.
    assert page.go(50, branch="main")["steps"] == 50


def test_a_value_is_changed_at_its_address(page: Page) -> None:
    changes = {"values": {"layers[0].weight[0,3]": 2.5}}
    moment = page.ask("branch", "moment", branch="main", step=0, changes=changes)
    assert values(moment["parameters"]["layers[0].weight"])[0, 3] == 2.5
    for bad in (
        {"values": {"layers[0].weight[0,3]": "x"}},
        {"values": {"layers[0].weight[0,99]": 1.0}},
        {"values": [1]},
        {"learning_rate": -1},
        {"learning_rate": "fast"},
        {"optimizer": {"kind": "Magic"}},
        {"optimizer": 3},
        {"batch": 0},
        {"colour": "red"},
    ):
        assert page.refused("branch", branch="main", step=0, changes=bad)
    assert "no step 77" in page.refused("branch", branch="main", step=77, changes={})
    assert "no branch" in page.refused("branch", branch="other", step=0, changes={})


def test_another_rule_begins_anew_and_the_same_goes_on() -> None:
    page = Page()
    page.say("build", recipe={"preset": "sine"})
    page.train(10)
    page.say("branch", branch="main", step=10, changes={"learning_rate": 0.5})
    assert page.session._state.run.problem.first.optimizer.step == 10
    rule = {"kind": "SGD", "learning_rate": 0.1}
    page.say("branch", branch="main", step=10, changes={"optimizer": rule})
    assert page.session._state.run.problem.first.optimizer.step == 0


def test_branches_do_not_pile_up(page: Page) -> None:
    for _ in range(12):
        page.say("branch", branch="main", step=0, changes={})
    assert len(page.session._state.branches) == 9
    assert "main" in page.session._state.branches
    assert page.session._state.shown == "12"


@pytest.mark.parametrize(
    ("what", "address", "sample"),
    [
        ("weight", "layers[0].weight[0,3]", None),
        ("bias", "layers[2].bias[0]", None),
        ("point", "input[0]", 4),
        ("point", "target[0]", 4),
    ],
)
def test_a_small_move_is_predicted_by_the_gradient(
    page: Page, what: str, address: str, sample: int | None
) -> None:
    fields = {"what": what, "address": address, "sample": sample, "settled": False}
    line = values(page.ask("move", "moved", value=0.5, **fields)["line"])
    old = line[len(line) // 2, 0]
    moved = page.ask("move", "moved", value=float(old + 1e-5), **fields)
    assert math.isclose(
        moved["predicted"] - moved["loss"], moved["true"] - moved["loss"], rel_tol=1e-3
    )
    assert moved["gradient"] != 0
    assert page.session._state.shown == "main"


def test_a_move_to_where_nothing_is_finite_says_so(page: Page) -> None:
    fields = {"what": "weight", "address": "layers[2].weight[0,0]", "settled": False}
    moved = page.ask("move", "moved", value=1e200, **fields)
    assert moved["true"] is None
    assert moved["texts"]["true"] == "∞"
    assert moved["predicted"] < 0


def test_a_move_that_is_settled_is_a_branch(page: Page) -> None:
    fields = {"what": "point", "address": "target[0]", "sample": 4}
    answers = page.say("move", value=99.0, settled=True, **fields)
    moment = page.ask("select", "moment", selection={"kind": "sample", "sample": 4})
    assert values(moment["target"]) == [99.0]
    assert one_of(answers, "moment")["loss"] == one_of(answers, "moved")["true"]
    assert values(page.go(0, branch="main")["target"]) != [99.0]


def test_a_move_in_a_batch_moves_the_sample_of_the_data() -> None:
    page = Page()
    page.say("build", recipe={"preset": "tutorial", "batch": 10})
    batch = values(one_of(page.say("go", branch="main", step=0), "moment")["batch"])
    page.say("move", what="point", address="input[0]", sample=2, value=7.5, settled=True)
    assert page.session._state.run.problem.data.x[batch[2], 0] == 7.5


def test_what_cannot_be_moved_is_refused(page: Page) -> None:
    move = {"value": 1.0, "settled": False, "sample": 0}
    assert "cannot be dragged" in page.refused("move", what="nose", address="x", **move)
    assert page.refused("move", what="point", address="target[5]", **move)
    assert page.refused("move", what="point", address="layers[0][1]", **move)
    assert page.refused("move", what="weight", address="layers[0].weight", **move)
    assert page.refused("move", **{**move, "what": "point", "address": "input[0]", "sample": None})
    page.say("build", recipe={"preset": "moons"})
    assert "CrossEntropy" in page.refused("move", what="point", address="target[0]", **move)
