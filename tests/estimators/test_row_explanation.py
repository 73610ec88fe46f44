"""One row in its columns' shares: by hand, by differences, in both languages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clearprop.base.errors import DataError
from clearprop.base.messages import display_width
from clearprop.cli import main
from clearprop.estimators import NetworkClassifier, NetworkRegressor
from clearprop.teaching.reports.explanation_pages import row_page

QUICK: dict[str, Any] = {"max_iter": 30, "n_networks": 2, "random_state": 0}


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "km": rng.uniform(0, 1000, 200),
            "farbe": rng.choice(["rot", "blau"], 200),
            "重量": rng.normal(5, 1, 200),
        }
    )
    made.loc[3, "km"] = np.nan
    return made


def test_a_straight_line_by_hand() -> None:
    # y = 0.02 km + 3 by a network of one Linear layer: without anything that bends, a share is
    # slope times distance from the mean, whatever the way there.
    X = frame().dropna()[["km"]]
    model = NetworkRegressor(
        hidden_layer_sizes=(), soft_clip=None, bins=0, input_scale=None, dtype="float64",
        solver="lbfgs", max_iter=200, n_networks=1, standardize_target=False,
    ).fit(X, 0.02 * X["km"] + 3)  # fmt: skip
    found = model.explain_row(X, 4)
    (km,) = found.columns
    assert km.slope == pytest.approx(0.02, rel=1e-4)
    assert km.witness == pytest.approx(0.02, rel=1e-4)
    assert km.share == pytest.approx(0.02 * (X["km"].iloc[4] - X["km"].mean()), rel=1e-4)
    assert found.average == pytest.approx(0.02 * X["km"].mean() + 3, rel=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("task", ["number", "class", "single", "labels"])
def test_shares_add_up_and_slopes_are_differences_of_the_table(task: str, dtype: str) -> None:
    X = frame()
    y: Any = np.sin(X["km"].fillna(500) / 200) + (X["farbe"] == "rot") + 0.2 * X["重量"]
    model: Any = NetworkRegressor(**QUICK, dtype=dtype)
    if task != "number":
        y = y > y.mean() if task != "labels" else np.column_stack([y > 1, y > 2]).astype(int)
        model = NetworkClassifier(**QUICK, dtype=dtype, single_logit=task == "single")
    model.fit(X, y)
    for row in (0, 3, 17):
        found = model.explain_row(X, row)
        total = sum(one.share for one in found.columns) + found.rest
        assert total == pytest.approx(found.prediction - found.average, abs=1e-12)
        assert abs(found.rest) < 0.02 * max(1, abs(found.prediction))
        for one in found.columns:
            if one.slope is None or one.witness is None:
                assert one.column == "farbe" or (one.column == "km" and row == 3)
                continue
            assert one.slope == pytest.approx(one.witness, rel=1e-4, abs=1e-6)
    # In the table's own unit: one more kilogram, by the estimator's own predictions.
    if dtype == "float64" and task in ("number", "class"):
        moved = X.iloc[[0, 0]].copy()
        moved["重量"] += [1e-4, -1e-4]
        said = model.predict(moved) if task == "number" else None
        if said is None:
            said = model.predict_proba(moved)[:, model.predict_proba(X.iloc[[0]])[0].argmax()]
        slope = {one.column: one.slope for one in model.explain_row(X, 0).columns}["重量"]
        assert slope == pytest.approx((said[0] - said[1]) / 2e-4, rel=1e-3, abs=1e-7)


def test_at_a_bend_the_slope_is_that_of_one_side() -> None:
    # Bins have their edges at values of the table: half of these rows stand on one.
    X = pd.DataFrame({"rooms": np.arange(200) % 5, "km": np.linspace(0, 1, 200)})
    model = NetworkRegressor(**QUICK).fit(X, np.abs(X["rooms"] - 2) + X["km"])
    bent = 0
    for row in range(5):
        found = model.explain_row(X, row)
        bent += sum(one.bends for one in found.columns)
        for one in found.columns:
            assert one.slope == pytest.approx(one.witness, rel=1e-4, abs=1e-6)
    assert bent
    assert "the network bends" in model.explain_row(X, 2).text()
    smooth = NetworkRegressor(**QUICK, activation="tanh", bins=0, soft_clip=None).fit(X, X["km"])
    assert not any(one.bends for row in range(20) for one in smooth.explain_row(X, row).columns)


def test_a_row_in_every_form() -> None:
    X = frame()
    wide = pd.concat([X, pd.DataFrame({f"c{k}": X["重量"] * k for k in range(1, 25)})], axis=1)
    found = NetworkRegressor(**QUICK).fit(wide, X["重量"]).explain_row(wide, 3)
    document = json.loads(found.to_json())
    assert len(document["columns"]) == 27
    assert "7 others" in found.text()
    assert "<svg" in found.svg("zh-TW")
    assert "其餘 7 欄" in found.svg("zh-TW")
    assert found.columns[0].told("en") in row_page(found, "en")
    for language in ("en", "zh-TW"):
        assert [
            one for one in found.text(language, 40).split("\n") if display_width(one) > 40
        ] == []


def test_in_words() -> None:
    X = frame()
    model = NetworkClassifier(**QUICK).fit(X, X["farbe"])
    text = model.explain_row(X, 0, output=1).text()
    assert "the probability of y = rot" in text
    assert text.splitlines()[1].startswith("Above all, farbe = ")
    assert "farbe" in text.splitlines()[5]
    chinese = model.explain_row(X, 0, output=1).text("zh-TW")
    assert "y = rot 的機率" in chinese
    assert "重量" in chinese
    without = model.explain_row(X, 3)
    assert {one.column: one.value for one in without.columns}["km"] is None
    assert "(missing)" in without.text()
    assert "（缺值）" in without.text("zh-TW")
    assert "km = （缺值）" in without.svg("zh-TW")
    with pytest.raises(DataError, match="no row 200"):
        model.explain_row(X, 200)
    with pytest.raises(DataError, match="no output 2"):
        model.explain_row(X, 0, output=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "FILE", "--sample", "1"],
        ["step", "FILE"],
        ["health", "FILE"],
        ["diagram", "FILE", "-o", "OUT.svg"],
        ["write", "FILE", "-o", "OUT.py"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_take_a_saved_model(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    X = frame()
    model = NetworkClassifier(hidden_layer_sizes=(5,), bins=3, max_iter=2, n_networks=2)
    file = tmp_path / "model.safetensors"
    model.fit(X, X["farbe"]).save(file, X, X["farbe"])
    given = [
        one.replace("FILE", str(file)).replace("OUT", str(tmp_path / "out")) for one in arguments
    ]
    # Health may find something, and then says so by its status.
    assert main([*given, "--lang", "en"]) in (0, 1)
    said = capsys.readouterr()
    assert said.out + said.err
    assert "clearprop:" not in said.err
