"""A network in use written out as one readable program that needs NumPy alone: what a table's
columns go through first, every layer of the forward pass with its equation, and what the outputs
mean.

    python predict.py table.csv
"""

import pprint
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.engine.layers.layer import Tree
from clearprop.engine.layers.lengths import LENGTHS
from clearprop.engine.layers.softmax import Softmax
from clearprop.engine.network import Network
from clearprop.engine.state import state_of
from clearprop.formats.example_rows import example_rows
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.table_form import (
    ClassAnswer,
    LabelAnswer,
    NumberAnswer,
    NumberColumn,
    TableAnswer,
    TableForm,
)
from clearprop.kinds.kind_tables import LOSS_ROWS
from clearprop.kinds.program_lines import INDENT, WIDTH, listed
from clearprop.reading.programs import sections
from clearprop.reading.programs.composing import Composed, legend
from clearprop.reading.programs.passes import Program, named, passes_of
from clearprop.reading.programs.side_inputs import symbols_of
from clearprop.reading.programs.start import LITERALS, ProgramArray, filled, sliced
from clearprop.reading.programs.text import comment, docstring, function, say
from clearprop.reading.programs.ways_back import X


class _Subject(NamedTuple):
    """What is written: a network with the parameters (K, P) of K networks, and what is around;
    what its forward takes beside x, and whether x may be anything behind the ends of sequences."""

    network: Network
    params: Array
    state: Tree
    answer: TableAnswer | None
    form: TableForm | None
    program: Program
    beside: tuple[str, ...] = ()
    ends: bool = False


def compose_prediction(
    saved: SavedNetwork,
    form: TableForm | None = None,
    *,
    language: str = "en",
    name: str = "predict.py",
    beside: str | None = None,
) -> Composed:
    """The program of a saved network in use, or of a table's whole model.

    name    what its file is called
    beside  what the file of its numbers is called, where they are more than a text should hold

    Raises ContractError for a layer that is not of the catalogue and for several networks as one,
    ConfigurationError for running statistics that are missing, and where the numbers are too many
    and there is no file for them.
    """
    made = _subject(saved, form)
    arrays = [_arrays(made, number) for number in range(len(made.params))]
    functions = [_forward(made, language), *_answer(made, language)]
    networks, text, stored = _networks(made, arrays, language, beside)
    functions.append(networks)
    if form is not None:
        functions += _features(form, language)
    functions += [_predict(made, language), _main(made, language)]
    body = "\n\n\n".join("\n".join(lines) for lines in functions)
    if "sigmoid(" in body:
        body = "\n".join(sections.sigmoid(language)) + "\n\n\n" + body
    parts = [
        "\n".join(docstring(_story(made, language, name, body), "")),
        _imports(body),
        *_constants(made, language),
        "\n" + body + "\n",
        *text,
        'if __name__ == "__main__":\n'
        "    if len(sys.argv) != 2:\n        sys.exit(__doc__)\n    main(sys.argv[1])",
    ]
    return Composed("\n\n".join(parts) + "\n", stored)


def _subject(saved: SavedNetwork, form: TableForm | None) -> _Subject:
    if form is not None:
        width = sum(column.width for column in form.columns)
        x = np.zeros((2, width), form.params.dtype)
        program = passes_of(form.network, x, in_use=True)
        params = np.atleast_2d(form.params)
        return _Subject(form.network, params, {}, form.answer, form, program)
    network, params = saved.network, saved.params
    if params.ndim != 1:
        raise ContractError("program_stacked", networks=len(params))
    state = state_of(
        network.graph, params, network.start_state, saved.state or None, training=False
    )
    x = example_rows(network, params.dtype) if saved.x is None else saved.x
    row = LOSS_ROWS.get(type(saved.loss)) if saved.loss is not None else None
    told = None if row is None else row.probabilities
    outputs = network.predict(params, x[:1], state=saved.state or None).shape[-1]
    answer: TableAnswer | None = None
    if isinstance(told, Softmax):
        answer = ClassAnswer(saved.classes or tuple(map(str, range(outputs))))
    elif told is not None and len(saved.classes) == 2 and outputs == 1:
        answer = ClassAnswer(saved.classes, single=True)
    elif told is not None:
        answer = LabelAnswer(outputs)
    program = passes_of(network, x, in_use=True, beside=saved.side_inputs)
    names = tuple(symbol.name for symbol in symbols_of(saved.side_inputs).values())
    ends = LENGTHS in saved.side_inputs and x.ndim == 3
    return _Subject(network, params[None], state, answer, None, program, names, ends)


