"""What a session answers: built, run, gone back in, asked why, moved, predicted."""

import json
import time

import numpy as np
import pytest

from clearprop import MSE, SGD, take_step
from clearprop.lab import branch_run, handled_runs
from clearprop.lab.lab_recipe import decoded_link, encoded_link
from clearprop.lab.presets import PRESETS
from clearprop.lab.session import Session
from clearprop.reading.explanation import explain_weight
from clearprop.teaching.experiments.tutorial_networks import tutorial_start, with_relu
from tests.lab.pages import Page, one_of, values


@pytest.fixture
def page() -> Page:
    return Page()


def test_hello_tells_all_that_stands(page: Page) -> None:
    kinds = [one["type"] for one in page.greeting]
    assert kinds == ["welcome", "network", "curve", "branches", "moment", "why"]
    welcome = page.greeting[0]
    assert [one["name"] for one in welcome["presets"]] == list(PRESETS)
    assert welcome["recipe"] == PRESETS["tutorial"]
    units = welcome["kinds"]["layers"][0]["fields"][0]
    assert (units["name"], units["kind"], units["least"]) == ("units", "whole", 1)


def test_every_word_is_in_the_language_of_the_page(page: Page) -> None:
    chinese = one_of(page.say("language", language="zh-TW"), "moment")
    assert chinese["title"] == "10/10  SGD(0.01) 更新之後"
    assert "xx" in page.refused("language", language="xx")
    assert page.session.language == "zh-TW"


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_runs_and_learns(preset: str) -> None:
    page = Page()
    first = one_of(page.say("build", recipe={"preset": preset}), "moment")
    last = page.train(300)
    assert last["loss"] < 0.9 * first["loss"]
    assert last["diverged"] is None


def test_the_tutorial_network_has_the_tutorials_numbers(page: Page) -> None:
    moment = one_of(page.greeting, "moment")
    start = tutorial_start(range(1))[0]
    found = np.concatenate([values(one).ravel() for one in moment["parameters"].values()])
    np.testing.assert_array_equal(found, start)
    assert moment["texts"]["learning_rate"] == "0.01"


def test_before_a_phase_its_numbers_are_not_there(page: Page) -> None:
    phases = one_of(page.greeting, "network")["phases"]
    assert [one["part"] for one in phases] == [
        *["forward"] * 3, "loss", *["backward"] * 3, *["update"] * 2, "after",
    ]  # fmt: skip
    seen = [page.go(0, phase) for phase in range(len(phases) + 1)]
    assert [len(one["values"]) for one in seen] == [0, 1, 2, *[3] * 8]
    assert [one["loss"] is not None for one in seen] == [*[False] * 4, *[True] * 7]
    assert [len(one["signals"]) for one in seen] == [*[0] * 4, 1, 2, 3, *[4] * 4]
    assert [len(one["gradients"]) for one in seen] == [*[0] * 5, 2, 2, *[4] * 4]
    assert [len(one["updated"]) for one in seen] == [*[0] * 8, 2, 4, 4]
    assert [one["loss_after"] is not None for one in seen] == [*[False] * 10, True]
    assert seen[0]["lines"] == []
    assert seen[1]["lines"][0]["text"] == "z = x·W + b"


def test_a_moment_has_the_numbers_of_the_engine(page: Page) -> None:
    problem = page.session._state.run.problem
    page.say("select", selection={"kind": "sample", "sample": 7})
    moment = page.go(0)
    step = take_step(
        with_relu(),
        problem.first.params,
        problem.data.x,
        problem.target,
        loss=MSE(),
        optimizer=SGD(0.01),
    )
    assert moment["loss"] == step.value
    assert moment["cost"] == step.cost(7)
    for wire, told in moment["values"].items():
        np.testing.assert_array_equal(values(told), step.forward.value(wire)[7])
    for wire, told in moment["signals"].items():
        np.testing.assert_array_equal(values(told), step.signals(wire)[7])
    for path, told in moment["gradients"].items():
        np.testing.assert_array_equal(values(told), step.backward.named()[path])


