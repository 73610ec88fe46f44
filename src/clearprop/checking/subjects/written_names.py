"""What names say: which argument of a backward is the upstream gradient, which gradient is of which
array.

    dW, d_W, gradW, grad_W, W_grad, dL_dW, nabla_w, dloss_dW, delta_W        a gradient of W
    dy, dout, dvalues, grad_output, upstream, delta                         the upstream gradient
    cache, saved, ctx, memory                                               what forward saved
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from clearprop.checking.subjects.structures import Attribute, Path

CACHES = re.compile(
    r"(?:\w*_)?(?:caches?|saved|ctx|context|memory|mem|tape|intermediates|residuals|res|saved_\w+"
    r"|forward_\w+)"
)
OUTPUTS = re.compile(
    r"y|y_?pred\w*|y_?hat|out|outputs?|pred|preds|predictions?|al|a_?out|o|result|fx|last_output"
)
UPSTREAM = re.compile(
    r"d(?:y|out|outputs?|o|a|z|h|values?|score|scores|l|loss|next\w*)?\d*|d_?[a-z]\w*|g"
    r"|grads?|gy|gout|gys|grad_?\w+|gradients?|gradient_?\w+|upstream\w*|delta\w*|up|cotangent"
    r"|ct|v|error|err|\w+_grad(?:ient)?|dl_d\w+|dj_d\w+|tangent|gradients?_\w+|next_grad\w*"
    r"|out_grad|output_gradient|accum_grad|incoming\w*|top_diff|d|\w*error|\w*_err"
)
# Words that hold gradients or parameters by name, and say nothing of which.
HOLDERS = frozenset(
    (
        "params", "param", "parameters", "grads", "grad", "gradients", "gradient", "self", "d",
        "derivatives", "nabla", "p", "g",
    )
)  # fmt: skip
OWN_VALUE = frozenset(("data", "value", "val", "values", "w", "array", "v", "tensor", "p", "param"))
STRIP = (
    re.compile(r"d(?:l|j|c|e|loss|cost|err|error)_?d_?(?P<of>.+)"),
    re.compile(
        r"(?:grads?|gradients?|nabla|delta|partial|dloss|dcost|dl|dj)_?(?:of_|wrt_)?(?P<of>.+)"
    ),
    re.compile(r"(?P<of>.+?)_?(?:grads?|gradients?|deltas?|bar|_g|_d|derivative)"),
    re.compile(r"(?:d_?|g_?|del_?)(?P<of>.+)"),
)
EMPTY_GRADIENT = re.compile(r"grads?|gradients?|g|delta|d")
SYNONYMS = (
    (re.compile(r"weights?(?=$|\d|_)"), "w"),
    (re.compile(r"bias(?:es)?(?=$|\d|_)"), "b"),
    (re.compile(r"inputs?(?=$|\d|_)"), "x"),
)
TARGET = re.compile(
    r"t|\w*targets?\w*|\w*labels?\w*|y?_?true\w*|truth|ground_?truth|gt|actuals?|expected|desired"
    r"|answers?|one_?hot\w*"
)
RATES = re.compile(r"l(?:ea)?rn\w*rate|learning_?rate|lr|l_?rate|eta|alpha|step_?size|rate")
DATA = re.compile(
    r"x\w*|inputs?\w*|a_?prev|t|y\w*|targets?|labels?|true\w*|data|batch|h_?prev|prev_\w+|features"
    r"|\w*_(?:prev|true|train)(?:_\d+)?|ids|idx|mask|dropout_mask"
)


def canonical(word: str) -> str:
    """A name without the differences that mean nothing: W_1 and w1, weights and W."""
    word = word.lower()
    for pattern, short in SYNONYMS:
        word = pattern.sub(short, word)
    return word.replace("_", "")


def gradient_of(word: str) -> Iterator[str]:
    """The names, in canonical form, that a name of a gradient may be of; "" for `grad` alone."""
    low = word.lower()
    if EMPTY_GRADIENT.fullmatch(low):
        yield ""
    for pattern in STRIP:
        if match := pattern.fullmatch(low):
            of = match.group("of").strip("_")
            if of:
                yield canonical(of)


def is_upstream(name: str) -> bool:
    """Whether a parameter of a backward is named as the gradient from above is."""
    return UPSTREAM.fullmatch(name.lower()) is not None


def is_cache(name: str) -> bool:
    """Whether a parameter of a backward is named as what forward saved is."""
    return CACHES.fullmatch(name.lower()) is not None


def is_output(name: str) -> bool:
    """Whether a parameter of a backward is named as forward's result is."""
    return OUTPUTS.fullmatch(name.lower()) is not None


def is_rate(name: str) -> bool:
    """Whether a number is named as a learning rate is."""
    return RATES.fullmatch(name.lower()) is not None


def is_target(name: str) -> bool:
    """Whether an array is named as what a loss compares an output with; y may be either."""
    return TARGET.fullmatch(name.lower()) is not None


def is_data(name: str) -> bool:
    """Whether an array is named as data are, which nobody trains."""
    return DATA.fullmatch(name.lower()) is not None