def _arrays(made: _Subject, number: int) -> list[ProgramArray]:
    """The arrays of one network, as forward takes them."""
    layout, params = made.network.layout, made.params[number]
    learned = [
        ProgramArray(one.symbol, layout.view(params, one.path)) for one in made.program.parameters
    ]
    kept = [
        ProgramArray(one.symbol, np.asarray(made.state[one.path][one.name], params.dtype))
        for one in made.program.remembered
    ]
    return learned + kept


def _names(made: _Subject) -> list[str]:
    learned = [one.symbol.name for one in made.program.parameters]
    return learned + [one.symbol.name for one in made.program.remembered]


def _forward(made: _Subject, language: str) -> list[str]:
    body = sections.passes(language, made.program.forward, "forward")
    if not made.program.forward:
        body = [f"{INDENT}y = x"]
    return function(
        "forward",
        [X, *made.beside, *_names(made)],
        say(language, "predict.forward"),
        [*body, "", f"{INDENT}return y"],
    )


def _answer(made: _Subject, language: str) -> list[list[str]]:
    """`answer(y)`: what the outputs of one network mean."""
    answer = made.answer
    if answer is None:
        return []
    lines: list[str] = []
    if isinstance(answer, NumberAnswer):
        lines = ["values = y.astype(float) * DEVIATION + MEAN"]
        held = answer.low is not None
        lines.append("return np.clip(values, LOW, HIGH)" if held else "return values")
        key = "numbers"
    elif isinstance(answer, LabelAnswer):
        lines, key = ["return sigmoid(y.astype(float))"], "labels"
    else:
        key = "classes"
        lines = ["y = y.astype(float)"]
        if answer.single:
            lines.append("y = np.concatenate([np.zeros_like(y), y], axis=-1)")
        lines += [
            "powers = np.exp(y - y.max(axis=-1, keepdims=True))",
            "return powers / powers.sum(axis=-1, keepdims=True)",
        ]
    body = [f"{INDENT}{line}" for line in lines]
    return [function("answer", ["y"], say(language, f"predict.{key}"), body)]


def _networks(
    made: _Subject, arrays: list[list[ProgramArray]], language: str, beside: str | None
) -> tuple[list[str], list[str], dict[str, Array]]:
    """`networks()`, the constant that it reads, and what goes into a file."""
    count = len(arrays)
    flat = np.concatenate(
        [one.value.ravel() for network in arrays for one in network] or [np.zeros(0)]
    )
    kind = made.params.dtype
    dtype = "float" if kind == np.float64 else f"np.{kind}"
    text: list[str] = []
    stored: dict[str, Array] = {}
    head: list[str] = []
    if flat.size <= LITERALS:
        text = ["\n".join(['PARAMETERS = """', *filled(map(str, flat)), '"""'])]
        read = f"np.array(PARAMETERS.split(), {dtype}).reshape({count}, -1)"
    elif beside is None:
        raise ConfigurationError("program_too_large", limit=LITERALS)
    else:
        stored["parameters"] = flat.astype(kind)
        head = [
            *comment(say(language, "beside")),
            f'{INDENT}file = np.load(Path(__file__).with_name("{beside}"))',
        ]
        read = f'file["parameters"].reshape({count}, -1)'
    names = _names(made)
    inside = f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"
    body = [
        *head,
        f"{INDENT}found = []",
        f"{INDENT}for numbers in {read}:",
        *(f"{INDENT}{line}" for line in sliced(arrays[0])),
        f"{INDENT}{INDENT}found.append({inside})",
        f"{INDENT}return found",
    ]
    doc = say(language, "predict.networks" if count > 1 else "predict.network", count=count)
    return function("networks", [], doc, body), text, stored