def test_the_drawing_has_a_place_for_every_neuron_and_way(page: Page) -> None:
    network = one_of(page.greeting, "network")
    assert [one["count"] for one in network["columns"]] == [1, 10, 1]
    assert [one["output"] for one in network["columns"]] == ["input", "layers[1]", "layers[2]"]
    chinese = one_of(Page(language="zh-TW").greeting, "network")
    assert [one["columns"][0]["title"] for one in (network, chinese)] == ["input", "輸入"]
    assert [one["weight"] for one in network["edges"]] == ["layers[0].weight", "layers[2].weight"]
    for column in network["columns"]:
        assert len(column["y"]) == column["count"]
        assert all(0 <= y <= network["height"] for y in column["y"])
        assert 0 <= column["x"] <= network["width"]


def test_a_wide_layer_is_a_strip() -> None:
    layers = [{"kind": "Linear", "units": 65}, {"kind": "Tanh"}, {"kind": "Linear"}]
    columns = one_of(Page().say("build", recipe={"layers": layers}), "network")["columns"]
    assert [one["strip"] for one in columns] == [False, True, False]
    assert len(columns[1]["y"]) == 2


def test_why_says_what_explain_says(page: Page) -> None:
    selection = {"kind": "weight", "address": "layers[0].weight[0,3]"}
    why = page.ask("select", "why", selection=selection)
    found = explain_weight(page.session._state.view().step, "layers[0].weight[0,3]", most=24)
    assert why["words"] == found.words("en")
    assert [one["says"] for one in why["steps"]] == [one.says for one in found.steps("en")]
    assert why["steps"][0]["lights"] == ["layers[0].weight[0,3]"]
    assert [one["sample"] for one in why["shares"]] == [one.sample for one in found.shares]
    assert why["terms"][0]["lights"] == ["layers[0][3]", "input[0]"]


@pytest.mark.parametrize(
    ("selection", "title"),
    [
        ({"kind": "bias", "address": "layers[0].bias[0,3]"}, "Bias layers[0].bias[0,3] (b₄⁽¹⁾)"),
        ({"kind": "neuron", "address": "layers[1][3]"}, "Neuron layers[0][3] (z₄⁽¹⁾)"),
        ({"kind": "input", "address": "input[0]"}, "Input input[0] (x₁)"),
        ({"kind": "neuron", "address": "input[0]"}, "Input input[0] (x₁)"),
        ({"kind": "sample", "sample": 12}, "Sample 12"),
        ({"kind": "layer", "address": "layers[1]"}, "Layer layers[1]"),
        ({"kind": "loss"}, "Loss MSE"),
    ],
)
def test_everything_can_be_selected(page: Page, selection: dict[str, object], title: str) -> None:
    why = page.ask("select", "why", selection=selection)
    assert why["title"] == title
    assert why["steps"]
    # The selection stays through what follows.
    assert one_of(page.say("go", branch="main", step=0), "why")["title"] == title
    assert page.ask("select", "why", selection=None)["selection"] is None


def test_what_is_not_there_cannot_be_selected_and_changes_nothing(page: Page) -> None:
    page.say("select", selection={"kind": "loss"})
    for selection in (
        {"kind": "soul"},
        {"kind": "weight"},
        {"kind": "weight", "address": "layers[9].weight[0,0]"},
        {"kind": "sample", "sample": 100},
        {"kind": "sample"},
        {"kind": "sample", "sample": "first"},
        {"kind": "layer", "address": "layers[7]"},
    ):
        assert page.refused("select", selection=selection)
    assert page.session._state.selection == {"kind": "loss", "address": None, "sample": None}
    assert page.session._state.sample == 0


def test_a_run_sends_a_moment_for_a_frame_and_no_more(page: Page) -> None:
    page.ask("run", "running")
    assert page.session.busy
    assert page.session.work(0.02) == []
    answers = page.say("frame")
    assert [one["type"] for one in answers] == ["curve", "moment"]
    assert one_of(answers, "moment")["running"]
    assert page.session.work(0.02) == []
    page.say("pause")
    assert not page.session.busy
    assert page.say("frame") == []