def words(path: Path) -> tuple[str | int, ...]:
    """A path as words and numbers."""
    flat: list[str | int] = []
    for step in path:
        if isinstance(step, tuple):
            flat += [int(one) for one in step]
        elif isinstance(step, int):
            flat.append(step)
        else:
            flat.append(str(step))
    return tuple(flat)


def keys_of(path: Path, *, headless: bool = True) -> set[tuple[str | int, ...]]:
    """What the numbers at a place may be asked for by: all words of the place, those that do not
    only hold, the same with the last word, which may be an array's name all the same (d, g, P),
    and, `headless`, those that do not only hold without the first."""
    plain = [canonical(word) if isinstance(word, str) else word for word in words(path)]
    bare = tuple(word for word in plain if word not in HOLDERS)
    last = max((n for n, word in enumerate(plain) if isinstance(word, str)), default=-1)
    named = tuple(word for n, word in enumerate(plain) if n == last or word not in HOLDERS)
    return {tuple(plain), bare, named, *([bare[1:]] if headless and len(bare) > 1 else [])} - {()}


def gradient_keys(path: Path, *, headless: bool) -> set[tuple[str | int, ...]]:
    """What a gradient at a place may be of: its last word says that it is a gradient, or a word
    that holds all of them does: dW, layers[0].dW, grads["W"], w_grads["out"]."""
    found: set[tuple[str | int, ...]] = set()
    all_words = words(path)
    last = max((n for n, word in enumerate(all_words) if isinstance(word, str)), default=-1)
    for position, word in enumerate(all_words):
        if not isinstance(word, str):
            continue
        ahead, behind = all_words[:position], all_words[position + 1 :]
        holds = position < last or bool(behind)
        if holds and EMPTY_GRADIENT.fullmatch(word.lower()):
            # In a holder of gradients a name may say so once more: grads["dW"].
            inner = gradient_keys(behind, headless=headless)
            found |= inner or keys_of((*ahead, *behind), headless=headless)
            continue
        for of in gradient_of(word):
            middle = (of,) if of else ()
            headed = headless and position == last
            found |= keys_of((*ahead, *middle, *behind), headless=headed)
    return found - {()}


def own_gradient_keys(path: Path) -> set[tuple[str | int, ...]]:
    """The places whose numbers a `.grad` beside them belongs to: `.data`, `.value` and such."""
    all_words = words(path)
    if not all_words or not isinstance(all_words[-1], str):
        return set()
    # A capital is another array's name: D, G.
    if not EMPTY_GRADIENT.fullmatch(all_words[-1]):
        return set()
    return {(*all_words[:-1], own) for own in OWN_VALUE}


def shown(root: str, path: Path, *, short: bool) -> str:
    """How an array is called: `W1`, `layers[0].W`, `weights[2]`."""
    name = "" if root == "self" else root
    steps = list(path)
    if short and name and steps and not isinstance(steps[0], int | tuple):
        name = ""
    if short and not name:
        while len(steps) > 1 and str(steps[0]).lower() in HOLDERS and isinstance(steps[1], str):
            steps = steps[1:]
        own = isinstance(steps[-1], Attribute) and str(steps[-1]) in ("data", "value")
        if len(steps) > 1 and own:
            steps = steps[:-1]
    for step in steps:
        if isinstance(step, int | tuple):
            number = ",".join(map(str, step)) if isinstance(step, tuple) else step
            name += f"[{number}]"
        else:
            name += f".{step}" if name else f"{step}"
    return name or root


@lru_cache(maxsize=256)
def _tree(function: Callable[..., Any]) -> ast.AST | None:
    try:
        source = textwrap.dedent(inspect.getsource(function))
        return ast.parse(source)
    except (OSError, TypeError, SyntaxError, ValueError):
        return None


def definition(function: Any) -> ast.FunctionDef | None:
    """The code of a function that was written with def; None where it cannot be read."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    try:
        tree = _tree(plain)
    except TypeError:
        return None
    found = tree.body[0] if isinstance(tree, ast.Module) and tree.body else None
    return found if isinstance(found, ast.FunctionDef) else None


def returned_names(function: Any) -> tuple[str, ...]:
    """The names in a function's last return, "" for what has none; empty where it has no such."""
    body = definition(function)
    if body is None:
        return ()
    returns = [one for one in _own_statements(body) if isinstance(one, ast.Return)]
    if not returns or returns[-1].value is None:
        return ()
    value = returns[-1].value
    items: Sequence[ast.expr] = value.elts if isinstance(value, ast.Tuple) else [value]
    return tuple(_name(item) for item in items)


def _name(item: ast.expr) -> str:
    if isinstance(item, ast.Name):
        return item.id
    return item.attr if isinstance(item, ast.Attribute) else ""


def _own_statements(body: ast.AST) -> Iterator[ast.AST]:
    for one in ast.iter_child_nodes(body):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        yield one
        yield from _own_statements(one)


def positional(function: Any) -> list[inspect.Parameter] | None:
    """A function's positional parameters; None where it does not say them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        return None
    return [one for one in parameters if one.kind in kinds]
