"""The options that several commands have."""

from clearprop.base.messages import LANGUAGES
from clearprop.cli.command_line import Option, Takes

LANG = Option("--lang", words=LANGUAGES)
DATA = Option("--data", takes=Takes.FILE)
TARGET = Option("--target")
KINDS = Option("--kinds", takes=Takes.FILE)
# Of a saved network: a shell may propose what is in it.
WEIGHT = Option("--weight", listed="weight")
NEURON = Option("--neuron", listed="neuron")
SAMPLE = Option("--sample", listed="sample")
LEARNING_RATE = Option("--learning-rate")
DTYPE = Option("--dtype", words=("float64", "float32"))
SEED = Option("--seed")
ENGINE = Option("--engine", words=("auto", "numpy", "compiled"))
# Of a table.
ENCODING = Option("--encoding")
CATEGORIES = Option("--categories")
JSON = Option("--json", takes=Takes.NOTHING)
OUT_FILE = Option("--out", "-o", Takes.FILE)
OUT_FOLDER = Option("--out", "-o", Takes.FOLDER)


def format_option(*names: str) -> Option:
    """`--format`, of these."""
    return Option("--format", words=names)
