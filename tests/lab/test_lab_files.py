"""Tables that come in, files that go out, and networks that were saved."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clearprop import SGD, Embedding, Linear, Network, Sequential, Tanh, save
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.cli import main
from clearprop.lab import own_table
from clearprop.lab.data_sets import DATA_SETS, data_set
from clearprop.lab.opened_files import problem_of_csv, problem_of_file
from clearprop.lab.own_table import data_of_table, table_of
from clearprop.lab.session import Session
from tests.lab.pages import Page, one_of

CSV = "width,height,kind\n" + "\n".join(
    f"{a:.3f},{b:.3f},{'large' if a + b > 0 else 'small'}"
    for a, b in np.random.default_rng(0).normal(size=(60, 2))
)


@pytest.fixture
def page() -> Page:
    return Page()


def test_the_line_is_the_tutorials() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    x, target = sklearn.make_regression(100, n_features=1, noise=10, random_state=3)
    line = data_set("line")
    np.testing.assert_array_equal(line.x, x)
    np.testing.assert_array_equal(line.target[:, 0], target)


def test_the_digits_are_those_of_the_set_that_they_are_from() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    known, digits = sklearn.load_digits(), data_set("digits")
    np.testing.assert_array_equal(digits.x * 16, known.data[:300])
    np.testing.assert_array_equal(digits.target, known.target[:300])


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_is_the_same_every_time(name: str) -> None:
    one, other = data_set(name), data_set(name)
    np.testing.assert_array_equal(one.x, other.x)
    assert len(one.inputs) == one.x[0].size
    assert np.isfinite(one.x).all()


def test_a_table_of_ones_own_is_trained_on(page: Page) -> None:
    answers = page.say("data", name="mine.csv", csv=CSV)
    table = one_of(answers, "table")
    roles = [(one["name"], one["kind"], one["role"]) for one in table["columns"]]
    assert roles == [
        ("width", "number", "input"),
        ("height", "number", "input"),
        ("kind", "text", "target"),
    ]
    assert (table["rows"], table["notes"]) == (60, [])
    network = one_of(answers, "network")
    assert network["recipe"]["loss"] == {"kind": "CrossEntropy"}
    assert [one["count"] for one in network["columns"]] == [2, 10, 2]
    page.train(50)
    assert page.ask("output", "output")["classes"] == ["large", "small"]
    # Other columns of the same table, without sending it again; and built anew with it.
    answers = page.say("data", name="mine.csv", inputs=["width"], target=["height"])
    assert one_of(answers, "network")["recipe"]["loss"] == {"kind": "MSE"}
    page.say("build", recipe={"data": {"name": "mine.csv"}, "seed": 5})
    assert page.session._state.run.problem.data.name == "mine.csv"
    note = page.say("export", what="link")[-1]
    assert (note["type"], note["level"]) == ("sentence", "note")


def test_data_sets_are_changed_by_name(page: Page) -> None:
    # Forward and back: the layers of images and of sequences take no table, and the other way.
    for name in (*DATA_SETS, *reversed(DATA_SETS)):
        answers = page.say("data", name=name)
        assert one_of(answers, "table")["name"] == name
        assert one_of(answers, "network")["samples"] == len(data_set(name).x)
    assert "no data set" in page.refused("data", name="nothing")


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        ("", "no rows"),
        ("a,b\n", "no rows"),
        ("a\0b,2", "no rows"),
        ('a,b\n"1,2', "no CSV"),
        ("a,b\n1,2\n3", "row 1"),
        ("a,a\n1,2", "two columns"),
        ("a,b\nNaN,2\n,3", "nothing is left"),
        ("a,b\n1,2\nbar,3", "'bar' in row 1 of the column 'a' is no number"),
        ("a\n1\n2", "no column of numbers"),
        ("a,b\n" + "\n".join(f"{n},word{n}" for n in range(30)), "30 different words"),
    ],
)
def test_a_bad_table_has_its_sentence_and_nothing_is_lost(page: Page, csv: str, told: str) -> None:
    page.train(5)
    assert told in page.refused("data", name="mine.csv", csv=csv)
    assert page.session._state.run.steps == 5


def test_columns_that_cannot_be_are_refused(page: Page) -> None:
    page.say("data", name="mine.csv", csv=CSV)
    for inputs, target, told in (
        (["kind"], ["width"], "row 0"),
        (["width"], ["width"], "at once"),
        (["depth"], None, "no column 'depth'"),
        ([3], None, "no column '3'"),
        (None, ["kind", "width"], "stand alone"),
        ([], ["width"], "no column of numbers"),
    ):
        assert told in page.refused("data", name="mine.csv", inputs=inputs, target=target)


def test_what_is_left_out_sampled_or_scaled_is_said() -> None:
    rows = [f"{n};{n % 7 * 1000};{n % 3};x" for n in range(3000)]
    table = table_of("big.csv", "\ufeffa;b;c;d\n" + "\n".join(rows) + "\n;1;2;3\nNaN;1;2;x\n")
    data, notes = data_of_table(table, None, ["c"])
    assert data.x.shape == (2000, 2)
    assert data.classes == ("0", "1", "2")
    told = [one.text("en") for one in notes]
    assert told[0] == "2 rows with an empty cell or NaN are left out."
    assert told[1].startswith("Of 3,000 rows 2,000")
    assert told[2] == "Not used, because they hold words: d (x …)."
    assert told[3].startswith("a is scaled")
    np.testing.assert_allclose(data.x.mean(axis=0), 0, atol=1e-12)
    again, _ = data_of_table(table_of("big.csv", "a;b;c;d\n" + "\n".join(rows)), None, ["c"])
    assert again.x.shape == (2000, 2)


def test_very_many_rows_are_sampled_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_table, "LINES", 50)
    table = table_of("t.csv", "a,b\n" + "\n".join(f"{n},{n}" for n in range(500)))
    assert len(table.rows) == 50
    assert [one.text("en") for one in table.notes] == [
        "Of 500 rows 50 are taken, the same ones every time."
    ]


def test_numbers_near_the_largest_are_scaled_too() -> None:
    """Their squares are infinite, so that a plain deviation would make zeros of them."""
    table = table_of("t.csv", "a,b\n1e308,1\n-1e308,2\n1e308,3\n-1e308,4")
    data, notes = data_of_table(table, None, None)
    np.testing.assert_allclose(data.x[:, 0], [1, -1, 1, -1], rtol=1e-12)
    assert "∞" not in notes[0].text("en")


def test_a_table_without_names_has_its_columns_counted() -> None:
    assert table_of("t", "1,2\n3,4").names == ("column0", "column1")


def test_the_program_trains_as_the_page_did(page: Page, tmp_path: Path) -> None:
    page.say("build", recipe={"preset": "xor", "batch": 2})
    last = page.train(20)
    (program,) = page.say("export", what="program")
    (tmp_path / program["name"]).write_text(program["text"], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program["name"]], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    losses = page.session._state.run.losses
    assert f"{losses[-1]:.6g}" in done.stdout
    assert last["step"] == 20


def test_many_numbers_go_into_a_file_beside_the_program(page: Page) -> None:
    page.say("build", recipe={"preset": "digits"})
    names = [one["name"] for one in page.say("export", what="program")]
    assert names == ["train.py", "train.npz"]


def test_a_saved_network_comes_back_with_the_same_bits(page: Page, tmp_path: Path) -> None:
    page.say("build", recipe={"preset": "moons", "batch": 50})
    page.train(7)
    file = page.ask("export", "file", what="safetensors")
    path = tmp_path / file["name"]
    path.write_bytes(base64.b64decode(file["base64"]))
    problem = problem_of_file(path)
    again = Page(Session(problem=problem, own_data=problem.data))
    assert one_of(again.greeting, "moment")["step"] == 7
    page.train(5)
    again.train(5)
    one, other = (p.session._state.run.last.params for p in (page, again))
    np.testing.assert_array_equal(one, other)
    layers = one_of(again.greeting, "network")["recipe"]["layers"]
    assert [layer["kind"] for layer in layers] == ["Linear", "ReLU", "Linear"]
    again.say("build", recipe={**one_of(again.greeting, "network")["recipe"], "seed": 9})
    assert again.session._state.run.problem.first.step == 0


def test_a_network_that_no_recipe_says_is_looked_at_all_the_same(tmp_path: Path) -> None:
    network = Network(Sequential(Embedding(4, 3), Tanh(), Linear(3, 2)))
    ids = np.array([0, 1, 2, 3])
    path = tmp_path / "words.safetensors"
    params = network.initialize(seed=0)
    save(path, network, params, x=ids, target=ids % 2, loss="cross_entropy", optimizer=SGD(0.1))
    page = Page(Session(problem=problem_of_file(path)))
    page.train(5)
    assert one_of(page.greeting, "network")["recipe"]["layers"] is None
    assert "safetensors" in page.refused("export", what="link")
    assert page.ask("output", "output")["form"] == "bars"
    assert page.ask(
        "select", "why", selection={"kind": "weight", "address": "layers[2].weight[0,1]"}
    )


def test_a_network_that_is_too_large_is_told_so(page: Page, tmp_path: Path) -> None:
    layers = [{"kind": "Linear", "units": 1000}, {"kind": "Linear", "units": 1000}] * 2
    assert "2,007,002" in page.refused("build", recipe={"preset": "moons", "layers": layers})
    network = Network(Linear(400, 400))
    path = tmp_path / "large.safetensors"
    save(path, network, network.initialize(0), x=np.zeros((2, 400)), target=np.zeros((2, 400)))
    with pytest.raises(ConfigurationError, match="160,400"):
        problem_of_file(path)


def test_a_file_without_samples_is_refused(tmp_path: Path) -> None:
    network = Network(Linear(1, 1))
    path = tmp_path / "bare.safetensors"
    save(path, network, network.initialize(0))
    with pytest.raises(FileError):
        problem_of_file(path)


def test_a_table_is_opened_with_a_network_for_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(CSV, encoding="utf-8")
    problem, table = problem_of_csv(path)
    page = Page(Session(problem=problem, own_data=problem.data, table=table))
    assert page.train(100)["loss"] < 0.3
    (tmp_path / "latin.csv").write_bytes(b"a,b\n\xe9,1")
    for name in ("latin.csv", "nothing.csv"):
        with pytest.raises(FileError):
            problem_of_csv(tmp_path / name)


def test_pictures_are_of_the_moment_that_is_shown(page: Page) -> None:
    page.go(0, 3)
    assert "∂C" not in page.ask("export", "file", what="svg")["text"]
    page.go(0, 10)
    assert "∂" in page.ask("export", "file", what="svg")["text"]
    pytest.importorskip("matplotlib")
    picture = page.ask("export", "file", what="png")
    assert base64.b64decode(picture["base64"]).startswith(b"\x89PNG")


def test_answers_are_marked_by_grade(
    page: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no answers" in page.refused("export", what="answers")
    page.say("build", recipe={"preset": "pair"})
    page.say("blank", on=True)
    for phase, text in ((0, "0.3775"), (1, "9"), (2, "1.1059")):
        blanks = one_of(page.say("go", branch="main", step=0, phase=phase), "blanks")["blanks"]
        page.say("answer", blank=blanks[0]["name"], text=text)
    answers, key = page.say("export", what="answers")
    assert key["name"] == f"{json.loads(answers['text'])['variant']}.json"
    for folder, file in (("me", answers), ("key", key)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file["name"]).write_text(file["text"], encoding="utf-8")
    assert main(["grade", str(tmp_path), "--lang", "en"]) == 0
    told = capsys.readouterr().out
    assert "Wrong: step 0 layers[1] a[0,0] = 9 instead of 0.5933." in told


def test_what_cannot_be_taken_away_is_refused(page: Page) -> None:
    assert "link, program" in page.refused("export", what="soul")
    assert "no lesson" in page.refused("lesson", name="dance")


@pytest.mark.parametrize(
    "recipe",
    [
        {"preset": "magic"},
        {"preset": 3},
        {"colour": "red"},
        {"layers": []},
        {"layers": "Linear"},
        {"layers": [3]},
        {"layers": [{"kind": "Linear", "units": 1.5}, {"kind": "Linear"}]},
        {"layers": [{"kind": "Linear", "units": 8, "colour": "red"}, {"kind": "Linear"}]},
        {"layers": [{"kind": "Linear", "units": True}, {"kind": "Linear"}]},
        {"layers": [{"kind": "Linear", "units": 5000}, {"kind": "Linear"}]},
        {"layers": [{"kind": "os.system"}]},
        {"layers": [{"kind": "Identity"}], "data": {"name": "spirals"}},
        {"layers": [{"kind": "ReLU"}] * 30},
        {"layers": [{"kind": "Dropout", "probability": 2}, {"kind": "Linear"}]},
        {"loss": {"kind": "Envy"}},
        {"loss": {"kind": "CrossEntropy"}},
        {"loss": {"kind": "MSE", "reduction": "none"}},
        {"loss": 3},
        {"optimizer": {"kind": "SGD"}},
        {"optimizer": {"kind": "SGD", "learning_rate": "fast"}},
        {"optimizer": {"kind": "Adam", "betas": [1, 2, 3]}},
        {"optimizer": {"kind": "Clipped", "optimizer": {"kind": "SGD"}}},
        {"start": {"kind": "Luck"}},
        {"start": {"kind": "worked_example"}},
        {"start": {"kind": "Uniform", "low": 2, "high": 1}},
        {"seed": -1},
        {"seed": "x"},
        {"batch": 0},
        {"batch": 1.5},
        {"data": {"name": "../../etc/passwd"}},
        {"data": 3},
    ],
)
def test_a_recipe_that_cannot_be_has_its_sentence(page: Page, recipe: dict[str, object]) -> None:
    english = page.refused("build", recipe=recipe)
    assert english.endswith((".", "。"))
    page.say("language", language="zh-TW")
    assert page.refused("build", recipe=recipe) != english
    assert page.session._state.run.problem.data.name == "line"


def test_nothing_of_the_lab_needs_more_than_numpy() -> None:
    blocked = (
        "import sys\n"
        "NAMES = {'sklearn', 'scipy', 'pyarrow', 'narwhals', 'rich', 'matplotlib', 'torch', 'jax',"
        " 'latex2mathml', 'jinja2', 'onnx', 'starlette', 'uvicorn', 'websockets'}\n"
        "sys.modules.update(dict.fromkeys(NAMES))\n"
        "from clearprop.lab.session import Session\n"
        "from clearprop.lab.pasted_code import in_place\n"
        "s = Session(guest=in_place)\n"
        "say = lambda kind, **f: s.receive({'type': kind, 'id': 1, **f})\n"
        "found = say('hello', version=1, language='zh-TW')\n"
        "found += say('run'); s.work(0.05); found += say('pause')\n"
        "found += say('select', selection={'kind': 'weight', 'address': 'layers[0].weight[0,3]'})\n"
        "found += say('plant', mistake='random') + say('check') + say('health') + say('output')\n"
        "for what in ('link', 'program', 'safetensors', 'svg'): found += say('export', what=what)\n"
        "print([m['text'] for m in found if m['type'] == 'sentence'])\n"
        "print([m['name'] for m in found[0]['missing']])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[:2] == ["[]", "['png', 'mathml']"], done.stderr