def _features(form: TableForm, language: str) -> list[list[str]]:
    """`features(rows)`, and `days(word)` where a column has dates."""
    numbers = [one for one in form.columns if isinstance(one, NumberColumn)]
    lines = [
        "columns = []",
        "for name, kind, told in COLUMNS:",
        f"{INDENT}words = [row[name].strip() for row in rows]",
        # A word that was learned is one, also where others mean by it that nothing stands there.
        f'{INDENT}known = told if kind == "words" else ()',
        f'{INDENT}words = [word if word in known or word not in MISSING else "" for word in words]',
        f'{INDENT}if kind == "words":',
        f"{INDENT}{INDENT}columns += [[float(word == one) for word in words] for one in told]",
        f"{INDENT}{INDENT}continue",
        f"{INDENT}centre, factor, fill, indicator = told",
    ]
    read = "float"
    dates = any(one.is_date for one in numbers)
    if dates:
        lines.append(f'{INDENT}read = days if kind == "dates" else float')
        read = "read"
    lines += [
        f"{INDENT}words = [FLAGS.get(word, word) for word in words]",
        f'{INDENT}numbers = np.array([np.nan if word == "" else {read}(word) for word in words])',
        f"{INDENT}missing = np.isnan(numbers)",
        f"{INDENT}if missing.any() and fill is None:",
        f'{INDENT}{INDENT}raise ValueError(f"{{name}}: ?")',
        f"{INDENT}columns.append((np.where(missing, fill or 0.0, numbers) - centre) * factor)",
        f"{INDENT}if indicator:",
        f"{INDENT}{INDENT}columns.append(missing.astype(float))",
        "return np.column_stack(columns)",
    ]
    body = [f"{INDENT}{line}" for line in lines]
    functions = [function("features", ["rows"], say(language, "predict.features"), body)]
    if dates:
        told = [
            'day, _, time = word.rstrip("Z").replace("/", "-").replace("T", " ").partition(" ")',
            'day = "-".join(part.zfill(2) for part in day.split("-"))',
            'moment = np.datetime64(f"{day}T{time or \'00:00\'}", "us")',
            'return (moment - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")',
        ]
        body = [f"{INDENT}{line}" for line in told]
        functions.insert(0, function("days", ["word"], say(language, "predict.days"), body))
    return functions


def _constants(made: _Subject, language: str) -> list[str]:
    found: list[str] = []
    answer = made.answer
    if isinstance(answer, NumberAnswer):
        names = ("mean", "deviation", "low", "high")
        told = [(name, getattr(answer, name)) for name in names]
        found += [
            f"{name.upper()} = np.array({_written(list(value))})"
            for name, value in told
            if value is not None
        ]
    if isinstance(answer, ClassAnswer):
        found.append(f"CLASSES = {_written(answer.classes)}")
    if made.form is not None:
        columns = tuple(
            (
                one.name,
                "dates" if one.is_date else "numbers",
                (one.centre, one.factor, one.fill, one.indicator),
            )
            if isinstance(one, NumberColumn)
            else (one.name, "words", one.words)
            for one in made.form.columns
        )
        told_of = "\n".join(comment(say(language, "predict.columns"), ""))
        found += [f"{told_of}\nCOLUMNS = {_written(columns)}"]
        found.append(f"MISSING = {_written(made.form.missing)}")
        found.append('FLAGS = {"True": 1, "False": 0, "true": 1, "false": 0}')
    return ["\n".join(found)] if found else []


def _written(value: object) -> str:
    text = pprint.pformat(value, width=WIDTH - 10, compact=True)
    # As Black has them. Whole literals are looked at, because one may have the other quote in it.
    return re.sub(r"""'((?:[^'\\]|\\.)*)'|"(?:[^"\\]|\\.)*\"""", _black_quoted, text)


