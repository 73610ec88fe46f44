"""Runs every benchmark, prints one table, and writes it to `benchmarks/results.json`.

    python -m benchmarks [NAME ...]     all of them, or those named: training_step, training_loop,
                                        lenet_step, through_time, gpt_step, step_memory,
                                        trainings, kernels_ready, seed_studies,
                                        import_time, gradient_check, explain, exercises, reproduce,
                                        more_machines, searches, lab_page

The exit status is 1 where a bound does not hold. Only a run of all of them writes the file.
"""

import json
import os
import platform
import sys
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.measuring import print_rows, torch_is_installed

NAMES = (
    "training_step",
    "training_loop",
    "lenet_step",
    "through_time",
    "gpt_step",
    "step_memory",
    "trainings",
    "kernels_ready",
    "seed_studies",
    "import_time",
    "gradient_check",
    "explain",
    "exercises",
    "reproduce",
    "more_machines",
    "searches",
    "lab_page",
)


def main(names: list[str]) -> int:
    if unknown := set(names) - set(NAMES):
        print(f"There is no benchmark {sorted(unknown)}; choose from {', '.join(NAMES)}.")
        return 2
    rows = []
    for name in names or NAMES:
        print(f"… {name}", file=sys.stderr)
        rows += import_module(f"benchmarks.{name}").measure()
    print_rows(rows)
    if not names:
        packages = ["clearprop", "numpy", *(["torch"] if torch_is_installed() else [])]
        results = {
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "versions": {package: version(package) for package in packages},
            "rows": [{**asdict(row), "holds": row.holds} for row in rows],
        }
        text = json.dumps(results, indent=2, ensure_ascii=False)
        Path(__file__).with_name("results.json").write_text(text + "\n", encoding="utf-8")
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