def test_a_run_keeps_the_speed_that_was_asked_for(page: Page) -> None:
    page.say("run", rate=200.0)
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        page.session.work(0.01)
    taken = page.session._state.run.steps
    assert 20 <= taken <= 200 * (time.monotonic() - began)
    assert "above 0" in page.refused("run", rate=0)


@pytest.mark.thorough
def test_a_thousand_steps_a_second_underneath_thirty_frames(page: Page) -> None:
    page.say("run")
    began, frames = time.process_time(), 0
    while time.process_time() - began < 0.5:
        page.session.work(0.01)
        page.say("frame")
        frames += 1
    assert frames / 0.5 >= 30
    assert page.session._state.run.steps / 0.5 >= 1000


def test_a_message_is_answered_within_thirty_milliseconds(page: Page) -> None:
    page.train(3000)
    messages: list[tuple[str, dict[str, object]]] = [
        ("select", {"selection": {"kind": "weight", "address": "layers[0].weight[0,3]"}}),
        ("go", {"branch": "main", "step": 1234, "phase": 4}),
        ("output", {}),
        (
            "move",
            {"what": "weight", "address": "layers[0].bias[0,1]", "value": 1.0, "settled": False},
        ),
    ]
    for kind, fields in messages:
        page.say(kind, **fields)
        began = time.process_time()
        page.say(kind, **fields)
        assert time.process_time() - began < 0.03, kind


def test_the_newest_go_wins_and_the_older_one_is_never_answered(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branch_run, "MOST_STATES", 8)
    page.train(100)
    # No time at all, so that the way to every step is gone on with later.
    monkeypatch.setattr(handled_runs, "AT_ONCE", -1.0)
    assert page.say("go", branch="main", step=63) == []
    assert page.session.busy
    monkeypatch.undo()
    assert one_of(page.say("go", branch="main", step=3), "moment")["step"] == 3
    assert page.session.work(0.01) == []


def test_the_curve_comes_in_pieces_that_join(page: Page) -> None:
    losses: list[float] = []
    for _ in range(3):
        page.say("run")
        page.session.work(0.02)
        curve = one_of(page.say("frame"), "curve")
        assert curve["first"] == len(losses)
        losses += values(curve["losses"]).tolist()
    assert losses == page.session._state.run.losses
    assert losses[0] == page.go(0)["loss"]


@pytest.mark.parametrize(
    ("preset", "form", "shape"),
    [
        ("tutorial", "curve", [201]),
        ("xor", "plane", [61, 61]),
        ("spirals", "classes", [61, 61]),
        ("digits", "bars", [10]),
    ],
)
def test_the_output_is_drawn_as_its_inputs_allow(preset: str, form: str, shape: list[int]) -> None:
    page = Page()
    page.say("build", recipe={"preset": preset})
    output = page.ask("output", "output")
    assert (output["form"], output["values"]["shape"]) == (form, shape)
    neuron = page.ask("output", "output", of="layers[0][1]", resolution=5)
    assert neuron["form"] == ("bars" if form == "bars" else "curve" if form == "curve" else "plane")
    assert page.refused("output", of="layers[0][9999]")


def test_the_output_is_what_the_network_predicts(page: Page) -> None:
    output = page.ask("output", "output", resolution=11)
    axis = output["axes"][0]
    x = np.linspace(axis["low"], axis["high"], 11)[:, None]
    problem = page.session._state.run.problem
    expected = problem.network.predict(problem.first.params, x)[:, 0]
    np.testing.assert_allclose(values(output["values"]), expected, rtol=1e-12)


def test_findings_come_with_the_rate_that_is_safe(page: Page) -> None:
    found = page.ask("health", "findings")
    assert found["safe_rate"] == pytest.approx(0.03824, rel=1e-3)
    assert [one["path"] for one in found["signals"]] == ["layers[0]", "layers[2]"]
    gradients = page.session._state.view().step.backward.named()
    assert {one["path"]: one["rms"] for one in found["gradients"]} == pytest.approx(
        {path: float(np.sqrt(np.mean(one**2))) for path, one in gradients.items()}
    )
    page.say("build", recipe={"preset": "sine"})
    assert page.ask("health", "findings")["safe_rate"] is None  # Adam has bounds of its own


