"""Small tables that runs are tried on, and the words of a command that trains fast."""

from pathlib import Path

import numpy as np

from clearprop.cli import main
from clearprop.runs.run_folder import Run, open_run

ROWS = 200
# A training that is over at once.
FAST = ["--epochs", "2", "--networks", "2", "--hidden", "4", "--engine", "numpy", "--lang", "en"]


def people(path: Path, rows: int = ROWS, seed: int = 0) -> Path:
    """Numbers, a date, words with some missing, weights and groups; targets of every task."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    height = random.normal(170, 10, rows).round(1)
    town = random.choice(["Taipei", "Tainan", "台中"], rows)
    day = np.datetime64("2024-01-01") + random.integers(0, 700, rows)
    income = (age * 30 + (town == "Taipei") * 500 + random.normal(0, 50, rows)).round(2)
    rich = np.where(income > np.median(income), "yes", "no")
    lines = ["age,height,town,day,weight,income,rich,tall,old,rating"]
    for k in range(rows):
        cells = [age[k], "" if k % 17 == 0 else height[k], town[k], day[k], 1 + k % 3, income[k]]
        cells += [rich[k], int(height[k] > 170), int(age[k] > 50), age[k] // 20]
        lines.append(",".join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# The targets of a table of people: what else has to be left out.
TARGETS = {
    "income": "rich,tall,old,rating",
    "rich": "income,tall,old,rating",
    "rating": "income,rich,tall,old",
    "tall,old": "income,rich,rating",
}


def words(data: Path, out: Path, *more: str, target: str = "income") -> list[str]:
    """The words of a command that trains on a table of people."""
    return [
        "train", str(data), "--target", target, "--drop", TARGETS[target],
        "--out", str(out), *FAST, *more,
    ]  # fmt: skip


def trained(data: Path, out: Path, *more: str, target: str = "income") -> Run:
    """The run of a small training by the command."""
    assert main(words(data, out, *more, target=target)) == 0
    return open_run(out)
