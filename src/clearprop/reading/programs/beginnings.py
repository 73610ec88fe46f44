"""The functions of a program that say where it begins: samples, parameters, memory."""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.kinds.program_lines import INDENT, WIDTH, Symbol, returned
from clearprop.reading.programs.draft import Draft
from clearprop.reading.programs.recipe import running
from clearprop.reading.programs.samples import table_columns, table_lines
from clearprop.reading.programs.side_inputs import read_line, symbols_of, text_of
from clearprop.reading.programs.start import LITERALS, ProgramArray, drawn, filled, sliced
from clearprop.reading.programs.text import code_lines, comment, function, say


class Beginning(NamedTuple):
    """Functions and the constants that they read, and arrays that are too large for the text.

    texts  the name of a constant and the lines of its text
    """

    functions: list[list[str]]
    texts: list[tuple[str, list[str]]]
    arrays: dict[str, Array]


def beginnings(draft: Draft, beside: str | None) -> Beginning:
    """Samples, parameters and memory; what is too large goes into the file called `beside`.

    Raises ConfigurationError where something is too large and there is no such file.
    """
    made = Beginning([], [], {})
    _samples(draft, beside, made)
    _parameters(draft, beside, made)
    if remembered(draft):
        _memory(draft, beside, made)
    return made


def remembered(draft: Draft) -> list[ProgramArray]:
    """The optimizer's memory of a training that goes on, and running statistics that are not those
    of a new network."""
    arrays = []
    if draft.resumes:
        slots = draft.recipe.memory.slots
        layout = draft.recipe.network.layout
        for one in draft.program.parameters:
            for memory in draft.update.memory:
                value = layout.view(slots[memory.slot], one.path)
                arrays.append(ProgramArray(_of(memory.name, one.symbol.name), value))
    if draft.recipe.layers:
        for statistics in draft.program.statistics:
            kept = running(draft.recipe, draft.settled.params, statistics.path)
            arrays.append(ProgramArray(statistics.running_mean, kept["running_mean"]))
            arrays.append(ProgramArray(statistics.running_variance, kept["running_var"]))
    kind = draft.settled.params.dtype
    return [ProgramArray(one.symbol, one.value.astype(kind, copy=False)) for one in arrays]


def _of(memory: str, parameter: str) -> Symbol:
    name = memory_name(memory, parameter)
    return Symbol(name, name)


def memory_name(memory: str, parameter: str) -> str:
    """What the memory of a parameter is called: the v of W1 is v_W1."""
    return f"{memory}_{parameter}"


def _samples(draft: Draft, beside: str | None, made: Beginning) -> None:
    settled, language = draft.settled, draft.language
    x, t, csv = settled.x, settled.target, draft.recipe.csv
    if settled.example:
        key, body = "doc.example", [f"{INDENT}{line}" for line in settled.example]
    elif csv is not None:
        key, body = "doc.csv", [f"{INDENT}{line}" for line in csv.lines(x, t)]
    elif x.size + t.size <= LITERALS:
        key = "doc.samples"
        rows = table_lines(x, t)
        read = 'np.loadtxt(SAMPLES.split(), delimiter=",", ndmin=2)'
        if max(map(len, rows)) > WIDTH:
            # A sample takes more than one line.
            read = f"np.array(SAMPLES.split(), float).reshape({len(x)}, -1)"
            rows = filled([cell for row in rows for cell in row.split(",")])
        made.texts.append(("SAMPLES", rows))
        body = [f"{INDENT}{line}" for line in (f"data = {read}", *table_columns(x, t))]
    else:
        key, body = "doc.samples", [*_file(draft, beside), f'{INDENT}x, t = file["x"], file["t"]']
        made.arrays.update(x=x, t=t)
    if draft.recipe.classes:
        named = [f"{number} = {name}" for number, name in enumerate(draft.recipe.classes)]
        body = [*comment(say(language, "classes", classes=", ".join(named))), *body]
    body += _beside(draft, beside, made)
    body += returned(["x", "t", *draft.beside])
    made.functions.append(function("training_data", [], say(language, key), body))


def _beside(draft: Draft, beside: str | None, made: Beginning) -> list[str]:
    """The side inputs, in the text where they are few numbers."""
    arrays = draft.settled.beside.arrays
    symbols = symbols_of(arrays)
    if sum(array.size for array in arrays.values()) <= LITERALS:
        made.texts.extend((symbols[name].name.upper(), text_of(arrays[name])) for name in arrays)
        return [read_line(symbols[name], array) for name, array in arrays.items()]
    made.arrays.update({symbols[name].name: array for name, array in arrays.items()})
    read = [f'{INDENT}{symbol} = file["{symbol}"]' for symbol in symbols.values()]
    return [*_file(draft, beside), *read]


def _parameters(draft: Draft, beside: str | None, made: Beginning) -> None:
    network, program, params = draft.recipe.network, draft.program, draft.settled.params
    if draft.settled.draws:
        body = []
        for one in program.parameters:
            parameter = network.layout.slots[one.path].parameter
            body += code_lines(drawn(one.symbol, one.path, parameter, params.dtype))
        key = "doc.drawn_parameters"
    else:
        arrays = [
            ProgramArray(one.symbol, network.layout.view(params, one.path))
            for one in program.parameters
        ]
        key, body = "doc.saved_parameters", _numbers(draft, "PARAMETERS", arrays, beside, made)
    body += returned(draft.parameters) if len(draft.parameters) > 1 else _single(draft)
    made.functions.append(function("starting_parameters", [], say(draft.language, key), body))


def _single(draft: Draft) -> list[str]:
    return [f"{INDENT}return ({draft.parameters[0]},)"]


def _memory(draft: Draft, beside: str | None, made: Beginning) -> None:
    arrays = remembered(draft)
    body = _numbers(draft, "MEMORY", arrays, beside, made)
    body += returned([one.symbol for one in arrays])
    doc = say(draft.language, "doc.starting_memory")
    made.functions.append(function("starting_memory", [], doc, body))


def _numbers(
    draft: Draft, name: str, arrays: list[ProgramArray], beside: str | None, made: Beginning
) -> list[str]:
    flat = np.concatenate([one.value.ravel() for one in arrays])
    dtype = "float" if flat.dtype == np.float64 else f"np.{flat.dtype}"
    if flat.size <= LITERALS:
        made.texts.append((name, filled(map(str, flat))))
        head = [f"{INDENT}numbers = np.array({name}.split(), {dtype})"]
    else:
        made.arrays[name.lower()] = flat
        head = [*_file(draft, beside), f'{INDENT}numbers = file["{name.lower()}"]']
    return [*head, *sliced(arrays)]


def _file(draft: Draft, beside: str | None) -> list[str]:
    if beside is None:
        raise ConfigurationError("program_too_large", limit=LITERALS)
    return [
        *comment(say(draft.language, "beside")),
        f'{INDENT}file = np.load(Path(__file__).with_name("{beside}"))',
    ]