def test_a_run_that_diverges_says_where_why_and_which_rate_holds(page: Page) -> None:
    rule = {"kind": "SGD", "learning_rate": 5.0}
    page.say("build", recipe={"optimizer": rule})
    page.say("run")
    answers = []
    while page.session.busy:
        answers += page.session.work(1.0)
    paused, moment = one_of(answers, "paused"), one_of(answers, "moment")
    assert "try 0.019" in paused["says"]
    assert moment["diverged"] == paused["says"]
    assert moment["loss"] is None
    assert page.say("run")[0]["says"] == paused["says"]
    json.dumps(answers, allow_nan=False)
    assert page.ask("health", "findings")["findings"][0]["severity"] == "serious"
    assert page.go(0)["loss"] == pytest.approx(826.48, rel=1e-4)


def test_blanks_are_the_numbers_of_the_phase_that_comes() -> None:
    page = Page()
    page.say("build", recipe={"preset": "pair"})
    assert page.ask("blank", "blanks", on=True)["blanks"] == []
    (blank,) = one_of(page.say("go", branch="main", step=0, phase=0), "blanks")["blanks"]
    assert (blank["symbol"], blank["place"]) == ("z[0,0]", "layers[0]")

    def answer(text: str) -> tuple[str, str | None]:
        mark = page.ask("answer", "mark", blank=blank["name"], text=text)
        return mark["outcome"], mark["mistake"]

    # 0.15 · 0.05 + 0.20 · 0.10 + 0.35
    assert answer("") == ("missing", None)
    assert answer("a lot") == ("unreadable", None)
    assert answer("0.0275") == ("wrong", "the bias is missing")
    assert answer("-0.3775") == ("wrong", "the sign is turned round")
    assert answer("0.38") == ("near", None)
    again = one_of(page.say("blank", on=True), "blanks")["blanks"]
    assert [one["name"] for one in again] == [blank["name"]]
    assert answer("0.3775") == ("right", None)
    assert one_of(page.say("blank", on=True), "blanks")["blanks"] == []
    # The first number that was written counts.
    mark = page.ask("answer", "mark", blank=blank["name"], text="0.3775")
    assert (mark["right"], mark["asked"]) == (0, 1)
    assert "no blank" in page.refused("answer", blank="other", text="1")


def test_a_small_number_is_not_right_by_being_small() -> None:
    page = Page()
    page.say("build", recipe={"preset": "pair"})
    page.say("blank", on=True)
    blanks = one_of(page.say("go", branch="main", step=0, phase=8), "blanks")["blanks"]
    name = next(one["name"] for one in blanks if "∂L/∂W" in one["name"])
    assert page.ask("answer", "mark", blank=name, text="-0.0004386")["outcome"] == "wrong"
    assert page.ask("answer", "mark", blank=name, text="0.0004386")["outcome"] == "right"


def test_a_recipe_goes_through_a_link() -> None:
    recipe = {**PRESETS["spirals"], "seed": 7}
    text = encoded_link(recipe)
    assert decoded_link(text) == recipe
    page = Page()
    page.say("build", recipe=decoded_link(text))
    assert page.ask("export", "file", what="link")["text"] == f"#r={text}"


def test_a_link_that_cannot_be_read_still_opens_the_lab() -> None:
    session = Session()
    answers = session.receive(
        {"type": "hello", "id": 1, "version": 1, "language": "en", "recipe": {"layers": "rm -rf"}}
    )
    assert answers[0]["type"] == "welcome"
    assert answers[-1]["type"] == "sentence"


def test_a_session_that_is_taken_again_goes_on_where_it_was() -> None:
    page = Page()
    page.train(30)
    again = Page(page.session, "zh-TW")
    assert one_of(again.greeting, "moment")["step"] == 30
    assert again.greeting[0]["session"] == page.greeting[0]["session"]