def _black_quoted(literal: re.Match[str]) -> str:
    inside = literal[1]
    is_plain = inside is not None and '"' not in inside and "\\" not in inside
    return f'"{inside}"' if is_plain else literal[0]


def _predict(made: _Subject, language: str) -> list[str]:
    kind = made.params.dtype
    cast = ".astype(np.float32)" if kind == np.float32 else ""
    if made.form is None:
        given = ["x", *made.beside]
        lines = ["(arrays,) = networks()"]
        if made.ends:
            lines.append("inside = np.arange(x.shape[1]) < lengths[:, None]")
            lines.append("x = np.where(inside[..., None], x, 0)")
        if not made.program.input_gradient:
            cast = ""
        told = [f"x{cast}", *made.beside, "*arrays"]
        said = "return " if made.answer is None else "y = "
        lines += _in_body(listed(f"{said}forward(", told, ")"))
        lines += [] if made.answer is None else ["return answer(y)"]
    else:
        given = ["rows"]
        lines = [
            f"x = features(rows){cast}",
            "answers = [answer(forward(x, *arrays)) for arrays in networks()]",
        ]
        order = made.answer.order if isinstance(made.answer, NumberAnswer) else None
        if order is None:
            lines.append("return np.mean(answers, axis=0)")
        else:
            lines.append(f"return np.sort(np.mean(answers, axis=0), axis=1)[:, {list(order)}]")
    body = [f"{INDENT}{line}" for line in lines]
    key = "predict.predict" if made.form is None else "predict.predict_rows"
    return function("predict", given, say(language, key), body)


def _in_body(lines: list[str]) -> list[str]:
    """Lines of a function without their indent, which all of them are given together."""
    return [line.removeprefix(INDENT) for line in lines]


def _main(made: _Subject, language: str) -> list[str]:
    if made.beside:
        told = [f'file["{name}"]' for name in ("x", *made.beside)]
        lines = ["file = np.load(path)", *_in_body(listed("said = predict(", told, ")"))]
    elif made.form is None:
        ids = "" if made.program.input_gradient else ".astype(int)"
        if ids and len(made.network.graph.shapes(())[made.network.graph.output] or (0,)) < 2:
            ids += "[:, 0]"
        lines = [
            f'said = predict(np.loadtxt(path, delimiter=",", ndmin=2){ids})',
        ]
    else:
        lines = [
            'with open(path, encoding="utf-8-sig", newline="") as stream:',
            f"{INDENT}said = predict(list(csv.DictReader(stream)))",
        ]
    lines.append("for row in said:")
    lines.append(f'{INDENT}values = ", ".join(f"{{value:.6g}}" for value in np.ravel(row))')
    if isinstance(made.answer, ClassAnswer):
        lines.append(f'{INDENT}print(f"{{CLASSES[np.argmax(row)]}}: {{values}}")')
    else:
        lines.append(f"{INDENT}print(values)")
    body = [f"{INDENT}{line}" for line in lines]
    doc = say(language, "predict.main")
    if made.beside:
        doc = say(language, "predict.main_arrays", names=", ".join(("x", *made.beside)))
    return function("main", ["path"], doc, body)


def _imports(body: str) -> str:
    lines = ["import csv"] if "csv." in body else []
    lines.append("import sys")
    if "Path(" in body:
        lines.append("from pathlib import Path")
    lines += ["", "import numpy as np"]
    if "ndtr(" in body:
        lines.append("from scipy.special import ndtr")
    return "\n".join(lines)


def _story(made: _Subject, language: str, name: str, body: str) -> str:
    layers: Sequence[str] = [named(node.layer) for node in made.network.graph.nodes.values()]
    command = "predict.command_arrays" if made.beside else "predict.command"
    equations = "\n".join(re.findall(r"^ *# (.*)$", body, re.MULTILINE))
    return "\n\n".join(
        [
            say(language, "predict.title", layers=say(language, "story.join").join(layers)),
            "\n".join(legend(language, equations)),
            say(language, command, name=name),
        ]
    )
