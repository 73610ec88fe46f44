"""Attention as lines of a program, for one batch (N, T, E) with the heads in an axis of their
own."""

from typing import Any

from clearprop.engine.layers.attention import BASE
from clearprop.engine.layers.attention_masks import LOOKING, PADDING
from clearprop.kinds.position_kinds import angle_lines, turn_lines
from clearprop.kinds.program_lines import Line, Symbol, in_equation, literal
from clearprop.kinds.program_pieces import Mask, Passes, Site, UsedLines


def passes(site: Site) -> Passes:
    """The weighted means, and their way back through the softmax of every row."""
    names = _Names(site)
    one = site.layer
    drops = one.dropout > 0
    masks: tuple[Mask, ...] = ()
    if drops:
        asking = site.shape[0] - (one.memory or 0)
        shape = (one.heads, asking, (one.memory or asking) + one.more_keys)
        masks = (Mask(names.keep, site.path, shape, one.dropout),)
    return Passes(tuple(_forward(site, names, drops)), tuple(_backward(site, names, drops)), masks)


def used(site: Site) -> UsedLines:
    """The same without dropout."""
    return UsedLines(tuple(_forward(site, _Names(site), drops=False)))


class _Names:
    """The variables of one layer."""

    def __init__(self, site: Site) -> None:
        own = site.own
        # No layer that may stand in the same group has these names.
        self.bounded = own("bounded", "τ")
        self.packed = own("qkv", "[Q K V]")
        self.q, self.k, self.v = own("queries", "Q"), own("keys", "K"), own("values", "V")
        self.scores, self.powers = own("scores", "S"), own("raised", "P")
        self.weights, self.keep = own("attention", "A"), own("looks", "M")
        self.taken, self.row = own("dropped", "Ã"), own("row_sum", "ρ")
        self.heads, self.merged = own("mixed", "O"), own("merged", "[O]")


def _forward(site: Site, names: _Names, drops: bool) -> list[Line]:
    one, x, (length, features) = site.layer, site.x, site.shape
    q, k, v = names.q, names.k, names.v
    size = one.head_size
    asking = length - (one.memory or 0)
    scale, scale_math = _scale(one)
    bias, bias_math = _bias(site, "in_proj_bias")
    weight = site.params["in_proj_weight"]
    lines = [
        Line(
            f"{names.packed} = {x} @ {weight}{bias}",
            f"{names.packed:math} = {x:math} · {weight:math}{bias_math}",
        ),
        *_cut(one, names, length),
    ]
    if one.memory is not None:
        lines.append(
            Line(
                f"{q}, {k}, {v} = {q}[:, :, :{asking}], {k}[:, :, {asking}:], {v}[:, :, {asking}:]",
                f"{q:math}: the first {asking} positions; {k:math}, {v:math}: the others",
            )
        )
    if one.rotary:
        lines += angle_lines(site, q, asking, size, BASE)
        lines += turn_lines(site, q, size)
        if one.memory is not None:
            lines += angle_lines(site, k, one.memory, size, BASE)
        lines += turn_lines(site, k, size)
    lines += _more_keys(site, names)
    sharing = one.heads // one.shared_heads
    if sharing > 1:
        lines += [
            Line(
                f"{array} = np.repeat({array}, {sharing}, axis=1)",
                f"{array:math}: every head {sharing} times",
            )
            for array in (k, v)
        ]
    lines.append(
        Line(
            f"{names.scores} = {q} @ {k}.swapaxes(-2, -1){scale}",
            f"{names.scores:math} = {q:math} · {k:math}ᵀ{scale_math}",
        )
    )
    if one.softcap is not None:
        cap, cap_math = literal(one.softcap), in_equation(one.softcap)
        lines += [
            Line(
                f"{names.bounded} = np.tanh({names.scores} / {cap})",
                f"{names.bounded:math} = tanh({names.scores:math} / {cap_math})",
            ),
            Line(
                f"{names.scores} = {cap} * {names.bounded}",
                f"{names.scores:math} ← {cap_math} {names.bounded:math}",
            ),
        ]
    # At the keys behind those of the sequence everybody may look.
    hidden = f"{names.scores}[..., :{one.memory or length}]" if one.more_keys else f"{names.scores}"
    if one.causal:
        lines.append(
            Line(
                f"{hidden} = np.where(np.tri({length}, dtype=bool), {hidden}, -np.inf)",
                f"{names.scores:math}ᵢⱼ = −∞ where j > i",
            )
        )
    lines += _masked(site, names, hidden)
    lines += [
        Line(
            f"{names.powers} = np.exp({names.scores} - {names.scores}.max(axis=-1, keepdims=True))",
            f"{names.powers:math} = e^({names.scores:math} − max of each row)",
        ),
        Line(
            f"{names.weights} = {names.powers} / {names.powers}.sum(axis=-1, keepdims=True)",
            f"{names.weights:math} = {names.powers:math} / Σ of each row",
        ),
    ]
    taken = names.weights
    if drops:
        taken = names.taken
        lines.append(_dropped(taken, names.weights, names.keep, one.dropout))
    bias, bias_math = _bias(site, "out_proj_bias")
    weight = site.params["out_proj_weight"]
    lines += [
        Line(f"{names.heads} = {taken} @ {v}", f"{names.heads:math} = {taken:math} · {v:math}"),
        Line(
            f"{names.merged} = {names.heads}.swapaxes(1, 2).reshape(-1, {asking}, {features})",
            f"{names.merged:math}: the heads of {names.heads:math} side by side",
        ),
        Line(
            f"{site.y} = {names.merged} @ {weight}{bias}",
            f"{site.y:math} = {names.merged:math} · {weight:math}{bias_math}",
        ),
    ]
    return lines


