"""The five 200-seed studies of the report: each is one stacked training of 50 steps on one core.

The starts of PyTorch's kind are drawn by our own generator, and, where PyTorch is installed, by it
as well (200 modules made one by one).
"""

from benchmarks.measuring import Row, print_rows, torch_is_installed
from clearprop.bench.timing import cores, interleaved
from clearprop.teaching.experiments.data import regression_data
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.experiments.studies import seed_studies

ROUNDS = 7


def measure() -> list[Row]:
    data = regression_data()
    ours, pytorch = ReproductionSettings(with_torch=False), ReproductionSettings(with_torch=True)
    runs = {"five 200-seed studies": lambda: seed_studies(data, ours)}
    if torch_is_installed():
        runs["five 200-seed studies, starts drawn by PyTorch"] = lambda: seed_studies(data, pytorch)
    with cores(1):
        seconds = interleaved(runs, repeats=ROUNDS)
    return [Row(name, value, "s", at_most=2) for name, value in seconds.items()]


if __name__ == "__main__":
    print_rows(measure())
