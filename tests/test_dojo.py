"""The backprop dojo: its notebooks are what their sources make; the keys run to the end, a blank is
told that it is not written, and a mistake in any of them is named."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from clearprop import check
from clearprop.checking.verdict import Verdict
from clearprop.teaching.reports import dojo_notebooks
from clearprop.teaching.reports.dojo_notebooks import BLANK, cells_of, filled, notebook
from tests.documents import DOCS

FOLDER = DOCS / "notebooks" / "dojo"
NAMES = ("digits", "gpt", "letters")
# function → a part of its solution, what a person writes by mistake, and a word of its name
PLANTED = {
    "digits": {
        "convolution_backward": ("W[:, :, ::-1, ::-1]", "W"),
        "relu_backward": ("z > 0", "z < 0"),
        "pooling_backward": ("argmax", "argmin"),
        "flatten_backward": ("dy.reshape", "-dy.reshape"),
        "linear_backward": ("dy.sum(axis=0)", "dy.mean(axis=0)"),
        "cross_entropy_backward": (" / len(t)", ""),
        "lenet_backward": ("linear_backward(relu_backward(da3, r3), c3)", "linear_backward(da3, c3)"),
    },
    "letters": {
        "gates_backward": ("1 - g**2", "1 - g"),
        "cell_backward": ("dc_next * g, dc_next * c", "dc_next * c, dc_next * g"),
        "lstm_backward": ("dh = dz @ U.T", "dh = 0 * dh"),
        "embedding_backward": ("np.add.at(dE, ids, dy)", "dE[ids] += dy"),
        "head_backward": ("d_rows.sum(axis=0)", "d_rows.mean(axis=0)"),
        "cross_entropy_backward": (" / t.size", " / len(t)"),
        "network_backward": ('"b": db', '"b": -db'),
    },
    "gpt": {
        "linear_backward": ("d_rows.sum(axis=0)", "d_rows.mean(axis=0)"),
        "gelu_backward": ("(1 - bent**2)", "(1 - bent)"),
        "layer_norm_backward": ("d - mean - x_hat * along", "d - x_hat * along"),
        "attention_backward": (" / np.sqrt(q.shape[-1])", ""),
        "heads_backward": ("cut(d_merged)", "d_merged.reshape(cut(d_merged).shape)"),
        "block_backward": ("dx1 = dy + d_way", "dx1 = d_way"),
        "read_backward": ("np.add.at(dE, ids, dx)", "dE[ids] += dx"),
        "write_backward": ("dy @ E,", "-dy @ E,"),
        "tied_backward": ("dE_read + dE_written", "dE_written"),
        "gpt_backward": ("dE_read + dE_written", "dE_written"),
    },
}


def source(name: str) -> str:
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def practice(name: str) -> list[str]:
    """The cells of code with their blanks, without the training at the end."""
    code = [cell.text for cell in cells_of(source(name)) if cell.kind == dojo_notebooks.CODE]
    return code[: next(n for n, text in enumerate(code) if "STEPS" in text)]


def solutions(name: str) -> dict[str, str]:
    return {one["name"]: one["solution"] for text in practice(name) for one in BLANK.finditer(text + "\n")}