def _backward(site: Site, names: _Names, drops: bool) -> list[Line]:
    one, x, dy, (length, features) = site.layer, site.x, site.dy, site.shape
    q, k, v, weights = names.q, names.k, names.v, names.weights
    size, heads = one.head_size, one.heads
    asking = length - (one.memory or 0)
    scale, scale_math = _scale(one)
    taken = names.taken if drops else weights
    lines = [
        *_of_weight(site, "out_proj_weight", names.merged, dy, features, features),
        *_of_bias(site, "out_proj_bias", dy, features),
        Line(
            f"{names.merged.d} = {dy} @ {site.params['out_proj_weight']}.T",
            f"{names.merged.d:math} = {dy:math} · {site.params['out_proj_weight']:math}ᵀ",
        ),
        Line(
            f"{names.heads.d} = {names.merged.d}.reshape(-1, {asking}, {heads}, {size})"
            ".swapaxes(1, 2)",
            f"{names.heads.d:math}: {names.merged.d:math} cut into heads",
        ),
        Line(
            f"{v.d} = {taken}.swapaxes(-2, -1) @ {names.heads.d}",
            f"{v.d:math} = {taken:math}ᵀ · {names.heads.d:math}",
        ),
        Line(
            f"{taken.d} = {names.heads.d} @ {v}.swapaxes(-2, -1)",
            f"{taken.d:math} = {names.heads.d:math} · {v:math}ᵀ",
        ),
    ]
    if drops:
        lines.append(_dropped(weights.d, taken.d, names.keep, one.dropout))
    lines += [
        Line(
            f"{names.row} = ({weights.d} * {weights}).sum(axis=-1, keepdims=True)",
            f"{names.row:math} = Σⱼ {weights.d:math} ⊙ {weights:math}",
        ),
        Line(
            f"{names.scores.d} = {weights} * ({weights.d} - {names.row})",
            f"{names.scores.d:math} = {weights:math} ⊙ ({weights.d:math} − {names.row:math})",
        ),
    ]
    if one.softcap is not None:
        lines.append(
            Line(
                f"{names.scores.d} = {names.scores.d} * (1 - {names.bounded}**2)",
                f"{names.scores.d:math} ← {names.scores.d:math} ⊙ (1 − {names.bounded:math}²)",
            )
        )
    lines += [
        Line(
            f"{q.d} = {names.scores.d} @ {k}{scale}",
            f"{q.d:math} = {names.scores.d:math} · {k:math}{scale_math}",
        ),
        Line(
            f"{k.d} = {names.scores.d}.swapaxes(-2, -1) @ {q}{scale}",
            f"{k.d:math} = {names.scores.d:math}ᵀ · {q:math}{scale_math}",
        ),
    ]
    sharing = heads // one.shared_heads
    if sharing > 1:
        asked = (one.memory or length) + one.more_keys
        lines += [
            Line(
                f"{array.d} = {array.d}.reshape(-1, {one.shared_heads}, {sharing}, {asked}, {size})"
                ".sum(axis=2)",
                f"{array.d:math}: Σ over the {sharing} heads that share one",
            )
            for array in (k, v)
        ]
    lines += _back_to_more_keys(site, names, one.memory or length)
    if one.rotary:
        lines += turn_lines(site, k.d, size, back=True)
        if one.memory is not None:
            lines += angle_lines(site, q, asking, size, BASE)
        lines += turn_lines(site, q.d, size, back=True)
    if one.memory is not None:
        lines += [_padded(q.d, 0, one.memory)]
        lines += [_padded(array.d, asking, 0) for array in (k, v)]
    packed = names.packed.d
    columns = sum(one.sizes)
    lines += [
        *_put_together(one, names, length),
        *_of_weight(site, "in_proj_weight", x, packed, features, columns),
        *_of_bias(site, "in_proj_bias", packed, columns),
    ]
    if site.dx is not None:
        weight = site.params["in_proj_weight"]
        lines.append(
            Line(
                f"{site.dx} = {packed} @ {weight}.T",
                f"{site.dx:math} = {packed:math} · {weight:math}ᵀ",
            )
        )
    return lines


