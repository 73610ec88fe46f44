"""`report.html` of real runs: self-contained, true to the numbers, in both languages, and as a
browser lays it out."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from clearprop.base import dependencies, messages
from clearprop.base.arrays import Array
from clearprop.base.errors import FileError
from clearprop.base.numbers import number
from clearprop.cli import main
from clearprop.reading.health import Finding, Severity, Symptom
from clearprop.runs.report import write_report
from clearprop.runs.report.model_card import quoted
from clearprop.runs.report.run_findings import RunFindings, run_findings
from clearprop.runs.report.run_page import run_page
from clearprop.runs.run_data import RunData
from clearprop.runs.run_folder import Run, open_run
from clearprop.runs.run_settings import RunSettings
from clearprop.runs.run_training import plan_run, train_run
from clearprop.training.finding import Values
from tests.browser import MEASURE, Open
from tests.reports.test_page import Page

QUICK: dict[str, Any] = {
    "epochs": 3,
    "least_steps": 0,
    "hidden": (8,),
    "bins": 4,
    "networks": 2,
    "learning_rate": 0.01,
}
ROWS = 160
HOSTILE = "<b>&_[1]*x*"


class Reported(NamedTuple):
    run: Run
    training: RunData
    held_out: RunData | None
    findings: RunFindings


def columns() -> dict[str, list[Any]]:
    generator = np.random.default_rng(0)
    x, km = generator.normal(size=ROWS), generator.integers(0, 9, ROWS)
    fuel = generator.choice(["diesel", "汽油", "", "<i>電"], ROWS)
    day = np.datetime64("2024-01-01") + generator.integers(0, 400, ROWS)
    price = 3 * x + km + (fuel == "diesel") + generator.normal(size=ROWS) / 5

    def words(mask: Array) -> list[str]:
        return ["yes" if one else "no" for one in mask]

    return {
        HOSTILE: x.tolist(),
        "里程": ["" if k % 11 == 0 else km[k] for k in range(ROWS)],
        "fuel": fuel.tolist(),
        "day": day.astype(str).tolist(),
        "dealer": generator.choice(["Graz", "花蓮", "Lima"], ROWS, p=[0.6, 0.3, 0.1]).tolist(),
        "weight": generator.integers(1, 4, ROWS).tolist(),
        "價格": price.tolist(),
        "second": (price * 1000 + generator.normal(size=ROWS)).tolist(),
        "sold": words(price > 5),
        "band": np.array(["low", "mid", "high"])[np.digitize(price, [2, 6])].tolist(),
        "cheap": words(price < 4),
        "never": ["no"] * (ROWS - 1) + ["yes"],
        "constant": [7] * ROWS,
        "huge": (price * 1e250).tolist(),
    }


# Every kind of target, with and without held-out rows, folds, groups, times and weights.
CASES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "numbers": (("價格",), {"validation": 0.25, "group": "dealer", "time": "day"}),
    "several": (("價格", "second"), {"weights": "weight"}),
    "binary": (("sold",), {"validation": 0.25, "networks": 1, "stop_on": "auc"}),
    "classes": (("band",), {"group": "dealer"}),
    "labels": (("cheap", "never"), {"validation": 0.25}),
    "training": (("價格",), {"validation": "none", "networks": 1}),
    "constant": (("constant",), {"validation": 0.25}),
    "huge": (("huge",), {"dtype": "float64", "group": "dealer", "time": "day"}),
}
# What each of them is given beside its target.
INPUTS = (HOSTILE, "里程", "fuel", "day")


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reported]:
    """A run of every case, trained when it is first asked for."""
    made: dict[str, Reported] = {}
    every = columns()

    def of(name: str) -> Reported:
        if name not in made:
            target, settings = CASES[name]
            aside = [settings[key] for key in ("group", "time", "weights") if key in settings]
            names = list(dict.fromkeys([*INPUTS, *aside, *target]))
            folder = tmp_path_factory.mktemp(name)
            path = folder / "cars.csv"
            lines = [names, *zip(*(every[one] for one in names), strict=True)]
            path.write_text("\n".join(",".join(map(str, line)) for line in lines), "utf-8")
            plan = plan_run(RunSettings(data=str(path), target=target, **{**QUICK, **settings}))
            run = train_run(plan, folder / "run").run
            rows = plan.training, plan.held_out
            made[name] = Reported(run, *rows, run_findings(run, *rows))
        return made[name]

    return of


@pytest.fixture(params=messages.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("case", CASES)
def test_the_page_is_whole_and_asks_for_nothing(
    case: str, language: str, reported: Callable[[str], Reported]
) -> None:
    html = run_page(reported(case).findings, language)
    page = Page(html)
    assert page.open == []
    ids = page.values("id")
    assert [one for one, count in Counter(ids).items() if count > 1] == []
    inside = [link for link in page.values("href") if not link.startswith("#")]
    assert inside == []
    assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)
    assert page.values("src") == []
    assert "@import" not in html
    assert not re.search(r"url\(", html)
    # What a person calls a column is text, never a tag; a field that was not filled has braces.
    assert "<i>電" not in html
    assert "<b>&" not in html
    assert not re.search(r"\{\w*\}", page.text)
    assert "None" not in page.text
    assert f'lang="{language}"' in html


@pytest.mark.parametrize("case", CASES)
def test_every_picture_says_what_it_shows_and_has_its_numbers(
    case: str, language: str, reported: Callable[[str], Reported]
) -> None:
    html = run_page(reported(case).findings, language)
    pictures = re.findall(
        r'<svg.*?<title id="[^"]*">(.*?)</title>\s*<desc id="[^"]*">(.*?)</desc>', html, re.S
    )
    assert len(pictures) == html.count("<svg") > 4
    assert all(title.strip() and words.strip() for title, words in pictures)
    figures = re.findall(r"<figure.*?</figure>", html, re.S)
    assert len(figures) >= 3
    assert all("<table" in figure for figure in figures)


def test_the_page_tells_the_scores_that_were_measured(
    language: str, reported: Callable[[str], Reported]
) -> None:
    findings = reported("numbers").findings
    truth, said = findings.judged.truth[:, 0], findings.said[:, 0]
    error = float(np.sqrt(np.mean((truth - said) ** 2)))
    html = run_page(findings, language)
    text = Page(html).text
    first = findings.scores[0].rows[0]
    assert first.network.value == pytest.approx(error)
    assert text.count(number(error, 3)) >= 2
    assert number(findings.scores[0].difference.value or 0, 3) in text
    assert f"{findings.scores[0].draws:,}" in text
    assert "<code>clearprop train --resume" in html
    for one in findings.importances:
        assert one.column in text.replace("&lt;", "<")


def test_what_is_judged_on_is_said(reported: Callable[[str], Reported]) -> None:
    judging = {name: reported(name).findings.judged.judging for name in CASES}
    assert judging == {
        "numbers": "held_out",
        "several": "folds",
        "binary": "held_out",
        "classes": "folds",
        "labels": "held_out",
        "training": "training",
        "constant": "held_out",
        "huge": "held_out",
    }
    notice = messages.text("en", "run_report.notice.training")
    assert notice in Page(run_page(reported("training").findings, "en")).text
    assert notice not in Page(run_page(reported("numbers").findings, "en")).text


def test_rows_of_the_training_tell_no_winner(reported: Callable[[str], Reported]) -> None:
    text = Page(run_page(reported("training").findings, "en")).text
    assert "this does not tell which is better" in text
    assert "is better than a linear model" not in text
    assert "none learned from them" not in text


def test_no_interval_is_judged_by_the_rows_of_the_training(
    reported: Callable[[str], Reported],
) -> None:
    assert reported("training").findings.coverage == ()
    assert reported("several").findings.coverage != ()


def test_the_health_of_every_network_is_told(
    language: str, reported: Callable[[str], Reported]
) -> None:
    findings = reported("numbers").findings
    assert len(findings.health) == findings.run.settings.networks == 2
    values: Values = {
        "layer": "layers[1]",
        "name": "ReLU",
        "count": 1,
        "total": 8,
        "samples": 9,
        "z": -1.0,
    }
    dead = Finding(Symptom.DEAD_UNITS, Severity.WARNING, ("layers[1][3]",), values)
    sick, well = (replace(findings.health[0], findings=found) for found in ((dead,), ()))
    told = {
        "in_one": (well, sick),
        "in_all": (sick, sick),
        "in_some": (sick, well, sick),
    }
    for key, health in told.items():
        page = unescape(run_page(replace(findings, health=health), language))
        ill = [number for number, one in enumerate(health) if one is sick]
        names = messages.text(language, "health.comma").join(map(str, ill))
        numbers = {"count": len(ill), "networks": len(health), "names": names, "first": ill[0]}
        sentence = dead.sentence(language)
        assert messages.text(language, f"run_report.health.{key}", told=sentence, **numbers) in page
    alone = run_page(replace(findings, health=(sick,)), language)
    assert dead.sentence(language) in unescape(alone)


def test_an_error_that_is_not_defined_has_no_importance(
    reported: Callable[[str], Reported],
) -> None:
    # R² of a constant is none.
    assert reported("constant").findings.importances == ()


def test_the_curve_of_a_metric_is_that_of_the_history(reported: Callable[[str], Reported]) -> None:
    # The area under the curve, of which more is better: the page tells the history's values.
    run = reported("binary").run
    scores = [row.score for row in run.history.rows]
    assert all(score is not None and 0 < score <= 1 for score in scores)
    text = Page(run_page(reported("binary").findings, "en")).text
    assert all(number(score) in text for score in scores if score is not None)
    assert "held-out rows: auc" in text


# Held-out rows, folds of rows, folds of groups, and nothing that was held out.
@pytest.mark.parametrize("case", ["numbers", "several", "classes", "training"])
def test_a_run_that_is_opened_again_has_the_same_report(
    case: str, reported: Callable[[str], Reported], tmp_path: Path
) -> None:
    made = reported(case)
    again = open_run(made.run.folder)
    plan = plan_run(again.settings)
    path = write_report(tmp_path, again, plan.training, plan.held_out, "zh-TW")
    assert path == tmp_path / "report.html"
    seen = path.read_text("utf-8")
    assert seen == run_page(made.findings, "zh-TW")


def test_a_folder_that_cannot_be_written_is_a_sentence(
    reported: Callable[[str], Reported], tmp_path: Path
) -> None:
    made = reported("numbers")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(FileError):
        write_report(tmp_path, made.run, made.training, made.held_out, "en")


def test_the_command_writes_it(
    reported: Callable[[str], Reported],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = reported("binary").run.settings.data
    options = ["--target", "sold", "--epochs", "1", "--hidden", "4", "--networks", "1"]
    assert main(["train", data, *options, "--out", str(tmp_path / "run"), "--lang", "zh-TW"]) == 0
    assert 'lang="zh-TW"' in (tmp_path / "run" / "report.html").read_text("utf-8")
    # The model does without Jinja2.
    monkeypatch.setattr(dependencies, "is_installed", lambda module: module != "jinja2")
    capsys.readouterr()
    assert main(["train", data, *options, "--out", str(tmp_path / "bare"), "--lang", "en"]) == 0
    assert "pip install 'clearprop[report]'" in capsys.readouterr().err
    files = {path.name for path in (tmp_path / "bare").iterdir()}
    assert "model.safetensors" in files
    assert "report.html" not in files


def test_a_table_larger_than_its_memory_is_said_to_be_sampled(
    reported: Callable[[str], Reported],
) -> None:
    made = reported("training")
    findings = run_findings(made.run, made.training, None, trained_rows=5_000_000)
    text = Page(run_page(findings, "en")).text
    assert "learned from 5,000,000 rows" in text
    assert "from 160 rows of it" in text


@pytest.mark.parametrize(
    ("word", "shell"),
    [
        ("run-1/a.csv", "run-1/a.csv"),
        ("my run", "'my run'"),
        ("it's", "'it'\\''s'"),
        ("-x", "'-x'"),
    ],
)
def test_commands_are_what_a_shell_takes(word: str, shell: str) -> None:
    assert quoted(word) == shell


@pytest.mark.thorough
@pytest.mark.parametrize(("case", "language"), [("several", "zh-TW"), ("classes", "en")])
def test_a_browser_lays_it_out_on_a_phone_and_a_wide_screen(
    case: str, language: str, reported: Callable[[str], Reported], opened: Open
) -> None:
    html = run_page(reported(case).findings, language)
    for width in (390, 1440):
        page = opened(html, width=width)
        found = page.evaluate(MEASURE)
        assert found["width"] <= found["window"] == width
        assert (found["overlaps"], found["outside"]) == ([], [])
        assert page.complaints == []
