"""`results.json`: every number of the report and every loss of every run, for programs.

JSON has no infinity and no NaN; they are written as the strings "Infinity", "-Infinity" and "NaN".
"""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from clearprop.base.json_values import json_values
from clearprop.base.version import __version__
from clearprop.formats import torch_twin
from clearprop.teaching.experiments import curve
from clearprop.teaching.experiments.parity import Comparison
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.studies import Study
from clearprop.teaching.experiments.trainings import TrainingRun
from clearprop.teaching.reports.facts import SUM_COLUMN, SUM_PATH, SUM_ROW, gradient_shares

SCHEMA = 1


def versions(result: Reproduction) -> dict[str, str]:
    """The versions that the numbers were made with; torch only where it was used."""
    found = {
        "clearprop": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": version("scipy"),
        "scikit-learn": version("scikit-learn"),
    }
    if result.comparisons is not None:
        found["torch"] = torch_twin.version()
    return found


def results_json(result: Reproduction, language: str) -> str:
    """The whole reproduction as JSON text."""
    settings = result.settings
    worked = result.worked
    shares = gradient_shares(result)
    document = {
        "schema": SCHEMA,
        "about": "non-finite numbers are the strings Infinity, -Infinity and NaN; every loss is "
        "from before its update",
        "versions": versions(result),
        "settings": {**asdict(settings), "language": language},
        "data": {
            "x": result.data.x,
            "target": result.data.target,
            "variance": result.data.variance,
            "least_squares": result.line._asdict(),
        },
        "neuron": _worked_pass(result),
        "straight_line": {"params": result.straight.params},
        "bent_line": {"params": result.bent.params},
        "activations": {one.name: one._asdict() for one in result.curves},
        "descent": result.descent._asdict(),
        "gradient_shares": {
            "parameter": f"{SUM_PATH}[{SUM_ROW},{SUM_COLUMN}]",
            "largest": [one._asdict() for one in shares.largest],
            "rest": shares.rest,
            "total": shares.total,
        },
        "worked_example": {
            "loss": worked.loss,
            "loss_after_step_old_weights": worked.loss_old_weights,
            "loss_after_step_updated_weights": worked.loss_new_weights,
        },
        "trainings": [_run(run) for run in result.trainings],
        "gradient_check": {
            "arrays": [one._asdict() for one in result.check.arrays],
            "printed": result.check.printed,
            "right": result.check.right,
            "finite_differences": result.check.differences.gradient,
            "steps": result.check.differences.steps,
            "mask_flipped": result.check.differences.flipped,
            "printed_differs_from_z_times_dz": result.check.z_explains,
            "samples_with_negative_z": result.check.negative,
        },
        "torch": None
        if result.comparisons is None
        else [_comparison(one) for one in result.comparisons],
        "seed_studies": [_study(one) for one in result.studies.values()],
        "curved": {
            "x": result.curved.data.x,
            "target": result.curved.data.target,
            "least_squares": result.curved.line._asdict(),
            "noise_variance": result.curved.noise,
            "steps": curve.STEPS,
            "seeds": list(curve.SEEDS),
            "studies": [_study(one) for one in (result.curved.linear, result.curved.relu)],
        },
        "learning_rates": [_study(one) for one in result.rates],
        "claims": [one._asdict() for one in result.claims],
    }
    return json.dumps(json_values(document), ensure_ascii=False, allow_nan=False)


def _worked_pass(result: Reproduction) -> list[dict[str, Any]]:
    backward = result.worked.backward
    return [
        {
            "layer": there.path,
            "input": there.input,
            "output": there.output,
            "output_gradient": back.output_gradient,
            "input_gradient": back.input_gradient,
            "gradients": dict(back.gradients),
        }
        for there, back in zip(backward.forward.records, backward.records, strict=True)
    ]


def _run(run: TrainingRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "diverged": run.diverged,
        "start": run.network.named(run.start),
        "losses": run.losses,
        "final": run.network.named(run.state.params),
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "name": one.name,
        "start": one.start,
        "dtype": one.dtype,
        "steps_compared": one.steps_compared,
        "loss_difference": one.loss_difference,
        "params_difference": one.params_difference,
        "loss_tolerance": one.tolerances[0],
        "params_tolerance": one.tolerances[1],
        "agrees": one.agrees,
        "ours": _run(one.ours),
        "torch_losses": one.losses,
        "torch_final": one.ours.network.named(one.params),
    }


def _study(study: Study) -> dict[str, Any]:
    return {
        "name": study.name,
        "learning_rate": study.learning_rate,
        "engine": study.engine.name,
        "seeds": list(range(study.losses.shape[1])),
        "losses": study.losses.T,
        "outcomes": {name: int(mask.sum()) for name, mask in study.outcomes.items()},
        "dead": np.flatnonzero(study.dead),
        "overflow": np.flatnonzero(study.overflow),
    }