def _more_keys(site: Site, names: _Names) -> list[Line]:
    """A learned key and value behind those of the sequence, and such of 0."""
    one, lines = site.layer, []
    learned = ("bias_k", "bias_v") if one.add_bias_kv else ()
    for array, name in zip((names.k, names.v), learned, strict=False):
        row = site.params[name]
        lines += [
            _with_zeros(array),
            Line(
                f"{array}[:, :, -1] = {row}.reshape({one.shared_heads}, {one.head_size})",
                f"{array:math}: {row:math} at that place",
            ),
        ]
    if one.add_zero_attn:
        lines += [_with_zeros(array) for array in (names.k, names.v)]
    return lines


def _with_zeros(array: Symbol) -> Line:
    return Line(
        f"{array} = np.pad({array}, ((0, 0), (0, 0), (0, 1), (0, 0)))", f"{array:math}: 0 behind it"
    )


def _back_to_more_keys(site: Site, names: _Names, asked: int) -> list[Line]:
    """∂L/∂(the learned key and value), and what is left for the sequence."""
    one, lines = site.layer, []
    if not one.more_keys:
        return []
    for array, name in ((names.k.d, "bias_k"), (names.v.d, "bias_v")):
        if one.add_bias_kv:
            gradient = site.gradients[name]
            lines.append(
                Line(
                    f"{gradient} = {array}[:, :, {asked}].sum(axis=0).reshape(1, {one.sizes[1]})",
                    f"{gradient:math} = Σₙ {array:math} at that place",
                )
            )
        lines.append(
            Line(f"{array} = {array}[:, :, :{asked}]", f"{array:math}: of the sequence alone")
        )
    return lines


def _masked(site: Site, names: _Names, scores: str) -> list[Line]:
    """What the masks beside x do to the scores, in the code those of the sequence's keys."""
    lines, math = [], f"{names.scores:math}"
    padding, looking = site.beside.get(PADDING), site.beside.get(LOOKING)
    if padding is not None:
        lines.append(
            Line(
                f"{scores} = np.where({padding.symbol}[:, None, None, :], -np.inf, {scores})",
                f"{math}ᵢⱼ = −∞ where j is {padding.symbol:math}",
            )
        )
    if looking is not None:
        mask = f"{looking.symbol}[:, None]" if looking.axes == 3 else f"{looking.symbol}"
        code, equation = f"{scores} + {mask}", f"{math} ← {math} + {looking.symbol:math}"
        if looking.is_boolean:
            code = f"np.where({mask}, -np.inf, {scores})"
            equation = f"{math}ᵢⱼ = −∞ where {looking.symbol:math}ᵢⱼ"
        lines.append(Line(f"{scores} = {code}", equation))
    return lines


def _cut(one: Any, names: _Names, length: int) -> list[Line]:
    """The heads of q, k and v out of what W_in makes."""
    q, k, v, size = names.q, names.k, names.v, one.head_size
    told = f"{q:math}, {k:math}, {v:math}: {names.packed:math} cut into heads"
    if one.shared_heads == one.heads:
        cut = f"reshape(-1, {length}, 3, {one.heads}, {size}).transpose(2, 0, 3, 1, 4)"
        return [Line(f"{q}, {k}, {v} = {names.packed}.{cut}", told)]
    whole, heads = one.heads + 2 * one.shared_heads, (one.heads, one.heads + one.shared_heads)
    packed, ends = names.packed, f"[{heads[0]}, {heads[1]}]"
    return [
        Line(
            f"{packed} = {packed}.reshape(-1, {length}, {whole}, {size}).swapaxes(1, 2)",
            f"{packed:math}: cut into heads",
        ),
        Line(
            f"{q}, {k}, {v} = np.split({packed}, {ends}, axis=1)",
            f"{q:math}, {k:math}, {v:math}: {one.heads}, {one.shared_heads} and "
            f"{one.shared_heads} of the heads",
        ),
    ]


def _put_together(one: Any, names: _Names, length: int) -> list[Line]:
    """∂L/∂(what W_in makes) of those of q, k and v."""
    q, k, v, packed = names.q.d, names.k.d, names.v.d, names.packed.d
    code = f"np.stack([{q}, {k}, {v}]).transpose(1, 3, 0, 2, 4)"
    if one.shared_heads != one.heads:
        code = f"np.concatenate([{q}, {k}, {v}], axis=1).swapaxes(1, 2)"
    return [
        Line(f"{packed} = {code}", f"{packed:math}: {q:math}, {k:math}, {v:math} by positions"),
        Line(
            f"{packed} = {packed}.reshape(-1, {length}, {sum(one.sizes)})",
            f"{packed:math}: their heads side by side",
        ),
    ]


def _scale(one: Any) -> tuple[str, str]:
    """The factor of the products, behind them."""
    if one.scale is None:
        return f" / {one.head_size}**0.5", f" / √{one.head_size}"
    return f" * {literal(one.scale)}", f" · {in_equation(one.scale)}"


def _dropped(kept: Symbol, whole: Symbol, keep: Symbol, dropout: float) -> Line:
    share, share_math = literal(1 - dropout), in_equation(1 - dropout)
    if dropout == 1:
        return Line(f"{kept} = np.zeros_like({whole})", f"{kept:math} = 0")
    return Line(
        f"{kept} = {whole} * {keep} / {share}",
        f"{kept:math} = {whole:math} ⊙ {keep:math} / {share_math}",
    )


def _padded(array: Symbol, before: int, after: int) -> Line:
    """Zeros at the positions that only ask, or are only asked."""
    return Line(
        f"{array} = np.pad({array}, ((0, 0), (0, 0), ({before}, {after}), (0, 0)))",
        f"{array:math}: 0 at the other {before + after} positions",
    )


def _bias(site: Site, name: str) -> tuple[str, str]:
    if name not in site.params:
        return "", ""
    return f" + {site.params[name]}", f" + {site.params[name]:math}"


def _of_weight(
    site: Site, name: str, taken: Symbol, signal: Symbol, rows: int, columns: int
) -> list[Line]:
    gradient = site.gradients[name]
    return [
        Line(
            f"{gradient} = {taken}.reshape(-1, {rows}).T @ {signal}.reshape(-1, {columns})",
            f"{gradient:math} = Σ {taken:math}ᵀ · {signal:math}",
        )
    ]


def _of_bias(site: Site, name: str, signal: Symbol, columns: int) -> list[Line]:
    if name not in site.params:
        return []
    gradient = site.gradients[name]
    return [
        Line(
            f"{gradient} = {signal}.reshape(-1, {columns}).sum(axis=0, keepdims=True)",
            f"{gradient:math} = Σ {signal:math}",
        )
    ]
